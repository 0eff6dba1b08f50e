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

  /** Shows the lines from one to before another. A slot whose line has no row yet stays where it is, out of
   * sight: it costs nothing there. */
  show(first: number, end: number, lineAt: (line: number) => Line<Row> | undefined, viewOf: (line: number, is: Line<Row>, row: Row) => View): void {
    const { space, slots, time } = this;
    if (!space) return;
    // As many slots as were ever needed at once: only then does a line that comes get the one of a line that leaves.
    const more = slots.length < end - first;
    while (slots.length < end - first) slots.push(new Slot((picture) => this.draw(picture)));
    const live: Slot[] = [];
    const waits: [first: number, end: number][] = [];
    for (let line = first; line < end; line += 1) {
      const slot = slots[line % slots.length];
      const is = lineAt(line);
      const row = is?.row;
      if (!slot || !is) continue;
      if (!row) {
        const last = waits.at(-1);
        if (last?.[1] === line) last[1] = line + 1;
        else waits.push([line, line + 1]);
        if (slot.line === line) slot.element.remove();
        continue;
      }
      live.push(slot);
      if (!slot.shows(line, row, time)) slot.show(viewOf(line, is, row), time);
      if (slot.element.parentNode !== space) space.append(slot.element);
    }
    this.live = live;
    // With more slots, each has other lines than before.
    if (more) this.tidy();
    this.wait(waits);
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
  private wait(runs: readonly (readonly [first: number, end: number])[]): void {
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
