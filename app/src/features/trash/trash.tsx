// What was deleted, by anyone on any device, and the way back.
import { Trash2, Undo2 } from "lucide-react";
import { useMemo, useState } from "react";
import type { DriveCard, NodeKind, TrashLine } from "../../bindings/api";
import { useNow } from "../../live/clock";
import { usePlatform } from "../../platform/context";
import { useTrash } from "../../query/queries";
import { ago, bytes, count, exactly, machineTime } from "../../text/format";
import { spoken } from "../../text/names";
import { leaf, parent } from "../../text/words";
import { Button } from "../../ui/button";
import { say, sayFailed } from "../../ui/toast";
import { Empty, Failed, Page, Waiting } from "../../ui/view";
import { KindIcon } from "../browser/kinds";
import type { Deletion } from "./deletions";
import { deletions } from "./deletions";

/** Deletions that are written out at first, and more at a time. */
const SHOWN = 200;

export function TrashPage({ card }: { card: DriveCard }) {
  const trash = useTrash(card.id);
  const [most, setMost] = useState(SHOWN);
  const all = useMemo(() => deletions(trash.data ?? []), [trash.data]);
  const mayWrite = card.role !== null && card.role !== "reader";
  return (
    <Page title="Trash" about="What was deleted on any device. A folder comes back with what was in it.">
      {trash.error ? (
        <Failed error={trash.error} retry={() => void trash.refetch()} />
      ) : trash.isPending ? (
        <Waiting />
      ) : all.length === 0 ? (
        <Empty icon={<Trash2 size={24} />} title="Nothing in the trash">
          What you or others delete is kept here.
        </Empty>
      ) : (
        <ul className="card" aria-label="Deleted">
          {all.slice(0, most).map((one) => (
            <OneDeleted key={one.line.id} drive={card.id} deletion={one} mayWrite={mayWrite} onBack={() => void trash.refetch()} />
          ))}
        </ul>
      )}
      {all.length > most && (
        <div>
          <Button onClick={() => setMost(most + SHOWN)}>{`Show more of ${count(all.length, "deletion")}`}</Button>
        </div>
      )}
    </Page>
  );
}

interface OneProps {
  drive: string;
  deletion: Deletion;
  mayWrite: boolean;
  onBack: () => void;
}

function OneDeleted({ drive, deletion: { line, within }, mayWrite, onBack }: OneProps) {
  const platform = usePlatform();
  const now = useNow();
  const [busy, setBusy] = useState(false);
  const name = spoken(leaf(line.path));

  const putBack = async (): Promise<void> => {
    setBusy(true);
    try {
      const { path } = await platform.call("undelete", { drive, path: line.id });
      say(`“${name}” is back in ${place(path)}.`);
      onBack();
    } catch (error) {
      sayFailed(`“${name}” was not put back.`, error);
      setBusy(false);
    }
  };

  return (
    <li className="item">
      <KindIcon kind={kindOf(line)} name={leaf(line.path)} size={18} />
      <div className="item-main">
        <p className="item-title" title={spoken(line.path)}>
          <span className="cell-text">{name}</span>
        </p>
        <p className="item-about">
          {[
            `from ${place(line.path)}`,
            line.kind === "folder" ? (within > 0 ? `with ${count(within, "item")}` : null) : bytes(line.size),
            line.by === null ? null : `deleted by ${spoken(line.by)}`,
            line.kept ? null : "may be gone for good by now",
          ]
            .filter((part) => part !== null)
            .join(" · ")}
        </p>
      </div>
      {line.time !== null && (
        <time className="faint numeric" dateTime={machineTime(line.time)} title={exactly(line.time)}>
          {ago(line.time, now)}
        </time>
      )}
      {mayWrite && (
        <Button busy={busy} icon={<Undo2 size={15} aria-hidden />} aria-label={`Put back ${name}`} onClick={() => void putBack()}>
          Put back
        </Button>
      )}
    </li>
  );
}

/** The folder of a path, as a person calls it. */
function place(path: string): string {
  const above = parent(path);
  return above === "" ? "the top folder" : `“${spoken(leaf(above))}”`;
}

function kindOf(line: TrashLine): NodeKind {
  return line.kind === "folder" || line.kind === "symlink" ? line.kind : "file";
}
