// A daemon in memory, for tests alone: one drive, its commands and its news. No part of the product
// imports it; the linter sees to that.
import type { DriveCard, Event, Frame, JoinRequestLine, JoinWords, Presence, Problem, Role, Row, Transfer, TrashLine, Who } from "../bindings/api";
import type { Command, Cursor, FrameListener, Platform, Reply, Request, Upload } from "./types";
import { CallError, unreachable } from "./types";

interface Node extends Row {
  parent: string;
}

const DRIVE = "drive-1";
export const ROOT = "root";
export const ben: Who = { member: "ben", name: "Ben Okafor", you: false };
export const you: Who = { member: "ana", name: "Ana Lima", you: true };

export class FakeDaemon implements Platform {
  readonly kind = "fake";
  readonly nodes = new Map<string, Node>();
  /** Every window that was asked for: offset and count. */
  readonly windows: [number, number][] = [];
  /** Every command that was given. */
  readonly calls: Command[] = [];
  role: Role | null = "owner";
  empty = false;
  down = false;
  signedOut = false;
  /** Commands that fail, each with its error. */
  readonly failing = new Map<Command, CallError>();
  /** Commands that take this long, in milliseconds, as on a slow disk. */
  readonly delays = new Map<Command, number>();
  /** Commands that never answer. */
  readonly silent = new Set<Command>();
  waiting: JoinRequestLine[] = [];
  /** Words that the one who joins must compare; joining waits with them. */
  words: string | null = null;
  /** How long an upload takes, in milliseconds; its progress is told ten times. */
  uploadTakes = 0;
  /** The recovery phrase, as long as this device has it. */
  phrase: string | null = Array.from({ length: 6 }, () => "amber lake orbit stone").join(" ");
  presence: Presence[] = [];
  transfers: Transfer[] = [];
  problems: Problem[] = [];
  /** Versions of files that have several, the latest first. */
  readonly versions = new Map<string, { time: number; by: string; size: number }[]>();
  trashed: { line: TrashLine; node?: Node }[] = [];
  private seq = 0;
  private made = 0;
  private readonly listeners = new Set<FrameListener>();
  private readonly sorted = new Map<string, Node[]>();
  private readonly deeds: { number: number; at: number; who: Who; changes: (Event & { type: "tree" })["changes"]; count: number }[] = [];

  add(name: string, more: Partial<Node> = {}): string {
    this.made += 1;
    const id = more.id ?? `n${this.made}`;
    this.nodes.set(id, {
      id, name, kind: "file", size: 1_234, mtime: Date.now() - 86_400_000 * (this.made % 400), mode: 0o644, conflict: false, parent: ROOT, here: true, ...more,
    });
    this.sorted.clear();
    return id;
  }

  /** Does something as somebody, and tells the news of it. */
  as(who: Who, what: "created" | "edited" | "renamed" | "moved" | "deleted", id: string, change: (node: Node) => void = () => undefined): void {
    const node = this.nodes.get(id);
    if (!node) return;
    const from = this.path(id);
    const folders = new Set([node.parent]);
    change(node);
    node.mtime = Date.now();
    folders.add(node.parent);
    if (what === "deleted") this.trash(who, node);
    this.sorted.clear();
    const changes = [{ what, node: id, folder: node.parent, path: what === "deleted" ? from : this.path(id), ...(what === "renamed" || what === "moved" ? { from } : {}) }];
    this.seq += 1;
    this.deeds.unshift({ number: this.seq, at: Date.now(), who, changes, count: 1 });
    this.tell({ type: "tree", drive: DRIVE, who, folders: [...folders], all: false, changes, count: 1 });
  }

  /** Deletes many, or moves them into a folder. As a drive does it: one change of many, told once. */
  together(who: Who, what: "deleted" | "moved", nodes: readonly string[], folder = ROOT): void {
    const folders = new Set([folder]);
    const changes = nodes.slice(0, 32).map((id) => ({ what, node: id, folder, path: this.path(id) }));
    for (const id of nodes) {
      const node = this.nodes.get(id);
      if (!node) continue;
      folders.add(node.parent);
      if (what === "deleted") this.trash(who, node);
      else node.parent = folder;
    }
    this.sorted.clear();
    this.tell({ type: "tree", drive: DRIVE, who, folders: [...folders], all: false, changes, count: nodes.length });
  }

  private trash(who: Who, node: Node): void {
    const { id, kind, size } = node;
    this.trashed.push({ line: { path: this.path(id), kind, size, id, time: Date.now(), by: who.name, device: "laptop", kept: true }, node });
    this.nodes.delete(id);
  }

  tell(event: Event): void {
    this.seq += 1;
    this.send({ frame: "event", seq: this.seq, event });
  }

  break(): void {
    this.down = true;
    for (const listener of this.listeners) listener.onEnd();
    this.listeners.clear();
  }

  restore(): void {
    this.down = false;
  }

  listen(after: Cursor | null, listener: FrameListener): () => void {
    if (this.down) {
      setTimeout(() => listener.onEnd(), 5);
      return () => undefined;
    }
    this.listeners.add(listener);
    setTimeout(() => listener.onFrame({ frame: "hello", stream: "fake", seq: this.seq, resumed: after !== null }), 5);
    return () => this.listeners.delete(listener);
  }

  async call<C extends Command>(command: C, request: Request<C>, options: { signal?: AbortSignal; onItem?: (item: never) => void } = {}): Promise<Reply<C>> {
    this.calls.push(command);
    await new Promise((resolve) => setTimeout(resolve, this.delays.get(command) ?? 4));
    options.signal?.throwIfAborted();
    if (this.down) throw unreachable();
    if (this.signedOut) throw new CallError({ code: "signed_out", message: "this window is no longer signed in", hint: null, retryable: false });
    const failure = this.failing.get(command);
    if (failure) throw failure;
    if (command === "join" && this.words !== null) (options.onItem as ((item: JoinWords) => void) | undefined)?.({ words: this.words });
    if (this.silent.has(command) || (command === "join" && this.words !== null)) {
      await new Promise((_, reject) => {
        options.signal?.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
      });
    }
    return this.answer(command, request as never, (options.onItem ?? (() => undefined)) as (item: unknown) => void) as Reply<C>;
  }

  copyText = (): Promise<void> => Promise.resolve();
  upload = async ({ file, folder, signal, onProgress }: Upload): Promise<void> => {
    for (let step = 1; step <= 10 && this.uploadTakes > 0; step += 1) {
      await new Promise((resolve) => setTimeout(resolve, this.uploadTakes / 10));
      signal.throwIfAborted();
      onProgress((file.size * step) / 10);
    }
    this.as(you, "created", this.add(file.name, { size: file.size, parent: folder }));
  };

  private send(frame: Frame): void {
    for (const listener of this.listeners) listener.onFrame(frame);
  }

  private path(id: string): string {
    const node = this.nodes.get(id);
    if (!node) return "";
    const above = this.path(node.parent);
    return above ? `${above}/${node.name}` : node.name;
  }

  private crumbs(id: string): { id: string; name: string }[] {
    const node = this.nodes.get(id);
    return node ? [...this.crumbs(node.parent), { id, name: node.name }] : [{ id: ROOT, name: "Studio" }];
  }

  private rows(folder: string, { sort = "name", descending = false }: { sort?: string; descending?: boolean }): Node[] {
    const key = `${folder} ${sort} ${descending}`;
    const known = this.sorted.get(key);
    if (known) return known;
    const order = new Intl.Collator("en", { numeric: true });
    const rows = [...this.nodes.values()].filter((node) => node.parent === folder);
    const by = (a: Node, b: Node): number =>
      (sort === "size" ? a.size - b.size : sort === "time" ? a.mtime - b.mtime : 0) || order.compare(a.name, b.name);
    rows.sort((a, b) => Number(b.kind === "folder") - Number(a.kind === "folder") || (descending ? -by(a, b) : by(a, b)));
    this.sorted.set(key, rows);
    return rows;
  }

  private card(): DriveCard {
    return {
      id: DRIVE, name: "Studio", role: this.role, folder: "/home/ana/Studio", mounts: [], files: 128, folders: 9, bytes: 4_200_000_000,
      pending_up: 0, pending_down: 0, problems: this.problems.length, conflicts: [...this.nodes.values()].filter((node) => node.conflict).length, peers: 2, connected: 2,
    };
  }

  private refuse(): void {
    if (this.role === "reader" || this.role === null) {
      throw new CallError({ code: "not_allowed", message: "you may read this drive, not change it", hint: null, retryable: false });
    }
  }

  private answer(command: Command, request: Record<string, never>, item: (item: unknown) => void): unknown {
    const asked = request as Record<string, unknown>;
    const folder = typeof asked["folder"] === "string" ? asked["folder"] : ROOT;
    const child = (id: string): Row => {
      const row: Row = { ...(this.nodes.get(id) as Node) };
      return row.kind === "folder" ? { ...row, entries: this.rows(id, {}).length } : row;
    };
    switch (command) {
      case "drives":
        return { version: "0.1.0", device: "device-a", drives: this.empty ? [] : [this.card()], broken: [] };
      case "folder": {
        if (folder !== ROOT && !this.nodes.has(folder)) {
          throw new CallError({ code: "node_not_found", message: "this file or folder is no longer there", hint: "it may have been deleted meanwhile; look into the trash", retryable: false });
        }
        const rows = this.rows(folder, asked);
        const [offset, count] = [Number(asked["offset"]), Number(asked["count"])];
        this.windows.push([offset, count]);
        const seek = asked["seek"] as { node?: string; prefix?: { text: string; from: number } } | undefined;
        let found: number | null = null;
        if (seek?.node !== undefined) found = rows.findIndex((row) => row.id === seek.node);
        if (seek?.prefix) {
          const { text, from } = seek.prefix;
          const fits = (row: Node): boolean => row.name.toLowerCase().startsWith(text.toLowerCase());
          const after = rows.findIndex((row, at) => at >= from && fits(row));
          found = after >= 0 ? after : rows.findIndex(fits);
        }
        return {
          drive: DRIVE, folder, path: this.crumbs(folder), total: rows.length, offset, rows: rows.slice(offset, offset + Math.min(count, 500)).map((row) => child(row.id)),
          found: found === -1 ? null : found, can_write: this.role !== "reader" && this.role !== null,
        };
      }
      case "search": {
        const words = String(asked["text"]).toLowerCase().split(/\s+/);
        const hits = [...this.nodes.values()].filter((node) => words.every((word) => node.name.toLowerCase().includes(word)));
        return { drive: DRIVE, total: hits.length, hits: hits.slice(0, 200).map((node) => ({ folder: node.parent, below: this.path(node.parent), row: child(node.id) })) };
      }
      case "read": {
        const node = this.nodes.get(String(asked["node"]));
        if (node?.name.endsWith(".png") === true) {
          return { as: "image", media: "image/png", size: node.size, data: "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFklEQVR4nGP8z8DAwMDAxMDAwMDAAAANHQEDasKb6QAAAABJRU5ErkJggg==" };
        }
        return { as: "text", text: `# Launch plan\n\n- Copy for the landing page\n- Screens, light and dark\n${node?.name.endsWith(".html") === true ? "- <script>alert(1)</script> is only text\n" : ""}`, cut: false, size: node?.size ?? 0 };
      }
      case "make_folder": {
        this.refuse();
        const name = String(asked["name"]);
        if (this.rows(folder, {}).some((row) => row.name === name)) throw new CallError({ code: "name_taken", message: `“${name}” is there already`, hint: null, retryable: false });
        const id = this.add(name, { kind: "folder", parent: folder, size: 0 });
        this.as(you, "created", id);
        return { node: id, folder, name };
      }
      case "rename":
        this.refuse();
        this.as(you, "renamed", String(asked["node"]), (node) => { node.name = String(asked["name"]); });
        return { node: asked["node"], folder, name: asked["name"] };
      case "move_nodes":
      case "delete_nodes": {
        this.refuse();
        const nodes = asked["nodes"] as string[];
        this.together(you, command === "delete_nodes" ? "deleted" : "moved", nodes, folder);
        return { done: nodes.length, refused: [] };
      }
      case "trash":
        for (const { line } of this.trashed) item(line);
        return { entries: this.trashed.length };
      case "undelete": {
        this.refuse();
        const found = this.trashed.find(({ line }) => line.id === asked["path"] || line.path === asked["path"]);
        if (!found) throw new CallError({ code: "node_not_found", message: "this is not in the trash", hint: null, retryable: false });
        this.trashed = this.trashed.filter((one) => one !== found && !one.line.path.startsWith(`${found.line.path}/`));
        if (found.node) {
          this.nodes.set(found.line.id, found.node);
          this.as(you, "created", found.line.id);
        }
        return { path: found.line.path };
      }
      case "history": {
        const node = [...this.nodes.values()].find((one) => this.path(one.id) === asked["path"]);
        if (!node) throw new CallError({ code: "node_not_found", message: "this file is no longer there", hint: null, retryable: false });
        const versions = this.versions.get(node.id) ?? [{ time: node.mtime, by: ben.name, size: node.size }];
        versions.forEach((one, at) => item({ ...one, version: `v${one.time}`, device: "laptop", current: at === 0, here: at < 2, peers: at === 2 ? 1 : 0, hash: null }));
        return { versions: versions.length };
      }
      case "restore": {
        this.refuse();
        const node = [...this.nodes.values()].find((one) => this.path(one.id) === asked["path"]);
        const versions = node && this.versions.get(node.id);
        const chosen = versions?.find((one) => `v${one.time}` === asked["version"]);
        if (!node || !versions || !chosen) throw new CallError({ code: "node_not_found", message: "this version is not known", hint: null, retryable: false });
        versions.unshift({ ...chosen, time: Date.now(), by: you.name });
        this.as(you, "edited", node.id, (now) => { now.size = chosen.size; });
        return { contents: 1, undeleted: 0, moved: 0, deleted: 0, problems: [] };
      }
      case "focus":
        return {};
      case "presence":
        return { drive: DRIVE, here: this.presence };
      case "problems":
        return { drives: [{ drive: DRIVE, name: "Studio", total: this.problems.length, problems: this.problems }] };
      case "conflicts":
        return {
          drive: DRIVE,
          conflicts: [...this.nodes.values()].filter((node) => node.conflict).map((node) => {
            const path = this.path(node.id);
            const copy = path.replace(/(\.[^.]*)?$/, " (conflict 62ec 9fab)$1");
            // In the daemon's own words.
            const reason = `\`${path}\` was written by several people at the same time. One version has the name. The other version is beside it, complete: \`${copy}\`. Take over what you need, then delete what you do not; editing, renaming or deleting any of them settles it.`;
            return { path, kind: "content", copies: [copy], reason };
          }),
        };
      case "transfers":
        return { transfers: this.transfers };
      case "activity":
        return { drive: DRIVE, items: this.deeds.slice(0, 100), more: false };
      case "members": {
        const member = (id: string, name: string, role: Role, device: string, connected: boolean, self = false): void =>
          item({ member: id, name, role, you: self, devices: [{ device: `${id}-1`, name: device, you: self, connected }] });
        member("ana", "Ana Lima", "owner", "laptop", true, true);
        member("ben", "Ben Okafor", "writer", "workstation", true);
        member("chen", "Chen Wei", "reader", "tablet", false);
        return { drive: DRIVE };
      }
      case "invites":
        item({ invite: "i1", role: "writer", expires: Date.now() + 2 * 86_400_000, uses: 5, used: 2, state: "open", approve: false, here: true });
        item({ invite: "i0", role: "reader", expires: Date.now() - 86_400_000, uses: 1, used: 1, state: "used", approve: false, here: true });
        return { drive: DRIVE };
      case "invite":
        return { invite: "i2", ticket: `peerdrive:join#${"k7m2q9x4".repeat(36)}`, link: `peerdrive://join#${"k7m2q9x4".repeat(36)}`, role: asked["role"], expires: Date.now() + Number(asked["expires_in"]), uses: asked["uses"], approve: false };
      case "phrase": {
        if (asked["forget"] === true) this.phrase = null;
        return this.phrase === null ? { drive: DRIVE } : { drive: DRIVE, phrase: this.phrase };
      }
      case "share":
        this.empty = false;
        this.tell({ type: "drives" });
        return { drive: DRIVE, name: "Studio", path: asked["path"] };
      case "join":
        this.empty = false;
        this.tell({ type: "drives" });
        return { drive: DRIVE, name: "Studio", path: "/home/ana/Studio" };
      case "join_requests":
        for (const line of this.waiting) item(line);
        return { drive: DRIVE };
      default:
        return {};
    }
  }
}
