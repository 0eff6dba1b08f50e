// The frame of the app: drives at the left, the open drive at the right, and above both what must be
// known: that the daemon is gone, that this window is signed out, that one is no longer a member.
import { useEffect, useState } from "react";
import type { DriveCard } from "../../bindings/api";
import { useDrives } from "../../query/queries";
import type { Route } from "../../route";
import { go, useRoute } from "../../route";
import { spoken } from "../../text/names";
import { Failed, Waiting } from "../../ui/view";
import { ActivityPage } from "../activity/activity";
import { Browser } from "../browser/browser";
import { DriveHeader } from "../drives/drive-header";
import { Sidebar } from "../drives/sidebar";
import { FirstRun } from "../first-run/first-run";
import { JoinDialog, ShareDialog } from "../first-run/dialogs";
import { PeoplePage } from "../members/people";
import { PhraseDialog } from "../phrase/phrase-dialog";
import { AttentionPage } from "../problems/attention";
import { TransfersPage } from "../transfers/transfers";
import { TrashPage } from "../trash/trash";
import type { Look } from "../presence/use-focus-told";
import { useNotices } from "../presence/use-notices";
import { useFocusTold } from "../presence/use-focus-told";
import { usePlatform } from "../../platform/context";
import { CallError } from "../../platform/types";
import { Banner, SignedOut } from "./banner";
import "./shell.css";

const NOWHERE: Look = { folder: null, node: null };

export function Shell() {
  const route = useRoute();
  const drives = useDrives();
  const [dialog, setDialog] = useState<"share" | "join" | null>(null);
  /** A drive that was just made here: its phrase is to be written down. */
  const [made, setMade] = useState<string | null>(null);
  const known = drives.data?.drives;
  const first = known?.[0];

  useEffect(() => {
    // With drives there is no empty start: the first one opens.
    if (route.at === "start" && first) go({ at: "drive", drive: first.id, view: "files", folder: null }, "replace");
  }, [route.at, first]);

  const open = route.at === "drive" ? known?.find((drive) => drive.id === route.drive) : undefined;
  const [look, setLook] = useState<Look>(NOWHERE);
  // Whoever reads about people or activity is still in the drive, in none of its folders.
  useFocusTold(open?.id ?? null, route.at === "drive" && route.view === "files" ? look : NOWHERE);

  useNotices(known);

  const [invite, setInvite] = useState("");
  const platform = usePlatform();
  useEffect(
    () =>
      platform.onLink?.((link) => {
        setInvite(link);
        setDialog("join");
      }),
    [platform],
  );

  // Without drives the invite is asked for on the first page, and not once more after it.
  const none = drives.data !== undefined && drives.data.drives.length + drives.data.broken.length === 0;
  useEffect(() => {
    if (none) setDialog(null);
  }, [none, dialog]);

  useEffect(() => {
    document.title = open ? `${spoken(open.name)} – PeerDrive` : "PeerDrive";
  }, [open]);

  if (drives.error instanceof CallError && drives.error.code === "signed_out") return <SignedOut />;
  if (!drives.data) {
    return (
      <div className="shell-alone">
        <Banner />
        <main id="main" tabIndex={-1}>
          <h1 className="visually-hidden">PeerDrive</h1>
          {drives.error ? <Failed error={drives.error} retry={() => void drives.refetch()} /> : <Waiting />}
        </main>
      </div>
    );
  }
  if (none) {
    return (
      <div className="shell-alone">
        <Banner />
        <FirstRun key={invite} invite={invite} onShared={setMade} />
      </div>
    );
  }
  return (
    <div className="shell">
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>
        Skip to the content
      </a>
      <Sidebar reply={drives.data} route={route} onShare={() => setDialog("share")} onJoin={() => {
          setInvite("");
          setDialog("join");
        }} />
      <div className="shell-main">
        <Banner />
        <Content route={route} open={open} onLook={setLook} />
      </div>
      {dialog === "share" && <ShareDialog onClose={() => setDialog(null)} onShared={setMade} />}
      {made !== null && (
        <PhraseDialog
          key={made}
          drive={made}
          first
          onClose={() => {
            setMade(null);
            // The drive opened behind the dialog and could not take the keys.
            requestAnimationFrame(() => document.querySelector<HTMLElement>("#main [data-autofocus]")?.focus({ preventScroll: true }));
          }}
        />
      )}
      {dialog === "join" && (
        <JoinDialog
          key={invite}
          invite={invite}
          onClose={() => {
            setDialog(null);
            setInvite("");
          }}
        />
      )}
    </div>
  );
}

interface ContentProps {
  route: Route;
  open: DriveCard | undefined;
  onLook: (look: Look) => void;
}

function Content({ route, open, onLook }: ContentProps) {
  if (route.at === "transfers") return <TransfersPage />;
  if (route.at !== "drive") return <main id="main" tabIndex={-1} className="shell-none" />;
  if (!open) {
    return (
      <main id="main" tabIndex={-1} className="shell-none">
        <p className="muted">This drive is not on this device.</p>
      </main>
    );
  }
  return (
    <>
      <DriveHeader key={`head ${open.id}`} card={open} view={route.view} />
      {open.role === null && (
        <div className="banner banner-warn" role="alert">
          <span>
            <strong>You are no longer a member of “{spoken(open.name)}”.</strong> What you have stays on this device; what others change from now on does not come.
          </span>
        </div>
      )}
      {route.view === "files" && <Browser key={open.id} drive={open.id} folder={route.folder} onLook={onLook} />}
      {route.view === "people" && <PeoplePage key={open.id} card={open} />}
      {route.view === "activity" && <ActivityPage drive={open.id} />}
      {route.view === "trash" && <TrashPage key={open.id} card={open} />}
      {route.view === "attention" && <AttentionPage drive={open.id} />}
    </>
  );
}
