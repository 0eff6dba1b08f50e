// The desktop window. One command, `rpc`, carries them all; answers stream over a channel, so that a
// listing is on the screen before it ends. The only file that knows Tauri.
import { Channel, invoke } from "@tauri-apps/api/core";
import type { ApiError, Frame, Progress } from "../bindings/api";
import type { CallOptions, Command, Item, Platform, Reply, Request } from "./types";
import { CallError } from "./types";

type Step<C extends Command> = { progress: Progress } | { item: Item<C> };

/** An answer, or the end of waiting for it: Tauri itself has no way to stop a command. */
function raced<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", stop, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

async function call<C extends Command>(command: C, request: Request<C>, options: CallOptions<C> = {}): Promise<Reply<C>> {
  options.signal?.throwIfAborted();
  const lines = new Channel<Step<C>>((step) => {
    if (options.signal?.aborted === true) return;
    if ("item" in step) options.onItem?.(step.item);
    else options.onProgress?.(step.progress);
  });
  try {
    const answer = invoke<Reply<C>>("rpc", { command, request, lines });
    const reply = await (options.signal ? raced(answer, options.signal) : answer);
    options.signal?.throwIfAborted();
    return reply;
  } catch (error) {
    options.signal?.throwIfAborted();
    return thrown(error);
  }
}

/** What the window's own commands refuse has the daemon's shape, save where Tauri itself refuses. */
function thrown(error: unknown): never {
  const known = typeof error === "object" && error !== null && "code" in error;
  throw new CallError(known ? (error as ApiError) : { code: "failed", message: String(error), hint: null, retryable: false });
}

export const tauri: Platform = {
  kind: "tauri",
  call,
  listen(after, { onFrame, onEnd }) {
    let open = true;
    const id = crypto.randomUUID();
    const frames = new Channel<Frame>((frame) => {
      if (open) onFrame(frame);
    });
    const end = (): void => {
      if (open) onEnd();
      open = false;
    };
    invoke("events", { id, after, frames }).then(end, end);
    return () => {
      open = false;
      invoke("hush", { id }).catch(() => undefined);
    };
  },
  copyText: (text) => navigator.clipboard.writeText(text),
  pickFolder: () => invoke<string | null>("pick_folder").catch(thrown),
  reveal: (path) => invoke<undefined>("reveal", { path }).catch(thrown),
  notify: (title, body) => invoke<undefined>("notify", { title, body }).catch(thrown),
  onLink(listener) {
    let open = true;
    const links = new Channel<string>((link) => {
      if (open) listener(link);
    });
    invoke("links", { links }).catch(() => undefined);
    return () => {
      open = false;
    };
  },
};
