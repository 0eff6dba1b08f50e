// The recovery phrase of a drive: the words, what they are for, and the end of them on this device once a
// person says that they are on paper. Until then they can be looked up again.
import { useEffect, useState } from "react";
import { usePlatform } from "../../platform/context";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { say, sayFailed } from "../../ui/toast";
import { Failed, Waiting } from "../../ui/view";
import "./phrase.css";

interface PhraseDialogProps {
  drive: string;
  /** The drive was just made: whoever does not write the words down now is told where they are. */
  first?: boolean;
  onClose: () => void;
}

type Found = { words: readonly string[] | null } | { error: unknown };

export function PhraseDialog({ drive, first = false, onClose }: PhraseDialogProps) {
  const platform = usePlatform();
  const [found, setFound] = useState<Found | null>(null);
  const [tries, setTries] = useState(0);
  const [busy, setBusy] = useState(false);
  const words = found && "words" in found ? found.words : null;

  useEffect(() => {
    const control = new AbortController();
    platform.call("phrase", { drive, forget: false }, { signal: control.signal }).then(
      (reply) => setFound({ words: reply.phrase?.trim().split(/\s+/) ?? null }),
      (error: unknown) => control.signal.aborted || setFound({ error }),
    );
    return () => control.abort();
  }, [platform, drive, tries]);

  const later = (): void => {
    if (first && words !== null) say("The recovery phrase can be written down later: it is under People.");
    onClose();
  };
  const written = async (): Promise<void> => {
    setBusy(true);
    try {
      await platform.call("phrase", { drive, forget: true });
      say("The recovery phrase is on your paper alone now.");
      onClose();
    } catch (error) {
      sayFailed("This device still has the phrase.", error);
      setBusy(false);
    }
  };

  return (
    <Dialog
      title="Recovery phrase"
      onClose={later}
      actions={
        words === null ? (
          <Button onClick={later} data-autofocus="">Close</Button>
        ) : (
          <>
            <Button onClick={later} data-autofocus="">Later</Button>
            <Button weight="primary" busy={busy} onClick={() => void written()}>
              I have written it down
            </Button>
          </>
        )
      }
    >
      {found === null ? (
        <Waiting lines={4} />
      ) : "error" in found ? (
        <Failed
          error={found.error}
          retry={() => {
            setFound(null);
            setTries(tries + 1);
          }}
        />
      ) : words === null ? (
        <p>This device has no recovery phrase of this drive: it was written down before, or the drive was made on another device.</p>
      ) : (
        <>
          <p>
            Write these {words.length} words on paper, in this order. They bring you back as the owner of this drive when all your devices are lost. Nobody can
            give you others.
          </p>
          <ol className="phrase" aria-label="Recovery phrase">
            {words.map((word, at) => (
              <li key={at}>{word}</li>
            ))}
          </ol>
          <p className="muted">Whoever has them owns the drive, for ever: show them to nobody, and keep no picture of them. Once you say that they are written down, this device forgets them.</p>
        </>
      )}
    </Dialog>
  );
}
