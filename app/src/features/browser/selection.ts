// Which rows are chosen, and where the cursor is. Rows are chosen by id, so that news that move rows
// never move the choice. Pure.

export interface Chosen<Row extends { id: string }> {
  /** Chosen rows by id, in no order. */
  rows: ReadonlyMap<string, Row>;
  /** The line the keyboard is on, and who stood there. */
  cursor: { line: number; id: string | null };
  /** Where a range began. */
  anchor: number;
}

export function nothing<Row extends { id: string }>(): Chosen<Row> {
  return { rows: new Map(), cursor: { line: 0, id: null }, anchor: 0 };
}

/** One row alone. */
export function only<Row extends { id: string }>(row: Row, line: number): Chosen<Row> {
  return { rows: new Map([[row.id, row]]), cursor: { line, id: row.id }, anchor: line };
}

/** One row more, or less if it was chosen. */
export function toggled<Row extends { id: string }>(chosen: Chosen<Row>, row: Row, line: number): Chosen<Row> {
  const rows = new Map(chosen.rows);
  if (!rows.delete(row.id)) rows.set(row.id, row);
  return { rows, cursor: { line, id: row.id }, anchor: line };
}

/** The rows from the anchor to a line, which the caller has fetched. */
export function ranged<Row extends { id: string }>(chosen: Chosen<Row>, rows: readonly Row[], line: number, id: string | null): Chosen<Row> {
  return { rows: new Map(rows.map((row) => [row.id, row])), cursor: { line, id }, anchor: chosen.anchor };
}

/** The choice after the list changed: the cursor stays on its row, or on its line if the row is gone. */
export function followed<Row extends { id: string }>(
  chosen: Chosen<Row>,
  lineOf: (id: string) => number,
  length: number,
): Chosen<Row> {
  const { cursor } = chosen;
  const found = cursor.id === null ? -1 : lineOf(cursor.id);
  const line = found >= 0 ? found : Math.max(0, Math.min(cursor.line, length - 1));
  return line === cursor.line ? chosen : { ...chosen, cursor: { ...cursor, line }, anchor: chosen.rows.size < 2 ? line : chosen.anchor };
}
