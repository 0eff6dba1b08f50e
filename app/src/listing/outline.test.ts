import { expect, it } from "vitest";
import { Outline } from "./outline";
import { Pages } from "./pages";

async function folder(...ids: string[]): Promise<Pages<{ id: string }>> {
  const pages = new Pages<{ id: string }>((offset, limit) =>
    Promise.resolve({ total: ids.length, revision: "1", rows: ids.slice(offset, offset + limit).map((id) => ({ id })), about: null }),
  );
  pages.want(0, ids.length);
  await new Promise((resolve) => setTimeout(resolve, 2));
  return pages;
}

const lines = (outline: Outline<{ id: string }>) =>
  Array.from({ length: outline.length }, (_, at) => {
    const line = outline.at(at);
    return `${"  ".repeat((line?.level ?? 0) - 1)}${line?.row?.id ?? "?"}`;
  });

it("opened folders stand under their own row, in order, at any depth", async () => {
  const open = new Map([
    ["c", await folder("c1", "c2")],
    ["a", await folder("a1", "a2", "a3")],
    ["a2", await folder("a2x")],
    ["gone", await folder("never")],
  ]);
  const outline = new Outline({ id: "root", pages: await folder("a", "b", "c") }, open);
  expect(lines(outline)).toEqual(["a", "  a1", "  a2", "    a2x", "  a3", "b", "c", "  c1", "  c2"]);
  expect(outline.lineOf("a3")).toBe(4);
  expect(outline.at(3)).toMatchObject({ folder: "a2", parent: 2, position: 0, siblings: 1, level: 3 });
  expect(outline.at(4)).toMatchObject({ folder: "a", parent: 0, position: 2, siblings: 3 });
  expect(outline.at(9)).toBeUndefined();
  expect(outline.lineOf("never")).toBe(-1);
});

it("a range goes through open folders", async () => {
  const open = new Map([["a", await folder("a1", "a2")]]);
  const outline = new Outline({ id: "root", pages: await folder("a", "b") }, open);
  const runs = await outline.range(1, 3, new AbortController().signal);
  expect(runs.map(({ folder, parent, rows }) => [folder, parent, rows.map((row) => row.id)])).toEqual([["a", 0, ["a1", "a2"]], ["root", -1, ["b"]]]);
  expect(outline.known(0, 3)?.map((row) => row.id)).toEqual(["a", "a1", "a2", "b"]);
  expect(outline.known(0, 9)).toBe(null);
});

it("an empty folder has no lines", async () => {
  const outline = new Outline({ id: "root", pages: await folder() }, new Map());
  expect([outline.length, outline.at(0)]).toEqual([0, undefined]);
});

it("places and lines lead to each other across open folders", async () => {
  const root = await folder("a", "b", "c");
  const outline = new Outline({ id: "root", pages: root }, new Map([["a", await folder("a1", "a2")]]));
  expect([0, 1, 2].map((place) => outline.lineAt(root, place))).toEqual([0, 3, 4]);
  expect([0, 1, 2, 3, 4, 9].map((line) => outline.positionIn(root, line))).toEqual([0, 1, 1, 1, 2, 0]);
  expect(outline.lineAt(root, -1)).toBe(-1);
});

it("what is sought is found in every folder that is open, from a line on and then from the top", async () => {
  const names = { root: ["ant", "bee", "cow"], ant: ["bat", "cat"], cow: ["bug"] };
  const root = await folder(...names.root);
  const outline = new Outline({ id: "root", pages: root }, new Map([["ant", await folder(...names.ant)], ["cow", await folder(...names.cow)]]));
  expect(lines(outline)).toEqual(["ant", "  bat", "  cat", "bee", "cow", "  bug"]);
  const seek = (letter: string, from: number) =>
    outline.seek(from, (id, position) => {
      const fits = (name: string): boolean => name.startsWith(letter);
      const rows = names[id as keyof typeof names];
      const after = rows.findIndex((name, at) => at >= position && fits(name));
      return Promise.resolve(after >= 0 ? after : rows.findIndex(fits));
    });
  expect(await Promise.all([0, 1, 2, 3, 4, 5].map((from) => seek("b", from)))).toEqual([1, 1, 3, 3, 5, 5]);
  expect(await Promise.all([0, 2, 3, 5].map((from) => seek("c", from)))).toEqual([2, 2, 4, 2]);
  expect(await seek("x", 0)).toBe(-1);
});

it("it is told which rows are here, and whether that is all", async () => {
  const open = new Map([["a", await folder("a1")]]);
  const outline = new Outline({ id: "root", pages: await folder("a", "b") }, open);
  expect(outline.here()).toEqual({ ids: new Set(["a", "b", "a1"]), all: true });
  const some = new Pages<{ id: string }>((offset, limit) =>
    Promise.resolve({ total: 900, revision: "1", rows: Array.from({ length: Math.min(limit, 900 - offset) }, (_, at) => ({ id: `n${offset + at}` })), about: null }),
  );
  some.want(0, 10);
  await new Promise((resolve) => setTimeout(resolve, 2));
  const { ids, all } = new Outline({ id: "root", pages: some }, new Map()).here();
  expect([ids.size, all]).toEqual([200, false]);
});
