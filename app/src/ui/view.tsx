// What pages that are not the file browser are made of: a column with a heading, cards, states of
// nothing, waiting and failing.
import type { ReactNode } from "react";
import { useEffect, useState } from "react";
import { told } from "../platform/types";
import { Button } from "./button";
import "./view.css";

interface PageProps {
  title: string;
  about?: ReactNode;
  actions?: ReactNode;
  /** Whether nothing above it is the heading of the window. */
  alone?: boolean;
  children: ReactNode;
}

export function Page({ title, about, actions, alone = false, children }: PageProps) {
  const Title = alone ? "h1" : "h2";
  return (
    <main className="page" id="main" tabIndex={-1}>
      <div className="page-column">
        <header className="page-head">
          <div>
            <Title className="page-title">{title}</Title>
            {about !== undefined && <p className="muted">{about}</p>}
          </div>
          {actions !== undefined && <div className="page-actions">{actions}</div>}
        </header>
        {children}
      </div>
    </main>
  );
}

export function Section({ title, about, children }: { title: string; about?: ReactNode; children: ReactNode }) {
  return (
    <section className="section" aria-label={title}>
      <div className="section-head">
        <h3>{title}</h3>
        {about !== undefined && <p className="faint">{about}</p>}
      </div>
      {children}
    </section>
  );
}

export function Empty({ icon, title, children }: { icon: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <div className="empty-icon" aria-hidden="true">
        {icon}
      </div>
      <p className="empty-title">{title}</p>
      {children !== undefined && <div className="muted">{children}</div>}
    </div>
  );
}

interface FailedProps {
  /** What could not be done, where the place does not say it. */
  what?: string;
  error: unknown;
  retry: () => void;
}

export function Failed({ what, error, retry }: FailedProps) {
  const { message, hint } = told(error);
  return (
    <div className="failed" role="alert">
      <div>
        <p>{what === undefined ? message : `${what} ${message}`}</p>
        {hint && <p className="muted">{hint}</p>}
      </div>
      <Button onClick={retry}>Try again</Button>
    </div>
  );
}

/** After this long a person wonders whether anything happens at all. */
const LONG = 2_000;

/** Grey bars where something will be; nothing for the first moment, for most answers are quicker, and words
 * when it takes long. */
export function Waiting({ lines = 4 }: { lines?: number }) {
  const [long, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), LONG);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="waiting" role="status">
      {long ? (
        <p className="muted">
          Still waiting for this device’s disk or for another device. It is shown as soon as it is here; there is nothing you need to do.
        </p>
      ) : (
        <span className="visually-hidden">Loading</span>
      )}
      {Array.from({ length: lines }, (_, at) => (
        <span key={at} className={`waiting-bar waiting-${at % 3}`} />
      ))}
    </div>
  );
}

export function Tag({ tone = "plain", children }: { tone?: "plain" | "ok" | "warn" | "bad" | "accent"; children: ReactNode }) {
  return <span className={`tag tag-${tone}`}>{children}</span>;
}

export function Bar({ done, total, label }: { done: number; total: number; label: string }) {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  return (
    <div
      className="progress"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share * 100)}
    >
      <span style={{ transform: `scaleX(${share})` }} />
    </div>
  );
}
