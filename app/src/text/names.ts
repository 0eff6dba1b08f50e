// File names as they may be shown. A name comes from somebody else and may hold anything but `/` and
// NUL: characters that turn text around, that cannot be seen, or that break lines. Those are shown as
// what they are, never obeyed. Knows nothing of React.

/** A run of a name: text to show as it is, or one character to show by its code. */
export type Piece = { text: string } | { hidden: string; title: string };

// Format and control characters (bidi controls and zero-width ones among them), separators other than
// the plain space, private use, surrogates without their other half, and letters that are blank.
const UNSEEN =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u115f\u1160\u3164\uffa0\u2800\ufe00-\ufe0e]/u; // eslint-disable-line no-misleading-character-class

const WORDS: Record<number, string> = {
  0x09: "tab",
  0x0a: "line break",
  0x0d: "line break",
  0x20: "space",
  0xa0: "hard space",
  0xad: "soft hyphen",
  0x200b: "zero-width space",
  0x200c: "zero-width non-joiner",
  0x200d: "zero-width joiner",
  0x200e: "left-to-right mark",
  0x200f: "right-to-left mark",
  0x202a: "left-to-right embedding",
  0x202b: "right-to-left embedding",
  0x202c: "end of direction",
  0x202d: "left-to-right override",
  0x202e: "right-to-left override",
  0x2066: "left-to-right isolate",
  0x2067: "right-to-left isolate",
  0x2068: "first-strong isolate",
  0x2069: "end of isolate",
  0xfeff: "byte order mark",
};

const ZERO_WIDTH_JOINER = "\u200d";
// A picture, one made to be shown as such, or one with a tone of skin.
const BEFORE_JOINER = /\p{Extended_Pictographic}|\ufe0f|\p{Emoji_Modifier}/u;
const PICTURE = /\p{Extended_Pictographic}/u;

function code(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function hidden(character: string): Piece {
  const word = WORDS[character.codePointAt(0) ?? 0];
  return { hidden: code(character), title: word ?? "a character that cannot be seen" };
}

/** Whether a name can be shown as it is: true for nearly all, and cheap. */
export function isPlain(name: string): boolean {
  return !UNSEEN.test(name) && !name.startsWith(" ") && !name.endsWith(" ");
}

/** The pieces of a name, in order. */
export function pieces(name: string): Piece[] {
  if (isPlain(name)) return [{ text: name }];
  const found: Piece[] = [];
  const characters = Array.from(name);
  let text = "";
  const flush = (): void => {
    if (text) found.push({ text });
    text = "";
  };
  characters.forEach((character, at) => {
    const edge = character === " " && (at === 0 || at === characters.length - 1);
    // Between two pictures a joiner makes one picture of them, which is what its author saw.
    const joins =
      character === ZERO_WIDTH_JOINER &&
      PICTURE.test(characters[at + 1] ?? "") &&
      BEFORE_JOINER.test(characters[at - 1] ?? "");
    if (!joins && (edge || UNSEEN.test(character))) {
      flush();
      found.push(hidden(character));
    } else {
      text += character;
    }
  });
  flush();
  return found;
}

/** A name as plain text, for labels, titles and announcements. */
export function spoken(name: string): string {
  return pieces(name)
    .map((piece) => ("text" in piece ? piece.text : `[${piece.hidden}]`))
    .join("");
}

/** Where the ending begins that stays in sight when a name is too long; the length if there is none. */
export function endingAt(name: string): number {
  const dot = name.lastIndexOf(".");
  return dot > 0 && name.length - dot <= 12 ? dot : name.length;
}

/** The ending of a name in lower case, without the dot. */
export function extension(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(dot + 1).toLowerCase() : "";
}

/** Why a name cannot be given to a file, in words, or null. The daemon decides; this tells sooner. */
export function nameFault(name: string): string | null {
  if (name === "") return "A name is needed.";
  if (name === "." || name === "..") return `“${name}” is not a name.`;
  if (name.includes("/")) return "A name cannot contain “/”.";
  if (name.includes("\0")) return "A name cannot contain the character NUL.";
  if (new TextEncoder().encode(name).length > 255) return "This name is too long (over 255 bytes).";
  return null;
}
