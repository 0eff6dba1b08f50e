// The two ways to a drive: a folder of this machine, or an invite.
import { useQueryClient } from "@tanstack/react-query";
import { FolderSearch } from "lucide-react";
import type { ReactNode } from "react";
import { useEffect, useRef, useState } from "react";
import type { DriveRef, Progress } from "../../bindings/api";
import { usePlatform } from "../../platform/context";
import { told } from "../../platform/types";
import { keys } from "../../query/queries";
import { go } from "../../route";
import { bytes, count } from "../../text/format";
import { ticketOf } from "../../text/invite";
import { spoken } from "../../text/names";
import { Button } from "../../ui/button";
import { Choice, TextArea, TextField } from "../../ui/field";
import { say } from "../../ui/toast";
import { Bar } from "../../ui/view";

interface FormProps {
  /** Told of the drive, and whether the form is still on the screen. */
  onDone?: (drive: DriveRef, open: boolean) => void;
  /** A dialog is around this already. */
  inDialog?: boolean;
}

type Run = (step: (progress: Progress) => void, signal: AbortSignal) => Promise<DriveRef>;

/** Runs what a form asks for: busy, progress, what went wrong; opens the drive in the end. */
function useRun({ onDone, inDialog }: { onDone: FormProps["onDone"] | undefined; inDialog: boolean }, done: (drive: DriveRef) => string) {
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [progress, setProgress] = useState<Progress | null>(null);
  const [left, setLeft] = useState(false);
  const under = useRef<AbortController | null>(null);
  const open = useRef(true);
  useEffect(() => {
    open.current = true;
    return () => void (open.current = false);
  }, []);
  const run = async (work: Run): Promise<void> => {
    if (busy) return;
    const control = new AbortController();
    under.current = control;
    setBusy(true);
    setError(null);
    setProgress(null);
    setLeft(false);
    try {
      const drive = await work(setProgress, control.signal);
      await queries.invalidateQueries({ queryKey: keys.drives });
      const still = open.current;
      onDone?.(drive, still);
      // Whoever closed the dialog has gone on with something else.
      if (still || !inDialog) go({ at: "drive", drive: drive.drive, view: "files", folder: null });
      say(done(drive));
    } catch (failed) {
      if (control.signal.aborted) setLeft(true);
      else setError(failed);
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, progress, left, run, stop: () => under.current?.abort() };
}

function Frame({ inDialog, label, onSubmit, children }: { inDialog: boolean; label: string; onSubmit: () => void; children: ReactNode }) {
  return (
    <form
      className={inDialog ? "begin begin-dialog" : "begin card"}
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      {children}
    </form>
  );
}

/** Whether a path says where it begins, as on this or another system. */
function isWhole(path: string): boolean {
  return path.startsWith("/") || /^[A-Za-z]:\\/.test(path);
}

/** What appears below a form may be below the window too. */
function useInSight<E extends HTMLElement>(shown: boolean) {
  const element = useRef<E>(null);
  useEffect(() => {
    if (shown) element.current?.scrollIntoView({ block: "nearest" });
  }, [shown]);
  return element;
}

function Outcome({ error, progress }: { error: unknown; progress: Progress | null }) {
  const failure = useInSight<HTMLDivElement>(error !== null);
  if (error !== null) {
    const { message, hint } = told(error);
    return (
      <div className="begin-error" role="alert" ref={failure}>
        <p>{message}</p>
        {hint && <p>{hint}</p>}
      </div>
    );
  }
  if (!progress) return null;
  const total = progress.bytes_total ?? 0;
  return (
    <div className="begin-progress" role="status">
      <Bar done={progress.bytes} total={total} label="Progress" />
      <p className="faint numeric">
        {count(progress.files, "file")}
        {progress.files_total === null ? "" : ` of ${progress.files_total.toLocaleString("en")}`}, {bytes(progress.bytes)}
      </p>
    </div>
  );
}

function FolderField({ label, hint, value, onChange, placeholder }: { label: string; hint: string; value: string; onChange: (path: string) => void; placeholder: string }) {
  const { pickFolder } = usePlatform();
  const [left, setLeft] = useState(false);
  const fault = left && value.trim() !== "" && !isWhole(value.trim()) ? `Write the whole path, as in ${placeholder}` : null;
  return (
    <div className="folder-field">
      <TextField
        label={label}
        hint={hint}
        fault={fault}
        placeholder={placeholder}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onBlur={() => setLeft(true)}
        required
        data-autofocus=""
      />
      {pickFolder && (
        <Button
          icon={<FolderSearch size={15} aria-hidden />}
          onClick={() => void pickFolder().then((path) => path !== null && onChange(path))}
        >
          Choose…
        </Button>
      )}
    </div>
  );
}

export function ShareForm({ onDone, inDialog = false }: FormProps) {
  const platform = usePlatform();
  const [path, setPath] = useState("");
  const [name, setName] = useState("");
  const { busy, error, progress, run } = useRun({ onDone, inDialog }, (drive) => `“${spoken(drive.name)}” is shared. Invite others whenever you like.`);
  const ready = isWhole(path.trim());
  const submit = (): void => {
    if (!ready) return;
    void run((onProgress, signal) =>
      platform.call("share", { path: path.trim(), name: name.trim() === "" ? null : name.trim(), wait: false }, { signal, onProgress }),
    );
  };
  return (
    <Frame inDialog={inDialog} label="Share a folder" onSubmit={submit}>
      <FolderField label="Folder on this machine" hint="Its files stay where they are." placeholder="/home/you/Projects" value={path} onChange={setPath} />
      <TextField label="Name" hint="What others see; the folder’s name unless you say." value={name} onChange={(event) => setName(event.target.value)} maxLength={120} />
      <Outcome error={error} progress={progress} />
      <div className="begin-actions">
        <Button type="submit" weight="primary" busy={busy} disabled={!ready}>
          Share folder
        </Button>
      </div>
    </Frame>
  );
}

export function JoinForm({ invite = "", onDone, inDialog = false }: FormProps & { invite?: string }) {
  const platform = usePlatform();
  const [ticket, setTicket] = useState(() => ticketOf(invite));
  const [place, setPlace] = useState<"inside" | "folder" | "mount">("inside");
  const [path, setPath] = useState("");
  const [words, setWords] = useState<string | null>(null);
  const { busy, error, progress, left, run, stop } = useRun({ onDone, inDialog }, (drive) => `You are in “${spoken(drive.name)}”. Its files are arriving.`);
  const sight = useInSight<HTMLDivElement>(words !== null || left);
  const ready = ticket.trim() !== "" && isWhole(path.trim());
  const submit = (): void => {
    if (!ready) return;
    setWords(null);
    const where = path.trim();
    void run((onProgress, signal) =>
      platform.call(
        "join",
        {
          ticket: ticketOf(ticket),
          place: place === "inside" ? { inside: where } : place === "folder" ? { folder: where } : { mount: where },
          wait: false,
          own_device: false,
        },
        { signal, onProgress, onItem: (item) => setWords(item.words) },
      ),
    );
  };
  return (
    <Frame inDialog={inDialog} label="Join with an invite" onSubmit={submit}>
      <TextArea
        label="Invite"
        hint="Whoever has it can join, so it is for you alone."
        placeholder="Paste the whole link or text"
        value={ticket}
        onChange={(event) => setTicket(event.target.value)}
        required
        rows={2}
        data-autofocus=""
      />
      <Choice
        label="Where it shows"
        value={place}
        onChoose={setPlace}
        choices={[
          { value: "inside", label: "As a new folder in…" },
          { value: "folder", label: "As exactly this folder" },
          { value: "mount", label: "Mounted: files come when opened" },
        ]}
      />
      <FolderField
        label="Folder on this machine"
        hint={
          place === "inside" ? "The drive’s folder is made in it." : place === "folder" ? "Files that are there already are kept and joined." : "An empty folder."
        }
        placeholder="/home/you"
        value={path}
        onChange={setPath}
      />
      <div className="begin-news" ref={sight}>
        {words !== null && error === null && (
          <div className="begin-words" role="status">
            <p>The one who invited you is asked. They must see these words too:</p>
            <p className="begin-six">{words}</p>
          </div>
        )}
        {left && (
          <p className="begin-left" role="status">
            This window waits no longer, but PeerDrive goes on with it: the drive shows here as soon as you are let in. To be rid of it then, run{" "}
            <span className="mono">peerdrive leave</span>.
          </p>
        )}
      </div>
      <Outcome error={error} progress={progress} />
      <div className="begin-actions">
        {busy && <Button onClick={stop}>Do not wait</Button>}
        <Button type="submit" weight="primary" busy={busy} disabled={!ready}>
          Join
        </Button>
      </div>
    </Frame>
  );
}
