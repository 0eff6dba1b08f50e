// What axe finds wrong with a page that stands still: whatever is just fading in has colours of its own.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** One line for each rule that is broken, with what breaks it. */
export async function violations(page) {
  await stillness(page);
  await page.evaluate(axe + "; undefined");
  const found = await page.evaluate((rules) => window.axe.run(document, { runOnly: rules }), RULES);
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
}

/** Waits for everything that moves and comes to an end; in a page that is not in front nothing moves on. */
function stillness(page) {
  return page.evaluate(() => {
    const ends = document.getAnimations().filter((one) => one.effect?.getComputedTiming().endTime !== Infinity);
    const ended = Promise.allSettled(ends.map((one) => one.finished));
    return Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 3000))]).then(() => undefined);
  });
}
