// Bytes on their way, before a daemon in memory: how far, how fast, how long still, and a way to stop.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, open, options, page, row, violations } from "./views.mjs";

const item = (name) => page.locator(".item").filter({ hasText: name });
const give = (...names) =>
  page.locator('input[type="file"]').setInputFiles(names.map((name) => ({ name, mimeType: "video/mp4", buffer: Buffer.alloc(1_000_000) })));

test("files that are being added show how far, how fast and how long still, one after the other, and can be stopped", options, async () => {
  await open("?upload=4000");
  await give("first.mp4", "second.mp4", "third.mp4");
  await page.getByRole("link", { name: "Transfers" }).click();
  await item("first.mp4").getByText(/^2\d\d KB\/s · \d s left$/).waitFor();
  await item("first.mp4").getByText(/Adding to Studio · \d00 KB of 1\.0 MB/).waitFor();
  const bar = () => page.getByRole("progressbar", { name: "first.mp4" }).getAttribute("aria-valuenow").then(Number);
  const before = await bar();
  await item("second.mp4").getByText("waits for its turn").waitFor();
  await page.waitForTimeout(900);
  assert.ok((await bar()) > before, "it goes on");
  // All of them count for the line at the foot of the drives.
  assert.match(await page.locator(".sidebar-foot").textContent(), /Transfers[1-9]\d? %/);
  assert.deepEqual(await violations(), []);
  await page.getByRole("button", { name: "Stop adding second.mp4" }).click();
  await item("second.mp4").waitFor({ state: "detached" });
  await item("third.mp4").getByText(/KB\/s · \d s left/).waitFor();
  await page.getByRole("button", { name: "Stop adding third.mp4" }).click();
  await item("third.mp4").waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Studio" }).click();
  await row("first.mp4").waitFor();
  await page.waitForTimeout(600);
  assert.equal(await row("second.mp4").count(), 0);
  assert.equal(await row("third.mp4").count(), 0);
  assert.deepEqual(faults, []);
});

test("what comes shows how far, how fast and how long still, and follows the news", options, async () => {
  await open("#/transfers");
  await item("Studio").getByText("48.0 MB/s · 1 min left", { exact: true }).waitFor();
  await item("Studio").getByText("Writing to this device · 31 of 128 files · 1.3 GB of 4.2 GB", { exact: true }).waitFor();
  const tell = (transfers) => page.evaluate((transfers) => window.daemon.tell({ type: "transfers", drive: "drive-1", transfers }), transfers);
  const now = { drive: "drive-1", way: "checkout", files: 120, files_total: 128, bytes: 4_150_000_000, bytes_total: 4_200_000_000, rate: 10_000_000, left: 5_000 };
  await tell([now]);
  await item("Studio").getByText("10.0 MB/s · 5 s left", { exact: true }).waitFor();
  assert.equal(await page.getByRole("progressbar", { name: "Studio" }).getAttribute("aria-valuenow"), "99");
  await tell([{ ...now, rate: 0, left: null }]);
  await item("Studio").getByText("waiting", { exact: true }).waitFor();
  await tell([]);
  await page.getByText("Nothing is under way").waitFor();
  assert.deepEqual(faults, []);
});
