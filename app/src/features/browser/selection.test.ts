import { expect, it } from "vitest";
import { alone, at, everything, followed, has, none, nothing, only, pointed, ranged, size, spanned, toggled, watched, without } from "./selection";

const row = (id: string) => ({ id });

it("a range begins where the last single choice was", () => {
  let chosen = only(row("c"), 2);
  chosen = ranged(chosen, ["c", "d", "e"].map(row), 4, "e");
  expect([...chosen.rows.keys()]).toEqual(["c", "d", "e"]);
  chosen = ranged(chosen, ["b", "c"].map(row), 1, "b");
  expect([chosen.anchor, [...chosen.rows.keys()]]).toEqual([2, ["b", "c"]]);
});

it("toggling twice changes nothing but the cursor", () => {
  const chosen = toggled(toggled(nothing<{ id: string }>(), row("a"), 0), row("a"), 0);
  expect([chosen.rows.size, chosen.cursor.id]).toEqual([0, "a"]);
});

it("the cursor stays on its row when others come before it, and on its line when it is gone", () => {
  const chosen = only(row("b"), 1);
  expect(followed(chosen, () => 5, 10).cursor.line).toBe(5);
  expect(followed(chosen, () => -1, 10).cursor.line).toBe(1);
  expect(followed(chosen, () => -1, 1).cursor.line).toBe(0);
  expect(followed(chosen, () => -1, 0).cursor.line).toBe(0);
});

it("a run of lines counts and knows who is in it, and one of it can be left out", () => {
  let chosen = spanned(at<{ id: string }>(10), 99_999, () => null);
  expect([size(chosen), has(chosen, "x", 10), has(chosen, "x", 9)]).toEqual([99_990, true, false]);
  chosen = toggled(chosen, row("x"), 50);
  expect([size(chosen), has(chosen, "x", 50)]).toEqual([99_989, false]);
  chosen = toggled(chosen, row("y"), 3);
  expect([size(chosen), has(chosen, "y", 3)]).toEqual([99_990, true]);
  chosen = toggled(chosen, row("x"), 50);
  expect(size(chosen)).toBe(99_991);
  expect(size(none(chosen))).toBe(0);
});

it("a run stays on the rows at its ends when others come before them", () => {
  const before = spanned(at<{ id: string }>(10), 20, (line) => `n${line}`);
  const after = followed(before, (id) => Number(id.slice(1)) + 5, 1_000);
  expect([after.span?.from, after.span?.to]).toEqual([15, 25]);
});

it("an end whose row comes later is held by it from then on", () => {
  const before = spanned(at<{ id: string }>(0), 900, (line) => (line === 0 ? "a" : null));
  const known = followed(before, (id) => (id === "a" ? 0 : -1), 1_000, () => "z");
  const after = followed(known, (id) => (id === "a" ? 0 : 901), 1_001);
  expect([after.span?.from, after.span?.to]).toEqual([0, 901]);
});

it("a run whose outermost rows go ends with those that were beside them, and is no more when none is known", () => {
  const names = Array.from({ length: 100 }, (_, at) => `n${at}`);
  const list = (ids: readonly string[]) => [(id: string) => ids.indexOf(id), ids.length, (line: number) => ids[line] ?? null] as const;
  const run = spanned(at<{ id: string }>(10), 20, (line) => names[line] ?? null);
  const gone = new Set(["n10", "n11", "n19", "n20"]);
  const kept = names.filter((id) => !gone.has(id));
  const after = followed(without(run, (id) => gone.has(id)), ...list(kept));
  expect([after.span?.from, after.span?.to, size(after)].map(String)).toEqual(["10", "16", "7"]);
  expect([kept[10], kept[16]]).toEqual(["n12", "n18"]);
  expect(without(run, () => true).span).toBe(null);
});

it("who is left out of a run and goes is counted out no more", () => {
  const chosen = toggled(everything(nothing<{ id: string }>(), 1_000), row("x"), 50);
  const after = followed(without(chosen, (id) => id === "x"), () => -1, 999);
  expect([size(chosen), size(after)]).toEqual([999, 999]);
});

it("the rows that are watched are those that are chosen by id, those left out, and the ends of a run", () => {
  expect(watched(toggled(only(row("a"), 0), row("b"), 1))).toEqual(["a", "b"]);
  const run = toggled(spanned(at<{ id: string }>(10), 20, (line) => `n${line}`), row("n15"), 15);
  expect(watched(toggled(run, row("z"), 90))).toEqual(["n10", "n20", "z", "n15"]);
});

it("all is all, also of a list that grows or shrinks", () => {
  const chosen = everything(nothing<{ id: string }>(), 1_000);
  expect(size(followed(chosen, () => -1, 1_001))).toBe(1_001);
  expect(size(followed(chosen, () => -1, 400))).toBe(400);
  expect(size(followed(chosen, () => -1, 0))).toBe(0);
});

it("the row that is chosen alone is known wherever the cursor is", () => {
  const rows = ["a", "b", "c"].map(row);
  const found = (chosen: Parameters<typeof alone<{ id: string }>>[0]) => alone(chosen, (id) => rows.findIndex((one) => one.id === id), (line) => rows[line])?.id;
  const left = toggled(toggled(only(row("a"), 0), row("c"), 2), row("c"), 2);
  expect([left.cursor.id, found(left)]).toEqual(["c", "a"]);
  expect(found(pointed(only(row("a"), 0), row("b"), 1))).toBe("a");
  const span = ["a", "c"].reduce((now, id) => toggled(now, row(id), rows.findIndex((one) => one.id === id)), everything(nothing<{ id: string }>(), 3));
  expect(found(span)).toBe("b");
  expect([found(nothing()), found(everything(nothing(), 3))]).toEqual([undefined, undefined]);
});

it("what is no more is chosen no more, and nothing else changes", () => {
  const chosen = toggled(only(row("a"), 0), row("b"), 1);
  const left = without(chosen, (id) => id === "a");
  expect([[...left.rows.keys()], left.cursor]).toEqual([["b"], { line: 1, id: "b" }]);
  expect(without(chosen, () => false)).toBe(chosen);
});
