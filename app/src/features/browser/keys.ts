// What each key does on the rows, and nothing of how it is done. Pure but for the key that is used up.
import type { KeyboardEvent } from "react";

export interface KeyActions {
  /** The line the keyboard is on, how many there are, and how many fit the window. */
  line: number;
  length: number;
  page: () => number;
  /** Whether nothing was chosen yet. */
  fresh: boolean;
  /** The line of the folder that the line is in; -1 at the top. */
  parent: number;
  /** Whether the row is a folder, and opened among the rows. */
  folder: "open" | "closed" | null;
  /** Whether a name is being typed to be found. */
  typing: () => boolean;
  moveTo: (line: number, extend: boolean) => void;
  twist: (line: number, open: boolean) => void;
  open: () => void;
  up: () => void;
  rename: () => void;
  newFolder: () => void;
  remove: () => void;
  move: () => void;
  cut: () => void;
  paste: () => void;
  escape: () => void;
  menu: () => void;
  toggle: () => void;
  preview: () => void;
  versions: () => void;
  everything: () => void;
  search: () => void;
  help: () => void;
  type: (letter: string) => void;
}

type Do = (() => void) | undefined;

/** Keys that mean the same with or without Ctrl. */
function named(event: KeyboardEvent, is: KeyActions): Do {
  const { line, folder } = is;
  const to = (line: number) => () => is.moveTo(line, event.shiftKey);
  switch (event.key) {
    case "ArrowDown":
      return event.altKey ? is.open : to(is.fresh ? 0 : line + 1);
    case "ArrowUp":
      return event.altKey ? is.up : to(line - 1);
    case "ArrowRight":
      if (event.altKey) return undefined;
      return () => {
        if (folder === "closed") is.twist(line, true);
        else if (folder === "open") is.moveTo(line + 1, false);
      };
    case "ArrowLeft":
      if (event.altKey) return undefined;
      return () => {
        if (folder === "open") is.twist(line, false);
        else if (is.parent >= 0) is.moveTo(is.parent, false);
      };
    case "Home":
      return to(0);
    case "End":
      return to(is.length - 1);
    case "PageDown":
      return to(line + is.page());
    case "PageUp":
      return to(line - is.page());
    case "Enter":
      return is.open;
    case "Backspace":
      return is.up;
    case "F2":
      return is.rename;
    // As in file managers; Ctrl+Shift+N never comes to a page, for the browser keeps it to itself.
    case "F7":
      return is.newFolder;
    case "Delete":
      return is.remove;
    case "Escape":
      return is.escape;
    case "ContextMenu":
      return is.menu;
    case "F10":
      return event.shiftKey ? is.menu : undefined;
    case " ":
      if (event.ctrlKey || event.metaKey) return is.toggle;
      return is.typing() ? () => is.type(" ") : is.preview;
  }
  return undefined;
}

function lettered(event: KeyboardEvent, is: KeyActions): Do {
  if (event.ctrlKey || event.metaKey) return { a: is.everything, x: is.cut, v: is.paste, f: is.search, m: is.move, h: is.versions }[event.key.toLowerCase()];
  if (event.altKey) return undefined;
  if (event.key === "/") return is.search;
  if (event.key === "?") return is.help;
  return event.key.length === 1 ? () => is.type(event.key) : undefined;
}

export function keysOf(is: KeyActions): (event: KeyboardEvent<HTMLDivElement>) => void {
  return (event) => {
    if (event.target instanceof HTMLInputElement) return;
    const does = named(event, is) ?? lettered(event, is);
    if (!does) return;
    event.preventDefault();
    does();
  };
}
