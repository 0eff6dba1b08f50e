// The invites of a drive: which can still be used, and the way to take one back.
import { Ticket } from "lucide-react";
import { useState } from "react";
import type { InviteLine, InviteState } from "../../bindings/api";
import { useNow } from "../../live/clock";
import { usePlatform } from "../../platform/context";
import { useInvites } from "../../query/queries";
import { count, exactly, lasting } from "../../text/format";
import { ROLE_WORDS } from "../../text/words";
import { Button } from "../../ui/button";
import { say, sayFailed } from "../../ui/toast";
import { Failed, Section, Tag, Waiting } from "../../ui/view";

const STATES: Record<InviteState, { label: string; tone: "ok" | "plain" }> = {
  open: { label: "open", tone: "ok" },
  expired: { label: "expired", tone: "plain" },
  used: { label: "used up", tone: "plain" },
  revoked: { label: "taken back", tone: "plain" },
};

export function InviteList({ drive }: { drive: string }) {
  const invites = useInvites(drive, true);
  const [every, setEvery] = useState(false);
  const lines = invites.data ?? [];
  const shown = every ? lines : lines.filter((line) => line.state === "open");
  return (
    <Section title="Invites" about="Only those that are open let anybody in.">
      {invites.error ? (
        <Failed error={invites.error} retry={() => void invites.refetch()} />
      ) : invites.isPending ? (
        <Waiting lines={2} />
      ) : (
        <div className="card">
          {shown.map((line) => (
            <OneInvite key={line.invite} drive={drive} line={line} onGone={() => void invites.refetch()} />
          ))}
          {shown.length === 0 && <p className="item muted">No invite is open. The button “Invite” at the top makes one.</p>}
        </div>
      )}
      {!every && lines.length > shown.length && (
        <div>
          <Button weight="quiet" onClick={() => setEvery(true)}>
            Show {count(lines.length - shown.length, "earlier invite")}
          </Button>
        </div>
      )}
    </Section>
  );
}

function OneInvite({ drive, line, onGone }: { drive: string; line: InviteLine; onGone: () => void }) {
  const platform = usePlatform();
  const [busy, setBusy] = useState(false);
  const now = useNow();
  const state = STATES[line.state];
  const back = async (): Promise<void> => {
    setBusy(true);
    try {
      const reply = await platform.call("revoke_invite", { drive, invite: line.invite });
      say(reply.used > 0 ? `The invite is taken back. ${count(reply.used, "device")} that came by it stay.` : "The invite is taken back.");
      onGone();
    } catch (error) {
      sayFailed("The invite was not taken back.", error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="item">
      <Ticket size={18} className="faint" aria-hidden />
      <div className="item-main">
        <div className="item-title">
          {ROLE_WORDS[line.role].label} <Tag tone={state.tone}>{state.label}</Tag>
          {line.approve && <Tag>with approval</Tag>}
        </div>
        <p className="item-about">
          {line.used} of {count(line.uses, "use")} ·{" "}
          <span title={exactly(line.expires)}>{line.state === "open" ? `ends in ${lasting(line.expires - now)}` : `until ${exactly(line.expires)}`}</span>
          {!line.here && " · made on another device"}
        </p>
      </div>
      {line.state === "open" && (
        <div className="item-side">
          <Button busy={busy} onClick={() => void back()}>
            Take back
          </Button>
        </div>
      )}
    </div>
  );
}
