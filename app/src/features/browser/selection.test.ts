import { expect, it } from "vitest";
import { followed, nothing, only, ranged, toggled } from "./selection";

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
