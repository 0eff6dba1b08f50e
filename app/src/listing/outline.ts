// A folder and the folders opened inside it as one list of rows: which row stands at which line. Knows
// of folders only that each has pages.
import type { Pages as PagesOf } from "./pages";

/** Whatever a source says of its list is nothing to the outline. */
type Pages<Row extends { id: string }> = PagesOf<Row, unknown>;

/** A run of lines that come from one folder without a break. */
interface Stretch<Row extends { id: string }> {
  /** First line. */
  line: number;
  /** How many lines. */
  length: number;
  pages: Pages<Row>;
  /** Which row of the folder the first line is. */
  from: number;
  /** 1 for the folder that is looked at. */
  level: number;
  folder: string;
  /** The line of the row that was opened; -1 at level 1. */
  parent: number;
}

/** What stands at a line. */
export interface Line<Row> {
  row: Row | undefined;
  level: number;
  /** Its place among its siblings, from 0, and how many there are. */
  position: number;
  siblings: number;
  folder: string;
  parent: number;
}

export class Outline<Row extends { id: string }> {
  private readonly stretches: Stretch<Row>[] = [];
  /** How many lines there are. */
  readonly length: number;

  /** `open` has the pages of each opened folder. One whose row is not here shows nothing of itself. */
  constructor(root: { id: string; pages: Pages<Row> }, open: ReadonlyMap<string, Pages<Row>>) {
    this.length = this.lay(root.id, root.pages, open, 1, 0, -1);
  }

  /** What stands at this line; undefined beyond the end. */
  at(line: number): Line<Row> | undefined {
    const stretch = this.stretches[this.find(line)];
    if (!stretch || line >= stretch.line + stretch.length) return undefined;
    const position = stretch.from + line - stretch.line;
    const { pages, level, folder, parent } = stretch;
    return { row: pages.at(position), level, position, siblings: pages.total ?? 0, folder, parent };
  }

  /** The line of this row, as far as it is here; -1 if it is not. */
  lineOf(id: string): number {
    for (const stretch of this.stretches) {
      const at = stretch.pages.indexOf(id) - stretch.from;
      if (at >= 0 && at < stretch.length) return stretch.line + at;
    }
    return -1;
  }

  /** The ids of the rows that are here, and whether those are all. */
  here(): { ids: ReadonlySet<string>; all: boolean } {
    const folders = new Set(this.stretches.map((one) => one.pages));
    const ids = new Set<string>();
    for (const pages of folders) for (const id of pages.ids()) ids.add(id);
    return { ids, all: [...folders].every((pages) => pages.complete) };
  }

  /** The first line, at or after another and then from the top, whose row is sought: `find` has the place of such a row
   * in a folder, from a place on and then from its first; -1 if there is none. Every folder that is open is asked. */
  async seek(from: number, find: (folder: string, position: number) => Promise<number>): Promise<number> {
    const folders = new Map(this.stretches.map((one) => [one.pages, one.folder]));
    const lines = await Promise.all(
      Array.from(folders, async ([pages, folder]) => this.lineAt(pages, await find(folder, this.positionIn(pages, from)))),
    );
    const found = lines.filter((line) => line >= 0).sort((a, b) => a - b);
    return found.find((line) => line >= from) ?? found[0] ?? -1;
  }

  /** The line of a folder's row by its place among its siblings; -1 for a place below 0. */
  lineAt(pages: Pages<Row>, position: number): number {
    const of = this.stretches.findLast((one) => one.pages === pages && one.from <= position);
    return of ? of.line + position - of.from : -1;
  }

  /** The place in a folder of the first of its rows that is not before a line. */
  positionIn(pages: Pages<Row>, line: number): number {
    for (const one of this.stretches) {
      if (one.pages !== pages) continue;
      if (one.line >= line) return one.from;
      if (one.line + one.length > line) return one.from + line - one.line;
    }
    return 0;
  }

  /** Tells every folder which of its rows are in sight. */
  want(first: number, last: number): void {
    const ranges = new Map<Pages<Row>, [number, number]>();
    for (const stretch of this.stretches) {
      const from = Math.max(first, stretch.line) - stretch.line + stretch.from;
      const to = Math.min(last, stretch.line + stretch.length) - stretch.line + stretch.from;
      if (from >= to) continue;
      const known = ranges.get(stretch.pages);
      ranges.set(stretch.pages, [Math.min(known?.[0] ?? from, from), Math.max(known?.[1] ?? to, to)]);
    }
    for (const [pages, [from, to]] of ranges) pages.want(from, to);
  }

  /** The rows from one line to another if they are all here. */
  known(first: number, last: number): Row[] | null {
    const rows: Row[] = [];
    for (let line = first; line <= last; line += 1) {
      const row = this.at(line)?.row;
      if (!row) return null;
      rows.push(row);
    }
    return rows;
  }

  /** The rows from one line to another, fetched as needed, by the folder they are in. */
  async range(first: number, last: number, signal: AbortSignal): Promise<{ folder: string; parent: number; rows: Row[] }[]> {
    const runs: { folder: string; parent: number; rows: Row[] }[] = [];
    for (const { line, length, pages, from, folder, parent } of this.stretches) {
      const start = Math.max(first, line);
      const end = Math.min(last, line + length - 1);
      if (start > end) continue;
      runs.push({ folder, parent, rows: await pages.range(start - line + from, end - line + from, signal) });
    }
    return runs;
  }

  private find(line: number): number {
    let low = 0;
    let high = this.stretches.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.stretches[middle]?.line ?? 0) <= line) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private lay(
    folder: string,
    pages: Pages<Row>,
    open: ReadonlyMap<string, Pages<Row>>,
    level: number,
    start: number,
    parent: number,
  ): number {
    const inside: { at: number; id: string; pages: Pages<Row> }[] = [];
    for (const [id, children] of open) {
      const at = pages.indexOf(id);
      if (at >= 0 && children !== pages) inside.push({ at, id, pages: children });
    }
    inside.sort((a, b) => a.at - b.at);
    let line = start;
    let from = 0;
    const stretch = (length: number): void => {
      if (length > 0) this.stretches.push({ line, length, pages, from, level, folder, parent });
      line += length;
      from += length;
    };
    for (const { at, id, pages: children } of inside) {
      stretch(at + 1 - from);
      line = this.lay(id, children, open, level + 1, line, line - 1);
    }
    stretch((pages.total ?? 0) - from);
    return line;
  }
}
