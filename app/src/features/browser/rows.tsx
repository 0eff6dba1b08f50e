// The lines in sight, each in a slot that writes itself: scrolling renders nothing. React has what is rare
// in a row, the field for a new name and who is there.
import { AlertTriangle, ChevronRight, CloudDownload, GitFork } from "lucide-react";
import type { MutableRefObject, RefObject } from "react";
import { memo, useEffect, useImperativeHandle, useLayoutEffect, useRef, useState } from "react";
import { createPortal } from "react-dom";
import type { Presence, Row } from "../../bindings/api";
import type { Arrivals } from "../../listing/arrivals";
import type { Line, Outline } from "../../listing/outline";
import { useNow } from "../../live/clock";
import { useTouches } from "../../live/news";
import { Pictures } from "./kinds";
import { paintPictures } from "./pictures";
import type { Rare } from "./pool";
import { Pool } from "./pool";
import { People, RenameField } from "./row";
import type { Chosen } from "./selection";
import { has } from "./selection";
import type { Slot, View } from "./slot";
import { rowId } from "./slot";
import { useRoom } from "./use-room";
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
  arrivals: Arrivals;
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

/** What the slots have their pictures from: they are drawn once. */
const Patterns = memo(function Patterns() {
  const kinds = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (kinds.current) paintPictures(kinds.current);
  }, []);
  return (
    <>
      <div ref={kinds}>
        <Pictures />
      </div>
      <span data-picture="twist"><ChevronRight size={14} aria-hidden /></span>
      <span data-picture="warn"><AlertTriangle size={14} aria-hidden /></span>
      <span data-picture="fork"><GitFork size={14} aria-hidden /></span>
      <span data-picture="cloud"><CloudDownload size={14} aria-hidden /></span>
    </>
  );
});

function same(a: readonly Rare[], b: readonly Rare[]): boolean {
  return a.length === b.length && a.every((one, at) => one.line === b[at]?.line && one.row === b[at].row && one.slot === b[at].slot);
}

const NONE: readonly Rare[] = [];

export function Rows(props: RowsProps) {
  const { outline, arrivals, chosen, renaming, people, handle, box } = props;
  const news = useTouches();
  const now = useNow();
  const room = useRoom(box);
  const pool = (useRef<Pool>().current ??= new Pool(ROW));
  const wanted = useRef<{ outline: Outline<Row>; first: number; end: number } | null>(null);
  const [rare, setRare] = useState(NONE);
  const write = useRef(() => {});
  /** The frame in which the lines out of sight are written. */
  const later = useRef(0);

  const viewOf = (index: number, line: Line<Row>, row: Row): View => ({
    row,
    line: index,
    top: index * ROW,
    level: line.level,
    position: line.position,
    siblings: line.siblings,
    expanded: props.expanded(row),
    selected: has(chosen, row.id, index),
    current: index === chosen.cursor.line,
    cut: props.cut.has(row.id),
    target: row.id === props.dropTarget,
    touch: news.touch(row.id),
    now,
    room,
    renaming: row.id === renaming,
    peopled: people.has(row.id),
  });

  const show = (): void => {
    const sight = virtual.calculateRange();
    const from = sight?.startIndex ?? 0;
    const to = sight ? Math.min(outline.length, sight.endIndex + 1) : 0;
    const [first, end] = [Math.max(0, from - AROUND), Math.min(outline.length, to + AROUND)];
    cancelAnimationFrame(later.current);
    const done = pool.show({ first, end, from, to, hurry: virtual.isScrolling }, (line) => outline.at(line), viewOf);
    if (!done) later.current = requestAnimationFrame(() => write.current());
    tellActive(box.current, pool.of(chosen.cursor.line) ? chosen.cursor.line : null);
    const before = wanted.current;
    if (before?.outline !== outline || before.first !== first || before.end !== end) {
      wanted.current = { outline, first, end };
      outline.want(first - AHEAD, end + AHEAD);
    }
    const found = renaming === null && people.size === 0 ? NONE : pool.rare();
    if (!same(rare, found)) setRare(found);
  };

  const rest = (): void => {
    pool.tidy();
    pool.order();
  };

  const virtual = useWindow({
    count: outline.length,
    box,
    line: ROW,
    head: HEAD,
    around: AROUND,
    onMove: (moving) => {
      show();
      if (moving) return;
      rest();
      arrivals.rest();
    },
  });
  useLayoutEffect(() => {
    pool.renew();
    show();
    if (virtual.isScrolling) pool.tidy();
    else rest();
  });

  write.current = show;
  useEffect(() => arrivals.show({ moving: () => virtual.isScrolling, write: () => write.current() }), [arrivals, virtual]);

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
      <div className="grid-space" role="presentation" style={{ height: outline.length * ROW }} ref={(element) => void (pool.space = element)} />
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
