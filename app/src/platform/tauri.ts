// The desktop window. One command, `rpc`, carries them all; answers stream over a channel, so that a
// listing is on the screen before it ends. The only file that knows Tauri.
import { Channel, invoke } from "@tauri-apps/api/core";
import type { ApiError, Frame, Progress } from "../bindings/api";
import type { CallOptions, Command, Item, Platform, Reply, Request } from "./types";
import { CallError } from "./types";

type Step<C extends Command> = { progress: Progress } | { item: Item<C> };

async function call<C extends Command>(command: C, request: Request<C>, options: CallOptions<C> = {}): Promise<Reply<C>> {
  const lines = new Channel<Step<C>>((step) => {
    if (options.signal?.aborted === true) return;
    if ("item" in step) options.onItem?.(step.item);
    else options.onProgress?.(step.progress);
  });
  try {
    const reply = await invoke<Reply<C>>("rpc", { command, request, lines });
    options.signal?.throwIfAborted();
    return reply;
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new CallError(error as ApiError);
  }
}

export const tauri: Platform = {
  kind: "tauri",
  call,
  listen(after, { onFrame, onEnd }) {
    let open = true;
    const frames = new Channel<Frame>((frame) => {
      if (open) onFrame(frame);
    });
    invoke("events", { after, frames }).then(
      () => {
        if (open) onEnd();
      },
      () => {
        if (open) onEnd();
      },
    );
    return () => {
      open = false;
    };
  },
  copyText: (text) => navigator.clipboard.writeText(text),
  pickFolder: () => invoke<string | null>("pick_folder"),
  reveal: (path) => invoke("reveal", { path }),
  notify: (title, body) => invoke("notify", { title, body }),
};
