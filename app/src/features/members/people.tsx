// Who is in a drive: members, what they may do, their devices; who waits to be let in; invites.
import { Laptop, MoreHorizontal, UserRoundCheck } from "lucide-react";
import { useState } from "react";
import type { DriveCard, JoinRequestLine, Member, Role } from "../../bindings/api";
import { usePlatform } from "../../platform/context";
import { useMembers, usePresence, useWaiting } from "../../query/queries";
import { count } from "../../text/format";
import { spoken } from "../../text/names";
import { ROLE_WORDS } from "../../text/words";
import { Avatar } from "../../ui/avatar";
import { Button, IconButton } from "../../ui/button";
import type { MenuItem } from "../../ui/menu";
import { Menu } from "../../ui/menu";
import { say, sayFailed } from "../../ui/toast";
import { Failed, Page, Section, Tag, Waiting } from "../../ui/view";
import { InviteList } from "../invites/invite-list";
import { PhraseSection } from "../phrase/phrase-section";
import type { Removal } from "./remove-dialog";
import { RemoveDialog } from "./remove-dialog";
import "./members.css";

const ORDER: Role[] = ["owner", "admin", "writer", "reader"];

export function memberName(member: Pick<Member, "name" | "you">): string {
  const name = spoken(member.name ?? "");
  return name === "" ? (member.you ? "You" : "Someone without a name") : name;
}

export function PeoplePage({ card }: { card: DriveCard }) {
  const members = useMembers(card.id);
  const manages = card.role === "admin" || card.role === "owner";
  const waiting = useWaiting(card.id, manages);
  const [removal, setRemoval] = useState<Removal | null>(null);
  const list = [...(members.data ?? [])].sort((a, b) => ORDER.indexOf(a.role) - ORDER.indexOf(b.role));

  return (
    <Page title="People" about={card.role === null ? undefined : ROLE_WORDS[card.role].you}>
      {(waiting.data?.length ?? 0) > 0 && (
        <Section title="Waiting to be let in" about="Ask them for their six words, by a way you trust.">
          <div className="card">
            {waiting.data?.map((line) => (
              <OneWaiting key={line.request} drive={card.id} line={line} onDecided={() => void waiting.refetch().then(() => members.refetch())} />
            ))}
          </div>
        </Section>
      )}
      <Section title="Members" about={members.data ? count(list.length, "person", "people") : undefined}>
        {members.error ? (
          <Failed error={members.error} retry={() => void members.refetch()} />
        ) : members.isPending ? (
          <Waiting />
        ) : (
          <ul className="card">
            {list.map((member) => (
              <OneMember key={member.member} card={card} member={member} onRemove={setRemoval} onChanged={() => void members.refetch()} />
            ))}
          </ul>
        )}
      </Section>
      {manages && <InviteList drive={card.id} />}
      {card.role === "owner" && <PhraseSection drive={card.id} />}
      {removal && <RemoveDialog drive={card.id} removal={removal} onClose={() => setRemoval(null)} onRemoved={() => void members.refetch()} />}
    </Page>
  );
}

interface MemberProps {
  card: DriveCard;
  member: Member;
  onRemove: (removal: Removal) => void;
  onChanged: () => void;
}

function OneMember({ card, member, onRemove, onChanged }: MemberProps) {
  const platform = usePlatform();
  const presence = usePresence(card.id);
  const [menu, setMenu] = useState<{ x: number; y: number } | null>(null);
  const said = presence.data?.filter((one) => one.member === member.member) ?? [];
  // A device that is on line with nobody at it is no person who is here.
  const here = said.some((one) => !one.idle);
  // What is heard of by others' hands is on line too, though nothing connects to it from here.
  const reached = (device: Member["devices"][number]): boolean => device.connected || said.some((one) => one.device === device.device);
  const online = member.devices.some((device) => reached(device) && !device.you);
  const name = memberName(member);

  const setRole = async (role: Role): Promise<void> => {
    try {
      await platform.call("role", { drive: card.id, member: member.member, role });
      say(`${name} is now ${ROLE_WORDS[role].label.toLowerCase()}.`);
      onChanged();
    } catch (error) {
      sayFailed("The role was not changed.", error);
    }
  };

  const may = card.role === "owner" || (card.role === "admin" && (member.role === "reader" || member.role === "writer"));
  const items: MenuItem[] = [];
  if (may && !member.you && member.role !== "owner") {
    const roles: Role[] = card.role === "owner" ? ["reader", "writer", "admin"] : ["reader", "writer"];
    for (const role of roles) {
      items.push({ label: ROLE_WORDS[role].label, checked: role === member.role, run: () => role !== member.role && void setRole(role) });
    }
    items.push("line", { label: "Remove from the drive…", danger: true, run: () => onRemove({ of: "member", id: member.member, name }) });
  }
  const others = member.devices.filter((device) => !device.you);
  if (may && member.devices.length > 1) {
    for (const device of others) {
      const label = spoken(device.name ?? "") || "a device without a name";
      items.push({ label: `Remove only “${label}”…`, danger: true, run: () => onRemove({ of: "device", id: device.device, name: label }) });
    }
  }

  return (
    <li className="item">
      <Avatar size={32} person={{ id: member.member, name }} />
      <div className="item-main">
        <div className="item-title">
          <span className="cell-text">{name}</span>
          {member.you && <Tag>you</Tag>}
          {here ? <Tag tone="ok">here now</Tag> : online ? <Tag tone="ok">online</Tag> : null}
        </div>
        <ul className="devices item-about">
          {member.devices.map((device) => (
            <li key={device.device}>
              <Laptop size={12} aria-hidden />
              <span>{spoken(device.name ?? "") || "a device"}</span>
              {device.you && <span>(this one)</span>}
              {!reached(device) && <span>· offline</span>}
            </li>
          ))}
        </ul>
      </div>
      <div className="item-side">
        <span className="muted" title={ROLE_WORDS[member.role].can}>
          {ROLE_WORDS[member.role].label}
        </span>
        {items.length === 0 ? (
          <span className="no-menu" />
        ) : (
          <IconButton
            label={`Role and removal of ${name}`}
            aria-haspopup="menu"
            aria-expanded={menu !== null}
            onClick={(event) => {
              const rect = event.currentTarget.getBoundingClientRect();
              setMenu({ x: rect.right - 200, y: rect.bottom + 4 });
            }}
          >
            <MoreHorizontal size={16} />
          </IconButton>
        )}
      </div>
      {menu && <Menu label={name} items={items} at={menu} onClose={() => setMenu(null)} />}
    </li>
  );
}

function OneWaiting({ drive, line, onDecided }: { drive: string; line: JoinRequestLine; onDecided: () => void }) {
  const platform = usePlatform();
  const [busy, setBusy] = useState(false);
  const decide = async (admit: boolean): Promise<void> => {
    setBusy(true);
    try {
      const reply = await platform.call("decide_join", { drive, request: line.request, admit });
      say(reply.admitted ? `${spoken(reply.name)} is in.` : `${spoken(reply.name)} was turned away.`);
      onDecided();
    } catch (error) {
      sayFailed("It was not decided.", error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="item">
      <UserRoundCheck size={20} className="faint" aria-hidden />
      <div className="item-main">
        <div className="item-title">
          {spoken(line.name)} <span className="faint">on {spoken(line.device)}</span> <Tag>{ROLE_WORDS[line.role].label}</Tag>
        </div>
        <p className="six-words">{line.words}</p>
      </div>
      <div className="item-side">
        <Button busy={busy} onClick={() => void decide(false)}>
          Turn away
        </Button>
        <Button weight="primary" busy={busy} onClick={() => void decide(true)}>
          The words match
        </Button>
      </div>
    </div>
  );
}
