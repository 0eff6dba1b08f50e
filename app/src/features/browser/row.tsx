// What React renders into a row of the grid: the field for a new name, and who is there.
import type { KeyboardEvent } from "react";
import { memo, useEffect, useRef, useState } from "react";
import type { Presence, Row } from "../../bindings/api";
import { nameFault, spoken } from "../../text/names";
import { whoName } from "../../text/words";
import { Avatars } from "../../ui/avatar";

export const People = memo(function People({ row, people }: { row: Row; people: readonly Presence[] }) {
  return (
    <Avatars
      size={20}
      people={people.map((one) => ({
        person: { id: one.member, name: whoName(one) },
        device: one.device,
        state: one.editing.includes(row.id) ? "editing" : one.idle ? "idle" : "here",
        title: `${whoName(one)} ${one.editing.includes(row.id) ? "is editing this" : "is here"}${one.idle ? " (idle)" : ""}`,
      }))}
    />
  );
});

export function RenameField({ row, onDone }: { row: Row; onDone: (row: Row, name: string | null) => void }) {
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
