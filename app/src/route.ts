// Which view is open, kept in the address so that back, forward and reload work.
import { useSyncExternalStore } from "react";

export type View = "files" | "people" | "activity" | "trash" | "attention";

export type Route =
  | { at: "start" }
  | { at: "transfers" }
  | { at: "drive"; drive: string; view: View; folder: string | null };

const VIEWS: readonly View[] = ["files", "people", "activity", "trash", "attention"];

/** The words of an address; none if it is not one, as one that was cut off. */
function words(hash: string): string[] {
  try {
    return hash.replace(/^#?\/?/, "").split("/").map(decodeURIComponent);
  } catch {
    return [];
  }
}

export function parse(hash: string): Route {
  const [place, drive, view, folder] = words(hash);
  if (place === "transfers") return { at: "transfers" };
  if (place !== "d" || !drive) return { at: "start" };
  const known = VIEWS.find((one) => one === view) ?? "files";
  return { at: "drive", drive, view: known, folder: folder ?? null };
}

export function format(route: Route): string {
  if (route.at !== "drive") return `#/${route.at === "start" ? "" : route.at}`;
  const parts = ["d", route.drive, route.view, ...(route.folder === null ? [] : [route.folder])];
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

export function go(route: Route, how: "push" | "replace" = "push"): void {
  const hash = format(route);
  if (hash === location.hash) return;
  if (how === "push") location.hash = hash;
  else {
    history.replaceState(null, "", hash);
    dispatchEvent(new HashChangeEvent("hashchange"));
  }
}

let last: { hash: string; route: Route } | null = null;

function current(): Route {
  if (last?.hash !== location.hash) last = { hash: location.hash, route: parse(location.hash) };
  return last.route;
}

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}

export function useRoute(): Route {
  return useSyncExternalStore(subscribe, current);
}
