import { expect, it } from "vitest";
import { linkOf, ticketOf } from "./invite";

it("a link carries its ticket, and what was broken into lines is whole again", () => {
  expect(ticketOf(linkOf("pd1abc"))).toBe("pd1abc");
  expect(ticketOf("  peerdrive://join/#pd1a\n bc ")).toBe("pd1abc");
  expect(ticketOf(" pd1a\r\nbc\n")).toBe("pd1abc");
});
