import { expect, it } from "vitest";
import { ticketOf } from "./invite";

it("what was broken into lines is whole again, and is handed on as what it is", () => {
  expect(ticketOf("peerdrive:join#abc")).toBe("peerdrive:join#abc");
  expect(ticketOf("  peerdrive://join/#a\n bc ")).toBe("peerdrive://join/#abc");
  expect(ticketOf(" peerdrive:join#a\r\nbc\n")).toBe("peerdrive:join#abc");
  expect(ticketOf("peerdrive://join#peerdrive:join#abc")).toBe("peerdrive:join#abc");
});
