// The lines in sight, and only those, as an ARIA treegrid: one stop for the Tab key, the cursor told by
// aria-activedescendant, and one for the heads of the columns, among which the arrows go. Knows how rows are shown and nothing of what is done with them.
import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronDown, ChevronUp } from "lucide-react";
import type { DragEvent, KeyboardEvent, MouseEvent, MutableRefObject, ReactNode, RefObject } from "react";
import { useEffect, useRef } from "react";
import type { Presence, Row, SortKey } from "../../bindings/api";
import type { Outline } from "../../listing/outline";
import { useNow } from "../../live/clock";
import { useTouches } from "../../live/news";
import type { Chosen } from "./selection";
import { has, size } from "./selection";
import type { Order } from "./use-listing";
import { GridRow, rowId } from "./row";
import "./grid.css";

export const ROW = 32;
const AROUND = 8;
/** The heads of the columns, which stay in sight above the rows. */
const HEAD = 32;

export interface GridHandle {
  /** Brings a line into sight. */
  show: (line: number) => void;
  /** Lines that fit the window. */
  page: () => number;
}

interface GridProps {
  label: string;
  outline: Outline<Row>;
  expanded: (row: Row) => boolean;
  chosen: Chosen<Row>;
  renaming: string | null;
  cut: ReadonlySet<string>;
  dropTarget: string | null;
  people: ReadonlyMap<string, readonly Presence[]>;
  order: Order;
  handle: MutableRefObject<GridHandle | null>;
  box: RefObject<HTMLDivElement>;
  empty: ReactNode;
  onSort: (key: SortKey) => void;
  onKeyDown: (event: KeyboardEvent<HTMLDivElement>) => void;
  onMouseDown: (event: MouseEvent, line: number | null, twist: boolean) => void;
  onOpen: (line: number) => void;
  onMenu: (event: MouseEvent, line: number | null) => void;
  onDragStart: (event: DragEvent) => void;
  onDragOver: (event: DragEvent, line: number | null) => void;
  onDragLeave: () => void;
  onDragEnd: () => void;
  onDrop: (event: DragEvent, line: number | null) => void;
  onRenamed: (row: Row, name: string | null) => void;
}

const COLUMNS: readonly { key: SortKey; label: string; className: string }[] = [
  { key: "name", label: "Name", className: "cell-name" },
  { key: "time", label: "Changed", className: "cell-changed" },
  { key: "size", label: "Size", className: "cell-size" },
  { key: "kind", label: "Kind", className: "cell-kind" },
];

function lineAt(target: EventTarget | null): number | null {
  const line = target instanceof Element ? target.closest<HTMLElement>("[data-line]")?.dataset["line"] : undefined;
  return line === undefined ? null : Number(line);
}

/** Keys on the head of a column: they sort, and are nothing to the rows. */
function headPressed(event: KeyboardEvent<HTMLButtonElement>, box: HTMLElement | null): void {
  event.stopPropagation();
  const heads = Array.from(box?.querySelectorAll<HTMLElement>(".sort") ?? []).filter((head) => head.offsetParent !== null);
  const now = heads.indexOf(event.currentTarget);
  const to = { ArrowLeft: heads[now - 1], ArrowRight: heads[now + 1], Home: heads[0], End: heads.at(-1), ArrowDown: box, Escape: box }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  to?.focus({ preventScroll: true });
}

export function Grid(props: GridProps) {
  const { outline, chosen, handle, box, order } = props;
  const news = useTouches();
  const now = useNow();
  const virtual = useVirtualizer({
    count: outline.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: AROUND,
    scrollMargin: HEAD,
    scrollPaddingStart: HEAD,
  });
  const items = virtual.getVirtualItems();
  // As many elements as were ever needed at once, and no more: only then does a line that comes get those of
  // one that leaves.
  const most = useRef(0);
  most.current = Math.max(most.current, items.length);
  const pool = most.current;
  const first = items[0]?.index ?? 0;
  const last = (items.at(-1)?.index ?? 0) + 1;

  useEffect(() => outline.want(first, last), [outline, first, last]);

  useEffect(() => {
    handle.current = {
      show: (line) => virtual.scrollToIndex(line, { align: "auto" }),
      page: () => Math.max(1, Math.floor(((box.current?.clientHeight ?? ROW) - HEAD) / ROW) - 1),
    };
  }, [handle, box, virtual]);

  const currentShown = chosen.cursor.line >= first && chosen.cursor.line < last && outline.length > 0;

  return (
    <div
      ref={box}
      className="grid"
      role="treegrid"
      aria-label={props.label}
      aria-rowcount={outline.length + 1}
      aria-multiselectable="true"
      aria-activedescendant={currentShown ? rowId(chosen.cursor.line) : undefined}
      tabIndex={0}
      data-autofocus=""
      onKeyDown={props.onKeyDown}
    >
      <div className="grid-head" role="row" aria-rowindex={1}>
        {COLUMNS.map(({ key, label, className }) => {
          const sorted = order.sort === key;
          return (
            <div
              key={key}
              className={`cell ${className}`}
              role="columnheader"
              aria-sort={sorted ? (order.descending ? "descending" : "ascending") : "none"}
            >
              <button
                type="button"
                // The name is the one column that no window is too narrow for.
                tabIndex={key === "name" ? 0 : -1}
                className="sort"
                onClick={(event) => {
                  props.onSort(key);
                  // Whoever points goes on with the rows; whoever came by keys stays where they are.
                  if (event.detail > 0) box.current?.focus({ preventScroll: true });
                }}
                onKeyDown={(event) => headPressed(event, box.current)}
                title={`Sort by ${label.toLowerCase()}`}
              >
                {label}
                {sorted && (order.descending ? <ChevronDown size={12} aria-hidden /> : <ChevronUp size={12} aria-hidden />)}
              </button>
            </div>
          );
        })}
      </div>
      <div
        className="grid-box"
        role="presentation"
        onMouseDown={(event) => {
          const twist = event.target instanceof Element && event.target.closest("[data-twist]") !== null;
          props.onMouseDown(event, lineAt(event.target), twist);
        }}
        onDoubleClick={(event) => {
          const line = lineAt(event.target);
          const twist = event.target instanceof Element && event.target.closest("[data-twist]") !== null;
          if (line !== null && !twist) props.onOpen(line);
        }}
        onContextMenu={(event) => props.onMenu(event, lineAt(event.target))}
        onDragStart={(event) => {
          // What is dragged is the box of all rows: the row is the one under the pointer.
          const under = document.elementFromPoint(event.clientX, event.clientY);
          const line = lineAt(under);
          if (!under || line === null) return event.preventDefault();
          const row = under.closest("[data-line]");
          if (row) event.dataTransfer.setDragImage(row, 16, 16);
          props.onDragStart(event);
        }}
        onDragOver={(event) => props.onDragOver(event, lineAt(event.target))}
        onDragLeave={(event) => {
          if (!event.currentTarget.contains(event.relatedTarget as Node | null)) props.onDragLeave();
        }}
        onDragEnd={props.onDragEnd}
        onDrop={(event) => props.onDrop(event, lineAt(event.target))}
        draggable={size(chosen) > 0 && props.renaming === null}
      >
        {outline.length === 0 ? (
          <div role="row" className="grid-empty">
            <div role="gridcell">{props.empty}</div>
          </div>
        ) : (
          <div className="grid-space" role="presentation" style={{ height: virtual.getTotalSize() }}>
            {items.map((item) => {
              const line = outline.at(item.index);
              const row = line?.row;
              return (
                <GridRow
                  // Lines that leave lend their elements to those that come: none is made while scrolling.
                  key={item.index % pool}
                  row={row}
                  line={item.index}
                  top={item.start - HEAD}
                  level={line?.level ?? 1}
                  position={line?.position ?? 0}
                  siblings={line?.siblings ?? 0}
                  expanded={row ? props.expanded(row) : false}
                  selected={row ? has(chosen, row.id, item.index) : false}
                  current={item.index === chosen.cursor.line}
                  renaming={row !== undefined && row.id === props.renaming}
                  cut={row ? props.cut.has(row.id) : false}
                  target={row !== undefined && row.id === props.dropTarget}
                  people={row ? props.people.get(row.id) : undefined}
                  touch={row ? news.touch(row.id) : undefined}
                  now={now}
                  onRenamed={props.onRenamed}
                />
              );
            })}
          </div>
        )}
      </div>
    </div>
  );
}
