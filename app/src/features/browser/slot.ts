// The elements of one line of the grid, lent to line after line while it is scrolled: each is written
// only where it differs from what it shows. Knows how a row looks, and nothing of React, which could not
// do this within a frame, except where it may put what is rare.
import type { Row } from "../../bindings/api";
import type { Touch } from "../../live/news";
import { ago, bytes, count, exactly } from "../../text/format";
import { isPlain, spoken } from "../../text/names";
import { surelyFits } from "../../text/width";
import { whoName } from "../../text/words";
import { discOf } from "../../ui/avatar";
import { NameNode } from "../../ui/name-node";
import { kindWord, pictureOf } from "./kinds";
import { pictureClass } from "./pictures";

/** What a line shows. */
export interface View {
  row: Row;
  line: number;
  top: number;
  level: number;
  /** Its place among its siblings, from 0. */
  position: number;
  siblings: number;
  expanded: boolean;
  selected: boolean;
  current: boolean;
  cut: boolean;
  target: boolean;
  touch: Touch | undefined;
  now: number;
  /** How wide a name can be at level 1, in pixels. */
  room: number;
  /** Whether a field for a new name stands in place of the name. */
  renaming: boolean;
  /** Whether somebody is there. */
  peopled: boolean;
}

const INDENT = 18;
/** Where the twist begins at level 1, and where the name does with its picture. */
const TWIST = 16;
const NAME = 36;
/** Sizes of type, as in the tokens. */
const NAME_SIZE = 13;
const TEXT_SIZE = 12;
/** The number that the first line has among the rows of the grid, after that of the columns. */
const FIRST = 2;
/** How long a change of somebody else's is marked. */
const FRESH = 4_000;

export function rowId(line: number): string {
  return `row-${line}`;
}

/** The line of the row that an element is in; null if it is in none. */
export function lineAt(target: EventTarget | null): number | null {
  const row = target instanceof Element ? target.closest("[data-line]") : null;
  return row === null ? null : Number(row.getAttribute("aria-rowindex")) - FIRST;
}

/** Draws a picture by its name. */
export type Draw = (picture: string) => Node;

function made(tag: string, className: string, role?: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  if (role !== undefined) element.setAttribute("role", role);
  return element;
}

/** A place for what React renders into a row. */
function place(): HTMLElement {
  return made("span", "row-place");
}

function isIn(node: Node): boolean {
  return node.parentNode !== null;
}

function sizeOf(row: Row): string {
  if (row.kind === "file") return bytes(row.size);
  return row.kind === "folder" && row.entries !== undefined ? count(row.entries, "item") : "–";
}

/** Whether something is said of the row beside its name. */
function isFlagged(row: Row): boolean {
  return row.problem !== undefined || row.conflict || row.copy_of !== undefined || row.here === false;
}

/** Whether the name is alone in its cell, is what it seems to be, and is surely not too long. */
function hasRoom({ row, level, room, renaming, peopled }: View): boolean {
  if (renaming || peopled || row.target !== undefined || isFlagged(row)) return false;
  return surelyFits(row.name, NAME_SIZE, room - (level - 1) * INDENT) && isPlain(row.name);
}

/** A column that is text. It is cut off at its end only where it might be too long: a box that cuts costs
 * the browser more than one that does not. */
class TextCell {
  readonly element: HTMLElement;
  readonly text = document.createTextNode("");
  private cuts = false;

  /** `room` is how wide a text may be in the narrowest window in which the style leaves it uncut. */
  constructor(className: string, private readonly room: number) {
    this.element = made("div", className, "gridcell");
    this.element.append(this.text);
  }

  say(text: string): void {
    if (text === this.text.data) return;
    this.text.data = text;
    const cuts = !surelyFits(text, TEXT_SIZE, this.room);
    if (cuts !== this.cuts) this.element.classList.toggle("cell-cuts", cuts);
    this.cuts = cuts;
  }
}

export class Slot {
  readonly element = made("div", "row", "row");
  readonly forField = place();
  readonly forPeople = place();
  private readonly nameCell = made("div", "cell cell-name", "gridcell");
  private readonly changedCell = new TextCell("cell cell-changed", 134);
  private readonly sizeCell = new TextCell("cell cell-size numeric", 68);
  private readonly kindCell = new TextCell("cell cell-kind", 88);
  /** The name where it is alone in its cell and has room, as nearly always; else it is an element. */
  private readonly plain = document.createTextNode("");
  private readonly name = new NameNode();
  private twist: HTMLElement | null = null;
  private readonly disc = made("span", "", "img");
  private readonly path = made("span", "row-target-path faint");
  private marks: { of: string; nodes: readonly HTMLElement[] } = { of: "", nodes: [] };
  private shown: View | null = null;
  private written = -1;
  private className = "row";
  private nameClass = "cell cell-name";
  /** When the change that is marked was made; 0 for none. */
  private fresh = 0;
  private again = false;

  constructor(private readonly draw: Draw) {
    this.nameCell.append(this.plain);
    this.element.setAttribute("data-line", "");
    this.element.append(this.nameCell, this.changedCell.element, this.sizeCell.element, this.kindCell.element);
    // The exact time is worked out for the one line that is pointed at.
    this.changedCell.element.addEventListener("mouseenter", () => {
      if (this.shown) this.changedCell.element.title = exactly(this.shown.row.mtime);
    });
  }

  /** The line whose row it shows. */
  get line(): number {
    return this.shown?.line ?? -1;
  }

  /** What it shows, if that is still so. */
  get view(): View | null {
    return this.shown;
  }

  /** Whether it shows this row at this line, as it was to be shown at that time. */
  shows(line: number, row: Row, time: number): boolean {
    return this.written === time && this.shown?.line === line && this.shown.row === row;
  }

  show(view: View, time: number): void {
    const { shown: was, element } = this;
    const { row, line } = view;
    this.shown = view;
    this.written = time;
    if (was?.line !== line) element.setAttribute("aria-rowindex", String(line + FIRST));
    // Only the row that the keyboard is on is spoken of by its id.
    if (view.current && (was?.line !== line || !was.current)) element.id = rowId(line);
    else if (!view.current && was?.current === true) element.removeAttribute("id");
    if (was?.top !== view.top) element.style.transform = `translateY(${view.top}px)`;
    if (was?.position !== view.position) element.setAttribute("aria-posinset", String(view.position + 1));
    if (was?.siblings !== view.siblings) element.setAttribute("aria-setsize", String(view.siblings));
    if (was?.selected !== view.selected) element.setAttribute("aria-selected", String(view.selected));
    if (was?.row.kind !== row.kind || was.expanded !== view.expanded) this.unfold(row, view.expanded);
    if (was?.level !== view.level || was.row.kind !== row.kind) this.indent(view.level);
    this.dress(view);
    const fits = hasRoom(view);
    if (!fits && isIn(this.plain)) this.plain.replaceWith(this.name.element);
    if (was?.row !== row) this.describe(row, was?.row);
    if (was?.row !== row || was.touch !== view.touch || was.now !== view.now) this.tell(row, view);
    if (view.renaming !== (was?.renaming === true)) this.field(view.renaming);
    if (view.peopled && !isIn(this.forPeople)) this.nameCell.append(this.forPeople);
    else if (!view.peopled && was?.peopled === true) this.forPeople.remove();
    if (fits && isIn(this.name.element)) this.name.element.replaceWith(this.plain);
    this.entitle(row, fits);
  }

  private indent(level: number): void {
    this.element.setAttribute("aria-level", String(level));
    const more = (level - 1) * INDENT;
    this.nameCell.style.left = more === 0 ? "" : `${NAME + more}px`;
    if (this.twist) this.twist.style.left = more === 0 ? "" : `${TWIST + more}px`;
  }

  private entitle(row: Row, fits: boolean): void {
    if (!fits) this.name.show(row.name);
    else if (this.plain.data !== row.name) this.plain.data = row.name;
    const className = `cell cell-name ${pictureClass(pictureOf(row.kind, row.name))}${fits ? "" : " cell-rich"}`;
    if (className !== this.nameClass) this.nameCell.className = className;
    this.nameClass = className;
  }

  private wear(className: string): void {
    if (className === this.className) return;
    this.className = className;
    this.element.className = className;
  }

  private dress({ selected, current, cut, target, touch, now, renaming }: View): void {
    let className = "row";
    if (selected) className += " row-selected";
    if (current) className += " row-current";
    if (cut) className += " row-cut";
    if (target) className += " row-target";
    if (renaming) className += " row-named";
    const fresh = touch?.fresh === true && !touch.who.you && now - touch.at < FRESH ? touch.at : 0;
    // Another change begins the mark anew: the same mark by another name.
    if (fresh !== this.fresh) this.again = !this.again;
    this.fresh = fresh;
    if (fresh !== 0) className += this.again ? " row-fresh-again" : " row-fresh";
    this.wear(className);
  }

  private unfold(row: Row, expanded: boolean): void {
    if (row.kind !== "folder") {
      this.element.removeAttribute("aria-expanded");
      this.twist?.remove();
      this.twist = null;
      return;
    }
    this.element.setAttribute("aria-expanded", String(expanded));
    if (!this.twist) {
      this.twist = made("span", "twist");
      this.twist.setAttribute("aria-hidden", "true");
      this.twist.dataset["twist"] = "";
      this.twist.append(this.draw("twist"));
      this.element.append(this.twist);
    }
    this.twist.className = expanded ? "twist twist-open" : "twist";
  }

  /** What is of the row itself. */
  private describe(row: Row, was: Row | undefined): void {
    if (row.target !== undefined) {
      this.path.textContent = `→ ${spoken(row.target)}`;
      this.path.title = spoken(row.target);
      if (!isIn(this.path) && isIn(this.name.element)) this.name.element.after(this.path);
    } else if (was?.target !== undefined) this.path.remove();
    this.flag(row);
    this.sizeCell.say(sizeOf(row));
    this.kindCell.say(kindWord(row.kind, row.name));
    if (was && was.mtime !== row.mtime) this.changedCell.element.removeAttribute("title");
  }

  private flag(row: Row): void {
    if (!isFlagged(row)) return this.mark("", []);
    const found: [words: string, picture: string, tone: string][] = [];
    if (row.problem !== undefined) found.push([`Waits: ${row.problem}`, "warn", "mark-warn"]);
    if (row.conflict) found.push(["Changed in two ways at once", "fork", "mark-warn"]);
    if (row.copy_of !== undefined) found.push(["Another version of the file beside it", "fork", "mark-warn"]);
    if (row.here === false) found.push(["Not on this device: it comes when it is opened", "cloud", "mark-faint"]);
    this.mark(found.map(([words]) => words).join("\n"), found);
  }

  private mark(of: string, found: readonly [words: string, picture: string, tone: string][]): void {
    if (of === this.marks.of) return;
    for (const node of this.marks.nodes) node.remove();
    const nodes = found.map(([words, picture, tone]) => {
      const mark = made("span", `mark ${tone}`, "img");
      mark.setAttribute("aria-label", words);
      mark.title = words;
      mark.append(this.draw(picture));
      return mark;
    });
    this.marks = { of, nodes };
    if (isIn(this.forPeople)) this.forPeople.before(...nodes);
    else this.nameCell.append(...nodes);
  }

  /** When it was changed, and by whom as far as that is known. */
  private tell(row: Row, { touch, now }: View): void {
    if (touch) {
      const { className, shown, words } = discOf({ person: { id: touch.who.member ?? "", name: whoName(touch.who) }, size: 16 });
      if (this.disc.className !== className) this.disc.className = className;
      if (this.disc.title !== words) {
        this.disc.title = words;
        this.disc.setAttribute("aria-label", words);
        this.disc.textContent = shown;
      }
      if (!isIn(this.disc)) this.changedCell.text.before(this.disc);
    } else if (isIn(this.disc)) this.disc.remove();
    this.changedCell.say(touch ? `${whoName(touch.who)} · ${ago(touch.at, now)}` : ago(row.mtime, now));
  }

  private field(open: boolean): void {
    if (open === isIn(this.forField)) return;
    if (open) {
      this.path.remove();
      this.name.element.replaceWith(this.forField);
      return;
    }
    this.forField.replaceWith(this.name.element);
    if (this.shown?.row.target !== undefined) this.name.element.after(this.path);
  }
}
