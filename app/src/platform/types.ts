// What the app may ask of where it runs, and nothing else. Three implementations: the desktop window,
// a browser before a daemon's loopback port, and a fake for tests.
import type { ApiError, Code, Frame, Progress } from "../bindings/api";
import { quoted } from "../text/words";
import type { Calls } from "./commands";

export type Command = keyof Calls;
export type Request<C extends Command> = Calls[C]["request"];
export type Item<C extends Command> = Calls[C]["item"];
export type Reply<C extends Command> = Calls[C]["reply"];

export interface CallOptions<C extends Command> {
  signal?: AbortSignal;
  /** Called for each thing the command streams before its reply. */
  onItem?: (item: Item<C>) => void;
  onProgress?: (progress: Progress) => void;
  /** Whether it is to arrive though the page that gives it goes away. */
  outlives?: boolean;
}

/** Where an event stream goes on: which run of the daemon, and the last event seen. */
export interface Cursor {
  stream: string;
  seq: number;
}

export interface FrameListener {
  onFrame: (frame: Frame) => void;
  /** The connection is gone; nothing more comes of it. */
  onEnd: () => void;
}

export interface Upload {
  drive: string;
  /** The folder it goes to, by id. */
  folder: string;
  file: File;
  signal: AbortSignal;
  onProgress: (bytes: number) => void;
}

export interface Platform {
  readonly kind: "tauri" | "web" | "fake";
  /** Runs a command; throws `CallError` if it fails. */
  call<C extends Command>(command: C, request: Request<C>, options?: CallOptions<C>): Promise<Reply<C>>;
  /** Opens the event stream; the returned function closes it. */
  listen(after: Cursor | null, listener: FrameListener): () => void;
  copyText(text: string): Promise<void>;
  /** Lets the person choose a folder of this machine; absent where that cannot be. */
  pickFolder?: () => Promise<string | null>;
  /** Puts a file of this machine into the drive; absent where that cannot be. */
  upload?: (upload: Upload) => Promise<void>;
  /** Shows a folder of this machine in the system's own file manager. */
  reveal?: (path: string) => Promise<void>;
  /** Told of each invite link that is opened elsewhere on this machine, also before this was asked. */
  onLink?: (listener: (link: string) => void) => () => void;
  /** Tells the person something while the window is not before them. */
  notify?: (title: string, body: string) => Promise<void>;
}

/** A command that failed, with what a person can be told. */
export class CallError extends Error {
  readonly code: Code | "unreachable" | "signed_out";
  readonly hint: string | null;
  readonly retryable: boolean;

  constructor(error: Omit<ApiError, "code"> & { code: CallError["code"] }) {
    super(error.message);
    this.name = "CallError";
    this.code = error.code;
    this.hint = error.hint;
    this.retryable = error.retryable;
  }
}

/** The daemon did not answer at all. */
export function unreachable(): CallError {
  return new CallError({
    code: "unreachable",
    message: "PeerDrive does not answer",
    hint: "Nothing is lost: files and changes are on this device.",
    retryable: true,
  });
}

/** What to tell of anything that was thrown. */
export function told(error: unknown): { message: string; hint: string | null } {
  if (error instanceof CallError) return { message: sentence(error.message), hint: error.hint && sentence(error.hint) };
  return { message: "Something went wrong in this window.", hint: error instanceof Error ? error.message : null };
}

/** Errors are written for a command line, in lower case and without a full stop. */
function sentence(text: string): string {
  const whole = quoted(text.charAt(0).toLocaleUpperCase() + text.slice(1));
  return /[.!?…]$/u.test(whole) ? whole : `${whole}.`;
}
