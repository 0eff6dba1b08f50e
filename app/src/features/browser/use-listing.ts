// The rows of the folder that is open and of those opened inside it, kept fresh by the news.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";
import type { Crumb, Event, Row, SortKey } from "../../bindings/api";
import { Arrivals } from "../../listing/arrivals";
import { Outline } from "../../listing/outline";
import type { What } from "../../listing/pages";
import { Pages } from "../../listing/pages";
import { useNews } from "../../live/news";
import { usePlatform } from "../../platform/context";
import { CallError } from "../../platform/types";

export interface Order {
  sort: SortKey;
  descending: boolean;
}

/** What an answer says of the folder itself. */
export interface Place {
  id: string;
  path: readonly Crumb[];
  canWrite: boolean;
}

export interface Listing {
  place: Place | null;
  outline: Outline<Row>;
  /** Whoever writes the rows down says so here. */
  arrivals: Arrivals;
  /** Whether the first answer is still to come. */
  waiting: boolean;
  /** Whether there are rows to show, whatever failed since. */
  loaded: boolean;
  /** Why rows could not be fetched, here or in an opened folder; null when none failed. */
  error: unknown;
  opened: ReadonlyMap<string, Pages<Row, Place>>;
  open: (folder: string) => void;
  close: (folder: string) => void;
  refresh: () => void;
  /** Changes a row ahead of the answer. */
  patch: (id: string, change: (row: Row) => Row) => void;
  /** The line of the first row from a line on, in whatever folder is open, whose name begins so; -1 if there is none. */
  seek: (text: string, from: number) => Promise<number>;
  /** The line of this node in the folder that is open. */
  locate: (node: string) => Promise<number>;
  /** How often the list was said to have changed. */
  changes: () => number;
  /** Looks up rows that are not here; yields those that are no more in the list. The first of the others are here
   * afterwards. */
  lookUp: (ids: readonly string[], signal: AbortSignal) => Promise<string[]>;
}

/** Answers that come closer together than this are one refresh: a storm of news is not one of requests. */
const CALM = 60;

/** Rows that are brought here with those around them when they are looked up: rows that were chosen together mostly
 * stand together, and the others come with them. */
const MOST_BROUGHT = 20;

/** How long after bytes may have come rows are asked for again. */
const ARRIVED = 1_000;

/** How long after an answer a window that draws no frames takes it in. */
const UNSEEN = 100;

/** Before the next frame and within it: rows that were scrolled past by then are never drawn. A window that
 * nobody sees has no frames. */
function atNextFrame(run: () => void): void {
  const now = (): void => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    flushSync(run);
  };
  const frame = requestAnimationFrame(now);
  const timer = setTimeout(now, UNSEEN);
}

/** Whether the folder itself is no more. */
function isGone(error: unknown): boolean {
  return error instanceof CallError && error.code === "node_not_found";
}

/** A folder that is gone has no rows; whatever else fails tells nothing. */
function nowhere(error: unknown): number {
  if (isGone(error)) return -1;
  throw error;
}

export function useListing(drive: string, folder: string | null, { sort, descending }: Order): Listing {
  const platform = usePlatform();
  const news = useNews();
  const [version, setVersion] = useState(0);
  const [arrivals] = useState(() => new Arrivals(atNextFrame, () => setVersion((now) => now + 1)));
  const [opened, setOpened] = useState<ReadonlyMap<string, Pages<Row, Place>>>(new Map());
  const nested = useRef(false);
  nested.current = opened.size > 0;
  // With folders opened among the rows, any row that comes may move the lines below it.
  const take = useCallback((what: What) => arrivals.take(nested.current ? "list" : what), [arrivals]);

  const pagesOf = useCallback(
    (of: string | null) =>
      new Pages<Row, Place>(async (offset, count, signal) => {
        const answer = await platform.call(
          "folder",
          { drive, offset, count, sort, descending, folders_first: true, ...(of === null ? {} : { folder: of }) },
          { signal },
        );
        const about = { id: answer.folder, path: answer.path, canWrite: answer.can_write };
        return { total: answer.total, revision: String(answer.total), rows: answer.rows, about };
      }),
    [platform, drive, sort, descending],
  );

  const root = useMemo(() => pagesOf(folder), [pagesOf, folder]);

  // Another folder or another order begins with nothing opened inside it.
  const [openedIn, setOpenedIn] = useState(root);
  if (openedIn !== root) {
    setOpenedIn(root);
    setOpened(new Map());
  }

  // Another order of the same folder leaves the rows as they were until its own are here: a list that goes
  // away and comes back would take the focus with it.
  const [answered, setAnswered] = useState<{ pages: Pages<Row, Place>; of: string } | null>(null);
  const of = `${drive}/${folder ?? ""}`;
  if (root.total !== null && answered?.pages !== root) setAnswered({ pages: root, of });
  const shown = root.total === null && answered?.of === of ? answered.pages : root;

  useEffect(() => {
    root.subscribe(take);
    root.want(0, 1);
    return () => root.close();
  }, [root, take]);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stale = new Set<Pages<Row, Place>>();
    const refresh = (): void => {
      clearTimeout(timer);
      timer = undefined;
      for (const pages of stale) pages.refresh();
      stale.clear();
    };
    const off = news.onFolders(drive, (folders) => {
      const changed = (id: string | null): boolean => folders === "all" || id === null || folders.has(id);
      if (changed(root.about?.id ?? null)) stale.add(root);
      for (const [id, pages] of opened) if (changed(id)) stale.add(pages);
      // A folder's row says how many entries it has.
      if (folders !== "all") {
        for (const id of folders) if (root.indexOf(id) >= 0) stale.add(root);
        if (root.about?.path.some((crumb) => folders.has(crumb.id)) === true) stale.add(root);
      }
      timer ??= setTimeout(refresh, CALM);
    });
    return () => {
      off();
      // What was heard just before another folder was opened or closed counts for those that stay.
      if (timer !== undefined) refresh();
    };
  }, [news, drive, root, opened]);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = (): void => {
      clearTimeout(timer);
      timer = undefined;
      for (const pages of [root, ...opened.values()]) if (pages.some((row) => row.here === false)) pages.refresh();
    };
    // No news say that the bytes of a file came, but those of transfers and of other devices do when some may have.
    const onEvent = (event: Event): void => {
      if ((event.type === "transfers" || event.type === "peers") && event.drive === drive) timer ??= setTimeout(look, ARRIVED);
    };
    const off = news.live.on({ onEvent, onGap: () => undefined });
    return () => {
      off();
      if (timer !== undefined) look();
    };
  }, [news, drive, root, opened]);

  useEffect(
    () =>
      news.live.watch(() => {
        if (news.live.connection !== "live") return;
        // What failed while nobody answered is asked again by itself.
        for (const pages of [root, ...opened.values()]) if (pages.error !== null) pages.refresh();
      }),
    [news, root, opened],
  );

  const outline = useMemo(
    () => new Outline(
        // The number stands for the rows that came since.
        { id: version < 0 ? "" : (shown.about?.id ?? ""), pages: shown }, opened),
    [shown, opened, version],
  );

  const open = useCallback(
    (id: string) => {
      const pages = pagesOf(id);
      pages.subscribe(take);
      pages.want(0, 1);
      setOpened((before) => new Map(before).set(id, pages));
    },
    [pagesOf, take],
  );

  const close = useCallback((id: string) => {
    setOpened((before) => {
      const after = new Map(before);
      after.get(id)?.close();
      after.delete(id);
      return after;
    });
  }, []);

  // A folder that somebody deleted is open no more.
  const lost = [...opened].find(([, pages]) => isGone(pages.error))?.[0];
  useEffect(() => {
    if (lost !== undefined) close(lost);
  }, [lost, close]);

  const found = useCallback(
    async (of: string | null, seek: { node: string } | { prefix: { text: string; from: number } }, signal?: AbortSignal): Promise<number> => {
      const request = { drive, offset: 0, count: 0, sort, descending, folders_first: true, seek, ...(of === null ? {} : { folder: of }) };
      const answer = await platform.call("folder", request, signal ? { signal } : {});
      return answer.found ?? -1;
    },
    [platform, drive, sort, descending],
  );

  return {
    place: shown.about,
    outline,
    arrivals,
    waiting: shown.total === null && root.error === null,
    loaded: shown.total !== null,
    error: [root, ...opened.values()].find((pages) => pages.error !== null && (pages === root || !isGone(pages.error)))?.error ?? null,
    opened,
    open,
    close,
    refresh: useCallback(() => {
      root.refresh();
      for (const pages of opened.values()) pages.refresh();
    }, [root, opened]),
    patch: useCallback((id, change) => {
      root.patch(id, change);
      for (const pages of opened.values()) pages.patch(id, change);
    }, [root, opened]),
    seek: useCallback((text, line) => outline.seek(line, (of, from) => found(of === "" ? folder : of, { prefix: { text, from } })), [outline, folder, found]),
    changes: useCallback(() => [...opened.values()].reduce((sum, pages) => sum + pages.refreshed, root.refreshed), [root, opened]),
    lookUp: useCallback(
      async (ids, signal) => {
        const gone: string[] = [];
        const folders: [string | null, Pages<Row, Place>][] = [[folder, root], ...opened];
        let brought = 0;
        for (const id of ids) {
          let there = folders.some(([, pages]) => pages.has(id));
          for (const [of, pages] of folders) {
            if (there) break;
            const at = await found(of, { node: id }, signal).catch(nowhere);
            if (at < 0) continue;
            there = true;
            if (brought < MOST_BROUGHT) await pages.reach(at, signal);
            brought += 1;
          }
          if (!there) gone.push(id);
        }
        return gone;
      },
      [folder, root, opened, found],
    ),
    locate: useCallback(async (node) => outline.lineAt(root, await found(folder, { node })), [outline, root, folder, found]),
  };
}
