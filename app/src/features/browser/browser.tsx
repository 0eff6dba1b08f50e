// The file browser: a folder as rows, and everything that keyboard and pointer do with them.
import { FolderOpen, SearchX } from "lucide-react";
import type { MouseEvent } from "react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Row, SortKey } from "../../bindings/api";
import { useConnection, useNews } from "../../live/news";
import { usePlatform } from "../../platform/context";
import { useActivity, useDrive, usePresence } from "../../query/queries";
import { go } from "../../route";
import { spoken } from "../../text/names";
import { Menu } from "../../ui/menu";
import { Empty, Failed, Waiting } from "../../ui/view";
import type { Look } from "../presence/use-focus-told";
import { VersionsDialog } from "../versions/versions-dialog";
import type { Placed } from "./actions";
import { useActions } from "./actions";
import { DeleteDialog, MoveDialog, ShortcutsDialog } from "./dialogs";
import { Grid } from "./grid";
import { keysOf } from "./keys";
import { menuItems } from "./menu-items";
import { Preview } from "./preview";
import { Results } from "./results";
import type { GridHandle } from "./rows";
import type { Chosen } from "./selection";
import { alone, at, everything, has, none, nothing, only, pointed, ranged, size, spanned, toggled } from "./selection";
import { rowId } from "./slot";
import { StatusLine } from "./status-line";
import { Toolbar } from "./toolbar";
import { useDrag } from "./use-drag";
import { useDrops } from "./use-drops";
import { useGathered } from "./use-gathered";
import { useKeptTrue } from "./use-kept-true";
import type { Order } from "./use-listing";
import { useListing } from "./use-listing";
import { usePeople } from "./use-people";
import "./browser.css";

type Dialog = { of: "delete"; rows: Placed[] } | { of: "move"; rows: Placed[] } | { of: "versions"; file: Placed } | { of: "keys" } | null;

const TYPED_FOR = 900;
/** A range up to this long whose rows are all here is chosen row by row. */
const BY_ID = 2_000;

/** A node that is to be under the cursor, in its folder; whether its place was asked for already. */
interface Sought {
  node: string;
  folder: string;
  rename: boolean;
  asked: boolean;
}

interface BrowserProps {
  drive: string;
  folder: string | null;
  /** Told what is before the person, and again when that changes. */
  onLook: (look: Look) => void;
}

export function Browser({ drive, folder, onLook }: BrowserProps) {
  const card = useDrive(drive);
  const news = useNews();
  const connection = useConnection();
  const actions = useActions(drive);
  const drag = useDrag(drive);
  const takesFiles = usePlatform().upload !== undefined;
  const [order, setOrder] = useState<Order>({ sort: "name", descending: false });
  const listing = useListing(drive, folder, order);
  const { outline, place } = listing;
  const [chosen, setChosen] = useState<Chosen<Row>>(nothing);
  const [renaming, setRenaming] = useState<string | null>(null);
  const [preview, setPreview] = useState(false);
  const [search, setSearch] = useState("");
  const [cut, setCut] = useState<readonly Placed[]>([]);
  const [dialog, setDialog] = useState<Dialog>(null);
  const [menu, setMenu] = useState<{ x: number; y: number } | null>(null);
  const handle = useRef<GridHandle | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const searchField = useRef<HTMLInputElement>(null);
  const typed = useRef({ text: "", at: -Infinity });
  /** A node that is to be under the cursor as soon as it is here. */
  const sought = useRef<Sought | null>(null);
  const presence = usePresence(drive);
  const activity = useActivity(drive);
  const canWrite = place?.canWrite ?? false;

  useEffect(() => {
    if (activity.data) news.learn(activity.data.pages.flatMap((page) => page.items));
  }, [activity.data, news]);

  // Another folder begins with its first row and no choice.
  const [shownFolder, setShownFolder] = useState(`${drive}/${folder ?? ""}`);
  if (shownFolder !== `${drive}/${folder ?? ""}`) {
    setShownFolder(`${drive}/${folder ?? ""}`);
    setChosen(nothing());
    setRenaming(null);
  }

  useKeptTrue(listing, chosen, setChosen);

  const shownId = place?.id;
  useEffect(() => {
    box.current?.scrollTo(0, 0);
    // Keys work at once, unless the person is already somewhere else.
    if (shownId !== undefined && (document.activeElement === document.body || document.activeElement?.closest(".crumbs"))) focusGrid(box.current);
  }, [shownId]);

  const { locate, loaded } = listing;
  useEffect(() => {
    const want = sought.current;
    if (!want || !loaded || want.folder !== shownId) return;
    const line = outline.lineOf(want.node);
    const row = outline.at(line)?.row;
    if (row) {
      sought.current = null;
      setChosen(only(row, line));
      handle.current?.show(line);
      if (want.rename) setRenaming(row.id);
    } else if (!want.asked) {
      want.asked = true;
      const scroll = (line: number): void => {
        if (sought.current !== want) return;
        if (line >= 0) handle.current?.show(line);
        else sought.current = null;
      };
      locate(want.node).then(scroll, () => scroll(-1));
    }
  }, [outline, shownId, loaded, locate]);

  const cursorRow = outline.at(chosen.cursor.line)?.row;
  const many = size(chosen);
  const single = alone(chosen, (id) => outline.lineOf(id), (line) => outline.at(line)?.row);
  const lookedAt = single?.kind === "file" ? single.id : null;
  useEffect(() => onLook({ folder: shownId ?? folder, node: lookedAt }), [onLook, shownId, folder, lookedAt]);

  const people = usePeople(presence.data, shownId);
  const gathered = useGathered(outline, place, chosen);

  /** Does something with all that is chosen. */
  const withChosen = (does: (rows: Placed[]) => void): void => {
    if (!canWrite || many === 0) return;
    void gathered().then((rows) => rows && rows.length > 0 && does(rows));
  };

  /** The versions of what is chosen, if that is one file. */
  const versions = (): void => {
    if (single?.kind !== "file") return;
    void gathered().then((rows) => {
      const [file] = rows ?? [];
      if (file) setDialog({ of: "versions", file });
    });
  };

  const show = (line: number): void => handle.current?.show(line);

  const moveTo = (line: number, extend: boolean): void => {
    const to = Math.max(0, Math.min(line, outline.length - 1));
    const row = outline.at(to)?.row;
    sought.current = null;
    show(to);
    if (extend) extendTo(to);
    else if (row) setChosen(only(row, to));
    else setChosen(at(to));
  };

  const extendTo = (line: number): void => {
    const [from, to] = [Math.min(chosen.anchor, line), Math.max(chosen.anchor, line)];
    const rows = to - from < BY_ID ? outline.known(from, to) : null;
    const idAt = (one: number): string | null => outline.at(one)?.row?.id ?? null;
    setChosen((now) => (rows ? ranged(now, rows, line, idAt(line)) : spanned(now, line, idAt)));
  };

  const openRow = (row: Row | undefined): void => {
    if (!row) return;
    if (row.kind === "folder") go({ at: "drive", drive, view: "files", folder: row.id });
    else setPreview(true);
  };

  const up = (): void => {
    const parent = place?.path.at(-2);
    if (!parent || !place) return;
    sought.current = { node: place.id, folder: parent.id, rename: false, asked: false };
    go({ at: "drive", drive, view: "files", folder: place.path.length === 2 ? null : parent.id });
  };

  const reveal = async (node: string, folder: string): Promise<void> => {
    sought.current = { node, folder, rename: false, asked: true };
    const line = await listing.locate(node).catch(() => -1);
    if (line >= 0) show(line);
  };

  const newFolder = async (): Promise<void> => {
    if (!place || !canWrite) return;
    const node = await actions.makeFolder(place.id);
    if (node === null) return;
    sought.current = { node, folder: place.id, rename: true, asked: true };
    listing.refresh();
    const line = await listing.locate(node).catch(() => -1);
    if (line >= 0) show(line);
  };

  const startRename = (): void => {
    if (!canWrite || many > 1) return;
    // What was chosen may have gone; the cursor is then where it was.
    const line = single ? outline.lineOf(single.id) : -1;
    const row = line >= 0 ? single : cursorRow;
    if (!row) return;
    setChosen(only(row, line >= 0 ? line : chosen.cursor.line));
    setRenaming(row.id);
  };

  const paste = (): void => {
    if (!place || cut.length === 0) return;
    void actions.move(cut, place.id, place.path.at(-1)?.name ?? "");
    setCut([]);
  };

  const renamed = useCallback(
    (row: Row, name: string | null) => {
      setRenaming(null);
      focusGrid(box.current);
      if (name === null || name === row.name) return;
      listing.patch(row.id, (old) => ({ ...old, name }));
      sought.current = { node: row.id, folder: shownId ?? "", rename: false, asked: true };
      void actions.rename(row, name).then(() => listing.refresh());
    },
    [actions, listing, shownId],
  );

  const typeAhead = async (letter: string): Promise<void> => {
    const now = performance.now();
    const more = now - typed.current.at < TYPED_FOR;
    const text = more ? typed.current.text + letter : letter;
    typed.current = { text, at: now };
    const line = await listing.seek(text, chosen.cursor.line + (more ? 0 : 1)).catch(() => -1);
    if (line < 0 || typed.current.text !== text) return;
    show(line);
    const row = outline.at(line)?.row;
    if (row) setChosen(only(row, line));
    else setChosen(at(line));
  };

  const twist = (line: number, wanted?: boolean): void => {
    const row = outline.at(line)?.row;
    if (row?.kind !== "folder") return;
    const is = listing.opened.has(row.id);
    if (wanted === is) return;
    if (is) listing.close(row.id);
    else listing.open(row.id);
  };

  const cutIds = useMemo(() => new Set(cut.map((one) => one.row.id)), [cut]);
  const remove = (): void => withChosen((rows) => setDialog({ of: "delete", rows }));
  const moveChosen = (): void => withChosen((rows) => setDialog({ of: "move", rows }));
  const cutChosen = (): void => withChosen(setCut);

  const pressed = keysOf({
    line: chosen.cursor.line,
    length: outline.length,
    page: () => handle.current?.page() ?? 10,
    // The first key goes to the first row, if none is chosen yet.
    fresh: many === 0 && chosen.cursor.line === 0,
    parent: outline.at(chosen.cursor.line)?.parent ?? -1,
    folder: cursorRow?.kind === "folder" ? (listing.opened.has(cursorRow.id) ? "open" : "closed") : null,
    typing: () => performance.now() - typed.current.at < TYPED_FOR,
    moveTo,
    twist,
    open: () => openRow(single ?? cursorRow),
    up,
    rename: startRename,
    newFolder: () => void newFolder(),
    remove,
    move: moveChosen,
    cut: cutChosen,
    paste,
    escape: () => {
      if (preview) setPreview(false);
      else if (cut.length > 0) setCut([]);
      else setChosen(none);
    },
    menu: () => {
      const rect = document.getElementById(rowId(chosen.cursor.line))?.getBoundingClientRect();
      setMenu({ x: (rect?.left ?? 200) + 40, y: rect?.bottom ?? 200 });
    },
    toggle: () => cursorRow && setChosen(toggled(chosen, cursorRow, chosen.cursor.line)),
    preview: () => setPreview(!preview),
    versions,
    everything: () => setChosen((now) => everything(now, outline.length)),
    search: () => searchField.current?.focus(),
    help: () => setDialog({ of: "keys" }),
    type: (letter) => void typeAhead(letter),
  });

  const mouseDown = (event: MouseEvent, line: number | null, onTwist: boolean): void => {
    if (event.target instanceof HTMLInputElement) return;
    sought.current = null;
    if (line === null) {
      if (event.button === 0) setChosen(none);
      return;
    }
    const row = outline.at(line)?.row;
    if (!row) return;
    if (onTwist) return twist(line);
    if (event.button === 2) {
      setChosen(has(chosen, row.id, line) ? pointed(chosen, row, line) : only(row, line));
    } else if (event.shiftKey) extendTo(line);
    else if (event.ctrlKey || event.metaKey) setChosen(toggled(chosen, row, line));
    else if (!has(chosen, row.id, line)) setChosen(only(row, line));
    else {
      // A press on what is chosen may begin a drag of all of it; a click without one chooses it alone.
      const choose = (): void => setChosen(only(row, line));
      const over = new AbortController();
      addEventListener("mouseup", () => { choose(); over.abort(); }, { signal: over.signal });
      addEventListener("dragstart", () => over.abort(), { signal: over.signal });
    }
  };

  const drops = useDrops({
    drag,
    place,
    canWrite,
    takesFiles,
    rowAt: (line) => outline.at(line)?.row,
    isChosen: (id, line) => has(chosen, id, line),
    moveChosen: (to) => withChosen((rows) => void actions.move(rows, to.id, to.name)),
    upload: (to, files) => void actions.upload(to, files),
  });

  const sort = (key: SortKey): void => {
    box.current?.scrollTo(0, 0);
    setOrder((now) => ({ sort: key, descending: now.sort === key ? !now.descending : key === "time" || key === "size" }));
  };

  const items = menuItems({
    canWrite,
    many,
    single,
    cut: cut.length,
    open: () => openRow(single ?? cursorRow),
    preview: () => setPreview(true),
    versions,
    rename: startRename,
    cutRows: cutChosen,
    paste,
    move: moveChosen,
    remove,
    newFolder: () => void newFolder(),
  });

  const searching = search.trim() !== "";
  return (
    <div className="browser">
      <Toolbar
        drive={drive}
        name={card?.name ?? ""}
        path={place?.path ?? []}
        canWrite={canWrite}
        search={search}
        searchField={searchField}
        preview={preview}
        onSearch={setSearch}
        onLeaveSearch={() => focusGrid(box.current)}
        onNewFolder={() => void newFolder()}
        onUpload={(files) => place && void actions.upload(place.id, files)}
        onPreview={() => setPreview(!preview)}
        carriesRows={(event) => drag.carries(event) === "rows"}
        onDrop={drops.moveHere}
        onKeys={() => setDialog({ of: "keys" })}
      />
      {listing.error !== null && listing.loaded && connection !== "lost" && (
        <div className="browser-note">
          <Failed what="Some of the rows could not be loaded." error={listing.error} retry={listing.refresh} />
        </div>
      )}
      <main className="browser-main" id="main" tabIndex={-1} aria-label={card ? `Files of ${spoken(card.name)}` : "Files"}>
        {listing.error !== null && !listing.loaded ? (
          <div className="browser-state"><Failed error={listing.error} retry={listing.refresh} /></div>
        ) : listing.waiting ? (
          <div className="browser-state"><Waiting lines={9} /></div>
        ) : searching ? (
          <Results
            drive={drive}
            text={search}
            empty={<Empty icon={<SearchX size={24} />} title="Nothing found">No name in this drive has all of these words.</Empty>}
            onChoose={(hit) => {
              setSearch("");
              if (hit.row.kind === "folder") go({ at: "drive", drive, view: "files", folder: hit.row.id });
              else {
                go({ at: "drive", drive, view: "files", folder: hit.folder });
                sought.current = { node: hit.row.id, folder: hit.folder, rename: false, asked: false };
                if (hit.folder === place?.id) void reveal(hit.row.id, hit.folder);
              }
            }}
            onLeave={() => {
              setSearch("");
              searchField.current?.focus();
            }}
          />
        ) : (
          <Grid
            label={spoken(place?.path.at(-1)?.name ?? "Files")}
            outline={outline}
            arrivals={listing.arrivals}
            expanded={(row) => listing.opened.has(row.id)}
            chosen={chosen}
            renaming={renaming}
            cut={cutIds}
            dropTarget={drops.target}
            people={people}
            order={order}
            handle={handle}
            box={box}
            empty={
              <Empty icon={<FolderOpen size={24} />} title="This folder is empty">
                {!canWrite
                  ? "You can read this drive, not change it."
                  : takesFiles
                    ? "Drop files here, or add files and folders with the buttons above."
                    : `Put files into ${card?.folder ? spoken(card.folder) : "the drive’s folder"} with your file manager, or make a folder with F7.`}
              </Empty>
            }
            onSort={sort}
            onKeyDown={pressed}
            onMouseDown={mouseDown}
            onOpen={(line) => openRow(outline.at(line)?.row)}
            onMenu={(event, line) => {
              event.preventDefault();
              const row = line === null ? undefined : outline.at(line)?.row;
              if (row && line !== null) setChosen((now) => (has(now, row.id, line) ? pointed(now, row, line) : only(row, line)));
              setMenu({ x: event.clientX, y: event.clientY });
            }}
            onDragStart={drag.start}
            onDragOver={drops.over}
            onDragLeave={drops.leave}
            onDragEnd={() => {
              drag.end();
              drops.leave();
            }}
            onDrop={drops.drop}
            onRenamed={renamed}
          />
        )}
        {preview && (single ?? cursorRow) && (
          <Preview drive={drive} row={(single ?? cursorRow) as Row} onVersions={single?.kind === "file" ? versions : undefined} onClose={() => setPreview(false)} />
        )}
      </main>
      <StatusLine drive={drive} total={listing.loaded ? outline.length : null} chosen={chosen} canWrite={canWrite} />
      {menu && <Menu label="Actions" items={items} at={menu} onClose={() => setMenu(null)} />}
      {dialog?.of === "delete" && (
        <DeleteDialog rows={dialog.rows} onClose={() => setDialog(null)} onDelete={() => void actions.remove(dialog.rows)} />
      )}
      {dialog?.of === "move" && (
        <MoveDialog drive={drive} rows={dialog.rows} onClose={() => setDialog(null)} onMove={(to, into) => void actions.move(dialog.rows, to, into)} />
      )}
      {dialog?.of === "versions" && (
        <VersionsDialog drive={drive} name={dialog.file.row.name} path={dialog.file.path} mayWrite={canWrite} onClose={() => setDialog(null)} />
      )}
      {dialog?.of === "keys" && <ShortcutsDialog onClose={() => setDialog(null)} />}
    </div>
  );
}

function focusGrid(box: HTMLElement | null): void {
  box?.focus({ preventScroll: true });
}
