// Notices of the desktop while the window is put away: what others did, seldom and in one sentence, and
// that one was removed. Only where the platform shows notices.
import { useEffect, useRef } from "react";
import type { DriveCard, Event } from "../../bindings/api";
import { useNews } from "../../live/news";
import { usePlatform } from "../../platform/context";
import { count } from "../../text/format";
import { spoken } from "../../text/names";
import { did, whoName } from "../../text/words";

/** After a notice about changes in a drive there is none for so long. */
const QUIET = 60_000;

/** What to say of an event, if anything. */
export function notice(event: Event, drive: string): { title: string; body: string } | null {
  if (event.type === "members" && event.role === null) {
    return { title: drive, body: "You are no longer a member. What you have stays on this device." };
  }
  if (event.type !== "tree" || event.who.you) return null;
  const [first] = event.changes;
  if (!first) return null;
  return { title: drive, body: `${whoName(event.who)} ${event.count > 1 ? `made ${count(event.count, "change")}` : did(first)}` };
}

export function useNotices(drives: readonly DriveCard[] | undefined): void {
  const platform = usePlatform();
  const news = useNews();
  /** When each drive was last spoken of. */
  const last = useRef(new Map<string, number>());
  useEffect(() => {
    const { notify } = platform;
    if (!notify) return undefined;
    const hear = (event: Event): void => {
      if (!document.hidden || !("drive" in event)) return;
      const card = drives?.find((one) => one.id === event.drive);
      const said = card && notice(event, spoken(card.name));
      if (!said) return;
      const now = Date.now();
      if (event.type === "tree" && now - (last.current.get(event.drive) ?? -Infinity) < QUIET) return;
      last.current.set(event.drive, now);
      notify(said.title, said.body).catch(() => undefined);
    };
    return news.live.on({ onEvent: hear, onGap: () => undefined });
  }, [platform, news, drives]);
}
