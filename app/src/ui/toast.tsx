// Short words at the foot of the window: what was done, with a way back where there is one.
import { X } from "lucide-react";
import { useEffect, useSyncExternalStore } from "react";
import { told } from "../platform/types";
import { Button, IconButton } from "./button";
import "./toast.css";

interface Toast {
  id: number;
  tone: "plain" | "bad";
  text: string;
  hint?: string | null;
  action?: { label: string; run: () => void };
}

let toasts: readonly Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();

function set(changed: readonly Toast[]): void {
  toasts = changed;
  for (const listener of listeners) listener();
}

function dismiss(id: number): void {
  set(toasts.filter((toast) => toast.id !== id));
}

export function say(text: string, action?: Toast["action"]): void {
  set([...toasts.slice(-2), { id: next++, tone: "plain", text, ...(action ? { action } : {}) }]);
}

export function sayFailed(what: string, error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  const { message, hint } = told(error);
  set([...toasts.slice(-2), { id: next++, tone: "bad", text: `${what} ${message}`, hint }]);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <OneToast key={toast.id} toast={toast} />
      ))}
    </div>
  );
}

function OneToast({ toast }: { toast: Toast }) {
  const { action } = toast;
  useEffect(() => {
    const timer = setTimeout(() => dismiss(toast.id), toast.tone === "bad" ? 12_000 : 7_000);
    return () => clearTimeout(timer);
  }, [toast]);
  return (
    <div className={`toast toast-${toast.tone}`}>
      <div className="toast-text">
        <span>{toast.text}</span>
        {toast.hint && <span className="toast-hint">{toast.hint}</span>}
      </div>
      {action && (
        <Button
          weight="quiet"
          onClick={() => {
            dismiss(toast.id);
            action.run();
          }}
        >
          {action.label}
        </Button>
      )}
      <IconButton label="Dismiss" onClick={() => dismiss(toast.id)}>
        <X size={14} />
      </IconButton>
    </div>
  );
}
