// What people and changes are called. Pure.
import type { Change, Role, Who } from "../bindings/api";
import { spoken } from "./names";

export function whoName(who: Pick<Who, "name" | "you">): string {
  return who.you ? "You" : spoken(who.name) || "Someone";
}

export function leaf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function parent(path: string): string {
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

/** What a role is called, what such a person does, and what to tell one of it. */
export const ROLE_WORDS: Record<Role, { label: string; can: string; you: string }> = {
  reader: { label: "Reader", can: "sees everything, changes nothing", you: "You are a reader here: you see everything and change nothing." },
  writer: { label: "Writer", can: "adds, changes and deletes files", you: "You are a writer here: you add, change and delete files." },
  admin: { label: "Admin", can: "changes files, invites and removes people", you: "You are an admin here: you change files, invite people and remove them." },
  owner: { label: "Owner", can: "may do everything, and appoints admins", you: "You are an owner here: you may do everything, and you appoint admins." },
};

/** Words of the daemon, who marks names and commands as on a command line, with quotes as everywhere else here. */
export function quoted(text: string): string {
  return text.replaceAll(/`([^`]*)`/g, "“$1”");
}
