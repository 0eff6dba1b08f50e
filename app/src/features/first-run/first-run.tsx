// The first minute: share a folder, or join with an invite. Nothing else is asked.
import { FolderUp, Ticket } from "lucide-react";
import { useState } from "react";
import { JoinForm, ShareForm } from "./forms";
import "./first-run.css";

/** `invite` is one that was opened from elsewhere, if any. */
export function FirstRun({ invite, onShared }: { invite: string; onShared: (drive: string) => void }) {
  const [way, setWay] = useState<"share" | "join" | null>(invite === "" ? null : "join");
  return (
    <main className="first" id="main" tabIndex={-1}>
      <img src="./icon.svg" alt="" width={52} height={52} />
      <h1>Welcome to PeerDrive</h1>
      <p className="muted first-about">
        Folders you share with people, directly between your devices. No account and no server; only the people you invite can read what is in them.
      </p>
      <div className="ways" role="group" aria-label="How to begin">
        <button type="button" className={way === "share" ? "way way-chosen" : "way"} aria-expanded={way === "share"} onClick={() => setWay("share")}>
          <FolderUp size={22} aria-hidden />
          <span className="way-title">Share a folder</span>
          <span className="muted">One you have, or a new one. Then invite others.</span>
        </button>
        <button type="button" className={way === "join" ? "way way-chosen" : "way"} aria-expanded={way === "join"} onClick={() => setWay("join")}>
          <Ticket size={22} aria-hidden />
          <span className="way-title">Join with an invite</span>
          <span className="muted">Somebody gave you one: paste it here.</span>
        </button>
      </div>
      {way === "share" && <ShareForm key="share" onDone={(drive) => onShared(drive.drive)} />}
      {way === "join" && <JoinForm key="join" invite={invite} />}
    </main>
  );
}
