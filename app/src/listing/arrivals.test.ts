import { describe, expect, it } from "vitest";
import { Arrivals } from "./arrivals";

function before() {
  const told: string[] = [];
  let frame: (() => void)[] = [];
  const arrivals = new Arrivals((run) => frame.push(run), () => told.push("all"));
  const next = (): void => {
    const due = frame;
    frame = [];
    for (const run of due) run();
  };
  const screen = { scrolling: false };
  const hide = arrivals.show({ moving: () => screen.scrolling, write: () => told.push("rows") });
  return { arrivals, told, next, screen, hide };
}

describe("what comes of a list", () => {
  it("is told once a frame", () => {
    const { arrivals, told, next } = before();
    arrivals.take("rows");
    arrivals.take("rows");
    expect(told).toEqual([]);
    next();
    expect(told).toEqual(["all"]);
  });

  it("is only written down while the list is scrolled, and all hear of it when that rests", () => {
    const { arrivals, told, next, screen } = before();
    screen.scrolling = true;
    arrivals.take("rows");
    next();
    arrivals.take("rows");
    next();
    expect(told).toEqual(["rows", "rows"]);
    arrivals.rest();
    arrivals.rest();
    expect(told).toEqual(["rows", "rows", "all"]);
  });

  it("is told to all at once if the list itself is another, scrolled or not", () => {
    const { arrivals, told, next, screen } = before();
    screen.scrolling = true;
    arrivals.take("rows");
    arrivals.take("list");
    next();
    arrivals.rest();
    expect(told).toEqual(["all"]);
  });

  it("is told to all where no rows are on the screen", () => {
    const { arrivals, told, next, screen, hide } = before();
    screen.scrolling = true;
    arrivals.take("rows");
    next();
    hide();
    arrivals.take("rows");
    next();
    expect(told).toEqual(["rows", "all", "all"]);
  });
});
