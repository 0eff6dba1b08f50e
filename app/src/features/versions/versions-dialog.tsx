// Every version of one file that is still kept, and the way back to each. What is restored is a new
// version: nothing that was written meanwhile is lost by it.
import { useState } from "react";
import type { Version } from "../../bindings/api";
import { useNow } from "../../live/clock";
import { usePlatform } from "../../platform/context";
import { useVersions } from "../../query/queries";
import { ago, bytes, exactly, machineTime } from "../../text/format";
import { spoken } from "../../text/names";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { say, sayFailed } from "../../ui/toast";
import { Failed, Tag, Waiting } from "../../ui/view";
import "./versions.css";

interface VersionsProps {
  drive: string;
  /** The file's name and its path in the drive. */
  name: string;
  path: string;
  mayWrite: boolean;
  onClose: () => void;
}

export function VersionsDialog({ drive, name, path, mayWrite, onClose }: VersionsProps) {
  const platform = usePlatform();
  const versions = useVersions(drive, path);
  const [restoring, setRestoring] = useState<string | null>(null);
  const now = useNow();
  const known = versions.data ?? [];
  const current = known.find((one) => one.current);

  const restore = async (version: string): Promise<boolean> => {
    try {
      await platform.call("restore", { drive, path, version, as_of: null, exact: false });
      return true;
    } catch (error) {
      sayFailed(`“${spoken(name)}” was not changed.`, error);
      return false;
    }
  };

  const choose = async (one: Version): Promise<void> => {
    setRestoring(one.version);
    if (await restore(one.version)) {
      const undo = current && { label: "Undo", run: () => void restore(current.version) };
      say(`“${spoken(name)}” is as it was: ${exactly(one.time)}.`, undo);
      onClose();
    } else setRestoring(null);
  };

  return (
    <Dialog title={`Versions of “${spoken(name)}”`} onClose={onClose} actions={<Button data-autofocus="" onClick={onClose}>Close</Button>}>
      {versions.error ? (
        <Failed error={versions.error} retry={() => void versions.refetch()} />
      ) : versions.isPending ? (
        <Waiting lines={3} />
      ) : (
        <ol className="card versions" aria-label="Versions">
          {known.map((one) => (
            <li key={one.version} className="item">
              <div className="item-main">
                <p className="item-title">
                  <time dateTime={machineTime(one.time)} title={ago(one.time, now)}>
                    {exactly(one.time)}
                  </time>
                  {one.current && <Tag tone="ok">now</Tag>}
                </p>
                <p className="item-about">{[spoken(one.by ?? "Someone"), bytes(one.size), whereabouts(one)].filter(Boolean).join(" · ")}</p>
              </div>
              {mayWrite && !one.current && (
                <Button
                  busy={restoring === one.version}
                  disabled={restoring !== null}
                  aria-label={`Restore the version of ${exactly(one.time)}`}
                  onClick={() => void choose(one)}
                >
                  Restore
                </Button>
              )}
            </li>
          ))}
        </ol>
      )}
      <p className="muted versions-note">Restoring writes that version anew, for everyone. The others stay in this list.</p>
    </Dialog>
  );
}

/** Where the bytes of a version are, if that is worth a word. */
function whereabouts({ here, peers }: Version): string {
  if (here) return "";
  return peers > 0 ? "on other devices" : "on no device that is connected";
}
