import { describe, expect, it } from "vitest";
import { endingAt, extension, isPlain, nameFault, pieces, spoken } from "./names";

describe("names", () => {
  it("ordinary ones are shown as they are, in any script", () => {
    for (const name of ["a.txt", "Übung 3.pdf", "報告書.docx", "مرحبا.txt", "👩‍🚀 plan.md".replace("\u200d", ""), "<script>alert(1)</script>"]) {
      expect(isPlain(name)).toBe(true);
      expect(spoken(name)).toBe(name);
    }
  });

  it("one that turns its ending around is shown with the turn as a mark", () => {
    expect(spoken("invoice\u202Efdp.exe")).toBe("invoice[U+202E]fdp.exe");
    expect(pieces("invoice\u202Efdp.exe")).toEqual([
      { text: "invoice" },
      { hidden: "U+202E", title: "right-to-left override" },
      { text: "fdp.exe" },
    ]);
  });

  it("characters that cannot be seen are seen", () => {
    expect(spoken("a\u200bb")).toBe("a[U+200B]b");
    expect(spoken("a\nb")).toBe("a[U+000A]b");
    expect(spoken("\u3164")).toBe("[U+3164]");
    expect(spoken("\u{e0061}x")).toBe("[U+E0061]x");
    expect(spoken("x\ud800")).toBe("x[U+D800]");
  });

  it("a blank at either end is seen, one in the middle is a blank", () => {
    expect(spoken(" a b ")).toBe("[U+0020]a b[U+0020]");
  });

  it("a joined picture stays one picture", () => {
    expect(spoken("👩\u200d🚀.png")).toBe("👩\u200d🚀.png");
    expect(spoken("a\u200d🚀")).toBe("a[U+200D]🚀");
  });

  it("nothing a name holds is lost", () => {
    let seed = 7;
    const next = (below: number): number => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed % below;
    };
    for (let round = 0; round < 500; round += 1) {
      const name = Array.from({ length: next(12) }, () => String.fromCodePoint(1 + next(0xd7fe))).join("");
      const whole = pieces(name)
        .map((piece) => ("text" in piece ? piece.text : String.fromCodePoint(parseInt(piece.hidden.slice(2), 16))))
        .join("");
      expect(whole).toBe(name);
    }
  });

  it("the ending of a long name is known, a leading dot is no ending", () => {
    expect(endingAt("report.pdf")).toBe(6);
    expect(endingAt(".gitignore")).toBe(10);
    expect(endingAt("a.thisisnotanendingatall")).toBe(24);
    expect(extension("A.TAR.GZ")).toBe("gz");
  });

  it("a name that no file may have is told at once", () => {
    expect(nameFault("a/b")).toMatch(/“\/”/);
    expect(nameFault("..")).not.toBeNull();
    expect(nameFault("")).not.toBeNull();
    expect(nameFault("é".repeat(128))).toMatch(/255/);
    expect(nameFault("é".repeat(127))).toBeNull();
  });
});
