// One line of the grid. Renders again only when something of its own changed.
import { AlertTriangle, ChevronRight, CloudDownload, GitFork } from "lucide-react";
import type { KeyboardEvent } from "react";
import { memo, useEffect, useRef, useState } from "react";
import type { Presence, Row } from "../../bindings/api";
import type { Touch } from "../../live/news";
import { ago, bytes, count, exactly } from "../../text/format";
import { nameFault, spoken } from "../../text/names";
import { whoName } from "../../text/words";
import { Avatar, Avatars } from "../../ui/avatar";
import { Name } from "../../ui/name";
import { KindIcon, kindWord } from "./kinds";

export interface RowProps {
  row: Row | undefined;
  line: number;
  top: number;
  level: number;
  position: number;
  siblings: number;
  expanded: boolean;
  selected: boolean;
  current: boolean;
  renaming: boolean;
  cut: boolean;
  target: boolean;
  people: readonly Presence[] | undefined;
  touch: Touch | undefined;
  now: number;
  onRenamed: (row: Row, name: string | null) => void;
}

const INDENT = 18;

export function rowId(line: number): string {
  return `row-${line}`;
}

export const GridRow = memo(function GridRow(props: RowProps) {
  const { row, line, top, level, position, siblings, expanded, selected, current, people, touch, now } = props;
  const style = { transform: `translateY(${top}px)` };
  if (!row) {
    return (
      <div className="row" role="row" id={rowId(line)} aria-rowindex={line + 2} aria-level={level} style={style} aria-busy="true">
        <div className="cell cell-name" role="gridcell">
          <span className="row-ghost" />
        </div>
      </div>
    );
  }
  const classes = ["row"];
  if (selected) classes.push("row-selected");
  if (current) classes.push("row-current");
  if (props.cut) classes.push("row-cut");
  if (props.target) classes.push("row-target");
  const fresh = touch?.fresh === true && !touch.who.you && now - touch.at < 4_000;
  if (fresh) classes.push("row-fresh");
  return (
    <div
      key={fresh ? touch.at : 0}
      className={classes.join(" ")}
      role="row"
      id={rowId(line)}
      data-line={line}
      aria-rowindex={line + 2}
      aria-level={level}
      aria-posinset={position + 1}
      aria-setsize={siblings}
      aria-selected={selected}
      aria-expanded={row.kind === "folder" ? expanded : undefined}
      style={style}
    >
      <div className="cell cell-name" role="gridcell" style={{ paddingLeft: 8 + (level - 1) * INDENT }}>
        {row.kind === "folder" ? (
          <span className={expanded ? "twist twist-open" : "twist"} data-twist="" aria-hidden="true">
            <ChevronRight size={14} />
          </span>
        ) : (
          <span className="twist" aria-hidden="true" />
        )}
        <KindIcon kind={row.kind} name={row.name} />
        {props.renaming ? (
          <RenameField key={row.id} row={row} onDone={props.onRenamed} />
        ) : (
          <>
            <Name name={row.name} />
            {row.target !== undefined && (
              <span className="row-target-path faint" title={spoken(row.target)}>
                → {spoken(row.target)}
              </span>
            )}
          </>
        )}
        <Marks row={row} />
        {people && (
          <Avatars
            size={20}
            people={people.map((one) => ({
              person: { id: one.member, name: whoName(one) },
              device: one.device,
              state: one.editing.includes(row.id) ? "editing" : one.idle ? "idle" : "here",
              title: `${whoName(one)} ${one.editing.includes(row.id) ? "is editing this" : "is here"}${one.idle ? " (idle)" : ""}`,
            }))}
          />
        )}
      </div>
      <div
        className="cell cell-changed"
        role="gridcell"
        // The exact time is worked out for the one line that is pointed at.
        onMouseEnter={(event) => void (event.currentTarget.title = exactly(row.mtime))}
      >
        {touch && <Avatar size={16} person={{ id: touch.who.member ?? "", name: whoName(touch.who) }} />}
        <span className="cell-text">
          {touch ? `${whoName(touch.who)} · ${ago(touch.at, now)}` : ago(row.mtime, now)}
        </span>
      </div>
      <div className="cell cell-size numeric" role="gridcell">
        {row.kind === "file" ? bytes(row.size) : row.kind === "folder" && row.entries !== undefined ? count(row.entries, "item") : "–"}
      </div>
      <div className="cell cell-kind" role="gridcell">
        {kindWord(row.kind, row.name)}
      </div>
    </div>
  );
});

function Marks({ row }: { row: Row }) {
  const mark = (words: string, icon: React.ReactNode, tone: string) => (
    <span className={`mark ${tone}`} role="img" aria-label={words} title={words}>
      {icon}
    </span>
  );
  return (
    <>
      {row.problem !== undefined && mark(`Waits: ${row.problem}`, <AlertTriangle size={14} />, "mark-warn")}
      {row.conflict && mark("Changed in two ways at once", <GitFork size={14} />, "mark-warn")}
      {row.copy_of !== undefined && mark("Another version of the file beside it", <GitFork size={14} />, "mark-warn")}
      {row.here === false && mark("Not on this device: it comes when it is opened", <CloudDownload size={14} />, "mark-faint")}
    </>
  );
}

function RenameField({ row, onDone }: { row: Row; onDone: (row: Row, name: string | null) => void }) {
  const [name, setName] = useState(row.name);
  const field = useRef<HTMLInputElement>(null);
  const over = useRef(false);
  const fault = name === row.name ? null : nameFault(name);

  useEffect(() => {
    const input = field.current;
    input?.focus();
    const dot = row.kind === "file" ? row.name.lastIndexOf(".") : -1;
    input?.setSelectionRange(0, dot > 0 ? dot : row.name.length);
  }, [row.kind, row.name]);

  const done = (kept: string | null): void => {
    if (over.current) return;
    over.current = true;
    onDone(row, kept);
  };
  const pressed = (event: KeyboardEvent): void => {
    event.stopPropagation();
    if (event.key === "Enter" && !fault) done(name);
    else if (event.key === "Escape") done(null);
  };
  return (
    <span className="rename">
      <input
        ref={field}
        className="rename-field"
        aria-label={`New name for ${spoken(row.name)}`}
        aria-invalid={fault ? true : undefined}
        value={name}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => setName(event.target.value)}
        onKeyDown={pressed}
        onBlur={() => done(fault ? null : name)}
        onMouseDown={(event) => event.stopPropagation()}
        onDoubleClick={(event) => event.stopPropagation()}
      />
      {fault && (
        <span className="rename-fault" role="alert">
          {fault}
        </span>
      )}
    </span>
  );
}
