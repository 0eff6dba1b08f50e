// All that is chosen, each row with where it is: what is not here is fetched.
import { useCallback } from "react";
import type { Row } from "../../bindings/api";
import type { Outline } from "../../listing/outline";
import { sayFailed } from "../../ui/toast";
import type { Placed } from "./actions";
import type { Chosen } from "./selection";
import type { Place } from "./use-listing";

/** Yields what gathers; that yields null if rows could not be fetched, which is said. */
export function useGathered(outline: Outline<Row>, place: Place | null, chosen: Chosen<Row>): () => Promise<Placed[] | null> {
  /** Names of the folders above a line, from the top of the drive. */
  const above = useCallback(
    (parent: number): string[] => {
      const names: string[] = [];
      for (let line = parent >= 0 ? outline.at(parent) : undefined; line?.row; line = line.parent >= 0 ? outline.at(line.parent) : undefined) {
        names.unshift(line.row.name);
      }
      return [...(place?.path ?? []).slice(1).map((crumb) => crumb.name), ...names];
    },
    [outline, place],
  );

  return useCallback(async () => {
    const placed = Array.from(chosen.rows.values(), (row) => {
      const line = outline.at(outline.lineOf(row.id));
      return { row, folder: line?.folder ?? place?.id ?? "", path: [...above(line?.parent ?? -1), row.name].join("/") };
    });
    const { span } = chosen;
    if (span === null) return placed;
    try {
      for (const run of await outline.range(span.from, span.to, new AbortController().signal)) {
        const names = above(run.parent);
        for (const row of run.rows) {
          if (!span.except.has(row.id)) placed.push({ row, folder: run.folder, path: [...names, row.name].join("/") });
        }
      }
      return placed;
    } catch (error) {
      sayFailed("Not all that is selected could be looked up.", error);
      return null;
    }
  }, [outline, place, chosen, above]);
}
