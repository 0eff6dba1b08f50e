// A dialog: the browser's own, which keeps the focus inside and gives it back. Closed by Escape and by
// a click beside it.
import type { ReactNode } from "react";
import { useEffect, useId, useRef } from "react";
import { X } from "lucide-react";
import { IconButton } from "./button";
import "./dialog.css";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  /** Buttons at its foot, the one that goes on last. */
  actions?: ReactNode;
  /** Called by Enter in a field and by the submit button. */
  onSubmit?: () => void;
  wide?: boolean;
  /** What is inside is a form of its own. */
  holdsForm?: boolean;
}

export function Dialog({ title, onClose, children, actions, onSubmit, wide = false, holdsForm = false }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();

  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element?.showModal();
    element?.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    return () => {
      element?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);

  useEffect(() => {
    const element = dialog.current;
    if (!element) return;
    const beside = (event: MouseEvent): void => {
      if (event.target === element) onClose();
    };
    element.addEventListener("mousedown", beside);
    return () => element.removeEventListener("mousedown", beside);
  }, [onClose]);

  const inside = (
    <>
      <div className="dialog-head">
        <h2 id={heading}>{title}</h2>
        <IconButton label="Close" keys="Esc" onClick={onClose}>
          <X size={16} />
        </IconButton>
      </div>
      <div className="dialog-content">{children}</div>
      {actions !== undefined && <div className="dialog-actions">{actions}</div>}
    </>
  );
  return (
    // Keys pressed in a dialog are not keys of the view behind it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <dialog
      ref={dialog}
      className={wide ? "dialog dialog-wide" : "dialog"}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onKeyDown={(event) => event.stopPropagation()}
    >
      {holdsForm ? (
        <div className="dialog-body">{inside}</div>
      ) : (
        <form
          className="dialog-body"
          onSubmit={(event) => {
            event.preventDefault();
            onSubmit?.();
          }}
        >
          {inside}
        </form>
      )}
    </dialog>
  );
}
