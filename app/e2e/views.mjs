// What the tests of views share: one page before the app and a daemon in memory, and the words to look at
// it with. Whoever imports this gets the browser started before their tests and ended after.
import { after, before } from "node:test";
import * as axe from "./axe.mjs";
import { launch, program, serve } from "./browser.mjs";

export const options = { skip: program() ? false : "there is no Chromium here" };
let server, browser;
export let page;
/** What the page complained of since it was opened. */
export let faults = [];

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

export async function open(where = "") {
  faults = [];
  await page.goto("about:blank");
  await page.goto(`${server.url}/${where}`);
  await page.locator("main, .shell-alone").first().waitFor();
  await page.waitForTimeout(150);
}

export const grid = () => page.getByRole("treegrid");
export const row = (name) => page.getByRole("row").filter({ hasText: name });
export const status = () => page.locator(".status");
export const selected = () => page.locator('[role="row"][aria-selected="true"]').evaluateAll((rows) => rows.map((row) => row.querySelector(".cell-name").textContent));
export const current = () => page.evaluate(() => document.getElementById(document.activeElement?.getAttribute("aria-activedescendant") ?? "")?.textContent ?? "");

export const violations = () => axe.violations(page);
