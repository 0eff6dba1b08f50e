// Files on their way from this window into a drive: one after the other, each with how far and how fast,
// and each can be stopped. Knows no view and no command.
import { useSyncExternalStore } from "react";
import type { Platform } from "../../platform/types";

/** One file that is being added, or waits for its turn. */
export interface Adding {
  id: number;
  drive: string;
  name: string;
  size: number;
  sent: number;
  /** Bytes a second over the last moments; 0 when it is not known. */
  rate: number;
  state: "waiting" | "sending" | "closing";
  stop: () => void;
}

/** The rate is that of so many milliseconds: steady enough to read, quick enough to believe. */
const OVER = 4_000;

/** A glance at how far an upload was: time and bytes. */
export type Glance = readonly [at: number, sent: number];

/** Takes in how far it is now; yields the glances that count and what a second brought. */
export function paced(glances: readonly Glance[], at: number, sent: number): { glances: Glance[]; rate: number } {
  const kept = glances.filter(([then]) => at - then <= OVER);
  // The last one before is needed too, or a slow sender would have no rate at all.
  const before = kept.length > 0 ? kept : glances.slice(-1);
  const [first] = before;
  const all: Glance[] = [...before, [at, sent]];
  if (!first || at <= first[0]) return { glances: all, rate: 0 };
  return { glances: all, rate: Math.max(0, ((sent - first[1]) * 1000) / (at - first[0])) };
}

let adding: readonly Adding[] = [];
let next = 1;
let turn: Promise<unknown> = Promise.resolve();
const listeners = new Set<() => void>();

function set(changed: readonly Adding[]): void {
  adding = changed;
  for (const listener of listeners) listener();
}

function patch(id: number, change: Partial<Adding>): void {
  set(adding.map((one) => (one.id === id ? { ...one, ...change } : one)));
}

/** Adds a file when those before it are there; rejects with an `AbortError` when it was stopped. */
export function add(upload: NonNullable<Platform["upload"]>, { drive, folder, file }: { drive: string; folder: string; file: File }): Promise<void> {
  const control = new AbortController();
  const id = next++;
  set([...adding, { id, drive, name: file.name, size: file.size, sent: 0, rate: 0, state: "waiting", stop: () => control.abort() }]);
  const mine = turn.then(async () => {
    control.signal.throwIfAborted();
    let glances: readonly Glance[] = [[performance.now(), 0]];
    patch(id, { state: "sending" });
    await upload({
      drive, folder, file, signal: control.signal,
      onProgress: (sent) => {
        const now = paced(glances, performance.now(), sent);
        glances = now.glances;
        patch(id, { sent, rate: now.rate, state: sent >= file.size ? "closing" : "sending" });
      },
    });
  });
  turn = mine.catch(() => undefined);
  return new Promise((resolve, reject) => {
    // One that waits leaves the line at once, not when its turn comes.
    control.signal.addEventListener("abort", () => reject(new DOMException("it was stopped", "AbortError")));
    mine.then(resolve, reject);
  }).finally(() => set(adding.filter((one) => one.id !== id))) as Promise<void>;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** What is under way now, and what waits, in the order in which it goes. */
export function underWay(): readonly Adding[] {
  return adding;
}

export function useAdding(): readonly Adding[] {
  return useSyncExternalStore(subscribe, underWay);
}
