// What the views ask, each once: a key, a command, and what becomes of its answer. News keep the
// answers fresh, so nothing here asks again by the clock.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { usePlatform } from "../platform/context";
import type { Command, Item, Platform, Request } from "../platform/types";

export const keys = {
  drives: ["drives"] as const,
  drive: (drive: string) => ["drive", drive] as const,
  members: (drive: string) => ["drive", drive, "members"] as const,
  invites: (drive: string) => ["drive", drive, "invites"] as const,
  waiting: (drive: string) => ["drive", drive, "waiting"] as const,
  activity: (drive: string) => ["drive", drive, "activity"] as const,
  conflicts: (drive: string) => ["drive", drive, "conflicts"] as const,
  trash: (drive: string) => ["drive", drive, "trash"] as const,
  problems: (drive: string) => ["drive", drive, "problems"] as const,
  presence: (drive: string) => ["drive", drive, "presence"] as const,
  preview: (drive: string, node: string) => ["drive", drive, "preview", node] as const,
  transfers: ["transfers"] as const,
};

async function all<C extends Command>(platform: Platform, command: C, request: Request<C>, signal: AbortSignal): Promise<Item<C>[]> {
  const items: Item<C>[] = [];
  await platform.call(command, request, { signal, onItem: (item) => items.push(item) });
  return items;
}

export function useDrives() {
  const platform = usePlatform();
  return useQuery({ queryKey: keys.drives, queryFn: ({ signal }) => platform.call("drives", {}, { signal }) });
}

export function useDrive(drive: string) {
  const drives = useDrives();
  return drives.data?.drives.find((one) => one.id === drive);
}

export function useMembers(drive: string) {
  const platform = usePlatform();
  return useQuery({ queryKey: keys.members(drive), queryFn: ({ signal }) => all(platform, "members", { drive }, signal) });
}

export function useInvites(drive: string, enabled: boolean) {
  const platform = usePlatform();
  return useQuery({
    queryKey: keys.invites(drive),
    queryFn: ({ signal }) => all(platform, "invites", { drive }, signal),
    enabled,
  });
}

export function useWaiting(drive: string, enabled: boolean) {
  const platform = usePlatform();
  return useQuery({
    queryKey: keys.waiting(drive),
    queryFn: ({ signal }) => all(platform, "join_requests", { drive }, signal),
    enabled,
    // Somebody who waits stands at this device's door alone; no news tells of them.
    refetchInterval: 3_000,
  });
}

export function useActivity(drive: string) {
  const platform = usePlatform();
  return useInfiniteQuery({
    queryKey: keys.activity(drive),
    initialPageParam: null as number | null,
    queryFn: ({ pageParam, signal }) =>
      platform.call("activity", { drive, limit: 100, ...(pageParam === null ? {} : { before: pageParam }) }, { signal }),
    getNextPageParam: (page) => (page.more ? (page.items.at(-1)?.number ?? null) : null),
  });
}

export function useConflicts(drive: string) {
  const platform = usePlatform();
  return useQuery({
    queryKey: keys.conflicts(drive),
    queryFn: async ({ signal }) => (await platform.call("conflicts", { drive }, { signal })).conflicts,
  });
}

export function useTrash(drive: string) {
  const platform = usePlatform();
  return useQuery({ queryKey: keys.trash(drive), queryFn: ({ signal }) => all(platform, "trash", { drive }, signal), gcTime: 0 });
}

export function useVersions(drive: string, path: string) {
  const platform = usePlatform();
  return useQuery({
    queryKey: ["drive", drive, "versions", path],
    queryFn: ({ signal }) => all(platform, "history", { drive, path }, signal),
    // Asked anew each time: nothing tells of a version that is no longer kept.
    gcTime: 0,
  });
}

export function useProblems(drive: string) {
  const platform = usePlatform();
  return useQuery({
    queryKey: keys.problems(drive),
    queryFn: async ({ signal }) => (await platform.call("problems", { drive }, { signal })).drives[0]?.problems ?? [],
  });
}

export function useTransfers() {
  const platform = usePlatform();
  return useQuery({
    queryKey: keys.transfers,
    queryFn: async ({ signal }) => (await platform.call("transfers", {}, { signal })).transfers,
  });
}

export function usePresence(drive: string) {
  const platform = usePlatform();
  return useQuery({
    queryKey: keys.presence(drive),
    queryFn: async ({ signal }) => (await platform.call("presence", { drive }, { signal })).here,
  });
}

export function usePreview(drive: string, node: string, stamp: number) {
  const platform = usePlatform();
  return useQuery({
    queryKey: [...keys.preview(drive, node), stamp],
    queryFn: ({ signal }) => platform.call("read", { drive, node }, { signal }),
    gcTime: 60_000,
  });
}
