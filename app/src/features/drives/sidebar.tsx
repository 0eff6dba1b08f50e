// The drives of this device, and what runs in all of them.
import { AlertTriangle, ArrowDownUp, HardDrive, Moon, Plus, Sun, SunMoon, Ticket } from "lucide-react";
import { useState } from "react";
import type { DriveCard, DrivesReply } from "../../bindings/api";
import type { Theme } from "../../design/theme";
import { applyTheme, theme } from "../../design/theme";
import { useTransfers } from "../../query/queries";
import type { Route } from "../../route";
import { format } from "../../route";
import { count } from "../../text/format";
import { IconButton } from "../../ui/button";
import { Name } from "../../ui/name";
import { Bar } from "../../ui/view";
import { useAdding } from "../transfers/uploads";
import "./drives.css";

interface SidebarProps {
  reply: DrivesReply;
  route: Route;
  onShare: () => void;
  onJoin: () => void;
}

export function Sidebar({ reply, route, onShare, onJoin }: SidebarProps) {
  const transfers = useTransfers();
  const running = [
    ...(transfers.data ?? []),
    ...useAdding().map((one) => ({ bytes: one.sent, bytes_total: one.size })),
  ];
  const done = running.reduce((sum, one) => sum + one.bytes, 0);
  const total = running.reduce((sum, one) => sum + one.bytes_total, 0);
  return (
    <nav className="sidebar" aria-label="Drives">
      <div className="brand">
        <img src="./icon.svg" alt="" width={20} height={20} />
        <span>PeerDrive</span>
        <ThemeButton />
      </div>
      <div className="sidebar-head">
        <h2>Drives</h2>
        <IconButton label="Join a drive with an invite" onClick={onJoin}>
          <Ticket size={15} />
        </IconButton>
        <IconButton label="Share a folder" onClick={onShare}>
          <Plus size={16} />
        </IconButton>
      </div>
      <ul className="sidebar-list">
        {reply.drives.map((card) => {
          const current = route.at === "drive" && route.drive === card.id;
          return (
            <li key={card.id}>
              <a
                className={current ? "place place-current" : "place"}
                aria-current={current ? "page" : undefined}
                href={format({ at: "drive", drive: card.id, view: "files", folder: null })}
              >
                <HardDrive size={15} aria-hidden />
                <Name name={card.name} />
                <DriveState card={card} />
              </a>
            </li>
          );
        })}
        {reply.broken.map((drive) => (
          <li key={drive.id} className="place place-broken" title={drive.reason}>
            <AlertTriangle size={15} aria-hidden />
            <span className="place-broken-text">
              A drive cannot be opened
              <span className="faint">{drive.reason}</span>
            </span>
          </li>
        ))}
      </ul>
      <ul className="sidebar-foot">
        <li>
          <a className={route.at === "transfers" ? "place place-current" : "place"} aria-current={route.at === "transfers" ? "page" : undefined} href={format({ at: "transfers" })}>
            <ArrowDownUp size={15} aria-hidden />
            <span>Transfers</span>
            {running.length > 0 && <span className="place-count numeric">{total > 0 ? `${Math.floor((100 * done) / total)} %` : "…"}</span>}
          </a>
          {running.length > 0 && <Bar done={done} total={total} label="All transfers" />}
        </li>
        <li className="version faint">Version {reply.version}</li>
      </ul>
    </nav>
  );
}

function DriveState({ card }: { card: DriveCard }) {
  const waits = card.problems + card.conflicts;
  if (card.role === null) return <span className="place-count faint">removed</span>;
  if (waits > 0) {
    return (
      <span className="place-count place-warn numeric" title={`${count(waits, "thing")} to look at`}>
        {waits}
        <span className="visually-hidden"> to look at</span>
      </span>
    );
  }
  const words = card.connected > 0 ? `${count(card.connected, "other device")} online` : "no other device online";
  return <span className={card.connected > 0 ? "dot dot-on" : "dot"} role="img" aria-label={words} title={words} />;
}

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const WORDS: Record<Theme, string> = { system: "Colours: as the system", light: "Colours: light", dark: "Colours: dark" };

function ThemeButton() {
  const [now, setNow] = useState(theme);
  const Icon = now === "light" ? Sun : now === "dark" ? Moon : SunMoon;
  return (
    <IconButton
      label={WORDS[now]}
      onClick={() => {
        applyTheme(NEXT[now]);
        setNow(NEXT[now]);
      }}
    >
      <Icon size={15} />
    </IconButton>
  );
}
