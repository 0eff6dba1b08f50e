// What the menu of the browser offers: only what may be done with what is chosen.
import type { Row } from "../../bindings/api";
import type { MenuItem } from "../../ui/menu";

interface Choices {
  canWrite: boolean;
  /** How many are chosen, and the one if it is one. */
  many: number;
  single: Row | undefined;
  cut: number;
  open: () => void;
  preview: () => void;
  versions: () => void;
  rename: () => void;
  cutRows: () => void;
  paste: () => void;
  move: () => void;
  remove: () => void;
  newFolder: () => void;
}

export function menuItems(does: Choices): MenuItem[] {
  const { many, single, canWrite } = does;
  const items: MenuItem[] = [];
  if (single) {
    if (single.kind === "folder") items.push({ label: "Open", keys: "Enter", run: does.open });
    else items.push({ label: "Preview", keys: "Space", run: does.preview });
    if (single.kind === "file") items.push({ label: "Versions…", keys: "Ctrl+H", run: does.versions });
  }
  if (canWrite && many > 0) {
    if (single) items.push({ label: "Rename", keys: "F2", run: does.rename });
    items.push({ label: "Cut", keys: "Ctrl+X", run: does.cutRows });
    items.push({ label: "Move to…", keys: "Ctrl+M", run: does.move });
    items.push("line", { label: "Delete", keys: "Del", danger: true, run: does.remove });
  }
  if (canWrite) {
    if (items.length > 0) items.push("line");
    if (does.cut > 0) items.push({ label: "Move here", keys: "Ctrl+V", run: does.paste });
    items.push({ label: "New folder", keys: "F7", run: does.newFolder });
  }
  if (items.length === 0) items.push({ label: "You can read this drive, not change it", disabled: true, run: () => undefined });
  return items;
}
