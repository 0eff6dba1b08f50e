import { expect, it } from "vitest";
import type { TrashLine } from "../../bindings/api";
import { deletions } from "./deletions";

function line(path: string, more: Partial<TrashLine> = {}): TrashLine {
  return { path, kind: "file", size: 1, id: path, time: 1_000_000, by: "Ben", device: "laptop", kept: true, ...more };
}

const folder = (path: string, more: Partial<TrashLine> = {}) => line(path, { kind: "folder", size: 0, ...more });

const told = (lines: TrashLine[]) => deletions(lines).map((one) => [one.line.path, one.within]);

it("a folder that was deleted is one deletion, with the number of what was in it", () => {
  expect(told([line("a/b/c.txt"), folder("a"), folder("a/b"), line("a/d.txt", { time: 1_004_000 })])).toEqual([["a", 3]]);
});

it("what was deleted from a folder before, or by somebody else, is told by itself", () => {
  const lines = [folder("a"), line("a/early.txt", { time: 900_000 }), line("a/theirs.txt", { by: "Chen" }), line("a/mine.txt")];
  expect(told(lines)).toEqual([
    ["a", 1],
    ["a/theirs.txt", 0],
    ["a/early.txt", 0],
  ]);
});

it("of two folders that had one path, each has its own", () => {
  const lines = [folder("a", { id: "1" }), folder("a", { id: "2", time: 5_000_000 }), line("a/old.txt"), line("a/new.txt", { time: 5_000_000 })];
  expect(deletions(lines).map((one) => [one.line.id, one.within])).toEqual([
    ["2", 1],
    ["1", 1],
  ]);
});

it("names that only begin alike are not inside, and the latest comes first", () => {
  expect(told([folder("ab"), line("abc"), line("later", { time: 2_000_000 })])).toEqual([
    ["later", 0],
    ["ab", 0],
    ["abc", 0],
  ]);
});

it("what nobody knows the time of comes last, with its folder if that has none either", () => {
  expect(told([line("a/x", { time: null }), folder("a", { time: null }), line("b")])).toEqual([
    ["b", 0],
    ["a", 1],
  ]);
});
