// What may be dropped on which row, and what becomes of it. Knows drags, and no lists.
import type { DragEvent } from "react";
import { useState } from "react";
import type { Row } from "../../bindings/api";
import type { useDrag } from "./use-drag";
import type { Place } from "./use-listing";

interface Folder {
  id: string;
  name: string;
}

interface DropsOf {
  drag: ReturnType<typeof useDrag>;
  place: Place | null;
  canWrite: boolean;
  takesFiles: boolean;
  rowAt: (line: number) => Row | undefined;
  isChosen: (id: string, line: number) => boolean;
  moveChosen: (to: Folder) => void;
  upload: (folder: string, files: File[]) => void;
}

export function useDrops({ drag, place, canWrite, takesFiles, rowAt, isChosen, moveChosen, upload }: DropsOf) {
  const [target, setTarget] = useState<string | null>(null);

  const folderAt = (line: number | null): Folder | null => {
    const row = line === null ? undefined : rowAt(line);
    if (row?.kind === "folder") return { id: row.id, name: row.name };
    return place ? { id: place.id, name: place.path.at(-1)?.name ?? "" } : null;
  };

  const over = (event: DragEvent, line: number | null): void => {
    const what = drag.carries(event);
    const to = folderAt(line);
    const own = what === "rows" && (to === null || to.id === place?.id || isChosen(to.id, line ?? -1));
    if (!canWrite || what === null || (what === "files" && !takesFiles) || own) return setTarget(null);
    event.preventDefault();
    event.dataTransfer.dropEffect = what === "files" ? "copy" : "move";
    setTarget(to?.id ?? null);
  };

  const moveHere = (event: DragEvent, to: Folder): void => {
    if (drag.isOurs(event)) moveChosen(to);
  };

  const drop = (event: DragEvent, line: number | null): void => {
    event.preventDefault();
    setTarget(null);
    const to = folderAt(line);
    if (!to || !canWrite) return;
    if (drag.carries(event) !== "files") moveHere(event, to);
    else if (takesFiles) upload(to.id, Array.from(event.dataTransfer.files));
  };

  return { target, over, leave: () => setTarget(null), drop, moveHere };
}
