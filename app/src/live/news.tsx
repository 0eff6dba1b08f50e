// What news mean for what is shown: answers that are old are asked for anew, lists that came with the
// news replace the old ones, and who changed what is remembered for the rows.
import type { QueryClient } from "@tanstack/react-query";
import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from "react";
import type { Activity, Change, DrivesReply, Event, Transfer, Who } from "../bindings/api";
import { usePlatform } from "../platform/context";
import { keys } from "../query/queries";
import { Live } from "./live";

/** Who changed a node last, as far as this window knows. */
export interface Touch {
  who: Who;
  at: number;
  change: Change;
  /** Seen as it happened, rather than looked up afterwards. */
  fresh: boolean;
}

type FolderListener = (folders: ReadonlySet<string> | "all") => void;

/** Touches kept; the oldest go first. */
const KEPT = 5_000;

export class News {
  readonly live: Live;
  /** Changes whenever a touch does. */
  version = 0;
  /** The last thing somebody else did, by drive. */
  readonly latest = new Map<string, Touch & { count: number }>();
  private readonly touches = new Map<string, Touch>();
  private readonly folders = new Map<string, Set<FolderListener>>();
  private readonly watchers = new Set<() => void>();
  /** Drives in which something happened since counts were last asked for. */
  private readonly changing = new Set<string>();
  /** Drives of which something was deleted or made since then, which may have been in the trash. */
  private readonly trashing = new Set<string>();
  private refreshing: ReturnType<typeof setTimeout> | undefined;

  constructor(
    live: Live,
    private readonly queries: QueryClient,
  ) {
    this.live = live;
    live.on({ onEvent: (event) => this.take(event), onGap: () => this.gap() });
    // A browser does not tell why a WebSocket was refused. A command does: it says who is signed out.
    live.watch(() => {
      if (live.connection === "lost") void this.queries.invalidateQueries({ queryKey: keys.drives });
    });
  }

  touch(node: string): Touch | undefined {
    return this.touches.get(node);
  }

  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Calls back when rows of these folders of a drive may have changed. */
  onFolders(drive: string, listener: FolderListener): () => void {
    const listeners = this.folders.get(drive) ?? new Set();
    listeners.add(listener);
    this.folders.set(drive, listeners);
    return () => listeners.delete(listener);
  }

  /** Takes in who did what before this window was there. */
  learn(items: readonly Activity[]): void {
    for (const item of items) {
      for (const change of item.changes) {
        const known = this.touches.get(change.node);
        if (!known || known.at < item.at) {
          this.touches.set(change.node, { who: item.who, at: item.at, change, fresh: false });
        }
      }
    }
    this.changed();
  }

  private changed(): void {
    this.version += 1;
    for (const watcher of this.watchers) watcher();
  }

  private gap(): void {
    void this.queries.invalidateQueries();
    for (const listeners of this.folders.values()) for (const listener of listeners) listener("all");
  }

  private take(event: Event): void {
    const stale = (queryKey: readonly string[]): void => void this.queries.invalidateQueries({ queryKey });
    switch (event.type) {
      case "tree":
        this.tree(event);
        break;
      case "reloaded":
        stale(keys.drive(event.drive));
        stale(keys.drives);
        this.folders.get(event.drive)?.forEach((listener) => listener("all"));
        break;
      case "members":
        stale(keys.members(event.drive));
        stale(keys.invites(event.drive));
        stale(keys.waiting(event.drive));
        stale(keys.drives);
        // What this device may do shows in every folder's answer.
        this.folders.get(event.drive)?.forEach((listener) => listener("all"));
        break;
      case "peers": {
        const { connected, pending_up, pending_down } = event;
        this.card(event.drive, { connected, pending_up, pending_down });
        stale(keys.members(event.drive));
        break;
      }
      case "presence":
        this.put(keys.presence(event.drive), () => event.here);
        break;
      case "transfers":
        this.put<Transfer[]>(keys.transfers, (old) => old && [...old.filter((one) => one.drive !== event.drive), ...event.transfers]);
        break;
      case "problems":
        this.put(keys.problems(event.drive), () => event.problems);
        this.card(event.drive, { problems: event.problems.length });
        break;
      case "drives":
        stale(keys.drives);
        break;
    }
  }

  private card(drive: string, change: Partial<DrivesReply["drives"][number]>): void {
    this.put<DrivesReply>(keys.drives, (old) => old && { ...old, drives: old.drives.map((one) => (one.id === drive ? { ...one, ...change } : one)) });
  }

  /** Puts news in the place of an answer. One that is under way may be from before them, and is asked for anew. */
  private put<T>(queryKey: readonly string[], change: (old: T | undefined) => T | undefined): void {
    const which = { queryKey, exact: true };
    const asked = this.queries.isFetching(which) > 0;
    const known = this.queries.setQueryData<T>(queryKey, change) !== undefined;
    if (!asked) return;
    // A first answer is not given up by itself for another one.
    const over = known ? Promise.resolve() : this.queries.cancelQueries(which);
    void over.then(() => this.queries.invalidateQueries(which));
  }

  private tree({ drive, who, folders, all, changes, count }: Event & { type: "tree" }): void {
    const at = Date.now();
    for (const change of changes) {
      this.touches.delete(change.node);
      this.touches.set(change.node, { who, at, change, fresh: true });
    }
    for (const node of this.touches.keys()) {
      if (this.touches.size <= KEPT) break;
      this.touches.delete(node);
    }
    const [first] = changes;
    if (first && !who.you) this.latest.set(drive, { who, at, change: first, fresh: true, count });
    this.changed();
    const which = all ? ("all" as const) : new Set(folders);
    this.folders.get(drive)?.forEach((listener) => listener(which));
    for (const change of changes) {
      if (change.what === "edited") void this.queries.invalidateQueries({ queryKey: keys.preview(drive, change.node) });
      if (change.what === "conflict" || change.what === "settled") {
        void this.queries.invalidateQueries({ queryKey: keys.conflicts(drive) });
      }
    }
    // A storm of changes asks for counts and activity once a second, not once each.
    this.changing.add(drive);
    if (count > changes.length || changes.some(({ what }) => what === "deleted" || what === "created")) this.trashing.add(drive);
    this.refreshing ??= setTimeout(() => {
      this.refreshing = undefined;
      void this.queries.invalidateQueries({ queryKey: keys.drives });
      for (const one of this.changing) void this.queries.invalidateQueries({ queryKey: keys.activity(one) });
      for (const one of this.trashing) void this.queries.invalidateQueries({ queryKey: keys.trash(one) });
      this.changing.clear();
      this.trashing.clear();
    }, 1_000);
  }
}

const Context = createContext<News | null>(null);

export function NewsProvider({ children }: { children: ReactNode }) {
  const platform = usePlatform();
  const queries = useQueryClient();
  const [news] = useState(() => new News(new Live(platform), queries));
  useEffect(() => {
    news.live.start();
    return () => news.live.stop();
  }, [news]);
  return <Context.Provider value={news}>{children}</Context.Provider>;
}

export function useNews(): News {
  const news = useContext(Context);
  if (!news) throw new Error("there is no NewsProvider above");
  return news;
}

export function useConnection() {
  const { live } = useNews();
  return useSyncExternalStore(
    (listener) => live.watch(listener),
    () => live.connection,
  );
}

/** Renders again when a touch changes. */
export function useTouches(): News {
  const news = useNews();
  useSyncExternalStore(
    (listener) => news.watch(listener),
    () => news.version,
  );
  return news;
}
