// The line below the rows: how many, what is chosen, what others just did, and whether this device is
// level with them.
import { Check, CloudOff, RefreshCw } from "lucide-react";
import type { Row } from "../../bindings/api";
import { useNow } from "../../live/clock";
import { useConnection, useTouches } from "../../live/news";
import { useDrive } from "../../query/queries";
import { ago, bytes, count } from "../../text/format";
import { did, whoName } from "../../text/words";
import { Avatar } from "../../ui/avatar";
import { Tag } from "../../ui/view";
import type { Chosen } from "./selection";
import { size as sizeOf } from "./selection";

interface Props {
  drive: string;
  /** How many rows there are; null as long as that is not known. */
  total: number | null;
  chosen: Chosen<Row>;
  canWrite: boolean;
}

export function StatusLine({ drive, total, chosen, canWrite }: Props) {
  const news = useTouches();
  const now = useNow();
  const card = useDrive(drive);
  const latest = news.latest.get(drive);
  const many = sizeOf(chosen);
  // Of a run whose rows are not all here, only the number is known.
  const size = chosen.span === null ? Array.from(chosen.rows.values()).reduce((sum, row) => sum + row.size, 0) : 0;
  return (
    <footer className="status">
      <span className="numeric" role="status">
        {total === null ? "" : many > 0 ? `${many.toLocaleString("en")} of ${total.toLocaleString("en")} selected${size > 0 ? `, ${bytes(size)}` : ""}` : count(total, "item")}
      </span>
      {card && !canWrite && (card.role === null || card.role === "reader") && <Tag>{card.role === null ? "no longer a member" : "read only"}</Tag>}
      <span className="status-news" aria-live="polite">
        {latest && now - latest.at < 600_000 && (
          <>
            <Avatar size={16} person={{ id: latest.who.member ?? "", name: whoName(latest.who) }} />
            <span className="cell-text">
              {whoName(latest.who)} {latest.count > 1 ? `made ${count(latest.count, "change")}` : did(latest.change)}
              <span className="faint"> · {ago(latest.at, now)}</span>
            </span>
          </>
        )}
      </span>
      {card && <Level card={card} />}
    </footer>
  );
}

function Level({ card }: { card: NonNullable<ReturnType<typeof useDrive>> }) {
  const connection = useConnection();
  // What is not known is not said, and whoever was removed is in step with nobody.
  if (connection === "lost" || card.role === null) return null;
  if (card.pending_up + card.pending_down > 0) {
    return (
      <span className="status-level">
        <RefreshCw size={13} aria-hidden />
        {card.pending_down > 0 ? `${count(card.pending_down, "change")} arriving` : `${count(card.pending_up, "change")} to send`}
      </span>
    );
  }
  if (card.peers > 0 && card.connected === 0) {
    return (
      <span className="status-level" title="Changes are kept here and sent when another device is there.">
        <CloudOff size={13} aria-hidden />
        No other device is online
      </span>
    );
  }
  return (
    <span className="status-level status-ok">
      <Check size={13} aria-hidden />
      {card.connected > 0 ? `In step with ${count(card.connected, "device")}` : "Saved on this device"}
    </span>
  );
}
