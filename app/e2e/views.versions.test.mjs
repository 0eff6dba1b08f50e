// Versions of a file and the way back to one, before a daemon in memory.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, grid, open, options, page, row, selected } from "./views.mjs";

const dialog = () => page.getByRole("dialog", { name: "Versions of “launch plan final.md”" });
const version = (at) => dialog().getByRole("list", { name: "Versions" }).locator("li").nth(at);

async function versions(where = "") {
  await open(where);
  await row("launch plan final").click();
  await page.keyboard.press("Control+h");
  await version(0).waitFor();
}

test("every version says when, by whom, how much, and where its bytes are", options, async () => {
  await versions();
  assert.equal(await dialog().locator("li").count(), 4);
  assert.match(await version(0).textContent(), /now.*Ben Okafor · 18\.2 KB$/);
  assert.equal(await version(0).getByRole("button").count(), 0, "what it holds now needs no restoring");
  assert.match(await version(1).textContent(), /Ana Lima · 17\.9 KB/);
  assert.match(await version(2).textContent(), /Chen Wei · 9\.0 KB · on other devices/);
  assert.match(await version(3).textContent(), /Ben Okafor · 12 B · on no device that is connected/);
  await page.keyboard.press("Escape");
  await dialog().waitFor({ state: "detached" });
  assert.deepEqual(faults, []);
});

test("a version is restored as a new one, and that is taken back by one button", options, async () => {
  await versions();
  await version(2).getByRole("button", { name: /Restore the version of/ }).click();
  await page.getByText(/“launch plan final\.md” is as it was: /).waitFor();
  await dialog().waitFor({ state: "detached" });
  await row("launch plan final").filter({ hasText: "9.0 kB" }).waitFor();
  assert.deepEqual(await selected(), ["launch plan final.md"]);
  assert.ok(await grid().evaluate((one) => one === document.activeElement), "the keys are with the rows again");
  await page.getByRole("button", { name: "Undo" }).click();
  await row("launch plan final").filter({ hasText: "18.2 KB" }).waitFor();
  await grid().focus();
  await page.keyboard.press("Control+h");
  await version(5).waitFor();
  assert.deepEqual(faults, []);
});

test("from the preview as well", options, async () => {
  await open();
  await row("launch plan final").click();
  await page.keyboard.press("Space");
  await page.getByRole("complementary", { name: /Preview of/ }).getByRole("button", { name: "Versions…" }).click();
  await version(3).waitFor();
  await page.keyboard.press("Escape");
  await row("Brand").click();
  await page.getByRole("complementary", { name: "Preview of Brand" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Versions…" }).count(), 0);
});

test("from the menu, and of one file only", options, async () => {
  await open();
  await row("launch plan final").click({ button: "right" });
  await page.getByRole("menuitem", { name: /Versions/ }).click();
  await version(3).waitFor();
  await page.keyboard.press("Escape");
  await row("Brand").click();
  await page.keyboard.press("Control+h");
  await row("Brand").click({ button: "right" });
  await page.getByRole("menu").waitFor();
  assert.equal(await page.getByRole("menuitem", { name: /Versions/ }).count(), 0);
  assert.equal(await page.getByRole("dialog").count(), 0);
});

test("a file inside a folder that is opened in place is asked for by its whole path", options, async () => {
  await open();
  await row("Brand").click();
  await page.keyboard.press("ArrowRight");
  await row("logo.png").click();
  await page.keyboard.press("Control+h");
  await page.getByRole("dialog", { name: "Versions of “logo.png”" }).getByText("48.2 kB").waitFor();
});

test("a reader sees the versions and cannot restore; what fails is told and can be tried again", options, async () => {
  await versions("?role=reader");
  assert.equal(await dialog().getByRole("button", { name: /Restore/ }).count(), 0);
  await open();
  await page.evaluate(() => window.fail("history"));
  await row("launch plan final").click();
  await page.keyboard.press("Control+h");
  await dialog().getByRole("alert").filter({ hasText: "The disk does not answer." }).waitFor();
  await page.evaluate(() => window.daemon.failing.clear());
  await dialog().getByRole("button", { name: "Try again" }).click();
  await version(1).waitFor();
  await page.evaluate(() => window.fail("restore"));
  await version(1).getByRole("button", { name: /Restore/ }).click();
  await page.getByText("“launch plan final.md” was not changed.").waitFor();
  await dialog().waitFor();
});
