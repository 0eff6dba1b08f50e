// The one connection by which news come: connects again by itself, goes on where it was, and says when
// everything must be asked for anew. Knows nothing of what the news are about.
import type { Event, Frame } from "../bindings/api";
import type { Cursor, Platform } from "../platform/types";

export type Connection = "connecting" | "live" | "lost";

export interface Listener {
  onEvent: (event: Event) => void;
  /** News were missed: whatever is shown may be old. */
  onGap: () => void;
}

/** The daemon beats every ten seconds; a connection silent for this long is dead. */
const SILENCE = 30_000;

/** Waits between attempts, in milliseconds: soon at first, and never long, for it is this machine. */
const WAITS = [150, 400, 1_000, 2_000, 3_000];

export class Live {
  connection: Connection = "connecting";
  /** Which run of the daemon this is. */
  stream: string | null = null;

  private cursor: Cursor | null = null;
  private readonly listeners = new Set<Listener>();
  private readonly watchers = new Set<() => void>();
  private close: (() => void) | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private attempts = 0;
  private ended = false;

  constructor(private readonly platform: Pick<Platform, "listen">) {}

  start(): void {
    this.ended = false;
    if (!this.close) this.connect();
  }

  stop(): void {
    this.ended = true;
    clearTimeout(this.timer);
    this.close?.();
    this.close = null;
  }

  /** Tries at once rather than when the next wait is over. */
  retry(): void {
    if (this.connection === "live" || this.ended) return;
    clearTimeout(this.timer);
    this.close?.();
    this.connect();
  }

  on(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Calls back whenever `connection` changes. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  private connect(): void {
    this.close = this.platform.listen(this.cursor, {
      onFrame: (frame) => this.take(frame),
      onEnd: () => this.lost(),
    });
    this.listenFor(SILENCE);
  }

  private listenFor(milliseconds: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.close?.();
      this.lost();
    }, milliseconds);
  }

  private lost(): void {
    clearTimeout(this.timer);
    this.close = null;
    if (this.ended) return;
    this.become("lost");
    const wait = WAITS[Math.min(this.attempts, WAITS.length - 1)] ?? 1_000;
    this.attempts += 1;
    this.timer = setTimeout(() => this.connect(), wait);
  }

  private become(connection: Connection): void {
    if (this.connection === connection) return;
    this.connection = connection;
    for (const watcher of this.watchers) watcher();
  }

  private take(frame: Frame): void {
    this.listenFor(SILENCE);
    switch (frame.frame) {
      case "hello": {
        const first = this.cursor === null;
        this.cursor = { stream: frame.stream, seq: frame.resumed && this.cursor ? this.cursor.seq : frame.seq };
        this.stream = frame.stream;
        this.attempts = 0;
        this.become("live");
        // What was asked for before the first hello may be older than it.
        if (first || !frame.resumed) this.gap();
        break;
      }
      case "event":
        if (this.cursor) this.cursor = { ...this.cursor, seq: frame.seq };
        for (const listener of this.listeners) listener.onEvent(frame.event);
        break;
      case "behind":
        if (this.cursor) this.cursor = { ...this.cursor, seq: frame.seq };
        this.gap();
        break;
      case "beat":
        break;
    }
  }

  private gap(): void {
    for (const listener of this.listeners) listener.onGap();
  }
}
