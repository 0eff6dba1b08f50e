// The lines in sight, each in a slot that writes itself: scrolling renders nothing. React has what is rare
// in a row, the field for a new name and who is there.
import { AlertTriangle, ChevronRight, CloudDownload, GitFork } from "lucide-react";
import type { MutableRefObject, RefObject } from "react";
import { memo, useImperativeHandle, useLayoutEffect, useRef, useState } from "react";
import { createPortal } from "react-dom";
import type { Presence, Row } from "../../bindings/api";
import type { Outline } from "../../listing/outline";
import { useNow } from "../../live/clock";
import { useTouches } from "../../live/news";
import { Pictures } from "./kinds";
import { Pool } from "./pool";
import { People, RenameField } from "./row";
import type { Chosen } from "./selection";
import { has } from "./selection";
import type { Slot, View } from "./slot";
import { rowId } from "./slot";
import { useWindow } from "./use-window";

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

/** A line of which React has a part. */
interface Rare {
  line: number;
  row: Row;
  slot: Slot;
}

function same(a: readonly Rare[], b: readonly Rare[]): boolean {
  return a.length === b.length && a.every((one, at) => one.line === b[at]?.line && one.row === b[at].row && one.slot === b[at].slot);
}

const NONE: readonly Rare[] = [];

export function Rows(props: RowsProps) {
  const { outline, chosen, renaming, people, handle, box } = props;
  const news = useTouches();
  const now = useNow();
  const pool = (useRef<Pool>().current ??= new Pool());
  const wanted = useRef<{ outline: Outline<Row>; first: number; last: number } | null>(null);
  const [rare, setRare] = useState(NONE);

  const viewOf = (index: number, top: number): View => {
    const line = outline.at(index);
    const row = line?.row;
    return {
      row,
      line: index,
      top,
      level: line?.level ?? 1,
      position: line?.position ?? 0,
      siblings: line?.siblings ?? 0,
      expanded: row ? props.expanded(row) : false,
      selected: row ? has(chosen, row.id, index) : false,
      current: index === chosen.cursor.line,
      cut: row ? props.cut.has(row.id) : false,
      target: row !== undefined && row.id === props.dropTarget,
      touch: row ? news.touch(row.id) : undefined,
      now,
      renaming: row !== undefined && row.id === renaming,
      peopled: row !== undefined && people.has(row.id),
    };
  };

  const show = (): void => {
    const views = virtual.getVirtualItems().map((item) => viewOf(item.index, item.start - HEAD));
    pool.need(views.length);
    pool.show(views);
    if (!virtual.isScrolling) pool.order(views);
    const first = views[0]?.line ?? 0;
    const last = (views.at(-1)?.line ?? 0) + 1;
    tellActive(box.current, chosen.cursor.line >= first && chosen.cursor.line < last && outline.length > 0 ? chosen.cursor.line : null);
    const before = wanted.current;
    if (before?.outline !== outline || before.first !== first || before.last !== last) {
      wanted.current = { outline, first, last };
      outline.want(first - AHEAD, last + AHEAD);
    }
    const found: Rare[] = [];
    for (const { row, line, renaming: named, peopled } of views) {
      const slot = named || peopled ? pool.of(line) : undefined;
      if (row && slot) found.push({ line, row, slot });
    }
    if (!same(rare, found)) setRare(found);
  };

  const virtual = useWindow({ count: outline.length, box, line: ROW, head: HEAD, around: AROUND, onMove: show });
  useLayoutEffect(show);

  useImperativeHandle(
    handle,
    () => ({
      show: (line) => virtual.scrollToIndex(line, { align: "auto" }),
      page: () => Math.max(1, Math.floor(((box.current?.clientHeight ?? ROW) - HEAD) / ROW) - 1),
    }),
    [box, virtual],
  );

  return (
    <>
      <div hidden ref={(element) => void (pool.pictures = element)}>
        <Patterns />
      </div>
      <div className="grid-space" role="presentation" style={{ height: virtual.getTotalSize() }} ref={(element) => void (pool.space = element)} />
      {rare.map(({ line, row, slot }) => (
        <Parts key={line} row={row} slot={slot} people={people.get(row.id)} named={row.id === renaming} onRenamed={props.onRenamed} />
      ))}
    </>
  );
}

/** Tells which line the keyboard is on, as long as it is in sight. */
function tellActive(box: HTMLElement | null, line: number | null): void {
  const id = line === null ? null : rowId(line);
  if (!box || box.getAttribute("aria-activedescendant") === id) return;
  if (id === null) box.removeAttribute("aria-activedescendant");
  else box.setAttribute("aria-activedescendant", id);
}

interface PartsProps {
  row: Row;
  slot: Slot;
  people: readonly Presence[] | undefined;
  named: boolean;
  onRenamed: RowsProps["onRenamed"];
}

function Parts({ row, slot, people, named, onRenamed }: PartsProps) {
  return (
    <>
      {named && createPortal(<RenameField key={row.id} row={row} onDone={onRenamed} />, slot.forField)}
      {people && createPortal(<People row={row} people={people} />, slot.forPeople)}
    </>
  );
}
