// Things that happen at the same time, before a daemon in memory: what others do while something is open, and
// answers that come when a person has gone on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { current, faults, grid, open, options, page, row, selected } from "./views.mjs";

test("a change that comes just before a folder is opened among the rows is shown", options, async () => {
  await open();
  await row("Brand").waitFor();
  await page.evaluate(async () => {
    window.daemon.as(window.ben, "created", window.daemon.add("just now.txt"));
    await new Promise((resolve) => setTimeout(resolve, 15));
    document.querySelector(".twist").dispatchEvent(new MouseEvent("mousedown", { bubbles: true }));
  });
  await row("logo.png").waitFor();
  await row("just now.txt").waitFor();
  assert.deepEqual(faults, []);
});

test("a folder that is open among the rows goes without a complaint when others delete it", options, async () => {
  await open();
  await row("Brand").click();
  await page.keyboard.press("ArrowRight");
  await row("logo.png").waitFor();
  await page.evaluate(() => {
    const { id } = [...window.daemon.nodes.values()].find((node) => node.name === "Brand");
    window.daemon.as(window.ben, "deleted", id);
    window.daemon.tell({ type: "reloaded", drive: "drive-1" });
  });
  await row("Brand").waitFor({ state: "detached" });
  await page.waitForTimeout(400);
  assert.equal(await page.getByText("Some of the rows could not be loaded.").count(), 0);
  assert.equal(await row("logo.png").count(), 0);
  assert.deepEqual(faults, []);
});

test("a menu that is opened by keys has them", options, async () => {
  await open();
  await row("Brand").waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Shift+F10");
  await page.getByRole("menu").waitFor();
  const at = () => page.evaluate(() => document.activeElement.textContent);
  assert.match(await at(), /^Open/);
  await page.keyboard.press("ArrowDown");
  assert.match(await at(), /^Rename/);
  await page.keyboard.press("Escape");
  assert.match(await current(), /Brand/);
});

test("a menu in which nothing can be done is closed by its keys", options, async () => {
  await open("?role=reader");
  await row("Brand").waitFor();
  await page.keyboard.press("Shift+F10");
  await page.getByRole("menu").waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Escape");
  await page.getByRole("menu").waitFor({ state: "detached", timeout: 2_000 });
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("role")), "treegrid");
  assert.deepEqual(faults, []);
});

test("what was searched for is shown, however far down its folder it is, and the way back leads to that folder", options, async () => {
  await open();
  await page.evaluate(() => {
    const shelf = window.daemon.add("Shelf", { kind: "folder", size: 0 });
    for (let at = 0; at < 3_000; at += 1) window.daemon.add(`page ${at}.txt`, { parent: shelf });
    window.daemon.add("Deep", { kind: "folder", size: 0, parent: shelf, id: "deep" });
    for (let at = 0; at < 1_000; at += 1) window.daemon.add(`Box ${at}`, { kind: "folder", size: 0, parent: shelf });
  });
  await page.keyboard.press("/");
  await page.keyboard.type("page 2345");
  await page.getByRole("option").first().waitFor();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await row("page 2345.txt").waitFor();
  await page.locator('[role="row"][aria-selected="true"]').waitFor();
  assert.deepEqual(await selected(), ["page 2345.txt"]);
  await page.evaluate(() => { location.hash = "#/d/drive-1/files/deep"; });
  await page.getByText("This folder is empty").waitFor();
  await grid().focus();
  await page.keyboard.press("Backspace");
  await row("Deep").waitFor();
  await page.waitForFunction(() => document.querySelector(".row-current")?.textContent.includes("Deep"));
  assert.match(await current(), /Deep/);
  assert.deepEqual(faults, []);
});

test("the desktop is told of changes in a drive once a minute, however often its numbers change", options, async () => {
  await open("?notices");
  await row("README").waitFor();
  await page.evaluate(async () => {
    Object.defineProperty(document, "hidden", { get: () => true });
    for (let at = 0; at < 3; at += 1) {
      window.daemon.as(window.ben, "created", window.daemon.add(`note ${at}.txt`));
      window.daemon.tell({ type: "peers", drive: "drive-1", connected: at, pending_up: 0, pending_down: at });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
  assert.deepEqual(await page.evaluate(() => window.notices), ["Ben Okafor added “note 0.txt”"]);
});

test("joining that ends after its dialog was closed leaves the person where they are", options, async () => {
  await open();
  await page.getByRole("link", { name: "People" }).click();
  await page.evaluate(() => window.daemon.delays.set("join", 700));
  await page.getByRole("button", { name: "Join a drive with an invite" }).click();
  await page.getByLabel("Invite", { exact: true }).fill("pd1abc");
  await page.getByLabel("Folder on this machine").fill("/home/ana");
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Share a folder" }).click();
  await page.getByLabel("Folder on this machine").fill("/home/ana/Other");
  await page.getByText("You are in “Studio”.").waitFor();
  assert.equal(await page.getByLabel("Folder on this machine").inputValue(), "/home/ana/Other");
  assert.match(await page.evaluate(() => location.hash), /people/);
  assert.deepEqual(faults, []);
});

test("an invite link that was opened before the first drive is asked for once", options, async () => {
  await open("?empty&links");
  await page.evaluate(() => window.link("peerdrive://join#abc"));
  await page.getByLabel("Folder on this machine").fill("/home/ana");
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await grid().waitFor();
  await page.waitForTimeout(300);
  assert.equal(await page.getByRole("dialog").count(), 0);
  await page.getByRole("button", { name: "Join a drive with an invite" }).click();
  assert.equal(await page.getByLabel("Invite", { exact: true }).inputValue(), "");
  assert.deepEqual(faults, []);
});

test("a file that was still to come is marked no more once it is on this device", options, async () => {
  await open();
  const mark = row("keynote.mp4").getByRole("img", { name: /Not on this device/ });
  await mark.waitFor();
  await page.evaluate(() => {
    [...window.daemon.nodes.values()].find((node) => node.name === "keynote.mp4").here = true;
    window.daemon.tell({ type: "peers", drive: "drive-1", connected: 2, pending_up: 0, pending_down: 0 });
  });
  await mark.waitFor({ state: "detached", timeout: 3_000 });
  assert.deepEqual(faults, []);
});
