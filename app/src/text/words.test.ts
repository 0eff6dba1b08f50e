import { expect, it } from "vitest";
import { quoted } from "./words";

it("what the daemon marks as on a command line is quoted as everywhere else", () => {
  expect(quoted("`a b.txt` is beside `c`; run `peerdrive ui`")).toBe("“a b.txt” is beside “c”; run “peerdrive ui”");
  expect(quoted("one ` alone")).toBe("one ` alone");
});
