// Who hears of it when rows of a list come. A frame in which the list is scrolled has time to write them
// down and no more: whatever else depends on them is told when the scrolling rests. Knows neither rows nor React.
import type { What } from "./pages";

/** Calls one thing, once, at the next frame or soon if there are no frames. */
export type AtFrame = (run: () => void) => void;

/** Where the rows are on the screen. */
export interface Screen {
  /** Whether they are being scrolled. */
  moving: () => boolean;
  /** Writes down those in sight. */
  write: () => void;
}

export class Arrivals {
  private screen: Screen | null = null;
  private coming: What | null = null;
  /** Whether rows were written down of which nobody else has heard. */
  private owed = false;

  constructor(
    private readonly atFrame: AtFrame,
    /** Everything that depends on the list. */
    private readonly all: () => void,
  ) {}

  /** The rows are on the screen, until the returned function is called. */
  show(screen: Screen): () => void {
    this.screen = screen;
    return () => {
      if (this.screen === screen) this.screen = null;
      this.rest();
    };
  }

  /** Something of the list is new. What comes before the next frame is told as one. */
  take(what: What): void {
    const first = this.coming === null;
    if (first || what === "list") this.coming = what;
    if (first) this.atFrame(() => this.tell());
  }

  /** The scrolling came to rest. */
  rest(): void {
    if (!this.owed) return;
    this.owed = false;
    this.all();
  }

  private tell(): void {
    const what = this.coming;
    this.coming = null;
    if (what === "rows" && this.screen?.moving() === true) {
      this.owed = true;
      this.screen.write();
      return;
    }
    this.owed = false;
    this.all();
  }
}
