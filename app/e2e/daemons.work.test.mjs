// What two people do in one drive, in browsers before real daemons: looking into files, adding them,
// editing on a mount, editing apart, searching, and news that break off.
import assert from "node:assert/strict";
import { accessSync, constants, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { crc32, deflateSync } from "node:zlib";
import { clean, faults, lab, lacking, options, pair, row, until } from "./daemons.mjs";

const MANY = 5_000;
let ana, ben, hers, his, drive;
/** What stands between her page and the news: each socket, and whether none may be. */
const wires = { open: [], cut: false };

/** A picture of so many points: a real one, that a browser has to read. */
function png(width, height) {
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 0], 8);
  const points = Buffer.alloc((width + 1) * height, 0x80);
  for (let line = 0; line < height; line += 1) points[line * (width + 1)] = 0;
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("IDAT", deflateSync(points)), chunk("IEND", Buffer.alloc(0))]);
}

before(async () => {
  if (lacking) return;
  ({ ana, ben, hers, his, drive } = await pair((folder) => {
    writeFileSync(join(folder, "plan.md"), "# The plan\n\nAll of it.\n");
    writeFileSync(join(folder, "cover.png"), png(64, 40));
    writeFileSync(join(folder, "broken.png"), png(64, 40).subarray(0, 40));
  }));
}, { timeout: 300_000 });

test("a picture is shown as a picture, a text as text, also where its bytes came from another device", options, async () => {
  for (const page of [hers, his]) {
    await page.bringToFront();
    await row(page, "cover.png").click();
    await page.keyboard.press("Space");
    const picture = page.locator(".preview img");
    await picture.waitFor();
    await page.waitForFunction(() => document.querySelector(".preview img")?.complete);
    assert.deepEqual(await picture.evaluate((one) => [one.naturalWidth, one.naturalHeight]), [64, 40]);
    assert.match(await picture.getAttribute("src"), /^blob:/);
    await clean(page, "a picture");
    await row(page, "plan.md").click();
    await page.locator("pre").getByText("All of it.").waitFor();
    await row(page, "broken.png").click();
    await page.getByText("This picture cannot be shown: it is damaged.").waitFor();
    await page.keyboard.press("Escape");
  }
});

test("a long list is never sent whole, whatever is asked, and a search in it is answered at once", options, async () => {
  const asked = (command, request) =>
    hers.evaluate(
      async ([command, request]) => {
        const begun = performance.now();
        const answer = await fetch(`/rpc/${command}`, {
          method: "POST",
          headers: { "Content-Type": "application/json", "X-PeerDrive-Key": localStorage.getItem("peerdrive.key") },
          body: JSON.stringify(request),
        });
        const text = await answer.text();
        return { took: performance.now() - begun, reply: JSON.parse(text.trim().split("\n").at(-1)).ok };
      },
      [command, request],
    );
  const folder = lab.folder("ana", "Archive");
  for (let at = 0; at < MANY; at += 1) writeFileSync(join(folder, `Holiday in Crete ${at}.txt`), "");
  const { drive: archive } = await ana.run("share", folder);
  const { reply: list } = await asked("folder", { drive: archive, offset: 0, count: 100_000, folders_first: true });
  assert.equal(list.total, MANY);
  assert.equal(list.rows.length, 500);
  const times = [];
  for (let round = 0; round < 40; round += 1) {
    const { took, reply } = await asked("search", { drive: archive, text: `crete ${round * 100}`, limit: 200 });
    assert.ok(reply.total >= 1);
    times.push(took);
  }
  // A search of all names, there and back: what else the machine does disturbs some of them, not all.
  assert.ok(Math.min(...times) < 50, `the quickest took ${Math.min(...times)} ms`);
  await hers.bringToFront();
  await hers.getByRole("link", { name: "Archive" }).click();
  await row(hers, "Holiday in Crete 0.txt").waitFor();
  await hers.locator('input[type="search"]').fill("crete 4999");
  await hers.getByRole("option").filter({ hasText: "Crete 4999" }).waitFor();
  await hers.keyboard.press("Escape");
  await hers.getByRole("link", { name: "Studio" }).click();
  await row(hers, "plan.md").waitFor();
});

test("news that break off while the daemon lives: it is said, commands go on, and what was missed is shown", options, async () => {
  await hers.routeWebSocket(/\/events/, (page) => {
    if (wires.cut) return void page.close();
    page.connectToServer();
    wires.open.push(page);
  });
  await hers.bringToFront();
  await hers.reload();
  await row(hers, "plan.md").waitFor();
  const banner = hers.getByText("PeerDrive does not answer.");
  assert.equal(await banner.count(), 0);
  assert.ok(wires.open.length > 0, "the news come by a WebSocket");
  const pid = ana.rendezvous.pid;
  wires.cut = true;
  for (const wire of wires.open.splice(0)) await wire.close();
  await banner.waitFor();
  await clean(hers, "no news");
  writeFileSync(lab.path("ben", "Studio", "missed.txt"), "by Ben\n");
  await ben.run("wait", drive);
  await ana.run("wait", drive);
  await hers.waitForTimeout(500);
  assert.equal(await row(hers, "missed.txt").count(), 0, "nothing tells her of it");
  // What is asked is answered all the while.
  await hers.keyboard.press("/");
  await hers.keyboard.type("plan");
  await hers.getByRole("option").filter({ hasText: "plan.md" }).waitFor();
  await hers.keyboard.press("Escape");
  wires.cut = false;
  await banner.waitFor({ state: "detached" });
  await row(hers, "missed.txt").waitFor();
  assert.equal(ana.rendezvous.pid, pid, "it is the same daemon");
  assert.deepEqual(faults, []);
});

const noMount = (() => {
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
    return false;
  } catch {
    return "there is no FUSE here";
  }
})();

test("whoever has a file open for writing on a mount is seen editing it, and no longer when it is closed", { ...options, skip: lacking || noMount }, async () => {
  const cleo = lab.device("Cleo");
  const { ticket } = await ana.run("invite", drive, "--role", "writer");
  const mount = lab.folder("cleo");
  await cleo.run("join", ticket, "--mount", mount, "--wait");
  try {
    await hers.bringToFront();
    const editing = row(hers, "plan.md").getByRole("img", { name: "Cleo is editing this" });
    const file = await open(join(mount, "plan.md"), "r+");
    try {
      await editing.waitFor();
      await hers.locator(".drive-side").getByRole("img", { name: "Cleo editing" }).waitFor();
      await clean(hers, "somebody edits");
      await file.write("# A new");
    } finally {
      await file.close();
    }
    await editing.waitFor({ state: "detached" });
    await row(hers, "plan.md").filter({ hasText: /Cleo · now/ }).waitFor();
  } finally {
    await cleo.run("unmount", mount).catch(() => undefined);
    // Else it would carry what the others do apart from one to the other.
    await cleo.stop();
  }
});

test("a large file that is added shows its way in Transfers; one is stopped and leaves nothing", options, async () => {
  await hers.bringToFront();
  const control = await hers.context().newCDPSession(hers);
  await control.send("Network.enable");
  // As slow as a busy disk: what is measured here is what is shown, not the daemon.
  await control.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 1_000_000 });
  const film = (name) => ({ name, mimeType: "video/mp4", buffer: Buffer.alloc(6_000_000, name) });
  await hers.locator('input[type="file"]').setInputFiles([film("kept.mp4"), film("stopped.mp4")]);
  await hers.getByRole("link", { name: "Transfers" }).click();
  const item = (name) => hers.locator(".item").filter({ hasText: name });
  await item("kept.mp4").getByText(/\d (KB|MB)\/s · \d+ s left/).waitFor();
  await item("kept.mp4").getByText(/Adding to Studio · .* of 6\.0 MB/).waitFor();
  await item("stopped.mp4").getByText("waits for its turn").waitFor();
  const share = async () => Number(await hers.getByRole("progressbar", { name: "kept.mp4" }).getAttribute("aria-valuenow"));
  const before = await share();
  await hers.waitForTimeout(1_200);
  assert.ok((await share()) > before);
  await clean(hers, "files that are added");
  await item("kept.mp4").waitFor({ state: "detached", timeout: 40_000 });
  await item("stopped.mp4").getByText(/\d (KB|MB)\/s · \d+ s left/).waitFor();
  await hers.getByRole("button", { name: "Stop adding stopped.mp4" }).click();
  await item("stopped.mp4").waitFor({ state: "detached" });
  await control.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
  await control.detach();
  await hers.getByRole("link", { name: "Studio" }).click();
  await row(hers, "kept.mp4").waitFor();
  await ana.run("wait", drive);
  await ben.run("wait", drive);
  assert.equal(readFileSync(lab.path("ben", "Studio", "kept.mp4")).length, 6_000_000);
  assert.equal(await row(hers, "stopped.mp4").count(), 0);
  assert.deepEqual(faults, []);
});

test("bytes that come from another device show how far, how fast and how long still", options, async () => {
  await his.bringToFront();
  await his.getByRole("link", { name: "Transfers" }).click();
  await ben.run("limit", "--down", "2M");
  writeFileSync(lab.path("ana", "Studio", "large.bin"), Buffer.alloc(24_000_000, 7));
  const item = his.locator(".item").filter({ hasText: "Studio" });
  await item.getByText(/Writing to this device · .* of .* files/).waitFor();
  await item.getByText(/\d (KB|MB)\/s · \d+ (s|min) left/).waitFor();
  await clean(his, "bytes that come");
});

test("one file that two people changed apart is told to both, with the reason", options, async () => {
  await ben.run("wait", drive);
  // Either is at work while the other's device is off.
  await ana.stop();
  writeFileSync(lab.path("ben", "Studio", "plan.md"), "# Ben's plan\n");
  await his.getByRole("link", { name: "Studio" }).click();
  const taken = (page) => row(page, "plan.md").filter({ hasText: "13 B" }).waitFor({ timeout: 40_000 });
  await taken(his);
  await ben.stop();
  await ana.start();
  writeFileSync(lab.path("ana", "Studio", "plan.md"), "# Ana's plan\n");
  await taken(hers);
  await ben.start();
  for (const page of [hers, his]) {
    await page.bringToFront();
    const link = page.getByRole("link", { name: /Attention/ });
    await link.filter({ hasText: "1" }).waitFor({ timeout: 60_000 });
    await link.click();
    const item = page.locator(".item").filter({ hasText: "plan.md" });
    await item.getByText("edited twice").waitFor();
    await item.getByText(/was written by several people at the same time.*beside it, complete: “plan \(.*\)\.md”/).waitFor();
    await clean(page, "a conflict");
  }
  // Whoever deletes one of both settles it, for both.
  await hers.getByRole("link", { name: "Files" }).click();
  await row(hers, "plan (").first().click();
  await hers.keyboard.press("Delete");
  await hers.getByRole("button", { name: "Delete", exact: true }).click();
  await his.getByText("Nothing needs you").waitFor();
  assert.deepEqual(faults, []);
  assert.ok((await until(row(hers, "plan.md"))) >= 0);
});
