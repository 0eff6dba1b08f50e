// An invite: what it lets somebody do, how long, how many times; then its text and its QR code.
import { useQueryClient } from "@tanstack/react-query";
import { Check, Copy } from "lucide-react";
import { useState } from "react";
import type { DriveCard, InviteReply, Role } from "../../bindings/api";
import { useNow } from "../../live/clock";
import { usePlatform } from "../../platform/context";
import { told } from "../../platform/types";
import { keys } from "../../query/queries";
import { count, exactly, lasting } from "../../text/format";
import { spoken } from "../../text/names";
import { ROLE_WORDS } from "../../text/words";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { Choice } from "../../ui/field";
import { QrCode } from "./qr-code";
import "./invites.css";

const HOUR = 3_600_000;
const DURATIONS = [
  { value: "1", label: "1 hour" },
  { value: "24", label: "1 day" },
  { value: "72", label: "3 days" },
  { value: "168", label: "1 week" },
  { value: "720", label: "30 days" },
] as const;
const USES = ["1", "2", "5", "10", "50"] as const;

export function InviteDialog({ drive, onClose }: { drive: DriveCard; onClose: () => void }) {
  const platform = usePlatform();
  const queries = useQueryClient();
  const [role, setRole] = useState<Role>("writer");
  const [hours, setHours] = useState<(typeof DURATIONS)[number]["value"]>("72");
  const [uses, setUses] = useState<(typeof USES)[number]>("1");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [made, setMade] = useState<InviteReply | null>(null);

  const make = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      setMade(await platform.call("invite", { drive: drive.id, role, expires_in: Number(hours) * HOUR, uses: Number(uses), approve: null }));
      void queries.invalidateQueries({ queryKey: keys.invites(drive.id) });
    } catch (failed) {
      setError(failed);
    } finally {
      setBusy(false);
    }
  };

  if (made) return <Made drive={drive} made={made} onClose={onClose} />;
  const roles: Role[] = drive.role === "owner" ? ["reader", "writer", "admin"] : ["reader", "writer"];
  const failed = error === null ? null : told(error);
  return (
    <Dialog
      title={`Invite to “${spoken(drive.name)}”`}
      onClose={onClose}
      onSubmit={() => void make()}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" weight="primary" busy={busy}>
            Make invite
          </Button>
        </>
      }
    >
      <Choice
        label="They can be"
        value={role}
        onChoose={setRole}
        choices={roles.map((one) => ({ value: one, label: `${ROLE_WORDS[one].label} – ${ROLE_WORDS[one].can}` }))}
        data-autofocus=""
      />
      <div className="invite-pair">
        <Choice label="Valid for" value={hours} onChoose={setHours} choices={DURATIONS} />
        <Choice
          label="Lets in"
          value={uses}
          onChoose={setUses}
          choices={USES.map((value) => ({ value, label: count(Number(value), "device") }))}
        />
      </div>
      {role === "admin" && <p className="muted">An admin is let in only after you compare six words with them, under People.</p>}
      {failed && (
        <div className="begin-error" role="alert">
          <p>{failed.message}</p>
          {failed.hint && <p>{failed.hint}</p>}
        </div>
      )}
    </Dialog>
  );
}

function Made({ drive, made, onClose }: { drive: DriveCard; made: InviteReply; onClose: () => void }) {
  const platform = usePlatform();
  const now = useNow();
  const { link } = made;
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await platform.copyText(link);
      setCopied(true);
      setTimeout(() => setCopied(false), 2_000);
    } catch {
      document.querySelector<HTMLTextAreaElement>(".invite-ticket")?.select();
    }
  };
  return (
    <Dialog
      title={`Invite to “${spoken(drive.name)}”`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Done</Button>
          <Button weight="primary" icon={copied ? <Check size={15} aria-hidden /> : <Copy size={15} aria-hidden />} onClick={() => void copy()} data-autofocus="">
            {copied ? "Copied" : "Copy link"}
          </Button>
        </>
      }
    >
      <p className="muted">
        Send it by a private way: whoever has it can join as {ROLE_WORDS[made.role].label.toLowerCase()}. It lets in {count(made.uses, "device")} and ends in{" "}
        <span title={exactly(made.expires)}>{lasting(made.expires - now)}</span>.
      </p>
      <QrCode text={link} />
      <textarea className="input input-area invite-ticket" aria-label="Invite as a link" readOnly value={link} rows={3} onFocus={(event) => event.target.select()} />
      <p className="faint">It opens in PeerDrive, or is pasted there under “Join with an invite”.</p>
      <span className="visually-hidden" role="status">
        {copied ? "Copied" : ""}
      </span>
    </Dialog>
  );
}
