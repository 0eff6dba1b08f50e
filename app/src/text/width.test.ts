import { describe, expect, it } from "vitest";
import { surelyFits } from "./width";

describe("whether a text surely fits", () => {
  it("is known of letters that are much alike", () => {
    expect(surelyFits("photo 12345.jpg", 13, 180)).toBe(true);
    expect(surelyFits("photo 12345.jpg", 13, 120)).toBe(false);
    expect(surelyFits("報告書.pdf", 13, 110)).toBe(true);
    expect(surelyFits("", 13, 0)).toBe(true);
  });

  it("takes wide letters for wide", () => {
    expect(surelyFits("iiiiiiiiii", 10, 90)).toBe(true);
    expect(surelyFits("WWWWWWWWWW", 10, 90)).toBe(false);
  });

  it("is not said of letters that may be as wide as a line", () => {
    // One letter that is a whole phrase, and signs of cuneiform.
    expect(surelyFits("\ufdfd", 13, 500)).toBe(false);
    expect(surelyFits("\u{1242b}", 13, 500)).toBe(false);
    expect(surelyFits("مرحبا", 13, 500)).toBe(false);
  });
});
