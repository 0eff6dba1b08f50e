// The rows of a folder as an ARIA treegrid: one stop for the Tab key, the cursor told by
// aria-activedescendant, and one for the heads of the columns, among which the arrows go. Knows nothing of
// what is done with rows.
import { ChevronDown, ChevronUp } from "lucide-react";
import type { DragEvent, KeyboardEvent, MouseEvent, ReactNode } from "react";
import type { SortKey } from "../../bindings/api";
import type { RowsProps } from "./rows";
import { Rows } from "./rows";
import { size } from "./selection";
import { lineAt } from "./slot";
import type { Order } from "./use-listing";
import "./grid.css";

interface GridProps extends RowsProps {
  label: string;
  order: Order;
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
}

const COLUMNS: readonly { key: SortKey; label: string; className: string }[] = [
  { key: "name", label: "Name", className: "cell-name" },
  { key: "time", label: "Changed", className: "cell-changed" },
  { key: "size", label: "Size", className: "cell-size" },
  { key: "kind", label: "Kind", className: "cell-kind" },
];

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
  const { outline, chosen, box, order } = props;
  return (
    <div
      ref={box}
      className="grid"
      role="treegrid"
      aria-label={props.label}
      aria-rowcount={outline.length + 1}
      aria-multiselectable="true"
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
          <Rows
            outline={outline}
            arrivals={props.arrivals}
            expanded={props.expanded}
            chosen={chosen}
            renaming={props.renaming}
            cut={props.cut}
            dropTarget={props.dropTarget}
            people={props.people}
            handle={props.handle}
            box={box}
            onRenamed={props.onRenamed}
          />
        )}
      </div>
    </div>
  );
}
