// A browser before the daemon's loopback port. A session is a cookie that scripts cannot read and a key
// that other origins cannot; the daemon checks host, origin, cookie and key of every request, the
// WebSocket's too.
import type { Frame } from "../bindings/api";
import { readLines } from "./lines";
import type { CallOptions, Command, Platform, Reply, Request, Upload } from "./types";
import { CallError, unreachable } from "./types";

const KEY = "peerdrive.key";

/** Begins a session with the one-time code of the address, which is taken out of it at once. */
export async function signIn(): Promise<void> {
  const code = /^#code=([\w-]+)$/.exec(location.hash)?.[1];
  if (code === undefined) return;
  history.replaceState(null, "", location.pathname);
  try {
    const answer = await fetch("/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code }),
    });
    const line = (await answer.json()) as { ok?: { key: string } };
    if (line.ok) localStorage.setItem(KEY, line.ok.key);
  } catch {
    // A code that was used or a daemon that is gone: the first command says so.
  }
}

function key(): string {
  return localStorage.getItem(KEY) ?? "";
}

async function call<C extends Command>(command: C, request: Request<C>, options: CallOptions<C> = {}): Promise<Reply<C>> {
  let answer: Response;
  try {
    answer = await fetch(`/rpc/${command}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-PeerDrive-Key": key() },
      body: JSON.stringify(request),
      signal: options.signal ?? null,
      keepalive: options.outlives === true,
    });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error instanceof TypeError ? unreachable() : error;
  }
  if (answer.status === 401) throw signedOut();
  if (!answer.body) throw unreachable();
  let read;
  try {
    read = await readLines<C>(answer.body, options);
  } catch (error) {
    if (error instanceof CallError) throw error;
    options.signal?.throwIfAborted();
    throw unreachable();
  }
  if (!read) throw unreachable();
  return read.reply;
}

function signedOut(): CallError {
  return new CallError({
    code: "signed_out",
    message: "This window is no longer signed in",
    hint: "Run `peerdrive ui` for a new address; each one opens once.",
    retryable: false,
  });
}

async function upload({ drive, folder, file, signal, onProgress }: Upload): Promise<void> {
  // fetch tells nothing of how far an upload is.
  const request = new XMLHttpRequest();
  const where = new URLSearchParams({ drive, folder, name: file.name });
  request.open("POST", `/upload?${where}`);
  request.setRequestHeader("X-PeerDrive-Key", key());
  request.upload.addEventListener("progress", (event) => onProgress(event.loaded));
  const abort = (): void => request.abort();
  signal.addEventListener("abort", abort);
  try {
    const body = await new Promise<string>((resolve, reject) => {
      request.addEventListener("load", () => resolve(request.responseText));
      request.addEventListener("error", () => reject(unreachable()));
      request.addEventListener("abort", () => reject(new DOMException("the upload was stopped", "AbortError")));
      request.send(file);
    });
    if (request.status === 401) throw signedOut();
    const answer = new Response(body).body;
    if (!answer || !(await readLines<"create_file">(answer, {}))) throw unreachable();
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

export const web: Platform = {
  kind: "web",
  call,
  upload,
  listen(after, { onFrame, onEnd }) {
    const address = new URL("/events", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    if (after) {
      address.searchParams.set("stream", after.stream);
      address.searchParams.set("since", String(after.seq));
    }
    const socket = new WebSocket(address, ["peerdrive.v1", `key.${key()}`]);
    let over = false;
    const end = (): void => {
      if (!over) onEnd();
      over = true;
    };
    socket.addEventListener("message", (event: MessageEvent<string>) => {
      if (!over) onFrame(JSON.parse(event.data) as Frame);
    });
    socket.addEventListener("close", end);
    return () => {
      over = true;
      socket.close();
    };
  },
  copyText: (text) => navigator.clipboard.writeText(text),
};
