// How wide a text can be at most, without measuring it: a list that is scrolled has no time to measure.
// Knows letters, and no font: what it says holds for any that is made for reading.

/** Letters that are wider than the others. */
const WIDE = new Set(Array.from("MWmw@%&", (letter) => letter.charCodeAt(0)));

/** Parts of a font's size that a letter takes at most; infinite for letters of which that is not known. */
function partOf(code: number): number {
  if (code < 0x7f) return WIDE.has(code) ? 1.1 : 0.85;
  if (code < 0x250) return 1.1;
  // Greek and Cyrillic.
  if (code >= 0x370 && code < 0x530) return 1.2;
  // Kana, Chinese and Korean.
  if ((code >= 0x3041 && code < 0x3100) || (code >= 0x4e00 && code < 0xa000) || (code >= 0xac00 && code < 0xd7a4)) return 1.1;
  return Infinity;
}

/** Whether a text is surely no wider than so many pixels at this size of type. False is a perhaps. */
export function surelyFits(text: string, size: number, pixels: number): boolean {
  let left = pixels / size;
  if (text.length * 0.85 > left) return false;
  for (let at = 0; at < text.length && left >= 0; at += 1) left -= partOf(text.charCodeAt(at));
  return left >= 0;
}
