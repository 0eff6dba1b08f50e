import { expect, it } from "vitest";
import type { Event } from "../../bindings/api";
import { notice } from "./use-notices";

const tree = (you: boolean, count: number): Event => ({
  type: "tree", drive: "d", who: { member: "m", name: you ? "" : "Ben", you }, folders: [], all: false, count,
  changes: [{ what: "edited", node: "n", folder: "f", path: "plans/a.txt" }],
});

it("what others do is said, what one does oneself is not", () => {
  expect(notice(tree(false, 1), "Studio")).toEqual({ title: "Studio", body: "Ben edited “a.txt”" });
  expect(notice(tree(false, 40), "Studio")?.body).toBe("Ben made 40 changes");
  expect(notice(tree(true, 1), "Studio")).toBe(null);
});

it("a removal is said, another role is not", () => {
  expect(notice({ type: "members", drive: "d", role: null }, "Studio")?.body).toMatch(/no longer a member/);
  expect(notice({ type: "members", drive: "d", role: "reader" }, "Studio")).toBe(null);
});
