// Who is at which row: in a folder, or with a file open.
import { useMemo } from "react";
import type { Presence } from "../../bindings/api";

/** Those who are somewhere below the folder that is shown, by the node they are at. */
export function usePeople(present: readonly Presence[] | undefined, shown: string | undefined): ReadonlyMap<string, readonly Presence[]> {
  return useMemo(() => {
    const found = new Map<string, Presence[]>();
    const put = (node: string, one: Presence): void => void found.set(node, [...(found.get(node) ?? []), one]);
    for (const one of present ?? []) {
      const files = new Set([...one.editing, ...(one.viewing === null ? [] : [one.viewing])]);
      for (const node of files) put(node, one);
      if (one.folder !== null && one.folder !== shown) put(one.folder, one);
    }
    return found;
  }, [present, shown]);
}
