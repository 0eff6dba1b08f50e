// Numbers and times in words. Pure: the time now is given.

const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"];

/** Bytes with three figures at most: "0 B", "4.2 MB", "118 GB". Steps of 1,000, as disks are sold. */
export function bytes(count: number): string {
  let value = Math.max(0, count);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const text = unit === 0 || value >= 99.95 ? String(Math.round(value)) : value.toFixed(1);
  return `${text} ${UNITS[unit] ?? "B"}`;
}

const NUMBER = new Intl.NumberFormat("en");

/** A count with its noun: "1 file", "12,000 files". */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${NUMBER.format(number)} ${number === 1 ? one : many}`;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const THIS_YEAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const OTHER_YEAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

let known: { now: number; before: number; start: number; next: number; year: number; nextYear: number } | null = null;

/** Where the day and the year of a time begin and end. Kept for the last one: every row asks for the same. */
function dayOf(now: number): NonNullable<typeof known> {
  if (known?.now === now) return known;
  const date = new Date(now);
  const [year, month, day] = [date.getFullYear(), date.getMonth(), date.getDate()];
  const at = (...parts: [number, number, number]): number => new Date(...parts).getTime();
  known = {
    now,
    before: at(year, month, day - 1),
    start: at(year, month, day),
    next: at(year, month, day + 1),
    year: at(year, 0, 1),
    nextYear: at(year + 1, 0, 1),
  };
  return known;
}

/** Days in words, by how they are counted here: to write one anew takes longer than all else of a row. */
const days = new Map<number, string>();

function dayInWords(then: number, sameYear: boolean): string {
  const date = new Date(then);
  const key = ((date.getFullYear() * 12 + date.getMonth()) * 31 + date.getDate()) * 2 + Number(sameYear);
  let words = days.get(key);
  if (words === undefined) {
    words = (sameYear ? THIS_YEAR : OTHER_YEAR).format(then);
    if (days.size > 5_000) days.clear();
    days.set(key, words);
  }
  return words;
}

/** The last time that a `Date` can hold. Some times are written by others, and may be anything. */
const LAST = 8.64e15;

function isKnown(then: number): boolean {
  return then > 0 && then <= LAST;
}

/** How long ago, short enough for a column: "now", "4 min", "14:02", "yesterday", "3 Mar". */
export function ago(then: number, now: number): string {
  // A folder that was made by its files has no time of its own.
  if (!isKnown(then)) return "–";
  const past = now - then;
  if (past < 10 * SECOND && past > -MINUTE) return "now";
  if (past >= 0 && past < MINUTE) return `${Math.floor(past / SECOND)} s`;
  if (past >= 0 && past < HOUR) return `${Math.floor(past / MINUTE)} min`;
  const today = dayOf(now);
  if (then >= today.start && then < today.next) return CLOCK.format(then);
  if (then >= today.before && then < today.start) return "yesterday";
  return dayInWords(then, then >= today.year && then < today.nextYear);
}

/** The exact time, for titles and details. */
export function exactly(then: number): string {
  if (!isKnown(then)) return "Not known";
  return EXACT.format(new Date(then));
}

/** The exact time as programs read it. */
export function machineTime(then: number): string | undefined {
  return isKnown(then) ? new Date(then).toISOString() : undefined;
}

/** How long something takes or lasts: "less than a minute", "5 minutes", "3 days". */
export function lasting(milliseconds: number): string {
  if (milliseconds < MINUTE) return "less than a minute";
  if (milliseconds < HOUR) return count(Math.round(milliseconds / MINUTE), "minute");
  if (milliseconds < 2 * DAY) return count(Math.round(milliseconds / HOUR), "hour");
  return count(Math.round(milliseconds / DAY), "day");
}

/** Time left of something that runs, fine enough to watch: "8 s left", "4 min left". */
export function left(milliseconds: number): string {
  if (milliseconds < MINUTE) return `${Math.max(1, Math.round(milliseconds / SECOND))} s left`;
  if (milliseconds < HOUR) return `${Math.round(milliseconds / MINUTE)} min left`;
  return `${(milliseconds / HOUR).toFixed(1)} h left`;
}

/** Names in a row: "Ana", "Ana and Ben", "Ana, Ben and 3 others". */
export function listed(names: readonly string[]): string {
  const [first, second, ...others] = names;
  if (first === undefined) return "";
  if (second === undefined) return first;
  if (others.length === 0) return `${first} and ${second}`;
  if (others.length === 1) return `${first}, ${second} and ${others[0] ?? ""}`;
  return `${first}, ${second} and ${others.length} others`;
}
