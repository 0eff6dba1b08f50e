// What is being moved, in every drive: how far, how fast, how long still.
import { ArrowDownToLine, ArrowUpFromLine, CheckCheck } from "lucide-react";
import type { Transfer } from "../../bindings/api";
import { useDrives, useTransfers } from "../../query/queries";
import { bytes, left } from "../../text/format";
import { spoken } from "../../text/names";
import { Bar, Empty, Failed, Page, Waiting } from "../../ui/view";
import "./transfers.css";

export function TransfersPage() {
  const transfers = useTransfers();
  return (
    <Page title="Transfers" alone about="Bytes on their way, in all drives.">
      {transfers.error ? (
        <Failed error={transfers.error} retry={() => void transfers.refetch()} />
      ) : transfers.isPending ? (
        <Waiting />
      ) : transfers.data.length === 0 ? (
        <Empty icon={<CheckCheck size={24} />} title="Nothing is under way">
          Every drive is where it should be.
        </Empty>
      ) : (
        <div className="card">
          {transfers.data.map((one) => (
            <OneTransfer key={`${one.drive} ${one.way}`} transfer={one} />
          ))}
        </div>
      )}
    </Page>
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
          <span className="muted numeric">
            {transfer.rate > 0 ? `${bytes(transfer.rate)}/s` : "waiting"}
            {transfer.left !== null && ` · ${left(transfer.left)}`}
          </span>
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
