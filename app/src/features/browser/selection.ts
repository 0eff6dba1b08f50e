// Which rows are chosen, and where the cursor is. Rows are chosen by id, so that news that move rows
// never move the choice; a long run of rows of which most are not here is chosen by its lines, and its
// rows are fetched when something is done with them. Pure.

/** Rows that are remembered of each end of a run. */
const EDGE = 64;

/** A run of lines, both ends in it. Of each end some rows are remembered, the outermost first, as far as they
 * are known: when that one goes, the run ends with the next. */
export interface Span {
  from: number;
  to: number;
  first: readonly string[];
  last: readonly string[];
  /** Whether it is the whole list, however long that becomes. */
  all: boolean;
  /** Rows in it that are not chosen. */
  except: ReadonlySet<string>;
}

export interface Chosen<Row extends { id: string }> {
  /** Rows chosen by id, in no order. */
  rows: ReadonlyMap<string, Row>;
  /** A run that is chosen by its lines, besides. */
  span: Span | null;
  /** The line the keyboard is on, and who stood there. */
  cursor: { line: number; id: string | null };
  /** Where a range began. */
  anchor: number;
}

export function nothing<Row extends { id: string }>(): Chosen<Row> {
  return { rows: new Map(), span: null, cursor: { line: 0, id: null }, anchor: 0 };
}

/** One row alone. */
export function only<Row extends { id: string }>(row: Row, line: number): Chosen<Row> {
  return { rows: new Map([[row.id, row]]), span: null, cursor: { line, id: row.id }, anchor: line };
}

/** Nothing chosen, the cursor at a line whose row may not be here yet. */
export function at<Row extends { id: string }>(line: number): Chosen<Row> {
  return { rows: new Map(), span: null, cursor: { line, id: null }, anchor: line };
}

/** The cursor where it is, and nothing chosen. */
export function none<Row extends { id: string }>(chosen: Chosen<Row>): Chosen<Row> {
  return { ...chosen, rows: new Map(), span: null };
}

function inSpan(span: Span | null, line: number): span is Span {
  return span !== null && line >= span.from && line <= span.to;
}

/** Whether the row at this line is chosen. */
export function has<Row extends { id: string }>(chosen: Chosen<Row>, id: string, line: number): boolean {
  return chosen.rows.has(id) || (inSpan(chosen.span, line) && !chosen.span.except.has(id));
}

/** How many are chosen. */
export function size<Row extends { id: string }>({ rows, span }: Pick<Chosen<Row>, "rows" | "span">): number {
  return rows.size + (span === null ? 0 : span.to - span.from + 1 - span.except.size);
}

/** The cursor on a row, and the choice as it is. */
export function pointed<Row extends { id: string }>(chosen: Chosen<Row>, row: Row, line: number): Chosen<Row> {
  return { ...chosen, cursor: { line, id: row.id } };
}

/** The row that is chosen alone, as it is now; undefined if none or several are, or it is not here. */
export function alone<Row extends { id: string }>({ rows, span }: Chosen<Row>, lineOf: (id: string) => number, rowAt: (line: number) => Row | undefined): Row | undefined {
  if (size({ rows, span }) !== 1) return undefined;
  const [row] = rows.values();
  if (row) return rowAt(lineOf(row.id)) ?? row;
  for (let line = span?.from ?? 0; line <= (span?.to ?? -1); line += 1) {
    const here = rowAt(line);
    if (here && span?.except.has(here.id) !== true) return here;
  }
  return undefined;
}

/** One row more, or less if it was chosen. */
export function toggled<Row extends { id: string }>(chosen: Chosen<Row>, row: Row, line: number): Chosen<Row> {
  const end = { cursor: { line, id: row.id }, anchor: line };
  const { span } = chosen;
  if (inSpan(span, line)) {
    const except = new Set(span.except);
    if (!except.delete(row.id)) except.add(row.id);
    return { rows: chosen.rows, span: { ...span, except }, ...end };
  }
  const rows = new Map(chosen.rows);
  if (!rows.delete(row.id)) rows.set(row.id, row);
  return { rows, span, ...end };
}

/** The rows from the anchor to a line, all of which are here. */
export function ranged<Row extends { id: string }>(chosen: Chosen<Row>, rows: readonly Row[], line: number, id: string | null): Chosen<Row> {
  return { rows: new Map(rows.map((row) => [row.id, row])), span: null, cursor: { line, id }, anchor: chosen.anchor };
}

/** The lines from the anchor to a line, whoever stands there. */
export function spanned<Row extends { id: string }>(chosen: Chosen<Row>, line: number, idAt: (line: number) => string | null): Chosen<Row> {
  const [from, to] = [Math.min(chosen.anchor, line), Math.max(chosen.anchor, line)];
  const span = { from, to, ...edges(from, to, idAt), all: false, except: new Set<string>() };
  return { rows: new Map(), span, cursor: { line, id: idAt(line) }, anchor: chosen.anchor };
}

/** Every line. */
export function everything<Row extends { id: string }>(chosen: Chosen<Row>, length: number): Chosen<Row> {
  if (length === 0) return none(chosen);
  const span = { from: 0, to: length - 1, first: [], last: [], all: true, except: new Set<string>() };
  return { rows: new Map(), span, cursor: chosen.cursor, anchor: 0 };
}

/** The rows of which must be known whether they are still in the list, and where. */
export function watched<Row extends { id: string }>({ rows, span }: Chosen<Row>): string[] {
  if (span === null) return [...rows.keys()];
  const ends = [span.first[0], span.last[0]].filter((id) => id !== undefined);
  return [...new Set([...ends, ...rows.keys(), ...span.except])];
}

/** The choice without rows that are no more. */
export function without<Row extends { id: string }>(chosen: Chosen<Row>, gone: (id: string) => boolean): Chosen<Row> {
  const rows = new Map([...chosen.rows].filter(([id]) => !gone(id)));
  const span = chosen.span && leftOf(chosen.span, gone);
  return rows.size === chosen.rows.size && span === chosen.span ? chosen : { ...chosen, rows, span };
}

/** A run without rows that are no more; null if nobody knows any longer where it begins or ends. */
function leftOf(span: Span, gone: (id: string) => boolean): Span | null {
  const [except, first, last] = [span.except, span.first, span.last].map((ids) => [...ids].filter((id) => !gone(id)));
  if (!except || !first || !last) return span;
  if ((first.length === 0 && span.first.length > 0) || (last.length === 0 && span.last.length > 0)) return null;
  if (except.length === span.except.size && first.length === span.first.length && last.length === span.last.length) return span;
  return { ...span, except: new Set(except), first, last };
}

/** The choice after the list changed: cursor and ends of a run stay on their rows, or on their lines if
 * those are not here. */
export function followed<Row extends { id: string }>(
  chosen: Chosen<Row>,
  lineOf: (id: string) => number,
  length: number,
  idAt: (line: number) => string | null = () => null,
): Chosen<Row> {
  const { cursor, span } = chosen;
  const lineFor = (id: string | null | undefined, line: number): number => {
    const found = id == null ? -1 : lineOf(id);
    return found >= 0 ? found : Math.max(0, Math.min(line, length - 1));
  };
  const line = lineFor(cursor.id, cursor.line);
  const id = cursor.id ?? idAt(line);
  const moved = followedSpan(span, lineFor, length, idAt);
  if (line === cursor.line && id === cursor.id && moved === span) return chosen;
  const single = chosen.rows.size < 2 && span === null;
  return { rows: chosen.rows, span: moved, cursor: { line, id }, anchor: single ? line : chosen.anchor };
}

function followedSpan(span: Span | null, lineFor: (id: string | undefined, line: number) => number, length: number, idAt: (line: number) => string | null): Span | null {
  if (span === null || length === 0) return null;
  const [a, b] = span.all ? [0, length - 1] : [lineFor(span.first[0], span.from), lineFor(span.last[0], span.to)];
  const [from, to] = [Math.min(a, b), Math.max(a, b)];
  const ends = span.all ? span : edges(from, to, idAt);
  const first = remembered(span.first, ends.first);
  const last = remembered(span.last, ends.last);
  return from === span.from && to === span.to && first === span.first && last === span.last ? span : { ...span, from, to, first, last };
}

/** The rows at the ends of a run, as far as they are here. */
function edges(from: number, to: number, idAt: (line: number) => string | null): Pick<Span, "first" | "last"> {
  const most = Math.min(EDGE, to - from + 1);
  const walk = (idOf: (step: number) => string | null): string[] => {
    const ids: string[] = [];
    for (let step = 0; step < most; step += 1) {
      const id = idOf(step);
      if (id === null) break;
      ids.push(id);
    }
    return ids;
  };
  return { first: walk((step) => idAt(from + step)), last: walk((step) => idAt(to - step)) };
}

/** What is remembered of an end: what is there now, if it is the same end and tells more. */
function remembered(before: readonly string[], now: readonly string[]): readonly string[] {
  const same = before.length === 0 || before[0] === now[0];
  return same && now.length > before.length ? now : before;
}
