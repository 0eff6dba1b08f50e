// What people and changes are called. Pure.
import type { Change, Role, Who } from "../bindings/api";
import { spoken } from "./names";

export function whoName(who: Pick<Who, "name" | "you">): string {
  return who.you ? "You" : spoken(who.name) || "Someone";
}

export function leaf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function parent(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** What happened, after the name of who did it: "renamed a.txt to b.txt". */
export function did(change: Change): string {
  const name = `“${spoken(leaf(change.path))}”`;
  const before = change.from === undefined ? "" : `“${spoken(leaf(change.from))}”`;
  switch (change.what) {
    case "created":
      return `added ${name}`;
    case "edited":
      return `edited ${name}`;
    case "renamed":
      return before ? `renamed ${before} to ${name}` : `renamed ${name}`;
    case "moved":
      return `moved ${name} to ${parent(change.path) ? `“${spoken(leaf(parent(change.path)))}”` : "the top folder"}`;
    case "attributes":
      return `changed the attributes of ${name}`;
    case "deleted":
      return `deleted ${name}`;
    case "conflict":
      return `changed ${name} while somebody else did`;
    case "settled":
      return `settled the conflict on ${name}`;
  }
}

export const ROLE_WORDS: Record<Role, { label: string; can: string }> = {
  reader: { label: "Reader", can: "sees everything, changes nothing" },
  writer: { label: "Writer", can: "adds, changes and deletes files" },
  admin: { label: "Admin", can: "changes files, invites and removes people" },
  owner: { label: "Owner", can: "may do everything, and appoints admins" },
};
