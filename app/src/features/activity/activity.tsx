// Who did what lately, newest first, day by day.
import { History } from "lucide-react";
import type { Activity } from "../../bindings/api";
import { useNow } from "../../live/clock";
import { useActivity } from "../../query/queries";
import { ago, count, exactly, machineTime } from "../../text/format";
import { spoken } from "../../text/names";
import { did, whoName } from "../../text/words";
import { Avatar } from "../../ui/avatar";
import { Button } from "../../ui/button";
import { Empty, Failed, Page, Section, Waiting } from "../../ui/view";
import "./activity.css";

const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

/** Changes of one deed that are written out; the rest are a number. */
const SHOWN = 4;

export function ActivityPage({ drive }: { drive: string }) {
  const activity = useActivity(drive);
  const items = activity.data?.pages.flatMap((page) => page.items) ?? [];
  const days = Map.groupBy(items, (item) => DAY.format(new Date(item.at)));
  return (
    <Page title="Activity" about="Who did what, as this device heard of it since PeerDrive started.">
      {activity.error ? (
        <Failed error={activity.error} retry={() => void activity.refetch()} />
      ) : activity.isPending ? (
        <Waiting />
      ) : items.length === 0 ? (
        <Empty icon={<History size={24} />} title="Nothing yet">
          Changes appear here as they happen.
        </Empty>
      ) : (
        Array.from(days, ([day, deeds]) => (
          <Section key={day} title={day}>
            <ol className="card">
              {deeds.map((deed) => (
                <Deed key={deed.number} deed={deed} />
              ))}
            </ol>
          </Section>
        ))
      )}
      {activity.hasNextPage && (
        <div>
          <Button busy={activity.isFetchingNextPage} onClick={() => void activity.fetchNextPage()}>
            Earlier
          </Button>
        </div>
      )}
    </Page>
  );
}

function Deed({ deed }: { deed: Activity }) {
  const now = useNow();
  const shown = deed.changes.slice(0, SHOWN);
  const more = deed.count - shown.length;
  return (
    <li className="item deed">
      <Avatar size={24} person={{ id: deed.who.member ?? "", name: whoName(deed.who) }} />
      <div className="item-main">
        {shown.map((change, at) => (
          <p key={at} title={spoken(change.path)}>
            {at === 0 && <strong>{whoName(deed.who)} </strong>}
            {did(change)}
          </p>
        ))}
        {more > 0 && <p className="faint">and {count(more, "more change")}</p>}
      </div>
      <time className="faint numeric" dateTime={machineTime(deed.at)} title={exactly(deed.at)}>
        {ago(deed.at, now)}
      </time>
    </li>
  );
}
