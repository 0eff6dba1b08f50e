// A menu at a point of the screen or under a button: arrows, letters, Enter, Escape. Knows nothing of
// what its items do.
import { Check } from "lucide-react";
import type { KeyboardEvent, ReactNode } from "react";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { createPortal } from "react-dom";
import "./menu.css";

export type MenuItem =
  | { label: string; keys?: string; icon?: ReactNode; danger?: boolean; disabled?: boolean; checked?: boolean; run: () => void }
  | "line";

interface MenuProps {
  label: string;
  items: readonly MenuItem[];
  /** Its corner, in pixels of the window. */
  at: { x: number; y: number };
  onClose: () => void;
}

const MARGIN = 8;

export function Menu({ label, items, at, onClose }: MenuProps) {
  const list = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState({ x: at.x, y: at.y, shown: false });

  useLayoutEffect(() => {
    const box = list.current?.getBoundingClientRect();
    if (!box) return;
    setPlace({
      x: Math.max(MARGIN, Math.min(at.x, window.innerWidth - box.width - MARGIN)),
      y: Math.max(MARGIN, at.y + box.height > window.innerHeight - MARGIN ? at.y - box.height : at.y),
      shown: true,
    });
  }, [at.x, at.y]);

  const { shown } = place;
  useEffect(() => {
    // What is not yet visible takes no focus.
    if (!shown) return undefined;
    const before = document.activeElement;
    const menu = list.current;
    // With nothing to choose the keys still go to the menu, or nothing would close it.
    (buttons(menu)[0] ?? menu)?.focus({ preventScroll: true });
    return () => {
      // An item may have moved the focus on purpose, to a dialog or a field.
      if (menu?.contains(document.activeElement) !== false || document.activeElement === document.body) {
        if (before instanceof HTMLElement) before.focus({ preventScroll: true });
      }
    };
  }, [shown]);

  useEffect(() => {
    const outside = (event: Event): void => {
      if (event.target instanceof Node && list.current?.contains(event.target) !== true) onClose();
    };
    document.addEventListener("mousedown", outside, true);
    document.addEventListener("wheel", outside, true);
    window.addEventListener("blur", onClose);
    window.addEventListener("resize", onClose);
    return () => {
      document.removeEventListener("mousedown", outside, true);
      document.removeEventListener("wheel", outside, true);
      window.removeEventListener("blur", onClose);
      window.removeEventListener("resize", onClose);
    };
  }, [onClose]);

  const pressed = (event: KeyboardEvent): void => {
    event.stopPropagation();
    const all = buttons(list.current);
    const now = all.findIndex((button) => button === document.activeElement);
    const go = (to: number): void => {
      event.preventDefault();
      all[(to + all.length) % all.length]?.focus();
    };
    if (event.key === "ArrowDown") go(now + 1);
    else if (event.key === "ArrowUp") go(now - 1);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(all.length - 1);
    else if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      onClose();
    } else if (event.key.length === 1 && event.key !== " ") {
      const letter = event.key.toLowerCase();
      const next = [...all.slice(now + 1), ...all.slice(0, now + 1)].find((button) =>
        button.textContent.toLowerCase().startsWith(letter),
      );
      next?.focus();
    }
  };

  return createPortal(
    <div
      ref={list}
      className="menu"
      role="menu"
      tabIndex={-1}
      aria-label={label}
      style={{ left: place.x, top: place.y, visibility: place.shown ? "visible" : "hidden" }}
      onKeyDown={pressed}
      onContextMenu={(event) => event.preventDefault()}
    >
      {items.map((item, index) =>
        item === "line" ? (
          <div key={index} className="menu-line" role="separator" />
        ) : (
          <button
            key={index}
            type="button"
            role={item.checked === undefined ? "menuitem" : "menuitemradio"}
            aria-checked={item.checked}
            className={item.danger === true ? "menu-item menu-danger" : "menu-item"}
            disabled={item.disabled}
            tabIndex={-1}
            onMouseMove={(event) => event.currentTarget.focus({ preventScroll: true })}
            onClick={() => {
              onClose();
              item.run();
            }}
          >
            <span className="menu-icon">{item.checked === true ? <Check size={14} aria-hidden /> : item.icon}</span>
            <span>{item.label}</span>
            {item.keys !== undefined && <kbd>{item.keys}</kbd>}
          </button>
        ),
      )}
    </div>,
    // Inside the landmark it belongs to, where assistive technology looks for it.
    document.getElementById("main") ?? document.body,
  );
}

function buttons(menu: HTMLElement | null): HTMLButtonElement[] {
  return Array.from(menu?.querySelectorAll<HTMLButtonElement>("button:not(:disabled)") ?? []);
}
