import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ChangeKind, Frame } from "../bindings/api";
import type { Cursor, FrameListener } from "../platform/types";
import { keys } from "../query/queries";
import { Live } from "./live";
import { News } from "./news";

class Wire {
  attempts: (Cursor | null)[] = [];
  listener: FrameListener | null = null;
  closed = 0;
  listen = (after: Cursor | null, listener: FrameListener) => {
    this.attempts.push(after);
    this.listener = listener;
    return () => void (this.closed += 1);
  };
  say(frame: Frame): void {
    this.listener?.onFrame(frame);
  }
}

let wire: Wire;
let live: Live;
let heard: string[];

beforeEach(() => {
  vi.useFakeTimers();
  wire = new Wire();
  live = new Live(wire);
  heard = [];
  live.on({ onEvent: (event) => heard.push(event.type), onGap: () => heard.push("gap") });
  live.start();
});

afterEach(() => {
  live.stop();
  vi.useRealTimers();
});

const hello = (resumed: boolean, stream = "a", seq = 4): Frame => ({ frame: "hello", stream, seq, resumed });
const drives = (seq: number): Frame => ({ frame: "event", seq, event: { type: "drives" } });

it("after a break it goes on behind the last event it has seen", () => {
  wire.say(hello(false));
  wire.say(drives(5));
  wire.say(drives(6));
  wire.listener?.onEnd();
  expect(live.connection).toBe("lost");
  vi.advanceTimersByTime(200);
  expect(wire.attempts).toEqual([null, { stream: "a", seq: 6 }]);
  wire.say(hello(true, "a", 7));
  wire.say(drives(7));
  expect(heard).toEqual(["gap", "drives", "drives", "drives"]);
  expect(live.connection).toBe("live");
});

it("another run of the daemon means that everything may be old", () => {
  wire.say(hello(false));
  wire.listener?.onEnd();
  vi.advanceTimersByTime(200);
  wire.say(hello(false, "b", 0));
  expect(heard).toEqual(["gap", "gap"]);
  wire.listener?.onEnd();
  vi.advanceTimersByTime(200);
  expect(wire.attempts.at(-1)).toEqual({ stream: "b", seq: 0 });
});

it("a connection that falls behind says so", () => {
  wire.say(hello(false));
  wire.say({ frame: "behind", seq: 900 });
  expect(heard).toEqual(["gap", "gap"]);
});

it("silence is a lost connection, a beat is not silence", () => {
  wire.say(hello(false));
  vi.advanceTimersByTime(25_000);
  wire.say({ frame: "beat", seq: 4 });
  vi.advanceTimersByTime(25_000);
  expect(live.connection).toBe("live");
  vi.advanceTimersByTime(6_000);
  expect(live.connection).toBe("lost");
  expect(wire.closed).toBe(1);
});

it("it tries again and again, and at once when asked to", () => {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    wire.listener?.onEnd();
    vi.advanceTimersByTime(3_000);
  }
  expect(wire.attempts.length).toBe(11);
  wire.listener?.onEnd();
  live.retry();
  expect(wire.attempts.length).toBe(12);
  live.stop();
  vi.advanceTimersByTime(100_000);
  expect(wire.attempts.length).toBe(12);
});

it("a refused connection asks for the drives once, which tells whether this window is signed in", () => {
  const queries = new QueryClient();
  const asked = vi.spyOn(queries, "invalidateQueries");
  new News(live, queries);
  wire.listener?.onEnd();
  expect(asked).toHaveBeenCalledExactlyOnceWith({ queryKey: keys.drives });
  vi.advanceTimersByTime(200);
  wire.listener?.onEnd();
  expect(asked).toHaveBeenCalledTimes(1);
  queries.clear();
});

it("activity of every drive in which something happened is asked for, and the trash where it may hold something else", () => {
  const queries = new QueryClient();
  const asked = vi.spyOn(queries, "invalidateQueries");
  new News(live, queries);
  wire.say(hello(false));
  const tree = (seq: number, drive: string, what: ChangeKind, count = 1): Frame => {
    const changes = [{ what, node: "n", folder: "f", path: "p" }];
    return { frame: "event", seq, event: { type: "tree", drive, who: { member: "b", name: "Ben", you: true }, folders: [], all: false, changes, count } };
  };
  const asks = (): unknown[] => {
    asked.mockClear();
    vi.advanceTimersByTime(1_000);
    return asked.mock.calls.map(([filter]) => filter?.queryKey);
  };
  wire.say(tree(5, "one", "renamed"));
  wire.say(tree(6, "two", "deleted"));
  wire.say(tree(7, "one", "moved"));
  expect(asks()).toEqual([keys.drives, keys.activity("one"), keys.activity("two"), keys.trash("two")]);
  // Of many changes only some are named.
  wire.say(tree(8, "one", "renamed", 100));
  wire.say(tree(9, "two", "renamed"));
  expect(asks()).toEqual([keys.drives, keys.activity("one"), keys.activity("two"), keys.trash("one")]);
  wire.say(tree(10, "two", "created"));
  expect(asks()).toEqual([keys.drives, keys.activity("two"), keys.trash("two")]);
  queries.clear();
});

it("an answer that was under way when news came does not put old things in their place", async () => {
  const queries = new QueryClient();
  new News(live, queries);
  wire.say(hello(false));
  const key = keys.presence("d");
  const answers: ((here: unknown) => void)[] = [];
  const view = new QueryObserver(queries, { queryKey: key, queryFn: () => new Promise((resolve) => answers.push(resolve)) });
  const off = view.subscribe(() => undefined);
  const here = [{ member: "ben", name: "Ben", device: "b", you: false, folder: null, viewing: null, editing: [], idle: false }];
  wire.say({ frame: "event", seq: 5, event: { type: "presence", drive: "d", here } });
  expect(queries.getQueryData(key)).toEqual(here);
  answers[0]?.([]);
  await vi.advanceTimersByTimeAsync(10);
  expect(queries.getQueryData(key)).toEqual(here);
  answers[1]?.(here);
  await vi.advanceTimersByTimeAsync(10);
  expect([queries.getQueryData(key), answers.length]).toEqual([here, 2]);
  off();
  queries.clear();
});

it("a first answer that is older than news of transfers is asked for once more", async () => {
  const queries = new QueryClient();
  new News(live, queries);
  wire.say(hello(false));
  const answers: ((transfers: unknown) => void)[] = [];
  const view = new QueryObserver(queries, { queryKey: keys.transfers, queryFn: () => new Promise((resolve) => answers.push(resolve)) });
  const off = view.subscribe(() => undefined);
  wire.say({ frame: "event", seq: 5, event: { type: "transfers", drive: "d", transfers: [] } });
  await vi.advanceTimersByTimeAsync(10);
  answers[0]?.([{ drive: "d", way: "import" }]);
  await vi.advanceTimersByTimeAsync(10);
  answers[1]?.([]);
  await vi.advanceTimersByTimeAsync(10);
  expect(queries.getQueryData(keys.transfers)).toEqual([]);
  off();
  queries.clear();
});
