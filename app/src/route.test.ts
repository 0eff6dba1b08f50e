import { expect, it } from "vitest";
import { format, parse } from "./route";

it("every view has an address that leads back to it", () => {
  for (const route of [
    { at: "start" },
    { at: "transfers" },
    { at: "drive", drive: "a b", view: "people", folder: null },
    { at: "drive", drive: "x", view: "files", folder: "n/1" },
  ] as const) {
    expect(parse(format(route))).toEqual(route);
  }
});

it("an address that means nothing is the start, not an error", () => {
  expect(parse("#/nowhere/at/all")).toEqual({ at: "start" });
  expect(parse("#/d/%E0%A4%A")).toEqual({ at: "start" });
  expect(parse("#/d/x/strange")).toEqual({ at: "drive", drive: "x", view: "files", folder: null });
});
