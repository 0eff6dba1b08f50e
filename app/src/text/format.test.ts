import { expect, it } from "vitest";
import { ago, bytes, count, exactly, lasting, left, listed, machineTime } from "./format";

it("bytes have three figures and the next unit comes in time", () => {
  expect([0, 999, 1000, 1549, 99_949, 99_950, 999_499, 999_500, 5e12].map(bytes)).toEqual([
    "0 B", "999 B", "1.0 KB", "1.5 KB", "99.9 KB", "100 KB", "999 KB", "1.0 MB", "5.0 TB",
  ]);
  expect(bytes(-4)).toBe("0 B");
});

it("times ago are short, and a clock that runs ahead is no nonsense", () => {
  const now = new Date(2026, 5, 15, 12, 0, 0).getTime();
  expect(ago(0, now)).toBe("–");
  expect(ago(now, now)).toBe("now");
  expect(ago(now + 5_000, now)).toBe("now");
  expect(ago(now - 45_000, now)).toBe("45 s");
  expect(ago(now - 59 * 60_000, now)).toBe("59 min");
  expect(ago(now - 26 * 3_600_000, now)).toBe("yesterday");
  expect(ago(new Date(2024, 1, 3).getTime(), now)).toMatch(/2024/);
});

it("counts, lengths and lists read as sentences", () => {
  expect(count(1, "entry", "entries")).toBe("1 entry");
  expect(count(12_000, "file")).toBe("12,000 files");
  expect(lasting(3 * 86_400_000)).toBe("3 days");
  expect(lasting(10)).toBe("less than a minute");
  expect(left(500)).toBe("1 s left");
  expect(listed(["Ana", "Ben", "Cleo", "Dai"])).toBe("Ana, Ben and 2 others");
  expect(listed(["Ana", "Ben", "Cleo"])).toBe("Ana, Ben and Cleo");
});

it("a time that no calendar has, by whoever wrote it, is not known, and breaks nothing", () => {
  for (const then of [0, -1, 8.64e15 + 1, 2 ** 64, Number.NaN]) {
    expect(exactly(then)).toBe("Not known");
    expect(ago(then, Date.now())).toBe("–");
    expect(machineTime(then)).toBeUndefined();
  }
  expect(machineTime(1_000)).toBe("1970-01-01T00:00:01.000Z");
});
