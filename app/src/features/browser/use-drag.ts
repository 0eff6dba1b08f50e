// What is dragged over the browser: rows of this window, files from elsewhere, or something that is
// none of its business. Knows nothing of where it is dropped.
import type { DragEvent } from "react";
import { useMemo, useRef } from "react";

const TYPE = "application/x-peerdrive";

export interface Drag {
  /** Rows begin to be dragged. */
  start: (event: DragEvent) => void;
  end: () => void;
  /** What is over the browser, as far as its types tell: contents are not readable before the drop. */
  carries: (event: DragEvent) => "rows" | "files" | null;
  /** Whether it is the drag of rows that began in this window and drive, now that it is dropped. */
  isOurs: (event: DragEvent) => boolean;
}

/** A drop acts on the rows chosen here, so only the drag that began here may ask for that: words, links
 * and rows of another window are not these rows. */
export function useDrag(drive: string): Drag {
  const begun = useRef<string | null>(null);
  return useMemo<Drag>(
    () => ({
      start(event) {
        begun.current = `${drive} ${crypto.randomUUID()}`;
        event.dataTransfer.setData(TYPE, begun.current);
        event.dataTransfer.effectAllowed = "move";
      },
      end() {
        begun.current = null;
      },
      carries({ dataTransfer: { types } }) {
        if (types.includes("Files")) return "files";
        return begun.current !== null && types.includes(TYPE) ? "rows" : null;
      },
      isOurs({ dataTransfer }) {
        const { current } = begun;
        return current?.startsWith(`${drive} `) === true && dataTransfer.getData(TYPE) === current;
      },
    }),
    [drive],
  );
}
