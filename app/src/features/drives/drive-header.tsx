// Above an open drive: its views, who is here, and the way to let others in.
import { FolderOpen, UserPlus } from "lucide-react";
import { useState } from "react";
import type { DriveCard } from "../../bindings/api";
import { usePresence, useWaiting } from "../../query/queries";
import type { View } from "../../route";
import { format } from "../../route";
import { spoken } from "../../text/names";
import { whoName } from "../../text/words";
import { Avatars } from "../../ui/avatar";
import { usePlatform } from "../../platform/context";
import { Button, IconButton } from "../../ui/button";
import { sayFailed } from "../../ui/toast";
import { Name } from "../../ui/name";
import { InviteDialog } from "../invites/invite-dialog";

export function DriveHeader({ card, view }: { card: DriveCard; view: View }) {
  const [inviting, setInviting] = useState(false);
  const { reveal } = usePlatform();
  const shownIn = card.folder ?? card.mounts[0] ?? null;
  const presence = usePresence(card.id);
  const mayInvite = card.role === "admin" || card.role === "owner";
  const waiting = useWaiting(card.id, mayInvite);
  const waits = card.problems + card.conflicts;
  const tabs: { view: View; label: string; count?: number }[] = [
    { view: "files", label: "Files" },
    { view: "people", label: "People", count: waiting.data?.length ?? 0 },
    { view: "activity", label: "Activity" },
    { view: "trash", label: "Trash" },
    { view: "attention", label: "Attention", count: waits },
  ];
  return (
    <header className="drive-header">
      <h1 className="drive-title" title={shownIn ?? undefined}>
        <Name name={card.name} />
      </h1>
      <nav aria-label={`Views of ${spoken(card.name)}`} className="tabs">
        {tabs.map((tab) => (
          <a
            key={tab.view}
            className={tab.view === view ? "tab tab-current" : "tab"}
            aria-current={tab.view === view ? "page" : undefined}
            href={format({ at: "drive", drive: card.id, view: tab.view, folder: null })}
          >
            {tab.label}
            {tab.count !== undefined && tab.count > 0 && <span className="tab-count numeric">{tab.count}</span>}
          </a>
        ))}
      </nav>
      <div className="drive-side">
        <Avatars
          size={24}
          most={5}
          people={(presence.data ?? []).map((one) => ({
            person: { id: one.member, name: whoName(one) },
            device: one.device,
            state: one.editing.length > 0 ? "editing" : one.idle ? "idle" : "here",
            title: `${one.you ? "You, on another device," : whoName(one)} ${one.editing.length > 0 ? "editing" : one.idle ? "idle" : "here now"}`,
          }))}
        />
        {reveal && shownIn !== null && (
          <IconButton label="Show in the file manager" onClick={() => void reveal(shownIn).catch((error: unknown) => sayFailed("The folder was not shown.", error))}>
            <FolderOpen size={16} />
          </IconButton>
        )}
        {mayInvite && (
          <Button weight="primary" icon={<UserPlus size={15} aria-hidden />} onClick={() => setInviting(true)}>
            Invite
          </Button>
        )}
      </div>
      {inviting && <InviteDialog drive={card} onClose={() => setInviting(false)} />}
    </header>
  );
}
