// Tells the daemon what is before the person, so that others see who is where: on every change, and
// every ten seconds while the window is open.
import { useEffect, useMemo, useRef } from "react";
import { usePlatform } from "../../platform/context";

/** What is looked at in a drive: no folder in the views that are not of files. */
export interface Look {
  folder: string | null;
  node: string | null;
}

const AGAIN = 10_000;
const IDLE_AFTER = 120_000;
/** Walking through rows with the keys is one change, not fifty. */
const REST = 150;

/** Of one window, whatever view is open; `drive` is null when none is. */
export function useFocusTold(drive: string | null, { folder, node }: Look): void {
  const platform = usePlatform();
  const window_ = useMemo(() => crypto.randomUUID(), []);
  const touched = useRef(0);

  useEffect(() => {
    touched.current = Date.now();
    const touch = (): void => void (touched.current = Date.now());
    addEventListener("pointermove", touch, { passive: true });
    addEventListener("wheel", touch, { passive: true });
    addEventListener("keydown", touch);
    return () => {
      removeEventListener("pointermove", touch);
      removeEventListener("wheel", touch);
      removeEventListener("keydown", touch);
    };
  }, []);

  useEffect(() => {
    const tell = (): void => {
      const idle = document.hidden || Date.now() - touched.current > IDLE_AFTER;
      // Presence is a courtesy: when it cannot be told, nothing else suffers.
      const where = drive === null ? { drive } : { drive, folder, node, idle };
      platform.call("focus", { window: window_, ...where }).catch(() => undefined);
    };
    const soon = setTimeout(tell, REST);
    const again = setInterval(tell, AGAIN);
    document.addEventListener("visibilitychange", tell);
    return () => {
      clearTimeout(soon);
      clearInterval(again);
      document.removeEventListener("visibilitychange", tell);
    };
  }, [platform, window_, drive, folder, node]);

  useEffect(() => {
    const leave = (): void => {
      platform.call("focus", { window: window_, drive: null }, { outlives: true }).catch(() => undefined);
    };
    addEventListener("pagehide", leave);
    return () => {
      removeEventListener("pagehide", leave);
      leave();
    };
  }, [platform, window_]);
}
