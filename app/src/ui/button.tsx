// Buttons: one shape, four weights.
import type { ButtonHTMLAttributes, ReactNode } from "react";
import { forwardRef } from "react";
import "./button.css";

type Native = Omit<ButtonHTMLAttributes<HTMLButtonElement>, "children" | "type">;

interface ButtonProps extends Native {
  /** `primary` at most once in a view; `quiet` has no ground until pointed at. */
  weight?: "primary" | "plain" | "quiet" | "danger";
  /** A spinner beside the words; the button waits. */
  busy?: boolean;
  type?: "button" | "submit";
  icon?: ReactNode;
  children: ReactNode;
}

export const Button = forwardRef<HTMLButtonElement, ButtonProps>(function Button(
  { weight = "plain", busy = false, icon, children, className, disabled, type = "button", ...rest },
  ref,
) {
  return (
    <button
      {...rest}
      ref={ref}
      type={type === "submit" ? "submit" : "button"}
      className={`button button-${weight} ${className ?? ""}`}
      disabled={disabled === true || busy}
      aria-busy={busy || undefined}
    >
      {busy ? <span className="spinner" aria-hidden="true" /> : icon}
      <span>{children}</span>
    </button>
  );
});

interface IconButtonProps extends Native {
  /** What it does, for those who do not see the icon; also its tooltip. */
  label: string;
  /** The keys that do the same, shown in the tooltip. */
  keys?: string;
  children: ReactNode;
}

export const IconButton = forwardRef<HTMLButtonElement, IconButtonProps>(function IconButton(
  { label, keys, children, className, ...rest },
  ref,
) {
  return (
    <button
      {...rest}
      ref={ref}
      type="button"
      className={`icon-button ${className ?? ""}`}
      aria-label={label}
      title={keys === undefined ? label : `${label} (${keys})`}
    >
      {children}
    </button>
  );
});
