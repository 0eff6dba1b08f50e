// Taking somebody or a device out, with plain words on what that can undo and what it cannot.
import { Check, X } from "lucide-react";
import { useState } from "react";
import { usePlatform } from "../../platform/context";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { say, sayFailed } from "../../ui/toast";

export interface Removal {
  of: "member" | "device";
  id: string;
  name: string;
}

interface Props {
  drive: string;
  removal: Removal;
  onClose: () => void;
  onRemoved: () => void;
}

export function RemoveDialog({ drive, removal, onClose, onRemoved }: Props) {
  const platform = usePlatform();
  const [compromised, setCompromised] = useState(false);
  const [busy, setBusy] = useState(false);
  const { name } = removal;
  const device = removal.of === "device";

  const remove = async (): Promise<void> => {
    setBusy(true);
    try {
      await platform.call("revoke", { drive, who: removal.id, compromised });
      say(`${name} was removed.`);
      onRemoved();
      onClose();
    } catch (error) {
      sayFailed(`${name} was not removed.`, error);
      setBusy(false);
    }
  };

  return (
    <Dialog
      title={`Remove ${name}?`}
      onClose={onClose}
      onSubmit={() => void remove()}
      actions={
        <>
          <Button onClick={onClose} data-autofocus="">
            Cancel
          </Button>
          <Button type="submit" weight="danger" busy={busy}>
            Remove
          </Button>
        </>
      }
    >
      <ul className="effects">
        <li>
          <Check size={16} className="effect-yes" aria-hidden />
          <span>
            From now on {device ? "it gets" : "they get"} nothing new: the drive’s keys are changed, and everyone else refuses what {device ? "it sends" : "they send"}.
          </span>
        </li>
        <li>
          <Check size={16} className="effect-yes" aria-hidden />
          <span>What {device ? "was changed there" : "they changed"} before stays, under {device ? "its owner’s" : "their"} name.</span>
        </li>
        <li>
          <X size={16} className="effect-no" aria-hidden />
          <span>
            Nobody can take back what {device ? "it" : "they"} already received. Treat those files as read{device ? "" : " and copied"}.
          </span>
        </li>
      </ul>
      <label className="check">
        <input type="checkbox" checked={compromised} onChange={(event) => setCompromised(event.target.checked)} />
        <span>{device ? "The device is lost or stolen" : "Their device or key is in the wrong hands"} (noted in the drive’s history)</span>
      </label>
    </Dialog>
  );
}
