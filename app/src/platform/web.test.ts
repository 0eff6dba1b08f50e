import { afterEach, expect, it, vi } from "vitest";
import { web } from "./web";

afterEach(() => vi.unstubAllGlobals());

it("what is told as the page goes outlives it, and nothing else does", async () => {
  const asked = vi.fn((_: string, init: RequestInit) => Promise.resolve(new Response(init.body ? '{"ok":{}}\n' : "")));
  vi.stubGlobal("fetch", asked);
  vi.stubGlobal("localStorage", { getItem: () => "key" });
  await web.call("focus", { window: "w", drive: null }, { outlives: true });
  await web.call("drives", {});
  expect(asked.mock.calls.map(([, init]) => init.keepalive)).toEqual([true, false]);
});
