// Other people, before a daemon in memory: invites, presence, what they do, what they are called.
import assert from "node:assert/strict";
import { test } from "node:test";
import { join } from "./every-view.mjs";
import { current, faults, grid, open, options, page, row, violations } from "./views.mjs";

test("an invite is a link and a QR code of it, and the link is what joining takes", options, async () => {
  await open();
  await page.getByRole("button", { name: "Invite", exact: true }).click();
  await page.getByRole("button", { name: "Make invite" }).click();
  const link = await page.getByLabel("Invite as a link").inputValue();
  assert.match(link, /^peerdrive:\/\/join#k7m2/);
  await page.locator(".qr").waitFor();
  await open("?empty");
  await page.evaluate(() => {
    const call = window.daemon.call.bind(window.daemon);
    window.daemon.call = (command, request, ...rest) => {
      if (command === "join") window.joined = request.ticket;
      return call(command, request, ...rest);
    };
  });
  await join(page, link, "/home/ana");
  await grid().waitFor();
  assert.equal(await page.evaluate(() => window.joined), link);
});

test("the window tells where the person is in every view, and when they leave the drive", options, async () => {
  await open();
  const told = () => page.evaluate(() => window.told);
  await page.evaluate(() => {
    const call = window.daemon.call.bind(window.daemon);
    window.told = [];
    window.daemon.call = (command, request, ...rest) => {
      if (command === "focus") window.told.push(request);
      return call(command, request, ...rest);
    };
  });
  await row("README").click();
  await page.waitForFunction(() => window.told.at(-1)?.node);
  await page.getByRole("link", { name: "People" }).click();
  await page.waitForFunction(() => window.told.at(-1)?.folder === null);
  const all = await told();
  assert.ok(all.every((one) => one.drive === "drive-1"), JSON.stringify(all));
  await page.getByRole("link", { name: "Transfers" }).click();
  await page.waitForFunction(() => window.told.at(-1)?.drive === null);
});

test("two devices of one person are two", options, async () => {
  await open();
  await page.evaluate(() => {
    const at = { member: "ben", name: "Ben Okafor", you: false, folder: null, viewing: null, editing: [], idle: false };
    window.daemon.tell({ type: "presence", drive: "drive-1", here: [{ ...at, device: "b1" }, { ...at, device: "b2", idle: true }] });
  });
  await page.locator(".drive-side .avatar").nth(1).waitFor();
  assert.equal(await page.locator(".drive-side .avatar").count(), 2);
  assert.deepEqual(faults, []);
});

test("what another does appears at once, with who did it, and the cursor stays on its row", options, async () => {
  await open();
  await row("README").click();
  await page.evaluate(() => {
    const id = window.daemon.add("aaa first.txt");
    window.daemon.as(window.ben, "created", id);
  });
  await row("aaa first.txt").waitFor({ timeout: 1_000 });
  assert.match(await row("aaa first.txt").textContent(), /Ben Okafor · now/);
  assert.match(await current(), /README/);
  assert.match(await page.locator(".status").textContent(), /Ben Okafor added “aaa first.txt”/);
});

test("hostile names are shown and never obeyed", options, async () => {
  await open();
  assert.equal(await page.evaluate(() => document.querySelectorAll("#root script").length), 0);
  await row("<script>alert(1)</script>.html").waitFor();
  assert.match(await row("fdp.exe").textContent(), /invoiceU\+202Efdp\.exe/);
  assert.match(await row("word.txt").textContent(), /passU\+200Bword/);
  const box = await row("a very long name").boundingBox();
  assert.ok(box.width < 1_000 && box.height === 32, "a name of 255 bytes stays in its line");
  assert.deepEqual(faults, []);
});

test("a reader sees no way to write, and keys do not make one", options, async () => {
  await open("?role=reader");
  await row("README").click();
  await page.keyboard.press("F2");
  await page.keyboard.press("Delete");
  await page.keyboard.press("F7");
  await page.keyboard.press("Control+m");
  await page.waitForTimeout(200);
  assert.equal(await page.locator("dialog, .rename-field").count(), 0);
  assert.equal(await page.getByRole("button", { name: /New folder|Add files|Invite/ }).count(), 0);
  await row("README").click({ button: "right" });
  assert.equal(await page.getByRole("menuitem", { name: /Rename|Delete|Move|Cut|New/ }).count(), 0);
});

test("whoever is on line with nobody at it is not here now, and no device that is heard of is off line", options, async () => {
  await open("#/d/drive-1/people");
  const member = (name) => page.locator(".item").filter({ hasText: name });
  await member("Ben Okafor").getByText("here now").waitFor();
  await member("Chen Wei").getByText("online", { exact: true }).waitFor();
  assert.equal(await member("Chen Wei").getByText(/here now|offline/).count(), 0);
  await page.evaluate(() => window.daemon.tell({ type: "presence", drive: "drive-1", here: [] }));
  await member("Chen Wei").getByText("offline").waitFor();
  await member("Ben Okafor").getByText("online", { exact: true }).waitFor();
});

test("whoever was removed is told so everywhere, and is in step with nobody", options, async () => {
  await open("?role=none");
  await page.getByText("You are no longer a member of “Studio”.").waitFor();
  assert.match(await page.locator(".sidebar").textContent(), /Studioremoved/);
  assert.match(await page.locator(".status").textContent(), /no longer a member/);
  assert.doesNotMatch(await page.locator(".status").textContent(), /In step|online|Saved/);
});

test("the words to compare are in sight as soon as they are there, and whoever waits no longer is told what goes on", options, async () => {
  const inSight = async (words) => {
    const box = await page.getByText(words).boundingBox();
    return box.y >= 0 && box.y + box.height <= page.viewportSize().height;
  };
  await open("?empty&words");
  await join(page, "pd1abc", "/home/ana");
  await page.getByText("amber lake orbit").waitFor();
  await page.waitForTimeout(100);
  assert.ok(await inSight("amber lake orbit"));
  await page.getByRole("button", { name: "Do not wait" }).click();
  await page.getByText("PeerDrive goes on with it").waitFor();
  await page.evaluate(() => { window.daemon.empty = false; window.daemon.tell({ type: "drives" }); });
  await grid().waitFor();
  assert.deepEqual(faults, []);
});

test("the role that somebody has is marked among those they can get", options, async () => {
  await open("#/d/drive-1/people");
  await page.getByRole("button", { name: /Role and removal of Ben/ }).click();
  const marked = page.locator(".menu-item").filter({ has: page.locator("svg") });
  assert.deepEqual(await marked.allTextContents(), ["Writer"]);
  assert.equal(await marked.getAttribute("aria-checked"), "true");
});

test("whoever shares a folder is shown its recovery phrase, finds it again, and has it forgotten once it is written down", options, async () => {
  const phrase = () => page.getByRole("dialog", { name: "Recovery phrase" });
  const words = () => phrase().getByRole("listitem").allTextContents();
  await open();
  await page.getByRole("button", { name: "Share a folder" }).click();
  await page.getByLabel("Folder on this machine").fill("/home/ana/Studio");
  await page.keyboard.press("Enter");
  await phrase().getByRole("listitem").first().waitFor();
  assert.equal((await words()).join(" "), await page.evaluate(() => window.daemon.phrase));
  await page.getByRole("button", { name: "Later" }).click();
  await phrase().waitFor({ state: "detached" });
  await page.getByRole("link", { name: "People" }).click();
  await page.getByRole("button", { name: "Show recovery phrase" }).click();
  await phrase().getByRole("listitem").first().waitFor();
  assert.equal((await words()).length, 24);
  // A device that cannot forget says so and keeps the words in sight.
  await page.evaluate(() => window.fail("phrase"));
  await page.getByRole("button", { name: "I have written it down" }).click();
  await page.getByText("This device still has the phrase.").waitFor();
  assert.equal((await words()).length, 24);
  await page.evaluate(() => window.daemon.failing.clear());
  await page.getByRole("button", { name: "I have written it down" }).click();
  await phrase().waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => window.daemon.phrase), null);
  await page.getByRole("button", { name: "Show recovery phrase" }).click();
  await phrase().getByText("This device has no recovery phrase of this drive").waitFor();
  assert.deepEqual(await violations(), []);
  await open("?role=reader#/d/drive-1/people");
  await page.getByText("Members").first().waitFor();
  assert.equal(await page.getByRole("button", { name: "Show recovery phrase" }).count(), 0);
});
