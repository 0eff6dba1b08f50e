// The slots of the lines in sight: which line has which, the order they stand in, and what stands where
// rows are still to come. Knows nothing of what a row shows.
import type { Row } from "../../bindings/api";
import type { Line } from "../../listing/outline";
import type { View } from "./slot";
import { Slot } from "./slot";

/** A line of which React has a part. */
export interface Rare {
  line: number;
  row: Row;
  slot: Slot;
}

/** Lines that are kept ready, and those of them that are in sight. Both are from one to before another. */
export interface Lines {
  first: number;
  end: number;
  from: number;
  to: number;
  /** Whether this frame has no time for what nobody sees yet. */
  hurry: boolean;
}

/** Lines that a frame in a hurry writes before it leaves those out of sight to the next: fewer than a screen has, and
 * more than come with any turn of a wheel. */
const AT_ONCE = 18;

function runsOf(lines: readonly number[]): [first: number, end: number][] {
  const runs: [first: number, end: number][] = [];
  for (const line of [...lines].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last?.[1] === line) last[1] = line + 1;
    else runs.push([line, line + 1]);
  }
  return runs;
}

/** The slots there are, and where they stand. */
export class Pool {
  private readonly slots: Slot[] = [];
  /** Those of the lines in sight whose rows are here, in their order. */
  private live: Slot[] = [];
  private readonly gaps: HTMLElement[] = [];
  private readonly patterns = new Map<string, Node>();
  /** Moves whenever a line may look otherwise than it was written. */
  private time = 0;

  /** The element that has the pictures, and the one for the rows: null while they are not there. */
  pictures: HTMLElement | null = null;
  space: HTMLElement | null = null;

  constructor(private readonly high: number) {}

  /** The slot that shows the row of a line; undefined if none does. */
  of(line: number): Slot | undefined {
    return this.live.find((slot) => slot.line === line);
  }

  /** Whatever was written may look otherwise now. */
  renew(): void {
    this.time += 1;
  }

  /** Shows lines. A slot whose line has no row yet stays where it is, out of sight: it costs nothing there.
   * False if lines out of sight are left for the next frame. */
  show({ first, end, from, to, hurry }: Lines, lineAt: (line: number) => Line<Row> | undefined, viewOf: (line: number, is: Line<Row>, row: Row) => View): boolean {
    const { space, slots, time } = this;
    if (!space) return true;
    // As many slots as were ever needed at once: only then does a line that comes get the one of a line that leaves.
    const more = slots.length < end - first;
    while (slots.length < end - first) slots.push(new Slot((picture) => this.draw(picture)));
    const live: Slot[] = [];
    const waiting: number[] = [];
    let written = 0;
    let left = false;
    const put = (line: number, most: number): void => {
      const slot = slots[line % slots.length];
      const is = lineAt(line);
      if (!slot || !is) return;
      if (!is.row) {
        waiting.push(line);
        if (slot.line === line) slot.element.remove();
        return;
      }
      if (!slot.shows(line, is.row, time)) {
        if (written >= most) {
          left = true;
          return;
        }
        written += 1;
        slot.show(viewOf(line, is, is.row), time);
      }
      live.push(slot);
      if (slot.element.parentNode !== space) space.append(slot.element);
    };
    for (let line = from; line < to; line += 1) put(line, Infinity);
    const most = hurry ? AT_ONCE : Infinity;
    for (let line = to; line < end; line += 1) put(line, most);
    for (let line = from - 1; line >= first; line -= 1) put(line, most);
    this.live = live.sort((a, b) => a.line - b.line);
    // With more slots, each has other lines than before.
    if (more) this.tidy();
    this.wait(runsOf(waiting));
    return !left;
  }

  /** The lines in sight that show what React renders into them. */
  rare(): Rare[] {
    return this.live.flatMap((slot) => {
      const { view } = slot;
      return view && (view.renaming || view.peopled) ? [{ line: view.line, row: view.row, slot }] : [];
    });
  }

  /** Takes away what is out of sight. */
  tidy(): void {
    const live = new Set(this.live);
    for (const slot of this.slots) if (!live.has(slot)) slot.element.remove();
  }

  /** Puts the elements in the order of their lines, as those expect who go through the document. Not
   * while a name is written, for an element that is moved loses the focus. */
  order(): void {
    const { space } = this;
    if (!space || (document.activeElement !== null && space.contains(document.activeElement))) return;
    let at = space.firstElementChild;
    for (const { element } of this.live) {
      if (element === at) at = at.nextElementSibling;
      else space.insertBefore(element, at);
    }
  }

  /** Bars where rows are to come: one element for all that follow each other. */
  private wait(runs: [first: number, end: number][]): void {
    const { gaps, space, high } = this;
    while (gaps.length < runs.length) {
      const gap = document.createElement("div");
      gap.className = "rows-wait";
      gap.setAttribute("aria-hidden", "true");
      gaps.push(gap);
    }
    gaps.forEach((gap, at) => {
      const run = runs[at];
      if (!run) return gap.remove();
      gap.style.transform = `translateY(${run[0] * high}px)`;
      gap.style.height = `${(run[1] - run[0]) * high}px`;
      if (gap.parentNode !== space) space?.append(gap);
    });
  }

  private draw(picture: string): Node {
    let pattern = this.patterns.get(picture);
    if (!pattern) {
      pattern = this.pictures?.querySelector(`[data-picture="${picture}"]`)?.firstElementChild ?? document.createElement("span");
      this.patterns.set(picture, pattern);
    }
    return pattern.cloneNode(true);
  }
}
