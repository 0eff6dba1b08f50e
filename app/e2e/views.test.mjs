// Every view as a person meets it, before a daemon in memory: no accessibility violation, light and
// dark; the whole app by keyboard; hostile names; a daemon that dies and comes back.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { launch, program, serve } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const options = { skip: program() ? false : "there is no Chromium here" };
let server, browser, page, faults;

before(async () => {
  if (options.skip) return;
  server = await serve(new URL("../dist-harness", import.meta.url).pathname);
  browser = await launch();
  page = await browser.context.newPage();
  page.setDefaultTimeout(8_000);
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
});

after(async () => {
  await browser?.close();
  server?.close();
});

async function open(where = "") {
  faults = [];
  await page.goto("about:blank");
  await page.goto(`${server.url}/${where}`);
  await page.locator("main").first().waitFor();
  await page.waitForTimeout(150);
}

const grid = () => page.getByRole("treegrid");
const row = (name) => page.getByRole("row").filter({ hasText: name });
const current = () => page.evaluate(() => document.getElementById(document.activeElement?.getAttribute("aria-activedescendant") ?? "")?.textContent ?? "");

async function violations() {
  await page.evaluate(axe + "; undefined");
  const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
}

const VIEWS = [
  ["first run", "?empty"],
  ["first run, joining", "?empty", () => page.getByText("Join with an invite").click()],
  ["files", "", () => page.keyboard.press("ArrowDown")],
  ["preview", "", async () => { await row("README").click(); await page.keyboard.press("Space"); await page.locator("pre").waitFor(); }],
  ["search", "", async () => { await page.keyboard.press("/"); await page.keyboard.type("la"); await page.getByRole("option").first().waitFor(); }],
  ["rename", "", async () => { await row("README").click(); await page.keyboard.press("F2"); }],
  ["menu", "", () => row("server.rs").click({ button: "right" })],
  ["delete", "", async () => { await row("README").click(); await page.keyboard.press("Delete"); }],
  ["move", "", async () => { await row("README").click(); await page.keyboard.press("Control+m"); await page.waitForTimeout(300); }],
  ["keys", "", () => page.keyboard.press("?")],
  ["invite", "", async () => { await page.getByRole("button", { name: "Invite", exact: true }).click(); await page.getByRole("button", { name: "Make invite" }).click(); await page.locator(".qr").waitFor(); }],
  ["people", "#/d/drive-1/people"],
  ["removal", "#/d/drive-1/people", async () => { await page.getByRole("button", { name: /Role and removal of Ben/ }).click(); await page.getByText("Remove from the drive").click(); }],
  ["activity", "#/d/drive-1/activity"],
  ["attention", "#/d/drive-1/attention"],
  ["transfers", "#/transfers"],
  ["removed", "?role=none"],
];

for (const scheme of ["light", "dark"]) {
  for (const [name, where, act] of VIEWS) {
    test(`axe finds nothing in ${name}, ${scheme}`, options, async () => {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      await open(where);
      await act?.();
      await page.waitForTimeout(150);
      assert.deepEqual(await violations(), []);
      assert.deepEqual(faults, []);
    });
  }
}

test("a newcomer shares a folder, makes a folder, renames, moves, searches and previews with the keyboard alone", options, async () => {
  await open("?empty");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("/home/ana/Studio");
  await page.keyboard.press("Enter");
  await grid().waitFor();
  await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "treegrid");
  await page.keyboard.press("Control+Shift+N");
  const field = page.getByLabel("New name for New folder");
  await field.waitFor();
  await page.keyboard.type("Made by keys");
  await page.keyboard.press("Enter");
  await row("Made by keys").waitFor();
  await page.keyboard.type("read");
  await page.waitForTimeout(200);
  assert.match(await current(), /README/);
  await page.waitForTimeout(950);
  await page.keyboard.press("Control+x");
  await page.keyboard.type("made");
  await page.waitForTimeout(200);
  assert.match(await current(), /Made by keys/);
  await page.keyboard.press("Enter");
  await page.getByText("This folder is empty").waitFor();
  await page.keyboard.press("Control+v");
  await row("README").waitFor();
  await page.keyboard.press("Backspace");
  await row("server.rs").waitFor();
  await page.waitForTimeout(150);
  assert.match(await current(), /Made by keys/);
  await page.keyboard.press("ArrowRight");
  await page.waitForTimeout(100);
  await page.keyboard.press("ArrowRight");
  assert.match(await current(), /README/);
  await page.waitForTimeout(950);
  await page.keyboard.press("Space");
  await page.locator("pre").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("palette");
  await page.getByRole("option").first().waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await row("palette.json").waitFor();
  await page.waitForTimeout(200);
  assert.match(await current(), /palette/);
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
  await page.keyboard.press("Control+Shift+N");
  await page.keyboard.press("Control+m");
  await page.waitForTimeout(200);
  assert.equal(await page.locator("dialog, .rename-field").count(), 0);
  assert.equal(await page.getByRole("button", { name: /New folder|Add files|Invite/ }).count(), 0);
  await row("README").click({ button: "right" });
  assert.equal(await page.getByRole("menuitem", { name: /Rename|Delete|Move|Cut|New/ }).count(), 0);
});

test("a daemon that dies is said, and everything goes on by itself when it is back", options, async () => {
  await open();
  await page.evaluate(() => window.daemon.break());
  await page.getByText("PeerDrive does not answer.").waitFor();
  await row("README").waitFor();
  await page.evaluate(() => {
    window.daemon.restore();
    window.daemon.add("while away.txt");
  });
  await page.getByText("PeerDrive does not answer.").waitFor({ state: "detached" });
  await page.evaluate(() => window.daemon.as(window.ben, "edited", [...window.daemon.nodes.values()].find((node) => node.name === "while away.txt").id));
  await row("while away.txt").waitFor();
});

test("100,000 entries are fetched by the window, and any of them is a jump away", options, async () => {
  await open("?many=100000");
  await page.keyboard.press("End");
  await row("photo 99999.jpg").waitFor();
  await page.keyboard.type("photo 5432");
  await row("photo 5432.jpg").waitFor();
  const windows = await page.evaluate(() => window.daemon.windows);
  assert.ok(windows.every(([, count]) => count <= 500));
  const fetched = windows.reduce((sum, [, count]) => sum + count, 0);
  assert.ok(fetched < 5_000, `${fetched} rows were asked for`);
});
