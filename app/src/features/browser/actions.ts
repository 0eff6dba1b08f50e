// What is done to rows: each tells what it did, with a way back where there is one, and why not when not.
import { useMemo } from "react";
import type { ChangeReply, Row } from "../../bindings/api";
import { usePlatform } from "../../platform/context";
import type { Platform } from "../../platform/types";
import { count } from "../../text/format";
import { spoken } from "../../text/names";
import { say, sayFailed } from "../../ui/toast";
import { add } from "../transfers/uploads";

/** Most nodes of one request. */
const AT_ONCE = 2_000;

/** Most nodes whose deletion can be undone at once. */
const MOST_UNDONE = 500;

export interface Placed {
  row: Row;
  /** The folder it is in. */
  folder: string;
  /** Its path in the drive. */
  path: string;
}

function named(rows: readonly Placed[]): string {
  const [first] = rows;
  return rows.length === 1 && first ? `“${spoken(first.row.name)}”` : count(rows.length, "item");
}

async function inRuns(nodes: readonly string[], run: (nodes: string[]) => Promise<ChangeReply>): Promise<ChangeReply> {
  const whole: ChangeReply = { done: 0, refused: [] };
  for (let at = 0; at < nodes.length; at += AT_ONCE) {
    const reply = await run(nodes.slice(at, at + AT_ONCE));
    whole.done += reply.done;
    whole.refused.push(...reply.refused);
  }
  return whole;
}

function tellRefused(what: string, reply: ChangeReply): void {
  const [first] = reply.refused;
  if (!first) return;
  sayFailed(reply.refused.length === 1 ? `${what}.` : `${what}: ${count(reply.refused.length, "item")}.`, toError(first.error));
}

function toError(error: ChangeReply["refused"][number]["error"]): Error {
  return new Error(error.hint ? `${error.message}. ${error.hint}` : error.message);
}

export function actionsOf(platform: Platform, drive: string) {
  const moveBack = async (rows: readonly Placed[]): Promise<void> => {
    const byFolder = Map.groupBy(rows, (one) => one.folder);
    try {
      for (const [folder, ones] of byFolder) {
        await inRuns(ones.map((one) => one.row.id), (nodes) => platform.call("move_nodes", { drive, nodes, folder }));
      }
      say(`Moved ${named(rows)} back.`);
    } catch (error) {
      sayFailed("Not moved back.", error);
    }
  };

  const bringBack = async (rows: readonly Placed[]): Promise<void> => {
    try {
      for (const one of rows) await platform.call("undelete", { drive, path: one.path });
      say(`${named(rows)} ${rows.length === 1 ? "is" : "are"} back.`);
    } catch (error) {
      sayFailed("Not brought back.", error);
    }
  };

  return {
    async rename(row: Row, name: string): Promise<boolean> {
      try {
        await platform.call("rename", { drive, node: row.id, name });
        return true;
      } catch (error) {
        sayFailed("Not renamed.", error);
        return false;
      }
    },

    /** Makes a folder with a name nobody has yet; yields its id. */
    async makeFolder(folder: string): Promise<string | null> {
      for (let attempt = 1; attempt <= 20; attempt += 1) {
        const name = attempt === 1 ? "New folder" : `New folder ${attempt}`;
        try {
          return (await platform.call("make_folder", { drive, folder, name })).node;
        } catch (error) {
          const taken = error instanceof Error && "code" in error && String(error.code) === "name_taken";
          if (taken && attempt < 20) continue;
          sayFailed("No folder was made.", error);
          return null;
        }
      }
      return null;
    },

    async move(rows: readonly Placed[], folder: string, into: string): Promise<void> {
      const moved = rows.filter((one) => one.folder !== folder && one.row.id !== folder);
      if (moved.length === 0) return;
      try {
        const reply = await inRuns(moved.map((one) => one.row.id), (nodes) => platform.call("move_nodes", { drive, nodes, folder }));
        const refused = new Set(reply.refused.map((one) => one.node));
        const done = moved.filter((one) => !refused.has(one.row.id));
        tellRefused("Not moved", reply);
        if (done.length > 0) {
          say(`Moved ${named(done)} to “${spoken(into)}”.`, { label: "Undo", run: () => void moveBack(done) });
        }
      } catch (error) {
        sayFailed("Not moved.", error);
      }
    },

    async remove(rows: readonly Placed[]): Promise<void> {
      try {
        const reply = await inRuns(rows.map((one) => one.row.id), (nodes) => platform.call("delete_nodes", { drive, nodes }));
        tellRefused("Not deleted", reply);
        const refused = new Set(reply.refused.map((one) => one.node));
        const done = rows.filter((one) => !refused.has(one.row.id));
        // Each comes back by itself: of more than this, the trash is the way back.
        const undo = done.length <= MOST_UNDONE ? { label: "Undo", run: () => void bringBack(done) } : undefined;
        if (done.length > 0) say(`Deleted ${named(done)}.`, undo);
      } catch (error) {
        sayFailed("Not deleted.", error);
      }
    },

    async upload(folder: string, files: readonly File[]): Promise<void> {
      const { upload } = platform;
      if (!upload) return;
      const ends = files.map(async (file) => {
        try {
          await add(upload, { drive, folder, file });
          return 1;
        } catch (error) {
          sayFailed(`“${spoken(file.name)}” was not added.`, error);
          return 0;
        }
      });
      const done = (await Promise.all(ends)).reduce<number>((sum, one) => sum + one, 0);
      if (done > 0) say(`Added ${done === 1 && files.length === 1 ? `“${spoken(files[0]?.name ?? "")}”` : count(done, "file")}.`);
    },
  };
}

export type Actions = ReturnType<typeof actionsOf>;

export function useActions(drive: string): Actions {
  const platform = usePlatform();
  return useMemo(() => actionsOf(platform, drive), [platform, drive]);
}
