// Which lines are in sight while a box is scrolled. Tells of each change at once and renders nothing:
// a frame of a fast screen has no time for a render of React. Knows only lines, all of one height.
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/react-virtual";
import type { RefObject } from "react";
import { useLayoutEffect, useRef, useState } from "react";

interface WindowOf {
  count: number;
  box: RefObject<HTMLDivElement>;
  /** The height of a line, of what stays in sight above the lines, and how many lines are kept ready on either side. */
  line: number;
  head: number;
  around: number;
  /** Other lines are in sight, or the scrolling came to rest. */
  onMove: (moving: boolean) => void;
}

export function useWindow({ count, box, line, head, around, onMove }: WindowOf): Virtualizer<HTMLDivElement, Element> {
  const moved = useRef(onMove);
  moved.current = onMove;
  const options = {
    count,
    getScrollElement: () => box.current,
    estimateSize: () => line,
    overscan: around,
    scrollMargin: head,
    scrollPaddingStart: head,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: (now: Virtualizer<HTMLDivElement, Element>) => moved.current(now.isScrolling),
  };
  const [virtual] = useState(() => new Virtualizer<HTMLDivElement, Element>(options));
  virtual.setOptions(options);
  useLayoutEffect(() => virtual._didMount(), [virtual]);
  useLayoutEffect(() => virtual._willUpdate());
  return virtual;
}
