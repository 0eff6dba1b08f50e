// What was deleted and how it comes back, before a daemon in memory.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, open, options, page, row } from "./views.mjs";

const tab = (name) => page.getByRole("navigation", { name: /Views of/ }).getByRole("link", { name });
const deleted = (name) => page.getByRole("list", { name: "Deleted" }).locator("li").filter({ hasText: name });
const putBack = (name) => page.getByRole("button", { name: `Put back ${name}` });

test("what was deleted is in the trash at once, and comes back from there", options, async () => {
  await open();
  await row("README").click();
  await page.keyboard.press("Delete");
  await page.keyboard.press("Enter");
  await row("README").waitFor({ state: "detached" });
  await tab("Trash").click();
  await deleted("README").waitFor();
  assert.match(await deleted("README").textContent(), /from the top folder · 640 B · deleted by Ana Lima/);
  await putBack("README").click();
  await page.getByText("“README” is back in the top folder.").waitFor();
  await deleted("README").waitFor({ state: "detached" });
  await tab("Files").click();
  await row("README").waitFor();
  assert.deepEqual(faults, []);
});

test("a folder is one line that says how much was in it, and brings all of it back", options, async () => {
  await open("#/d/drive-1/trash");
  await deleted("old drafts").waitFor();
  assert.match(await deleted("old drafts").textContent(), /from “Launch 2027” · with 2 items · deleted by Ben Okafor/);
  assert.equal(await deleted("first.md").count(), 0);
  await putBack("old drafts").click();
  await page.getByText("“old drafts” is back in “Launch 2027”.").waitFor();
  await deleted("old drafts").waitFor({ state: "detached" });
  assert.equal(await deleted("first.md").count(), 0);
  assert.deepEqual(faults, []);
});

test("what others delete meanwhile comes into the open trash by itself", options, async () => {
  await open("#/d/drive-1/trash");
  await deleted("old drafts").waitFor();
  await page.evaluate(() => window.daemon.as(window.ben, "deleted", [...window.daemon.nodes.values()].find((node) => node.name === "server.rs").id));
  await deleted("server.rs").waitFor();
  assert.match(await page.getByRole("list", { name: "Deleted" }).locator("li").first().textContent(), /server\.rs/);
});

test("what cannot be put back is told, and can be tried again; a hostile name shows what it hides", options, async () => {
  await open("#/d/drive-1/trash");
  await deleted("bill[U+202E]fdp.exe").waitFor();
  assert.match(await deleted("bill[U+202E]fdp.exe").textContent(), /may be gone for good by now/);
  assert.doesNotMatch(await deleted("old drafts").textContent(), /gone for good/);
  await page.evaluate(() => window.fail("undelete"));
  await putBack("bill[U+202E]fdp.exe").click();
  await page.getByText("was not put back.").waitFor();
  assert.ok(!(await page.locator("body").textContent()).includes("\u202E"));
  await page.evaluate(() => window.daemon.failing.clear());
  await putBack("bill[U+202E]fdp.exe").click();
  await deleted("bill[U+202E]fdp.exe").waitFor({ state: "detached" });
});

test("a reader sees the trash and has no way to change it; one that cannot be read says so", options, async () => {
  await open("?role=reader#/d/drive-1/trash");
  await deleted("old drafts").waitFor();
  assert.equal(await page.getByRole("button", { name: /^Put back / }).count(), 0);
  await open("?fail=trash#/d/drive-1/trash");
  await page.getByRole("alert").filter({ hasText: "The disk does not answer." }).waitFor();
  await page.evaluate(() => window.daemon.failing.clear());
  await page.getByRole("button", { name: "Try again" }).click();
  await deleted("old drafts").waitFor();
});

test("times that no calendar has, as a member may write them, take no view away", options, async () => {
  await open("#/d/drive-1/trash");
  await deleted("old drafts").waitFor();
  await page.evaluate(() => {
    window.daemon.trashed = window.daemon.trashed.map(({ line }) => ({ line: line.id === "t4" ? { ...line, time: 2 ** 64 } : line }));
    const plan = [...window.daemon.nodes.values()].find((node) => node.name === "launch plan final.md");
    window.daemon.versions.get(plan.id)[1].time = 2 ** 64;
    window.daemon.tell({ type: "reloaded", drive: "drive-1" });
  });
  await page.getByRole("list", { name: "Deleted" }).locator("li").first().filter({ hasText: "bill[U+202E]fdp.exe" }).waitFor();
  await tab("Files").click();
  await row("launch plan final").click();
  await page.keyboard.press("Control+h");
  await page.getByRole("list", { name: "Versions" }).locator("li").nth(1).filter({ hasText: "Not known" }).waitFor();
  assert.deepEqual(faults, []);
});

test("of very many deletions two hundred are shown, and more when asked", options, async () => {
  await open("#/d/drive-1/trash");
  await deleted("old drafts").waitFor();
  await page.evaluate(() => {
    window.daemon.trashed = Array.from({ length: 450 }, (_, at) => ({
      line: { path: `photo ${at}.jpg`, kind: "file", size: at, id: `t${at}`, time: 1_000_000 - at, by: "Ben Okafor", device: "workstation" },
    }));
    window.daemon.tell({ type: "reloaded", drive: "drive-1" });
  });
  await deleted("photo 0.jpg").waitFor();
  const lines = () => page.getByRole("list", { name: "Deleted" }).locator("li").count();
  assert.equal(await lines(), 200);
  await page.getByRole("button", { name: "Show more of 450 deletions" }).click();
  assert.equal(await lines(), 400);
  await page.getByRole("button", { name: "Show more of 450 deletions" }).click();
  assert.equal(await lines(), 450);
  assert.equal(await page.getByRole("button", { name: /Show more/ }).count(), 0);
});
