// The slots of the lines in sight: which line has which, and the order they stand in. Knows nothing of what
// a row shows.
import type { View } from "./slot";
import { Slot } from "./slot";

/** The slots there are, and where they stand. */
export class Pool {
  private readonly slots: Slot[] = [];
  private readonly patterns = new Map<string, Node>();
  private size = 0;

  /** The element that has the pictures, and the one for the rows: null while they are not there. */
  pictures: HTMLElement | null = null;
  space: HTMLElement | null = null;

  /** As many slots as were ever needed at once: only then does a line that comes get the one of a line that leaves. */
  need(lines: number): void {
    for (; this.size < lines; this.size += 1) this.slots.push(new Slot((picture) => this.draw(picture)));
  }

  of(line: number): Slot | undefined {
    return this.slots[line % this.size];
  }

  /** Shows these lines, which follow each other, and none else. */
  show(views: readonly View[]): void {
    const { space } = this;
    if (!space) return;
    const unused = new Set(views.length < this.size ? this.slots : []);
    for (const view of views) {
      const slot = this.of(view.line);
      if (!slot) continue;
      slot.show(view);
      unused.delete(slot);
      if (slot.element.parentNode !== space) space.append(slot.element);
    }
    for (const slot of unused) slot.element.remove();
  }

  /** Puts the elements in the order of their lines, as those expect who go through the document. Not
   * while a name is written, for an element that is moved loses the focus. */
  order(views: readonly View[]): void {
    const { space } = this;
    if (!space || (document.activeElement !== null && space.contains(document.activeElement))) return;
    let at = space.firstElementChild;
    for (const { line } of views) {
      const element = this.of(line)?.element;
      if (!element) continue;
      if (element === at) at = at.nextElementSibling;
      else space.insertBefore(element, at);
    }
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
