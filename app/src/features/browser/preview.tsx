// A look into a file beside the rows: text as text, pictures as pictures, and nothing that runs. Names
// and contents come from others and are only ever shown.
import { X } from "lucide-react";
import { useEffect, useState } from "react";
import type { ReadReply, Row } from "../../bindings/api";
import { useTouches } from "../../live/news";
import { usePreview } from "../../query/queries";
import { bytes, count, exactly } from "../../text/format";
import { spoken } from "../../text/names";
import { did, whoName } from "../../text/words";
import { Avatar } from "../../ui/avatar";
import { IconButton } from "../../ui/button";
import { Name } from "../../ui/name";
import { Failed, Waiting } from "../../ui/view";
import { KindIcon, kindWord } from "./kinds";

interface PreviewProps {
  drive: string;
  row: Row;
  /** Shows what the file held before; absent where there is nothing to show. */
  onVersions: (() => void) | undefined;
  onClose: () => void;
}

export function Preview({ drive, row, onVersions, onClose }: PreviewProps) {
  const touch = useTouches().touch(row.id);
  return (
    <aside className="preview" aria-label={`Preview of ${spoken(row.name)}`}>
      <header className="preview-head">
        <KindIcon kind={row.kind} name={row.name} />
        <h2>
          <Name name={row.name} />
        </h2>
        <IconButton label="Close the preview" keys="Esc" onClick={onClose}>
          <X size={16} />
        </IconButton>
      </header>
      {row.kind === "file" ? (
        <Content drive={drive} row={row} />
      ) : (
        <div className="preview-icon">
          <KindIcon kind={row.kind} name={row.name} size={64} />
        </div>
      )}
      <dl className="facts">
        <dt>Kind</dt>
        <dd>{kindWord(row.kind, row.name)}</dd>
        {row.kind === "file" && (
          <>
            <dt>Size</dt>
            <dd className="numeric">
              {bytes(row.size)}
              {row.size >= 1000 && <span className="faint"> ({count(row.size, "byte")})</span>}
            </dd>
          </>
        )}
        {row.kind === "folder" && row.entries !== undefined && (
          <>
            <dt>Holds</dt>
            <dd>{count(row.entries, "item")}</dd>
          </>
        )}
        {row.target !== undefined && (
          <>
            <dt>Points to</dt>
            <dd className="mono">{spoken(row.target)}</dd>
          </>
        )}
        <dt>Changed</dt>
        <dd>
          {exactly(row.mtime)}
          {onVersions && (
            <button type="button" className="facts-more" title="Ctrl+H" onClick={onVersions}>
              Versions…
            </button>
          )}
        </dd>
        {touch && (
          <>
            <dt>Last change</dt>
            <dd className="facts-who">
              <Avatar size={16} person={{ id: touch.who.member ?? "", name: whoName(touch.who) }} />
              <span>
                {whoName(touch.who)} {did(touch.change)}
              </span>
            </dd>
          </>
        )}
        {row.here !== undefined && (
          <>
            <dt>Stored</dt>
            <dd>
              {row.here ? "On this device" : "Not on this device"}
              {row.peers !== undefined && `, on ${count(row.peers, "other device")}`}
            </dd>
          </>
        )}
        {row.problem !== undefined && (
          <>
            <dt>Waits</dt>
            <dd className="facts-bad">{row.problem}</dd>
          </>
        )}
      </dl>
    </aside>
  );
}

function Content({ drive, row }: { drive: string; row: Row }) {
  const look = usePreview(drive, row.id, row.mtime);
  if (look.error) {
    return (
      <div className="preview-content">
        <Failed error={look.error} retry={() => void look.refetch()} />
      </div>
    );
  }
  if (!look.data) {
    return (
      <div className="preview-content preview-wait">
        <Waiting lines={6} />
      </div>
    );
  }
  return <Shown look={look.data} name={row.name} />;
}

function Shown({ look, name }: { look: ReadReply; name: string }) {
  if (look.as === "image") return <Picture look={look} name={name} />;
  if (look.as === "text") {
    return (
      // Long text is scrolled with the keys.
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      <div className="preview-content preview-text" tabIndex={0} role="region" aria-label="Content">
        <pre>{look.text}</pre>
        {look.cut && <p className="faint">Only the beginning is shown.</p>}
        {look.text === "" && <p className="faint">This file is empty.</p>}
      </div>
    );
  }
  return (
    <div className="preview-content preview-other">
      <KindIcon kind="file" name={name} size={48} />
      <p className="muted">{look.reason}</p>
    </div>
  );
}

function Picture({ look, name }: { look: ReadReply & { as: "image" }; name: string }) {
  const [address, setAddress] = useState<string | null>(null);
  const [broken, setBroken] = useState(false);
  useEffect(() => {
    const raw = Uint8Array.from(atob(look.data), (character) => character.charCodeAt(0));
    const made = URL.createObjectURL(new Blob([raw], { type: look.media }));
    setAddress(made);
    setBroken(false);
    return () => URL.revokeObjectURL(made);
  }, [look]);
  if (broken) return <div className="preview-content preview-other"><p className="muted">This picture cannot be shown: it is damaged.</p></div>;
  // A picture that is dragged is a file to the browser: dropped on the rows, it would be added once more.
  return (
    <div className="preview-content preview-picture">
      {address !== null && <img src={address} alt={spoken(name)} draggable={false} onError={() => setBroken(true)} />}
    </div>
  );
}
