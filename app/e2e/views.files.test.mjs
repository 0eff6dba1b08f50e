// Files as a person meets them, before a daemon in memory: keys, pointer, drag and drop, sorting, choosing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { current, faults, grid, open, options, page, row, selected, status, violations } from "./views.mjs";

test("a newcomer shares a folder, makes a folder, renames, moves, searches and previews with the keyboard alone", options, async () => {
  await open("?empty");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("/home/ana/Studio");
  await page.keyboard.press("Enter");
  // The words for when all is lost come first, and can wait.
  await page.getByRole("dialog", { name: "Recovery phrase" }).getByText("stone").first().waitFor();
  await page.keyboard.press("Enter");
  await page.getByText("it is under People").waitFor();
  await grid().waitFor();
  await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "treegrid");
  await page.keyboard.press("F7");
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

test("a row is dragged into a folder, several at once, and back by Undo", options, async () => {
  await open();
  await row("README").click();
  await row("server.rs").click({ modifiers: ["Control"] });
  await row("README").dragTo(row("Contracts"));
  await row("README").waitFor({ state: "detached" });
  assert.equal(await row("server.rs").count(), 0);
  await page.getByText("Moved 2 items to “Contracts”").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await row("README").waitFor();
  await row("server.rs").waitFor();
  assert.deepEqual(faults, []);
});

test("a file cannot be dropped on a file, nor a folder into itself", options, async () => {
  await open();
  await row("README").dragTo(row("server.rs"));
  await row("Photos").dragTo(row("Photos"));
  await page.waitForTimeout(150);
  await row("README").waitFor();
  assert.equal(await page.locator(".toast").count(), 0);
});

/** Drags something that came from elsewhere over a place and drops it there; yields what the page made of it. */
const dragIn = (place, type, data) =>
  place.evaluate(
    (element, [type, data]) => {
      const transfer = new DataTransfer();
      if (type === "Files") transfer.items.add(new File([data], "dropped.txt"));
      else transfer.setData(type, data);
      const give = (what) => {
        const event = new DragEvent(what, { dataTransfer: transfer, bubbles: true, cancelable: true });
        element.dispatchEvent(event);
        return event.defaultPrevented;
      };
      const taken = give("dragover");
      const { dropEffect } = transfer;
      give("drop");
      return { taken, dropEffect };
    },
    [type, data],
  );

test("what is dragged in from elsewhere moves no row", options, async () => {
  await open();
  const foreign = [["text/plain", "words"], ["text/uri-list", "https://example.org/"], ["application/x-peerdrive", "drive-1"]];
  await row("README").click();
  for (const [type, data] of foreign) assert.equal((await dragIn(row("Contracts"), type, data)).taken, false, type);
  await page.waitForTimeout(150);
  await row("README").waitFor();
  await row("Brand").dblclick();
  await row("logo.png").click();
  const top = page.locator(".crumb").first();
  for (const [type, data] of foreign) assert.equal((await dragIn(top, type, data)).taken, false, type);
  await page.waitForTimeout(150);
  await row("logo.png").waitFor();
  assert.equal(await page.locator(".toast").count(), 0);
  assert.deepEqual(faults, []);
});

test("files that are dropped are added; where none can be, they are refused while they are held", options, async () => {
  await open();
  assert.equal((await dragIn(row("README"), "Files", "x")).taken, true);
  await row("dropped.txt").waitFor();
  for (const where of ["?noupload", "?role=reader"]) {
    await open(where);
    assert.deepEqual(await dragIn(row("README"), "Files", "x"), { taken: true, dropEffect: "none" }, where);
    await page.waitForTimeout(150);
    assert.equal(await row("dropped.txt").count(), 0, where);
  }
  await open("?noupload");
  await row("Contracts").dblclick();
  await page.getByText("Put files into /home/ana/Studio with your file manager").waitFor();
  assert.equal(await page.getByText("Drop files here").count(), 0);
  assert.deepEqual(faults, []);
});

test("a row is dropped on a folder of the way here, and goes there", options, async () => {
  await open();
  await row("Brand").dblclick();
  await row("logo.png").dragTo(page.locator(".crumb").first());
  await page.getByText("Moved “logo.png” to “Studio”").waitFor();
  await row("logo.png").waitFor({ state: "detached" });
  await page.locator(".crumb").first().click();
  await row("logo.png").waitFor();
  assert.deepEqual(faults, []);
});

const focused = () => page.evaluate(() => document.activeElement.textContent);

test("a row is moved by the dialog, with the keyboard alone, and back by Undo", options, async () => {
  await open();
  await row("README").click();
  await page.keyboard.press("Control+m");
  await page.locator(".move-row").first().waitFor();
  await page.waitForTimeout(100);
  assert.equal(await focused(), "Brand", "the keys are at the first folder");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByText("No folders in here.").waitFor();
  assert.equal(await page.locator(".move-path").textContent(), "Studio / Contracts");
  await page.waitForTimeout(100);
  assert.equal(await focused(), "Up to “Studio”", "and stay in the list when another folder opens");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Move here");
  await page.keyboard.press("Enter");
  await page.getByText("Moved “README” to “Contracts”").waitFor();
  await row("README").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).click();
  await row("README").waitFor();
  assert.deepEqual(faults, []);
});

test("a row can be moved to any of many folders", options, async () => {
  await open("?folders=1200");
  await page.keyboard.press("End");
  await row("README").click();
  await page.keyboard.press("Control+m");
  const dialog = page.getByRole("dialog");
  const folder = (at) => dialog.getByRole("button", { name: `folder ${at}`, exact: true });
  await folder(499).waitFor();
  assert.equal(await folder(500).count(), 0);
  await dialog.getByRole("button", { name: "More folders" }).click();
  await folder(999).waitFor();
  await dialog.getByRole("button", { name: "More folders" }).click();
  await folder(1199).click();
  await page.getByText("No folders in here.").waitFor();
  assert.equal(await dialog.getByRole("button", { name: "More folders" }).count(), 0);
  await dialog.getByRole("button", { name: "Move here" }).click();
  await page.getByText("Moved “README” to “folder 1199”").waitFor();
  assert.deepEqual(faults, []);
});

test("columns sort, up and down, folders first, and say so", options, async () => {
  await open();
  const names = () => page.locator('.grid-space [role="row"] .cell-name').allTextContents();
  const head = (name) => page.getByRole("columnheader", { name });
  await head("Size").getByRole("button").click();
  await page.waitForFunction(() => document.querySelector('[aria-sort="descending"]')?.textContent?.includes("Size"));
  await row("keynote.mp4").waitFor();
  await page.waitForTimeout(150);
  const files = (await names()).slice(4);
  assert.match(files[0], /keynote\.mp4/);
  await head("Size").getByRole("button").click();
  await page.waitForTimeout(250);
  assert.match((await names()).slice(4)[0], /a very long name/);
  await head("Name").getByRole("button").click();
  assert.equal(await head("Name").getAttribute("aria-sort"), "ascending");
});

test("columns are sorted by keyboard: Tab goes to their heads, arrows among them, Enter sorts and stays", options, async () => {
  await open();
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  await grid().focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Name");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  assert.equal(await focused(), "Size");
  const head = page.getByRole("columnheader", { name: "Size" });
  await page.keyboard.press("Enter");
  await page.waitForTimeout(250);
  assert.equal(await head.getAttribute("aria-sort"), "descending");
  assert.match((await page.locator('.grid-space [role="row"] .cell-name').allTextContents())[4], /keynote\.mp4/);
  assert.equal(await focused(), "Size");
  await page.keyboard.press("Space");
  await page.waitForTimeout(250);
  assert.equal(await head.getAttribute("aria-sort"), "ascending");
  assert.equal(await page.locator(".preview").count(), 0);
  assert.deepEqual(await violations(), []);
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("role")), "treegrid");
  await page.keyboard.press("End");
  await page.keyboard.press("Home");
  assert.match(await current(), /Brand|Contracts|Launch|Photos/);
  assert.deepEqual(faults, []);
});

test("several rows are chosen by pointer and by keyboard, and the choice stays on them", options, async () => {
  await open();
  await row("budget.csv").click();
  await row("keynote.mp4").click({ modifiers: ["Shift"] });
  const between = await selected();
  assert.ok(between.length > 2 && between.some((name) => name.includes("cover.png")), String(between));
  await row("cover.png").click({ modifiers: ["Control"] });
  assert.equal((await selected()).length, between.length - 1);
  await page.evaluate(() => window.daemon.as(window.ben, "created", window.daemon.add("aaa.txt")));
  await row("aaa.txt").waitFor();
  assert.equal((await selected()).length, between.length - 1);
  await page.keyboard.press("Escape");
  assert.equal((await selected()).length, 0);
  await page.keyboard.press("Home");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Shift+ArrowDown");
  assert.equal((await selected()).length, 3);
});

test("what acts on one row acts on the chosen one, wherever the cursor is", options, async () => {
  await open();
  await row("README").click();
  await row("server.rs").click({ modifiers: ["Control"] });
  await row("server.rs").click({ modifiers: ["Control"] });
  assert.match(await current(), /server\.rs/);
  await page.keyboard.press("F2");
  await page.getByLabel("New name for README").waitFor();
  await page.keyboard.press("Escape");
  await row("README").click();
  await row("server.rs").click({ modifiers: ["Control"] });
  await row("README").click({ button: "right" });
  await page.getByRole("menuitem", { name: "Delete" }).waitFor();
  assert.equal((await selected()).length, 2);
  assert.match(await page.locator(".row-current").textContent(), /README/);
  assert.deepEqual(faults, []);
});

test("Enter goes to what was typed, also while the answer to the first letters is still shown", options, async () => {
  await open();
  await row("Photos").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("p");
  await page.getByRole("option").first().waitFor();
  await page.evaluate(() => window.daemon.delays.set("search", 400));
  await page.keyboard.type("alette.json");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await row("palette.json").waitFor();
  assert.deepEqual(faults, []);
});

test("each row has the picture of its kind, in the colours of the theme", options, async () => {
  const pictures = (theme) => page.emulateMedia({ colorScheme: theme }).then(() => page.locator(".grid-space > .row").evaluateAll((rows) => Object.fromEntries(rows.map((one) => {
    const cell = one.querySelector(".cell-name");
    return [cell.textContent, getComputedStyle(cell).backgroundImage];
  }))));
  await open();
  await row("README").waitFor();
  const light = await pictures("light");
  const dark = await pictures("dark");
  await page.emulateMedia({ colorScheme: null });
  for (const one of [light, dark]) {
    for (const picture of Object.values(one)) assert.match(picture, /^url\("data:image\/svg\+xml,/);
    assert.equal(one["Brand"], one["Contracts"]);
    assert.notEqual(one["Brand"], one["cover.png"]);
  }
  assert.notEqual(light["Brand"], dark["Brand"]);
  assert.deepEqual(faults, []);
});

test("letters go to the next name that begins so, in opened folders as well", options, async () => {
  await open();
  await row("Brand").click();
  await page.keyboard.press("ArrowRight");
  await row("palette.json").waitFor();
  await page.keyboard.type("pal");
  await page.waitForFunction(() => document.querySelector(".row-current")?.textContent.includes("palette.json"));
  assert.match(await current(), /palette\.json/);
  await page.waitForTimeout(1_000);
  await page.keyboard.type("l");
  await page.waitForFunction(() => document.querySelector(".row-current")?.textContent.includes("Launch 2027"));
  await page.waitForTimeout(1_000);
  await page.keyboard.type("lo");
  await page.waitForFunction(() => document.querySelector(".row-current")?.textContent.includes("logo.png"));
  assert.deepEqual(faults, []);
});

test("what was deleted or moved away is selected no more, whoever did it", options, async () => {
  await open();
  const words = () => status().locator("[role=status]").textContent();
  const until = (text) => page.waitForFunction((text) => document.querySelector(".status [role=status]").textContent === text, text);
  await row("README").click();
  assert.equal(await words(), "1 of 17 selected, 640 B");
  await page.keyboard.press("Delete");
  await page.keyboard.press("Enter");
  await until("16 items");
  await row("cover.png").click();
  await row("server.rs").click({ modifiers: ["Control"] });
  await page.evaluate(() => {
    const { id } = [...window.daemon.nodes.values()].find((node) => node.name === "cover.png");
    window.daemon.as(window.ben, "deleted", id, () => undefined);
  });
  await until("1 of 15 selected, 12.0 KB");
  await page.evaluate(() => {
    const find = (name) => [...window.daemon.nodes.values()].find((node) => node.name === name).id;
    const photos = find("Photos");
    window.daemon.as(window.ben, "moved", find("server.rs"), (node) => { node.parent = photos; });
  });
  await until("14 items");
  assert.deepEqual(faults, []);
});

test("how many there are is not said before it is known", options, async () => {
  await open("?slow=folder");
  assert.equal(await status().locator("[role=status]").textContent(), "");
});
