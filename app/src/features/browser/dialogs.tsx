// The questions that the browser asks: whether to delete, where to move, which key does what.
import { ChevronRight, CornerLeftUp } from "lucide-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { usePlatform } from "../../platform/context";
import { count } from "../../text/format";
import { spoken } from "../../text/names";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { Name } from "../../ui/name";
import { Failed, Waiting } from "../../ui/view";
import type { Placed } from "./actions";
import { KindIcon } from "./kinds";

export function DeleteDialog({ rows, onClose, onDelete }: { rows: readonly Placed[]; onClose: () => void; onDelete: () => void }) {
  const [first] = rows;
  const folders = rows.filter((one) => one.row.kind === "folder").length;
  return (
    <Dialog
      title={rows.length === 1 && first ? `Delete ${first.row.kind}?` : `Delete ${count(rows.length, "item")}?`}
      onClose={onClose}
      onSubmit={() => {
        onClose();
        onDelete();
      }}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" weight="danger" data-autofocus="">
            Delete
          </Button>
        </>
      }
    >
      <ul className="dialog-rows">
        {rows.slice(0, 5).map((one) => (
          <li key={one.row.id}>
            <KindIcon kind={one.row.kind} name={one.row.name} />
            <Name name={one.row.name} />
          </li>
        ))}
        {rows.length > 5 && <li className="faint">and {count(rows.length - 5, "more", "more")}</li>}
      </ul>
      <p className="muted">
        {rows.length === 1 ? "It goes" : "They go"} to the drive’s trash on every device
        {folders > 0 ? ", with everything inside" : ""}. What somebody edits meanwhile comes back.
      </p>
    </Dialog>
  );
}

/** Folders that are asked for at once; no answer has more. */
const WINDOW = 500;

interface MoveProps {
  drive: string;
  rows: readonly Placed[];
  onClose: () => void;
  onMove: (folder: string, name: string) => void;
}

export function MoveDialog({ drive, rows, onClose, onMove }: MoveProps) {
  const platform = usePlatform();
  const [at, setAt] = useState<string | null>(null);
  const list = useRef<HTMLDivElement>(null);
  const folder = useInfiniteQuery({
    queryKey: ["drive", drive, "folders", at],
    initialPageParam: 0,
    queryFn: ({ pageParam, signal }) =>
      platform.call("folder", { drive, offset: pageParam, count: WINDOW, folders_first: true, ...(at === null ? {} : { folder: at }) }, { signal }),
    // Folders come first: a window that ends with another thing was the last that has some.
    getNextPageParam: ({ offset, rows, total }) =>
      rows.at(-1)?.kind === "folder" && offset + rows.length < total ? offset + rows.length : undefined,
    staleTime: 0,
  });
  const moving = new Set(rows.map((one) => one.row.id));
  const [top] = folder.data?.pages ?? [];
  const path = top?.path ?? [];
  const here = path.at(-1);
  const parent = path.at(-2);
  const folders = (folder.data?.pages ?? []).flatMap((page) => page.rows).filter((row) => row.kind === "folder" && !moving.has(row.id));
  // The button that led here is gone with its folder, and the list comes later than the dialog.
  useEffect(() => {
    if (top?.folder !== undefined) list.current?.querySelector<HTMLElement>(".move-row")?.focus();
  }, [top?.folder]);
  const [first] = rows;
  return (
    <Dialog
      title={rows.length === 1 && first ? `Move “${spoken(first.row.name)}”` : `Move ${count(rows.length, "item")}`}
      onClose={onClose}
      onSubmit={() => {
        if (!top || !here) return;
        onClose();
        onMove(top.folder, here.name);
      }}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" weight="primary" disabled={!top}>
            Move here
          </Button>
        </>
      }
    >
      <p className="move-path" aria-live="polite">
        {path.map((crumb) => spoken(crumb.name)).join(" / ") || " "}
      </p>
      <div className="move-list" ref={list}>
        {folder.error && <Failed error={folder.error} retry={() => void folder.refetch()} />}
        {folder.isPending && <Waiting lines={3} />}
        {parent && (
          <button type="button" className="move-row" onClick={() => setAt(parent.id)}>
            <CornerLeftUp size={16} aria-hidden />
            <span>Up to “{spoken(parent.name)}”</span>
          </button>
        )}
        {folders.map((row) => (
          <button key={row.id} type="button" className="move-row" onClick={() => setAt(row.id)}>
            <KindIcon kind="folder" name={row.name} />
            <Name name={row.name} />
            <ChevronRight size={14} className="move-go" aria-hidden />
          </button>
        ))}
        {folder.hasNextPage && (
          <Button weight="quiet" busy={folder.isFetchingNextPage} onClick={() => void folder.fetchNextPage()}>
            More folders
          </Button>
        )}
        {top && folders.length === 0 && <p className="faint move-none">No folders in here.</p>}
      </div>
    </Dialog>
  );
}

const KEYS: readonly [string, readonly [string, string][]][] = [
  ["Moving around", [
    ["↑ ↓", "Up and down"], ["→ ←", "Open or close a folder in place"], ["Enter", "Open"], ["Backspace", "Go to the folder above"],
    ["Home End", "First and last row"], ["any letters", "Go to a name that begins so"], ["/", "Search the drive"],
  ]],
  ["Selecting", [["Shift+arrows", "Select more"], ["Ctrl+Space", "Select one more, or one less"], ["Ctrl+A", "Select all"], ["Esc", "Select none"]]],
  ["Files", [
    ["Space", "Preview"], ["F2", "Rename"], ["F7", "New folder"], ["Ctrl+X, Ctrl+V", "Cut, then move here"],
    ["Ctrl+M", "Move to…"], ["Ctrl+H", "Versions"], ["Delete", "Delete"], ["Shift+F10", "Menu"], ["?", "Show these shortcuts"],
  ]],
];

export function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose} wide>
      <div className="keys">
        {KEYS.map(([title, keys]) => (
          <section key={title} aria-label={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(([key, does]) => (
                <div key={key}>
                  <dt>
                    <kbd>{key}</kbd>
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
