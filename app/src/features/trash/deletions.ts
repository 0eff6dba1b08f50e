// What the trash holds, told as it was deleted: a folder once, with the number of what went with it. Pure.
import type { TrashLine } from "../../bindings/api";

export interface Deletion {
  line: TrashLine;
  /** How many things that are in the trash as well went with it, being in this folder. */
  within: number;
}

/** Of a large folder each thing has a time of its own, all of them within this many milliseconds. */
const AT_ONCE = 10_000;

function together(folder: TrashLine, line: TrashLine): boolean {
  if (folder.device !== line.device || folder.by !== line.by) return false;
  if (folder.time === null || line.time === null) return folder.time === line.time;
  return Math.abs(folder.time - line.time) <= AT_ONCE;
}

/** What was deleted by itself, the latest first; what comes back with its folder is only counted there. */
export function deletions(lines: readonly TrashLine[]): Deletion[] {
  const folders = new Map<string, Deletion[]>();
  const all = lines.map((line) => ({ line, within: 0 }));
  for (const one of all) {
    if (one.line.kind !== "folder") continue;
    const same = folders.get(one.line.path);
    if (same) same.push(one);
    else folders.set(one.line.path, [one]);
  }
  const holder = ({ line }: Deletion): Deletion | undefined => {
    let found: Deletion | undefined;
    for (let at = line.path.lastIndexOf("/"); at > 0; at = line.path.lastIndexOf("/", at - 1)) {
      const above = folders.get(line.path.slice(0, at))?.find((one) => together(one.line, line));
      // The outermost: it brings back all that is below.
      found = above ?? found;
    }
    return found;
  };
  const alone = all.filter((one) => {
    const above = holder(one);
    if (above) above.within += 1;
    return !above;
  });
  return alone.sort((a, b) => (b.line.time ?? 0) - (a.line.time ?? 0));
}
