// What goes wrong, before a daemon in memory: it is said, and goes on by itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, grid, open, options, page, row, violations } from "./views.mjs";

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

test("rows that cannot be loaded take nothing away: they are told of, and come when they can", options, async () => {
  await open("?many=100000");
  await row("photo 0.jpg").waitFor();
  // Nobody answers: the banner says that, and the rows stay.
  await page.evaluate(() => window.daemon.break());
  await page.getByText("PeerDrive does not answer.").waitFor();
  await page.keyboard.press("End");
  await page.waitForTimeout(200);
  await grid().waitFor();
  assert.equal(await page.getByText("Some of the rows could not be loaded.").count(), 0);
  await page.keyboard.press("Home");
  await row("photo 0.jpg").waitFor();
  await page.keyboard.press("End");
  await page.evaluate(() => window.daemon.restore());
  await row("photo 99999.jpg").waitFor();
  // Somebody answers that it cannot: that is said beside the rows, with a way on.
  await page.evaluate(() => window.fail("folder"));
  await page.evaluate(() => document.querySelector('[role="treegrid"]').scrollTo(0, 1_000_000));
  await page.getByText("Some of the rows could not be loaded. The disk does not answer.").waitFor();
  const asked = () => page.evaluate(() => window.daemon.calls.filter((one) => one === "folder").length);
  const before = await asked();
  await page.waitForTimeout(300);
  assert.equal(await asked(), before, "nothing is asked again by itself");
  assert.deepEqual(await violations(), []);
  await page.evaluate(() => window.daemon.failing.clear());
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Some of the rows").waitFor({ state: "detached" });
  await page.waitForFunction(() => [...document.querySelectorAll('.grid-space [role="row"]')].every((one) => one.textContent.includes("photo")));
});

test("a slow disk: after two seconds it is said what is waited for, and then the rows come", options, async () => {
  const words = page.getByText("Still waiting for this device’s disk or for another device.");
  await open("?late=folder");
  assert.equal(await words.count(), 0);
  await words.waitFor({ timeout: 3_000 });
  assert.deepEqual(await violations(), []);
  await row("README").waitFor();
  assert.equal(await words.count(), 0);
  assert.deepEqual(faults, []);
});

test("an opened folder that fails is told of, and asked for once", options, async () => {
  await open();
  await row("Brand").click();
  await page.evaluate(() => window.fail("folder"));
  const asked = () => page.evaluate(() => window.daemon.calls.filter((one) => one === "folder").length);
  const before = await asked();
  await page.keyboard.press("ArrowRight");
  await page.getByText("Some of the rows could not be loaded.").waitFor();
  await page.waitForTimeout(400);
  assert.equal((await asked()) - before, 1);
  await row("README").waitFor();
  await page.evaluate(() => window.daemon.failing.clear());
  await page.getByRole("button", { name: "Try again" }).click();
  await row("logo.png").waitFor();
});

test("of a folder that does not come it is not said that it is read only", options, async () => {
  for (const where of ["?fail=folder", "?late=folder"]) {
    await open(where);
    await page.locator(".status").waitFor();
    assert.doesNotMatch(await page.locator(".status").textContent(), /read only/, where);
  }
});

test("a reason that names a hostile file shows what cannot be seen, and each thing is said once", options, async () => {
  await open();
  await page.evaluate(() => {
    const node = [...window.daemon.nodes.values()].find((one) => one.name.startsWith("invoice"));
    node.conflict = true;
    window.daemon.problems = [{ path: node.name, reason: `${node.name} cannot be written`, hint: `rename ${node.name}` }];
    window.daemon.tell({ type: "reloaded", drive: "drive-1" });
  });
  await page.getByRole("link", { name: /Attention/ }).click();
  const conflict = page.locator(".item").filter({ hasText: "invoice[U+202E]fdp.exe" }).filter({ hasText: "edited twice" });
  await conflict.waitFor();
  await page.getByText("cannot be written").waitFor();
  const text = await page.locator("main").textContent();
  assert.ok(!text.includes("\u202E"), text);
  assert.equal((await conflict.textContent()).split("(conflict 62ec 9fab)").length, 2, "the other version is named once");
  assert.deepEqual(faults, []);
});
