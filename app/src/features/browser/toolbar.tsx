// Above the rows: where one is, search, and the few things done most.
import { ChevronRight, FolderPlus, Keyboard, PanelRight, Search, Upload } from "lucide-react";
import type { DragEvent, RefObject } from "react";
import { useRef, useState } from "react";
import type { Crumb } from "../../bindings/api";
import { usePlatform } from "../../platform/context";
import { go } from "../../route";
import { spoken } from "../../text/names";
import { IconButton } from "../../ui/button";
import { Name } from "../../ui/name";

interface ToolbarProps {
  drive: string;
  name: string;
  path: readonly Crumb[];
  canWrite: boolean;
  search: string;
  searchField: RefObject<HTMLInputElement>;
  preview: boolean;
  onSearch: (text: string) => void;
  onLeaveSearch: () => void;
  onNewFolder: () => void;
  onUpload: (files: File[]) => void;
  onPreview: () => void;
  /** Whether what is dragged is rows of this window. */
  carriesRows: (event: DragEvent) => boolean;
  onDrop: (event: DragEvent, crumb: Crumb) => void;
  onKeys: () => void;
}

/** Folders shown between the first and the one that is open; those between become one mark. */
const MOST = 3;

export function Toolbar(props: ToolbarProps) {
  const platform = usePlatform();
  const picker = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState<string | null>(null);
  const { drive, path, canWrite } = props;
  const hidden = path.length > MOST + 1 ? path.slice(1, path.length - MOST) : [];
  const shown = path.filter((crumb) => !hidden.includes(crumb));

  return (
    <div className="toolbar">
      <nav aria-label="Folders on the way here" className="crumbs">
        <ol>
          {shown.map((crumb, at) => {
            const last = at === shown.length - 1;
            return (
              <li key={crumb.id}>
                {at > 0 && <ChevronRight size={14} className="faint" aria-hidden />}
                {at === 1 && hidden.length > 0 && (
                  <>
                    <span className="faint" title={hidden.map((one) => spoken(one.name)).join(" / ")}>
                      …
                    </span>
                    <ChevronRight size={14} className="faint" aria-hidden />
                  </>
                )}
                <button
                  type="button"
                  className={over === crumb.id ? "crumb crumb-over" : "crumb"}
                  aria-current={last ? "page" : undefined}
                  onClick={() => go({ at: "drive", drive, view: "files", folder: at === 0 ? null : crumb.id })}
                  onDragOver={(event) => {
                    if (!canWrite || last || !props.carriesRows(event)) return;
                    event.preventDefault();
                    setOver(crumb.id);
                  }}
                  onDragLeave={() => setOver(null)}
                  onDrop={(event) => {
                    event.preventDefault();
                    setOver(null);
                    if (canWrite && !last) props.onDrop(event, crumb);
                  }}
                >
                  <Name name={at === 0 && props.name ? props.name : crumb.name} />
                </button>
              </li>
            );
          })}
        </ol>
      </nav>
      <div className="toolbar-side">
        <search>
        <label className="search">
          <Search size={14} aria-hidden />
          <span className="visually-hidden">Search names in this drive</span>
          <input
            ref={props.searchField}
            type="search"
            placeholder="Search"
            value={props.search}
            maxLength={200}
            spellCheck={false}
            autoComplete="off"
            onChange={(event) => props.onSearch(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Escape") {
                props.onSearch("");
                props.onLeaveSearch();
              } else if (event.key === "ArrowDown" || event.key === "Enter") {
                const results = document.querySelector<HTMLElement>("[data-results]");
                if (results) results.focus();
                else props.onLeaveSearch();
                event.preventDefault();
              }
            }}
          />
          <kbd aria-hidden="true">/</kbd>
        </label>
        </search>
        {canWrite && (
          <IconButton label="New folder" keys="F7" onClick={props.onNewFolder}>
            <FolderPlus size={16} />
          </IconButton>
        )}
        {canWrite && platform.upload && (
          <>
            <IconButton label="Add files" onClick={() => picker.current?.click()}>
              <Upload size={16} />
            </IconButton>
            <input
              ref={picker}
              type="file"
              multiple
              hidden
              aria-label="Files to add"
              onChange={(event) => {
                props.onUpload(Array.from(event.target.files ?? []));
                event.target.value = "";
              }}
            />
          </>
        )}
        <IconButton label="Preview" keys="Space" aria-pressed={props.preview} onClick={props.onPreview}>
          <PanelRight size={16} />
        </IconButton>
        <IconButton label="Keyboard shortcuts" keys="?" onClick={props.onKeys}>
          <Keyboard size={16} />
        </IconButton>
      </div>
    </div>
  );
}
