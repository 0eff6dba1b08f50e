// The app in a browser before two real daemons, each a device of its own: from nothing to a shared
// folder, and what each then sees of the other. `npm run e2e:daemons`, with the program built.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { clean, eventually, faults, forged, lab, lacking, options, press, row, tab, until } from "./daemons.mjs";

const HOSTILE = ["invoice\u202Efdp.exe", "pass\u200Bword.txt", "<script>alert(1)<script>.html", `${"long ".repeat(50)}x.txt`];
let ana, ben, hers, his, drive;

before(async () => {
  if (lacking) return;
  ana = lab.device("Ana");
  ben = lab.device("Ben");
  hers = await tab();
  his = await tab();
});

test("from nothing to a shared folder on both sides, by keyboard only", options, async () => {
  const studio = lab.folder("ana", "Studio");
  writeFileSync(join(studio, "plan.md"), "# The plan\n\nAll of it.\n");
  writeFileSync(join(studio, "notes.txt"), "first\n");
  mkdirSync(join(studio, "Photos"));
  const begun = performance.now();

  await hers.goto(await ana.address());
  await hers.getByRole("heading", { name: "Welcome to PeerDrive" }).waitFor();
  assert.ok(!hers.url().includes("code="), "the code is out of the address");
  await clean(hers, "first run");
  await press(hers, "Tab", "Enter", "Tab", "Tab");
  await hers.keyboard.type(studio);
  await press(hers, "Enter");
  await row(hers, "plan.md").waitFor();
  const phrase = hers.getByRole("dialog", { name: "Recovery phrase" });
  await phrase.getByRole("listitem").first().waitFor();
  assert.equal(await phrase.getByRole("listitem").count(), 24);
  await clean(hers, "recovery phrase");
  await press(hers, "Escape");
  drive = new URL(hers.url()).hash.split("/")[2];

  // An invite: its button is on the way of the Tab key, its dialog begins at the role.
  const invite = hers.getByRole("button", { name: "Invite", exact: true });
  for (let stops = 0; !(await invite.evaluate((one) => one === document.activeElement)); stops += 1) {
    assert.ok(stops < 60, "Tab comes to Invite");
    await press(hers, "Tab");
  }
  await press(hers, "Enter");
  await hers.getByRole("dialog").waitFor();
  await clean(hers, "invite");
  await press(hers, "Tab");
  await hers.keyboard.press("1");
  await press(hers, "Tab", "Tab", "Tab", "Enter");
  const made = hers.getByLabel("Invite as a link");
  await made.waitFor();
  const link = await made.inputValue();
  assert.match(link, /^peerdrive:\/\/join#/);
  await hers.locator(".qr").waitFor();
  await clean(hers, "invite made");
  await press(hers, "Escape");

  await his.bringToFront();
  await his.goto(await ben.address());
  await his.getByRole("heading", { name: "Welcome to PeerDrive" }).waitFor();
  await press(his, "Tab", "Tab", "Enter", "Tab");
  await his.keyboard.insertText(link);
  await press(his, "Tab", "Tab");
  await his.keyboard.insertText(lab.folder("ben"));
  await press(his, "Enter");
  await row(his, "plan.md").waitFor();
  assert.ok(performance.now() - begun < 60_000, "in under a minute");
  await ben.run("wait", drive);
  assert.equal(readFileSync(lab.path("ben", "Studio", "plan.md"), "utf8"), "# The plan\n\nAll of it.\n");
  await clean(his, "files");
});

test("the invite that was made has an end, and is listed with it", options, async () => {
  const [invite] = await ana.lines("invites", drive);
  const hours = (invite.expires - Date.now()) / 3_600_000;
  assert.ok(hours > 0 && hours <= 24 * 31, JSON.stringify(invite));
  await hers.bringToFront();
  await hers.getByRole("link", { name: "People" }).click();
  await hers.getByText("Ben").first().waitFor();
  await hers.getByText(/Show 1 earlier invite/).click();
  await hers.getByText(/1 of 1 use/).waitFor();
  await clean(hers, "people");
});

test("renames and edits on one are seen on the other within a second, with who did it", options, async () => {
  await hers.getByRole("link", { name: "Files" }).click();
  await row(hers, "notes.txt").click();
  await hers.keyboard.press("F2");
  await hers.getByLabel("New name for notes.txt").fill("minutes.txt");
  await hers.keyboard.press("Enter");
  let took = await until(row(his, "minutes.txt"));
  assert.ok(took < 1_000, `a rename took ${took} ms`);
  await his.waitForFunction(() => /Ana · now/.test([...document.querySelectorAll('[role="row"]')].find((row) => row.textContent.includes("minutes.txt"))?.textContent ?? ""));
  assert.match(await his.locator(".status").textContent(), /Ana renamed “notes.txt” to “minutes.txt”/);
  assert.ok(existsSync(lab.path("ben", "Studio", "minutes.txt")) || (await ben.run("wait", drive), existsSync(lab.path("ben", "Studio", "minutes.txt"))));

  writeFileSync(lab.path("ben", "Studio", "plan.md"), "# The plan\n\nAnother one.\n");
  took = await until(row(hers, "plan.md").filter({ hasText: /Ben · now/ }));
  assert.ok(took < 1_500, `an edit in the folder took ${took} ms, its rest included`);
  await row(hers, "plan.md").click();
  await hers.keyboard.press("Space");
  await hers.getByText("Another one.").waitFor();
  await clean(hers, "preview");
  await hers.keyboard.press("Escape");
});

test("somebody's presence appears, follows them, and goes with them", options, async () => {
  await his.bringToFront();
  await row(his, "minutes.txt").click();
  await hers.bringToFront();
  await hers.locator(".drive-side .avatar").first().waitFor();
  await row(hers, "minutes.txt").getByRole("img", { name: /Ben/ }).first().waitFor();
  await his.getByRole("link", { name: "People" }).click();
  await row(hers, "minutes.txt").locator(".cell-name .avatar").waitFor({ state: "detached" });
  await hers.locator(".drive-side .avatar").first().waitFor();
  const ben_is = (state) => hers.locator(".drive-side").getByRole("img", { name: `Ben ${state}` });
  await ben_is("here now").waitFor();
  // Without a window his device is on line, and nobody is at it.
  await his.goto("about:blank");
  await ben_is("idle").waitFor({ timeout: 45_000 });
  await ben.stop();
  await hers.locator(".drive-side .avatar").first().waitFor({ state: "detached", timeout: 45_000 });
  await ben.start();
  await ben_is("idle").waitFor({ timeout: 45_000 });
});

test("hostile names of real files are shown and never obeyed", options, async () => {
  for (const name of HOSTILE) writeFileSync(lab.path("ben", "Studio", name), "x\n");
  await row(hers, "<script>alert(1)<script>.html").waitFor();
  assert.match(await row(hers, "fdp.exe").textContent(), /invoiceU\+202Efdp\.exe/);
  assert.match(await row(hers, "word.txt").textContent(), /passU\+200Bword/);
  const box = await row(hers, "long long").boundingBox();
  assert.ok(box.height <= 33 && box.width < 1_180, "a long name stays in its line");
  assert.equal(await hers.evaluate(() => document.querySelectorAll("#root script").length), 0);
  await row(hers, "<script>").click();
  await hers.keyboard.press("Space");
  await hers.locator("pre").waitFor();
  await hers.keyboard.press("Escape");
  await clean(hers, "hostile names");
});

test("a file is put into the drive from the browser and arrives on the other device", options, async () => {
  await hers.locator('input[type="file"]').setInputFiles({ name: "from a browser.txt", mimeType: "text/plain", buffer: Buffer.from("sent\n") });
  await row(hers, "from a browser.txt").waitFor();
  await ana.run("wait", drive);
  await ben.run("wait", drive);
  assert.equal(readFileSync(lab.path("ben", "Studio", "from a browser.txt"), "utf8"), "sent\n");
});

test("a daemon that is killed and started again: the tab says so and goes on by itself", options, async () => {
  ana.kill();
  await hers.getByText("PeerDrive does not answer.").waitFor();
  await row(hers, "minutes.txt").waitFor();
  renameSync(lab.path("ana", "Studio", "minutes.txt"), lab.path("ana", "Studio", "while away.txt"));
  await ana.start();
  await hers.getByText("PeerDrive does not answer.").waitFor({ state: "detached", timeout: 40_000 });
  await row(hers, "while away.txt").waitFor();
});

test("a reader sees no way to write, and a forged request is refused", options, async () => {
  const cleo = lab.device("Cleo");
  const { ticket } = await ana.run("invite", drive, "--role", "reader", "--expires", "30m");
  await cleo.run("join", ticket, lab.path("cleo"));
  const page = await tab();
  await page.goto(await cleo.address());
  await row(page, "plan.md").waitFor();
  await page.getByText("read only").waitFor();
  assert.equal(await page.getByRole("button", { name: /New folder|Add files|Invite/ }).count(), 0);
  await row(page, "plan.md").click();
  await press(page, "F2", "Delete", "F7");
  assert.equal(await page.locator("dialog, .rename-field").count(), 0);
  await clean(page, "a reader's files");
  for (const [command, request] of [
    ["make_folder", { drive, name: "forged" }],
    ["rename", { drive, node: await page.locator("[data-line]").first().evaluate(() => "0".repeat(32)), name: "forged" }],
    ["invite", { drive, role: "reader", expires_in: 60_000, uses: 1, approve: null }],
  ]) {
    const { error } = await forged(page, command, request);
    assert.ok(error, `${command} was refused`);
    if (command !== "rename") assert.equal(error.code, "not_allowed", JSON.stringify(error));
  }
  const stranger = await cleo.post("/rpc/drives", {}, { "X-PeerDrive-Key": "0".repeat(43) });
  assert.equal(stranger.status, 401);

  // And whoever is removed is told so.
  await hers.bringToFront();
  await hers.getByRole("link", { name: "People" }).click();
  await hers.getByRole("button", { name: /Role and removal of Cleo/ }).click();
  await hers.getByText("Remove from the drive").click();
  await clean(hers, "removal");
  await hers.getByRole("button", { name: "Remove", exact: true }).click();
  await page.bringToFront();
  await page.getByText(/You are no longer a member/).waitFor();
  await clean(page, "removed");
  await page.close();
});

test("what somebody deleted in a folder is in the trash with who it was, and comes back to both folders", options, async () => {
  const [hersOf, hisOf] = ["ana", "ben"].map((who) => lab.path(who, "Studio", "short lived.txt"));
  writeFileSync(hersOf, "to be missed");
  await eventually(() => existsSync(hisOf), "it is at Ben's");
  unlinkSync(hisOf);
  await eventually(() => !existsSync(hersOf), "it is gone at Ana's");
  await hers.bringToFront();
  await hers.getByRole("link", { name: "Trash" }).click();
  const line = hers.getByRole("list", { name: "Deleted" }).locator("li").filter({ hasText: "short lived.txt" });
  await line.filter({ hasText: "from the top folder · 12 B · deleted by Ben" }).waitFor();
  await clean(hers, "trash");
  await line.getByRole("button", { name: "Put back short lived.txt" }).click();
  await line.waitFor({ state: "detached" });
  for (const path of [hersOf, hisOf]) await eventually(() => existsSync(path) && readFileSync(path, "utf8") === "to be missed", `${path} is back`);
  await hers.getByRole("link", { name: "Files" }).click();
  await row(hers, "short lived.txt").waitFor();
});

test("an earlier version of a file is restored, in both folders, and so is the later one", options, async () => {
  const [hersOf, hisOf] = ["ana", "ben"].map((who) => lab.path(who, "Studio", "letter.txt"));
  writeFileSync(hersOf, "as Ana wrote it");
  await eventually(() => existsSync(hisOf), "it is at Ben's");
  writeFileSync(hisOf, "as Ben changed it later");
  await hers.bringToFront();
  const letter = row(hers, "letter.txt");
  await letter.filter({ hasText: "23 B" }).click();
  await hers.keyboard.press("Control+h");
  const versions = hers.getByRole("list", { name: "Versions" }).locator("li");
  await versions.nth(1).waitFor();
  assert.equal(await versions.count(), 2);
  assert.match(await versions.nth(0).textContent(), /now.*Ben.*23 B/);
  await clean(hers, "versions");
  await versions.nth(1).getByRole("button", { name: /Restore/ }).click();
  for (const path of [hersOf, hisOf]) await eventually(() => readFileSync(path, "utf8") === "as Ana wrote it", `${path} as it was`);
  await hers.getByRole("button", { name: "Undo" }).click();
  for (const path of [hersOf, hisOf]) await eventually(() => readFileSync(path, "utf8") === "as Ben changed it later", `${path} as it was before that`);
});

test("activity, attention and transfers of a real drive", options, async () => {
  await hers.bringToFront();
  await hers.getByRole("link", { name: "Activity" }).click();
  await hers.getByRole("heading", { name: "Activity" }).waitFor();
  await clean(hers, "activity");
  await hers.getByRole("link", { name: /Attention/ }).click();
  await hers.getByRole("heading", { name: "Attention" }).waitFor();
  await clean(hers, "attention");
  await hers.getByRole("link", { name: "Transfers" }).click();
  await hers.getByRole("heading", { name: "Transfers" }).waitFor();
  await clean(hers, "transfers");
  assert.deepEqual(faults, []);
});
