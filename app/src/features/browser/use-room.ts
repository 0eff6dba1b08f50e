// How wide the column of names is. It is told by the browser when that changes, and never asked for: what is
// asked for in a frame is laid out in it.
import type { RefObject } from "react";
import { useLayoutEffect, useState } from "react";

/** What stands before a name at level 1: the twist and the picture. */
const BEFORE = 44;

/** Pixels that a name at level 1 has; 0 as long as that is not known. */
export function useRoom(box: RefObject<HTMLDivElement>): number {
  const [room, setRoom] = useState(0);
  useLayoutEffect(() => {
    const head = box.current?.querySelector(".grid-head > .cell-name");
    if (!head) return;
    const watcher = new ResizeObserver((entries) => {
      const wide = entries.at(-1)?.contentRect.width;
      if (wide !== undefined) setRoom(Math.floor(wide) - BEFORE);
    });
    watcher.observe(head);
    return () => watcher.disconnect();
  }, [box]);
  return room;
}
