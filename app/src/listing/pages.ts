// One long list of which only parts are here: pages are fetched as they come into sight and kept on
// the screen until newer ones replace them. Knows nothing of files, drives or React.

/** A run of the list as its source gives it. */
export interface Run<Row, About = null> {
  /** How long the whole list is. */
  total: number;
  /** Changes when the list does: runs of one revision fit together. */
  revision: string;
  rows: readonly Row[];
  /** What the source says of the list itself. */
  about: About;
}

/** Fetches a run. */
export type Source<Row, About = null> = (offset: number, limit: number, signal: AbortSignal) => Promise<Run<Row, About>>;

/** Rows of a page: some screens full, so that fast scrolling asks seldom. */
export const PAGE = 200;

/** Pages kept when nobody looks at them. */
const KEPT = 40;

/** Requests under way at once. */
const AT_ONCE = 3;

/** A page that is being fetched. */
interface Fetch {
  abort: AbortController;
  /** Whether the list changed since: what comes may be from before, and is fetched once more. */
  again: boolean;
}

/** What happened to a list: rows are here that were missing, and it is otherwise as it was; or anything else. */
export type What = "rows" | "list";

interface Page<Row> {
  rows: readonly Row[];
  revision: string;
  /** Whether a newer version of the list exists. */
  stale: boolean;
}

/** Whether two things that a source says are the same. They come as JSON and are few words. */
function alike(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export class Pages<Row extends { id: string }, About = null> {
  /** How long the list is; null before the first answer. */
  total: number | null = null;
  /** What the source says of the list itself; null before the first answer. */
  about: About | null = null;
  /** How often the list was said to have changed. */
  refreshed = 0;
  private readonly pages = new Map<number, Page<Row>>();
  /** Pages that could not be fetched, and why. They are left alone until somebody refreshes: whoever shows
   * a failure looks at the same rows again, and would ask without end. */
  private readonly failed = new Map<number, unknown>();
  private readonly underWay = new Map<number, Fetch>();
  private readonly listeners = new Set<(what: What) => void>();
  private wanted: [first: number, last: number] = [0, 0];
  private revision: string | null = null;
  private closed = false;

  constructor(private readonly source: Source<Row, About>) {}

  /** Why rows could not be fetched; null when none failed since the last refresh. */
  get error(): unknown {
    return this.failed.values().next().value ?? null;
  }

  /** Calls back after every change, until the returned function is called. */
  subscribe(listener: (what: What) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The row at this place, if it is here. */
  at(index: number): Row | undefined {
    return this.pages.get(Math.floor(index / PAGE))?.rows[index % PAGE];
  }

  /** The ids of the rows that are here, as the list is now: what was here before it changed is not surely there. */
  *ids(): Iterable<string> {
    for (const { rows, stale } of this.pages.values()) if (!stale) for (const { id } of rows) yield id;
  }

  /** Whether any row that is here is like this. */
  some(is: (row: Row) => boolean): boolean {
    for (const { rows } of this.pages.values()) if (rows.some(is)) return true;
    return false;
  }

  /** Whether this row is here, as the list is now. */
  has(id: string): boolean {
    for (const { rows, stale } of this.pages.values()) if (!stale && rows.some((row) => row.id === id)) return true;
    return false;
  }

  /** Whether every row is here, as it is now. */
  get complete(): boolean {
    let rows = 0;
    for (const page of this.pages.values()) {
      if (page.stale) return false;
      rows += page.rows.length;
    }
    return rows === this.total;
  }

  /** Where this row is, as far as it is here; -1 if it is not. Where it was before the list changed counts only if
   * nothing newer tells. */
  indexOf(id: string): number {
    let before = -1;
    for (const [page, { rows, stale }] of this.pages) {
      const at = rows.findIndex((row) => row.id === id);
      if (at >= 0 && !stale) return page * PAGE + at;
      if (at >= 0 && before < 0) before = page * PAGE + at;
    }
    return before;
  }

  /** Says which rows are in sight; what is missing of them is fetched. */
  want(from: number, to: number): void {
    const end = this.total === null ? PAGE : this.total;
    const first = Math.max(0, Math.floor(from / PAGE));
    const last = Math.max(first, Math.floor((Math.min(to, end) - 1) / PAGE));
    this.wanted = [first, last];
    this.fetch();
  }

  /** The list has changed: what is here is shown until it is fetched anew. What is under way goes on: were
   * it stopped, changes that come faster than answers would keep every answer away. */
  refresh(): void {
    this.refreshed += 1;
    for (const page of this.pages.values()) page.stale = true;
    for (const one of this.underWay.values()) one.again = true;
    this.failed.clear();
    this.fetch();
  }

  /** Changes one row ahead of the answer that will confirm it. */
  patch(id: string, change: (row: Row) => Row): void {
    for (const [at, page] of this.pages) {
      const found = page.rows.findIndex((row) => row.id === id);
      const row = page.rows[found];
      if (!row) continue;
      this.pages.set(at, { ...page, rows: page.rows.with(found, change(row)) });
      this.changed("list");
    }
  }

  /** The rows from one place to another if they are all here. */
  known(from: number, to: number): Row[] | null {
    const rows: Row[] = [];
    for (let index = from; index <= to; index += 1) {
      const row = this.at(index);
      if (!row) return null;
      rows.push(row);
    }
    return rows;
  }

  /** All rows from one place to another, fetched as needed, some pages at once. */
  async range(from: number, to: number, signal: AbortSignal): Promise<Row[]> {
    const runs: (readonly Row[])[] = [];
    const [first, last] = [Math.floor(from / PAGE), Math.floor(to / PAGE)];
    let next = first;
    const fetching = async (): Promise<void> => {
      while (next <= last) {
        const page = next;
        next += 1;
        const known = this.pages.get(page);
        const run = known && !known.stale ? known : await this.source(page * PAGE, PAGE, signal);
        runs[page - first] = run.rows;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, fetching));
    return runs.flatMap((rows, at) => {
      const start = (first + at) * PAGE;
      return rows.slice(Math.max(0, from - start), Math.max(0, to + 1 - start));
    });
  }

  /** Fetches the rows around a place that is not in sight. */
  async reach(index: number, signal: AbortSignal): Promise<void> {
    const page = Math.floor(index / PAGE);
    const known = this.pages.get(page);
    if (known && !known.stale) return;
    const { refreshed } = this;
    const run = await this.source(page * PAGE, PAGE, signal);
    if (!signal.aborted) this.take(page, run, this.refreshed !== refreshed);
  }

  /** Nobody looks any more. */
  close(): void {
    this.closed = true;
    for (const { abort } of this.underWay.values()) abort.abort();
    this.underWay.clear();
    this.listeners.clear();
  }

  private changed(what: What): void {
    for (const listener of this.listeners) listener(what);
  }

  private fetch(): void {
    if (this.closed) return;
    const [first, last] = this.wanted;
    for (const [page, { abort }] of this.underWay) {
      // Scrolled past: what is in sight now goes first.
      if (page < first - 1 || page > last + 1) {
        abort.abort();
        this.underWay.delete(page);
      }
    }
    for (let page = first; page <= last && this.underWay.size < AT_ONCE; page += 1) {
      const known = this.pages.get(page);
      if (this.underWay.has(page) || this.failed.has(page) || (known && !known.stale)) continue;
      void this.load(page);
    }
  }

  private async load(page: number): Promise<void> {
    const request: Fetch = { abort: new AbortController(), again: false };
    const { signal } = request.abort;
    this.underWay.set(page, request);
    try {
      const run = await this.source(page * PAGE, PAGE, signal);
      if (signal.aborted || this.closed) return;
      this.underWay.delete(page);
      this.take(page, run, request.again);
    } catch (error) {
      if (signal.aborted || this.closed) return;
      this.underWay.delete(page);
      // A refresh while it was under way is an attempt that is still owed.
      if (!request.again) this.failed.set(page, error);
      this.changed("list");
    }
    this.fetch();
  }

  private take(page: number, run: Run<Row, About>, stale: boolean): void {
    if (this.revision !== null && this.revision !== run.revision) {
      for (const other of this.pages.values()) other.stale ||= other.revision !== run.revision;
    }
    const about = alike(this.about, run.about) ? this.about : run.about;
    const what: What = !this.pages.has(page) && this.total === run.total && this.about === about ? "rows" : "list";
    this.revision = run.revision;
    this.total = run.total;
    this.about = about;
    this.pages.delete(page);
    this.pages.set(page, { rows: run.rows, revision: run.revision, stale });
    // An empty list still has its first page, which says that it is empty.
    const end = Math.max(1, Math.ceil(run.total / PAGE));
    for (const at of this.pages.keys()) if (at >= end) this.pages.delete(at);
    for (const at of this.failed.keys()) if (at >= end) this.failed.delete(at);
    this.forget();
    const [first, last] = this.wanted;
    this.wanted = [Math.min(first, Math.max(0, end - 1)), Math.min(last, Math.max(0, end - 1))];
    this.changed(what);
  }

  /** Drops the pages that were not looked at for longest. */
  private forget(): void {
    const [first, last] = this.wanted;
    for (const at of this.pages.keys()) {
      if (this.pages.size <= KEPT) return;
      if (at < first || at > last) this.pages.delete(at);
    }
  }
}
