// What is being moved, in every drive: how far, how fast, how long still.
import { ArrowDownToLine, ArrowUpFromLine, CheckCheck, Upload, X } from "lucide-react";
import type { Transfer } from "../../bindings/api";
import { useDrives, useTransfers } from "../../query/queries";
import { bytes, left } from "../../text/format";
import { spoken } from "../../text/names";
import { IconButton } from "../../ui/button";
import { Bar, Empty, Failed, Page, Waiting } from "../../ui/view";
import type { Adding } from "./uploads";
import { useAdding } from "./uploads";
import "./transfers.css";

export function TransfersPage() {
  const transfers = useTransfers();
  const adding = useAdding();
  return (
    <Page title="Transfers" alone about="Files on their way, in all drives.">
      {transfers.error ? (
        <Failed error={transfers.error} retry={() => void transfers.refetch()} />
      ) : transfers.isPending ? (
        <Waiting />
      ) : transfers.data.length + adding.length === 0 ? (
        <Empty icon={<CheckCheck size={24} />} title="Nothing is under way">
          Files that are added, fetched or taken in show here.
        </Empty>
      ) : (
        <div className="card">
          {adding.map((one) => (
            <OneAdding key={one.id} adding={one} />
          ))}
          {transfers.data.map((one) => (
            <OneTransfer key={`${one.drive} ${one.way}`} transfer={one} />
          ))}
        </div>
      )}
    </Page>
  );
}

/** How fast, and how long still; why not, where there is no rate. */
function pace(rate: number, remains: number | null, why: string): string {
  return rate > 0 ? `${bytes(rate)}/s${remains === null ? "" : ` · ${left(remains)}`}` : why;
}

const WHY: Record<Adding["state"], string> = { waiting: "waits for its turn", sending: "waiting", closing: "being sealed" };

function OneAdding({ adding }: { adding: Adding }) {
  const drives = useDrives();
  const name = spoken(adding.name);
  const drive = spoken(drives.data?.drives.find((one) => one.id === adding.drive)?.name ?? "a drive");
  const rate = adding.state === "sending" ? adding.rate : 0;
  return (
    <div className="item">
      <Upload size={18} className="faint" aria-hidden />
      <div className="item-main transfer">
        <div className="transfer-head">
          <span className="item-title">
            <span className="cell-text">{name}</span>
          </span>
          <span className="muted numeric transfer-pace">{pace(rate, ((adding.size - adding.sent) * 1000) / rate, WHY[adding.state])}</span>
        </div>
        <Bar done={adding.sent} total={adding.size} label={name} />
        <p className="item-about numeric">
          Adding to {drive} · {bytes(adding.sent)} of {bytes(adding.size)}
        </p>
      </div>
      <div className="item-side">
        <IconButton label={`Stop adding ${name}`} onClick={adding.stop}>
          <X size={16} />
        </IconButton>
      </div>
    </div>
  );
}

function OneTransfer({ transfer }: { transfer: Transfer }) {
  const drives = useDrives();
  const name = spoken(drives.data?.drives.find((drive) => drive.id === transfer.drive)?.name ?? "A drive");
  const taking = transfer.way === "import";
  return (
    <div className="item">
      {taking ? <ArrowUpFromLine size={18} className="faint" aria-hidden /> : <ArrowDownToLine size={18} className="faint" aria-hidden />}
      <div className="item-main transfer">
        <div className="transfer-head">
          <span className="item-title">{name}</span>
          <span className="muted numeric transfer-pace">{pace(transfer.rate, transfer.left, "waiting")}</span>
        </div>
        <Bar done={transfer.bytes} total={transfer.bytes_total} label={name} />
        <p className="item-about numeric">
          {taking ? "Taking in" : "Writing to this device"} · {transfer.files.toLocaleString("en")} of {transfer.files_total.toLocaleString("en")} files ·{" "}
          {bytes(transfer.bytes)} of {bytes(transfer.bytes_total)}
        </p>
      </div>
    </div>
  );
}
