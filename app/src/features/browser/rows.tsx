// The lines in sight, each in a slot of a pool that is no larger than was ever needed at once. React
// renders the two things that are rare in a row, the field of a new name and who is there; all else the
// slots write themselves, for a frame of a 120 Hz screen has no time for more.
import { useVirtualizer } from "@tanstack/react-virtual";
import { AlertTriangle, ChevronRight, CloudDownload, GitFork } from "lucide-react";
import type { MutableRefObject, RefObject } from "react";
import { memo, useEffect, useLayoutEffect, useRef } from "react";
import { createPortal } from "react-dom";
import type { Presence, Row } from "../../bindings/api";
import type { Outline } from "../../listing/outline";
import { useNow } from "../../live/clock";
import { useTouches } from "../../live/news";
import { Pictures } from "./kinds";
import { People, RenameField } from "./row";
import type { Chosen } from "./selection";
import { has } from "./selection";
import type { View } from "./slot";
import { rowId, Slot } from "./slot";

export const ROW = 32;
/** Lines kept ready on either side of those in sight. */
const AROUND = 4;
/** Lines on either side that are asked for before they come into sight. */
const AHEAD = 60;
/** The heads of the columns, which stay in sight above the rows. */
const HEAD = 32;

export interface GridHandle {
  /** Brings a line into sight. */
  show: (line: number) => void;
  /** Lines that fit the window. */
  page: () => number;
}

export interface RowsProps {
  outline: Outline<Row>;
  expanded: (row: Row) => boolean;
  chosen: Chosen<Row>;
  renaming: string | null;
  cut: ReadonlySet<string>;
  dropTarget: string | null;
  people: ReadonlyMap<string, readonly Presence[]>;
  handle: MutableRefObject<GridHandle | null>;
  box: RefObject<HTMLDivElement>;
  onRenamed: (row: Row, name: string | null) => void;
}

/** What the slots copy their pictures from: they are drawn once. */
const Patterns = memo(function Patterns() {
  return (
    <>
      <Pictures />
      <span data-picture="twist"><ChevronRight size={14} aria-hidden /></span>
      <span data-picture="warn"><AlertTriangle size={14} aria-hidden /></span>
      <span data-picture="fork"><GitFork size={14} aria-hidden /></span>
      <span data-picture="cloud"><CloudDownload size={14} aria-hidden /></span>
    </>
  );
});

/** The slots there are, and where they stand. */
class Pool {
  private readonly slots: Slot[] = [];
  private readonly patterns = new Map<string, Node>();
  private size = 0;

  /** The element that has the pictures, and the one for the rows: null while they are not there. */
  pictures: HTMLElement | null = null;
  space: HTMLElement | null = null;

  /** As many slots as were ever needed at once: only then does a line that comes get the one of a line that leaves. */
  need(lines: number): void {
    for (; this.size < lines; this.size += 1) this.slots.push(new Slot((picture) => this.draw(picture)));
  }

  of(line: number): Slot | undefined {
    return this.slots[line % this.size];
  }

  /** Shows these lines, which follow each other, and none else. */
  show(views: readonly View[]): void {
    const { space } = this;
    if (!space) return;
    const unused = new Set(views.length < this.size ? this.slots : []);
    for (const view of views) {
      const slot = this.of(view.line);
      if (!slot) continue;
      slot.show(view);
      unused.delete(slot);
      if (slot.element.parentNode !== space) space.append(slot.element);
    }
    for (const slot of unused) slot.element.remove();
  }

  /** Puts the elements in the order of their lines, as those expect who go through the document. Not
   * while a name is written, for an element that is moved loses the focus. */
  order(views: readonly View[]): void {
    const { space } = this;
    if (!space || (document.activeElement !== null && space.contains(document.activeElement))) return;
    let at = space.firstElementChild;
    for (const { line } of views) {
      const element = this.of(line)?.element;
      if (!element) continue;
      if (element === at) at = at.nextElementSibling;
      else space.insertBefore(element, at);
    }
  }

  private draw(picture: string): Node {
    let pattern = this.patterns.get(picture);
    if (!pattern) {
      pattern = this.pictures?.querySelector(`[data-picture="${picture}"]`)?.firstElementChild ?? document.createElement("span");
      this.patterns.set(picture, pattern);
    }
    return pattern.cloneNode(true);
  }
}

export function Rows(props: RowsProps) {
  const { outline, chosen, renaming, people, handle, box } = props;
  const news = useTouches();
  const now = useNow();
  const pool = (useRef<Pool>().current ??= new Pool());
  const virtual = useVirtualizer({
    count: outline.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: AROUND,
    scrollMargin: HEAD,
    scrollPaddingStart: HEAD,
  });
  const items = virtual.getVirtualItems();
  pool.need(items.length);
  const first = items[0]?.index ?? 0;
  const last = (items.at(-1)?.index ?? 0) + 1;

  useEffect(() => outline.want(first - AHEAD, last + AHEAD), [outline, first, last]);

  useEffect(() => {
    handle.current = {
      show: (line) => virtual.scrollToIndex(line, { align: "auto" }),
      page: () => Math.max(1, Math.floor(((box.current?.clientHeight ?? ROW) - HEAD) / ROW) - 1),
    };
  }, [handle, box, virtual]);

  const views = items.map((item): View => {
    const line = outline.at(item.index);
    const row = line?.row;
    return {
      row,
      line: item.index,
      top: item.start - HEAD,
      level: line?.level ?? 1,
      position: line?.position ?? 0,
      siblings: line?.siblings ?? 0,
      expanded: row ? props.expanded(row) : false,
      selected: row ? has(chosen, row.id, item.index) : false,
      current: item.index === chosen.cursor.line,
      cut: row ? props.cut.has(row.id) : false,
      target: row !== undefined && row.id === props.dropTarget,
      touch: row ? news.touch(row.id) : undefined,
      now,
      renaming: row !== undefined && row.id === renaming,
      peopled: row !== undefined && people.has(row.id),
    };
  });

  useLayoutEffect(() => {
    pool.show(views);
    if (!virtual.isScrolling) pool.order(views);
    const { line } = chosen.cursor;
    const active = line >= first && line < last && outline.length > 0 ? rowId(line) : null;
    if (box.current?.getAttribute("aria-activedescendant") === active) return;
    if (active === null) box.current?.removeAttribute("aria-activedescendant");
    else box.current?.setAttribute("aria-activedescendant", active);
  });

  return (
    <>
      <div hidden ref={(element) => void (pool.pictures = element)}>
        <Patterns />
      </div>
      <div className="grid-space" role="presentation" style={{ height: virtual.getTotalSize() }} ref={(element) => void (pool.space = element)} />
      {views.map(({ row, line, renaming: named, peopled }) => {
        const slot = named || peopled ? pool.of(line) : undefined;
        if (!row || !slot) return null;
        return (
          <Rare key={line} row={row} slot={slot} people={people.get(row.id)} named={named} onRenamed={props.onRenamed} />
        );
      })}
    </>
  );
}

function Rare({ row, slot, people, named, onRenamed }: { row: Row; slot: Slot; people: readonly Presence[] | undefined; named: boolean; onRenamed: RowsProps["onRenamed"] }) {
  return (
    <>
      {named && createPortal(<RenameField key={row.id} row={row} onDone={onRenamed} />, slot.forField)}
      {people && createPortal(<People row={row} people={people} />, slot.forPeople)}
    </>
  );
}
