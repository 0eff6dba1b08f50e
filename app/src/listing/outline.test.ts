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
