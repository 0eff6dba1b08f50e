// The elements of one line of the grid, lent to line after line while it is scrolled: each is written
// only where it differs from what it shows. Knows how a row looks, and nothing of React, which could not
// do this within a frame, except where it may put what is rare.
import type { Row } from "../../bindings/api";
import type { Touch } from "../../live/news";
import { ago, bytes, count, exactly } from "../../text/format";
import { spoken } from "../../text/names";
import { whoName } from "../../text/words";
import { discOf } from "../../ui/avatar";
import { BLANK, NameNode } from "../../ui/name-node";
import { kindWord, pictureOf } from "./kinds";

/** What a line shows. */
export interface View {
  row: Row | undefined;
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
  /** Whether a field for a new name stands in place of the name. */
  renaming: boolean;
  /** Whether somebody is there. */
  peopled: boolean;
}

const INDENT = 18;
/** The number that the first line has among the rows of the grid, after that of the columns. */
const FIRST = 2;
/** How long a change of somebody else's is marked. */
const FRESH = 4_000;

export function rowId(line: number): string {
  return `row-${line}`;
}

/** The line of the row that an element is in; null if it is in none whose row is here. */
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

export class Slot {
  readonly element = made("div", "row", "row");
  readonly forField = place();
  readonly forPeople = place();
  private readonly nameCell = made("div", "cell cell-name", "gridcell");
  private readonly changedCell = made("div", "cell cell-changed", "gridcell");
  private readonly twist = made("span", "twist");
  private readonly name = new NameNode();
  private readonly changed = document.createTextNode("");
  private readonly size = document.createTextNode("");
  private readonly kind = document.createTextNode("");
  private readonly disc = made("span", "", "img");
  private readonly path = made("span", "row-target-path faint");
  private picture: { of: string; node: Node } | null = null;
  private marks: { of: string; nodes: readonly HTMLElement[] } = { of: "", nodes: [] };
  private shown: View | null = null;
  private className = "row";
  /** When the change that is marked was made; 0 for none. */
  private fresh = 0;
  private again = false;

  constructor(private readonly draw: Draw) {
    this.twist.setAttribute("aria-hidden", "true");
    this.nameCell.append(this.twist, this.name.element);
    this.changedCell.append(this.changed);
    const size = made("div", "cell cell-size numeric", "gridcell");
    const kind = made("div", "cell cell-kind", "gridcell");
    size.append(this.size);
    kind.append(this.kind);
    this.element.append(this.nameCell, this.changedCell, size, kind);
    // The exact time is worked out for the one line that is pointed at.
    this.changedCell.addEventListener("mouseenter", () => {
      const row = this.shown?.row;
      if (row) this.changedCell.title = exactly(row.mtime);
    });
  }

  show(view: View): void {
    const { shown: was, element } = this;
    const { row, line } = view;
    this.shown = view;
    if (was?.line !== line) element.setAttribute("aria-rowindex", String(line + FIRST));
    // Only the row that the keyboard is on is spoken of by its id.
    if (view.current && (was?.line !== line || !was.current)) element.id = rowId(line);
    else if (!view.current && was?.current === true) element.removeAttribute("id");
    if (was?.top !== view.top) element.style.transform = `translateY(${view.top}px)`;
    if (was?.level !== view.level) {
      element.setAttribute("aria-level", String(view.level));
      this.nameCell.style.paddingLeft = `${8 + (view.level - 1) * INDENT}px`;
    }
    if (!row) {
      if (was === null || was.row) this.wait();
      return;
    }
    if (!was?.row) element.removeAttribute("aria-busy");
    if (!was?.row) element.setAttribute("data-line", "");
    if (!was?.row || was.position !== view.position) element.setAttribute("aria-posinset", String(view.position + 1));
    if (!was?.row || was.siblings !== view.siblings) element.setAttribute("aria-setsize", String(view.siblings));
    if (!was?.row || was.selected !== view.selected) element.setAttribute("aria-selected", String(view.selected));
    this.unfold(row, view.expanded, was);
    this.dress(view);
    if (was?.row !== row) this.describe(row, was?.row);
    if (was?.row !== row || was.touch !== view.touch || was.now !== view.now) this.tell(row, view);
    if (view.renaming !== (was?.renaming === true)) this.field(view.renaming);
    if (view.peopled && !isIn(this.forPeople)) this.nameCell.append(this.forPeople);
    else if (!view.peopled && was?.peopled === true) this.forPeople.remove();
  }

  /** The row is on its way. */
  private wait(): void {
    const { element } = this;
    for (const name of ["data-line", "aria-posinset", "aria-setsize", "aria-selected", "aria-expanded"]) element.removeAttribute(name);
    element.setAttribute("aria-busy", "true");
    this.wear("row row-waits");
    this.name.blank();
    this.mark("", []);
    this.path.remove();
    this.forPeople.remove();
    this.field(false);
    this.folder(false, false);
    this.disc.remove();
    for (const text of [this.changed, this.size, this.kind]) text.data = BLANK;
  }

  private wear(className: string): void {
    if (className === this.className) return;
    this.className = className;
    this.element.className = className;
  }

  private dress({ selected, current, cut, target, touch, now }: View): void {
    let className = "row";
    if (selected) className += " row-selected";
    if (current) className += " row-current";
    if (cut) className += " row-cut";
    if (target) className += " row-target";
    const fresh = touch?.fresh === true && !touch.who.you && now - touch.at < FRESH ? touch.at : 0;
    // Another change begins the mark anew: the same mark by another name.
    if (fresh !== this.fresh) this.again = !this.again;
    this.fresh = fresh;
    if (fresh !== 0) className += this.again ? " row-fresh-again" : " row-fresh";
    this.wear(className);
  }

  private unfold(row: Row, expanded: boolean, was: View | null): void {
    if (was?.row?.kind === row.kind && was.expanded === expanded) return;
    if (row.kind === "folder") this.element.setAttribute("aria-expanded", String(expanded));
    else this.element.removeAttribute("aria-expanded");
    this.folder(row.kind === "folder", expanded);
  }

  private folder(is: boolean, expanded: boolean): void {
    const { twist } = this;
    const has = twist.firstChild !== null;
    if (is && !has) {
      twist.append(this.draw("twist"));
      twist.dataset["twist"] = "";
    } else if (!is && has) {
      twist.replaceChildren();
      delete twist.dataset["twist"];
    }
    if (is || has) twist.className = is && expanded ? "twist twist-open" : "twist";
  }

  /** What is of the row itself. */
  private describe(row: Row, was: Row | undefined): void {
    const picture = pictureOf(row.kind, row.name);
    if (this.picture?.of !== picture) {
      const node = this.draw(picture);
      if (this.picture) this.nameCell.replaceChild(node, this.picture.node);
      else this.twist.after(node);
      this.picture = { of: picture, node };
    }
    this.name.show(row.name);
    if (row.target !== undefined) {
      this.path.textContent = `→ ${spoken(row.target)}`;
      this.path.title = spoken(row.target);
      if (!isIn(this.path) && isIn(this.name.element)) this.name.element.after(this.path);
    } else if (was?.target !== undefined) this.path.remove();
    this.flag(row);
    const size = sizeOf(row);
    if (this.size.data !== size) this.size.data = size;
    const kind = kindWord(row.kind, row.name);
    if (this.kind.data !== kind) this.kind.data = kind;
    if (was?.mtime !== row.mtime) this.changedCell.removeAttribute("title");
  }

  private flag(row: Row): void {
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
      if (!isIn(this.disc)) this.changed.before(this.disc);
    } else if (isIn(this.disc)) this.disc.remove();
    const text = touch ? `${whoName(touch.who)} · ${ago(touch.at, now)}` : ago(row.mtime, now);
    if (this.changed.data !== text) this.changed.data = text;
  }

  private field(open: boolean): void {
    if (open === isIn(this.forField)) return;
    if (open) {
      this.path.remove();
      this.name.element.replaceWith(this.forField);
      return;
    }
    this.forField.replaceWith(this.name.element);
    const target = this.shown?.row?.target;
    if (target !== undefined) this.name.element.after(this.path);
  }
}
