// Keeps what is chosen true while the list changes: rows that went are chosen no more, and a run ends where its
// rows do. Of rows that are not here nobody tells that, so the drive is asked, once the list has come to rest.
import type { Dispatch, SetStateAction } from "react";
import { useEffect, useRef, useState } from "react";
import type { Row } from "../../bindings/api";
import type { Outline } from "../../listing/outline";
import { useNews } from "../../live/news";
import type { Chosen } from "./selection";
import { followed, watched, without } from "./selection";
import type { Listing } from "./use-listing";

/** How long after a change rows are asked for: those in sight come by themselves meanwhile. */
const REST = 300;

/** Rows that are asked for before it is said what became of them. */
const AT_ONCE = 100;

/** What is chosen, as the list is now. */
function trued(chosen: Chosen<Row>, outline: Outline<Row>, gone: (id: string) => boolean): Chosen<Row> {
  const kept = without(chosen, gone);
  return followed(kept, (id) => outline.lineOf(id), outline.length, (line) => outline.at(line)?.row?.id ?? null);
}

export function useKeptTrue({ outline, lookUp, changes, loaded }: Listing, chosen: Chosen<Row>, setChosen: Dispatch<SetStateAction<Chosen<Row>>>): void {
  const news = useNews();
  const now = useRef({ outline, lookUp, changes, chosen });
  now.current = { outline, lookUp, changes, chosen };
  const waiting = useRef<ReturnType<typeof setTimeout>>();
  const asking = useRef<AbortController | null>(null);
  /** Rows that were found, and after how many changes of the list that was. */
  const sure = useRef({ ids: new Set<string>(), changes: 0 });
  const [round, setRound] = useState(0);

  useEffect(() => {
    setChosen((before) => {
      const { ids, all } = watched(before).length > 0 ? outline.here() : NOTHING;
      return trued(before, outline, (id) => !ids.has(id) && (all || news.touch(id)?.change.what === "deleted"));
    });
  }, [outline, news, setChosen]);

  useEffect(() => {
    /** The rows of which it is not known whether they are still there. */
    const unsure = (gone: ReadonlySet<string>): string[] => {
      const count = now.current.changes();
      if (sure.current.changes !== count) sure.current = { ids: new Set(), changes: count };
      const { ids } = now.current.outline.here();
      const kept = without(now.current.chosen, (id) => gone.has(id));
      return watched(kept).filter((id) => !ids.has(id) && !sure.current.ids.has(id));
    };
    const ask = async (signal: AbortSignal): Promise<void> => {
      const before = now.current.changes();
      const gone = new Set<string>();
      for (let ids = unsure(gone); ids.length > 0 && now.current.changes() === before; ids = unsure(gone)) {
        const some = ids.slice(0, AT_ONCE);
        for (const id of await now.current.lookUp(some, signal)) gone.add(id);
        if (now.current.changes() === before) for (const id of some) sure.current.ids.add(id);
        setChosen((was) => trued(was, now.current.outline, (id) => gone.has(id)));
      }
    };
    if (!loaded || waiting.current !== undefined || asking.current !== null || watched(chosen).length === 0) return;
    waiting.current = setTimeout(() => {
      waiting.current = undefined;
      const control = new AbortController();
      asking.current = control;
      const before = changes();
      const over = (): void => {
        if (asking.current !== control) return;
        asking.current = null;
        // The list changed meanwhile: what was found may have gone since.
        if (now.current.changes() !== before) setRound((count) => count + 1);
      };
      // What could not be asked is asked after the next change.
      ask(control.signal).then(over, over);
    }, REST);
  }, [outline, chosen, loaded, changes, setChosen, round]);

  useEffect(
    () => () => {
      clearTimeout(waiting.current);
      waiting.current = undefined;
      asking.current?.abort();
      asking.current = null;
      sure.current.ids.clear();
    },
    [lookUp],
  );
}

const NOTHING: { ids: ReadonlySet<string>; all: boolean } = { ids: new Set(), all: false };
