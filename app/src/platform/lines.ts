// The stream of JSON lines that answers a command: progress and items, then one reply or one error.
import type { ApiError, Progress } from "../bindings/api";
import type { CallOptions, Command, Item, Reply } from "./types";
import { CallError } from "./types";

type Line<C extends Command> =
  | { progress: Progress }
  | { item: Item<C> }
  | { ok: Reply<C> }
  | { error: ApiError };

/** Reads an answer to its end; undefined if it broke off before it. */
export async function readLines<C extends Command>(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  options: CallOptions<C>,
): Promise<{ reply: Reply<C> } | undefined> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    for (const text of lines) {
      if (text === "") continue;
      const line = JSON.parse(text) as Line<C>;
      if ("item" in line) options.onItem?.(line.item);
      else if ("progress" in line) options.onProgress?.(line.progress);
      else if ("error" in line) throw new CallError(line.error);
      else return { reply: line.ok };
    }
  }
  return undefined;
}
