import { expect, it, vi } from "vitest";
import type { Upload } from "../../platform/types";
import type { Glance } from "./uploads";
import { add, paced, underWay } from "./uploads";

it("a rate is that of the last seconds, not of the whole", () => {
  let glances: readonly Glance[] = [[0, 0]];
  let rate = 0;
  const at = (time: number, sent: number): void => void ({ glances, rate } = paced(glances, time, sent));
  at(1_000, 1_000_000);
  expect(rate).toBe(1_000_000);
  for (let second = 2; second <= 20; second += 1) at(second * 1_000, 1_000_000 + (second - 1) * 10_000);
  expect(rate).toBe(10_000);
  // Nothing for a long while, then a little: slow, and not unknown.
  at(80_000, 1_190_000 + 60_000);
  expect(rate).toBe(1_000);
  expect(paced([[5, 0]], 5, 10).rate).toBe(0);
});

it("files go one after the other, and one that waits can be stopped", async () => {
  const begun: Upload[] = [];
  const ends: (() => void)[] = [];
  const upload = vi.fn((one: Upload) => {
    begun.push(one);
    return new Promise<void>((resolve, reject) => {
      ends.push(resolve);
      one.signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
    });
  });
  const file = (name: string): { drive: string; folder: string; file: File } => ({ drive: "d", folder: "f", file: new File(["x"], name) });
  const first = add(upload, file("a"));
  const second = add(upload, file("b"));
  const third = add(upload, file("c"));
  const fourth = add(upload, file("d"));
  const stop = (name: string): void => underWay().find((one) => one.name === name)?.stop();
  const sent = (): string[] => begun.map((one) => one.file.name);
  await vi.waitFor(() => expect(sent()).toEqual(["a"]));
  expect(underWay().map((one) => one.state)).toEqual(["sending", "waiting", "waiting", "waiting"]);
  stop("c");
  await expect(third).rejects.toThrow("stopped");
  expect(underWay().map((one) => one.name)).toEqual(["a", "b", "d"]);
  ends[0]?.();
  await first;
  await vi.waitFor(() => expect(sent()).toEqual(["a", "b"]));
  stop("b");
  await expect(second).rejects.toThrow();
  await vi.waitFor(() => expect(sent()).toEqual(["a", "b", "d"]));
  ends[2]?.();
  await fourth;
  expect(underWay()).toEqual([]);
});
