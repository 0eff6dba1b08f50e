// A hundred thousand entries, before a daemon in memory: chosen, found and reached without being fetched.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, open, options, page, row, status } from "./views.mjs";

test("all of 100,000 rows are chosen at once without being fetched, and deleted when that is asked", options, async () => {
  await open("?many=100000");
  const asked = () => page.evaluate(() => window.daemon.windows.length);
  const before = await asked();
  const quick = async (keys, words) => {
    const took = await page.evaluate(
      ([keys, words]) =>
        new Promise((resolve) => {
          const begun = performance.now();
          const grid = document.activeElement;
          grid.dispatchEvent(new KeyboardEvent("keydown", { key: keys.at(-1), ctrlKey: keys.includes("Control"), shiftKey: keys.includes("Shift"), bubbles: true, cancelable: true }));
          const look = () => (document.querySelector(".status").textContent.includes(words) ? resolve(performance.now() - begun) : requestAnimationFrame(look));
          look();
        }),
      [keys, words],
    );
    assert.ok(took < 500, `${keys.join("+")} took ${took} ms`);
  };
  await page.keyboard.press("Home");
  await quick(["Control", "a"], "100,000 of 100,000 selected");
  await page.keyboard.press("Escape");
  await page.keyboard.press("ArrowDown");
  await quick(["Shift", "End"], "selected");
  await page.waitForTimeout(300);
  assert.ok((await asked()) - before < 12, `${(await asked()) - before} windows were asked for`);
  await row("photo 99999.jpg").click({ modifiers: ["Control"] });
  const left = Number((await status().textContent()).match(/([\d,]+) of/)[1].replace(",", ""));
  await page.keyboard.press("Delete");
  await page.getByText(`Delete ${left.toLocaleString("en")} items?`).waitFor();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText(`Deleted ${left.toLocaleString("en")} items.`).waitFor();
  await row("photo 99999.jpg").waitFor();
  assert.deepEqual(faults, []);
});

test("a search among 100,000 names is on the screen within 50 ms of its answer", options, async () => {
  await open("?many=100000");
  await page.keyboard.press("/");
  await page.keyboard.type("photo 4");
  await page.getByRole("option").first().waitFor();
  const took = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const call = window.daemon.call.bind(window.daemon);
        let answered = 0;
        window.daemon.call = async (...asked) => {
          const reply = await call(...asked);
          if (asked[0] === "search") answered = performance.now();
          return reply;
        };
        const field = document.querySelector('input[type="search"]');
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, "photo 77777");
        field.dispatchEvent(new Event("input", { bubbles: true }));
        const look = () => (document.querySelector('[role="option"]')?.textContent.includes("77777") ? resolve(performance.now() - answered) : requestAnimationFrame(look));
        look();
      }),
  );
  assert.ok(took < 50, `${took} ms`);
});

test("100,000 entries are fetched by the window, and any of them is a jump away", options, async () => {
  await open("?many=100000");
  await row("photo 0.jpg").waitFor();
  await page.keyboard.press("End");
  await row("photo 99999.jpg").waitFor();
  await page.keyboard.type("photo 5432");
  await row("photo 5432.jpg").waitFor();
  const windows = await page.evaluate(() => window.daemon.windows);
  assert.ok(windows.every(([, count]) => count <= 500));
  const fetched = windows.reduce((sum, [, count]) => sum + count, 0);
  assert.ok(fetched < 5_000, `${fetched} rows were asked for`);
});

test("when scrolling rests, rows follow each other in the document as on the screen, and each shows its own line", options, async () => {
  await open("?many=100000");
  await row("photo 0.jpg").waitFor();
  for (const to of [333, 1_700, 90_000, 89_700]) {
    await page.evaluate((to) => document.querySelector(".grid").scrollTo(0, to), to);
    await page.waitForFunction(() => [...document.querySelectorAll(".grid-space > .row")].every((one) => one.textContent.includes("photo")));
    await page.waitForTimeout(400);
    const rows = await page.locator(".grid-space > .row").evaluateAll((all) =>
      all.map((one) => ({ number: Number(one.ariaRowIndex), place: Number(one.ariaPosInSet), top: one.getBoundingClientRect().top, name: one.querySelector(".cell-name").textContent })),
    );
    assert.ok(rows.length > 10);
    rows.forEach(({ number, place, top, name }, at) => {
      assert.equal(number, rows[0].number + at);
      assert.equal(place, number - 1);
      assert.equal(top, rows[0].top + at * 32);
      assert.equal(name, `photo ${number - 2}.jpg`);
    });
  }
  assert.deepEqual(faults, []);
});

/** What the line below the rows says, once it says that. */
const says = (words) => page.waitForFunction((words) => document.querySelector(".status [role=status]").textContent === words, words).catch(async () => assert.equal(await status().locator("[role=status]").textContent(), words));
/** Does something with ids of rows by their names, as Ben. */
const ben = (what, names) => page.evaluate(([what, names]) => {
  const wanted = new Set(names);
  const ids = [...window.daemon.nodes.values()].filter((node) => wanted.has(node.name)).map((node) => node.id);
  if (what === "add") for (const name of names) window.daemon.as(window.ben, "created", window.daemon.add(name));
  else window.daemon.together(window.ben, what, ids);
}, [what, names]);
const photos = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => `photo ${from + at}.jpg`);
const far = () => page.evaluate(() => document.querySelector(".grid").scrollTo(0, 1_600_000)).then(() => page.waitForTimeout(400));

test("rows that are out of sight are selected no more once others deleted them, however many at once", options, async () => {
  await open("?many=100000");
  await row("photo 3.jpg").click();
  await page.keyboard.down("Shift");
  await row("photo 12.jpg").click();
  await page.keyboard.up("Shift");
  await says("10 of 100,000 selected, 7.3 KB");
  await far();
  await ben("deleted", ["photo 5.jpg"]);
  await says("9 of 99,999 selected, 6.8 KB");
  // More than an event names, with those that are selected at their end.
  await ben("deleted", [...photos(500, 540), ...photos(6, 8)]);
  await says("6 of 99,955 selected, 4.8 KB");
  await ben("add", ["aaa.txt"]);
  await says("6 of 99,956 selected, 4.8 KB");
  await page.keyboard.press("Delete");
  await page.getByText("Delete 6 items?").waitFor();
  await page.keyboard.press("Escape");
  assert.deepEqual(faults, []);
});

test("a run of rows begins and ends with its own rows, whatever others add and delete out of sight", options, async () => {
  await open("?many=100000");
  await row("photo 3.jpg").click();
  await page.evaluate(() => document.querySelector(".grid").scrollTo(0, 32 * 5_000));
  await page.keyboard.down("Shift");
  await row("photo 5000.jpg").click();
  await page.keyboard.up("Shift");
  await says("4,998 of 100,000 selected");
  await row("photo 4999.jpg").click({ modifiers: ["Control"] });
  await says("4,997 of 100,000 selected");
  await far();
  await ben("add", ["aaa.txt", "aab.txt"]);
  await says("4,997 of 100,002 selected");
  await page.waitForTimeout(800);
  await says("4,997 of 100,002 selected");
  // The last ones, and more than an event names.
  await ben("deleted", [...photos(90_000, 90_040), ...photos(4_995, 5_000)]);
  await says("4,992 of 99,955 selected");
  await page.evaluate(() => document.querySelector(".grid").scrollTo(0, 0));
  await row("photo 3.jpg").waitFor();
  await page.waitForTimeout(400);
  const first = () => page.locator('[role="row"][aria-selected="true"] .cell-name').first().textContent();
  assert.equal(await first(), "photo 3.jpg");
  await far();
  await ben("deleted", ["photo 3.jpg"]);
  await says("4,991 of 99,954 selected");
  assert.deepEqual(faults, []);
});
