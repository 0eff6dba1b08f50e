import { expect, it, vi } from "vitest";
import { tauri } from "./tauri";
import { CallError } from "./types";

const invoke = vi.hoisted(() => vi.fn());
vi.mock("@tauri-apps/api/core", () => ({ invoke, Channel: vi.fn() }));

it("a command that is stopped is no longer waited for, though the window never answers", async () => {
  invoke.mockReturnValue(new Promise(() => undefined));
  const stop = new AbortController();
  const answer = tauri.call("drives", {}, { signal: stop.signal });
  stop.abort();
  await expect(answer).rejects.toMatchObject({ name: "AbortError" });
});

it("a command that was stopped before it began is not given", async () => {
  invoke.mockClear();
  await expect(tauri.call("drives", {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
  expect(invoke).not.toHaveBeenCalled();
});

it("answers and refusals come as they are", async () => {
  const { signal } = new AbortController();
  invoke.mockResolvedValue({ drives: [] });
  expect(await tauri.call("drives", {}, { signal })).toEqual({ drives: [] });
  invoke.mockRejectedValue({ code: "io", message: "no", hint: null, retryable: false });
  await expect(tauri.call("drives", {}, { signal })).rejects.toBeInstanceOf(CallError);
});
