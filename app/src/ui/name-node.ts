// A name as elements that are lent from one name to the next: what `Name` shows, written without React
// for lists that must keep up with the wheel. Knows the rules of text/names and nothing of files.
import { endingAt, isPlain, pieces, spoken } from "../text/names";
import "./name.css";

/** Below this a name is one piece of text, and too short for its ending to be kept in sight. */
export const SHORT = 18;

function element(tag: "span" | "bdi", className: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  made.textContent = text;
  return made;
}

export class NameNode {
  readonly element = document.createElement("bdi");
  /** The text of a short name: it is written anew and nothing else is touched. */
  private readonly text = document.createTextNode("");
  private shown: string | null = null;
  private whole = true;

  constructor() {
    this.element.className = "name name-short";
    this.element.append(this.text);
  }

  show(name: string): void {
    if (name === this.shown) return;
    this.shown = name;
    if (name.length < SHORT && isPlain(name)) {
      if (!this.whole) this.join();
      this.text.data = name;
      return;
    }
    this.whole = false;
    this.element.className = "name";
    this.element.title = spoken(name);
    const stem = element("span", "name-stem", "");
    this.element.replaceChildren(stem);
    if (isPlain(name)) {
      const at = endingAt(name);
      stem.textContent = name.slice(0, at);
      if (at < name.length) this.element.append(element("span", "name-end", name.slice(at)));
      return;
    }
    for (const piece of pieces(name)) {
      if ("text" in piece) stem.append(element("bdi", "", piece.text));
      else {
        const mark = element("span", "name-hidden", piece.hidden);
        mark.title = piece.title;
        stem.append(mark);
      }
    }
  }

  private join(): void {
    this.whole = true;
    this.element.className = "name name-short";
    this.element.removeAttribute("title");
    this.element.replaceChildren(this.text);
  }
}
