// Fields of a form: a label above, what is wrong or a hint below, both tied to the control.
import type { InputHTMLAttributes, ReactNode, SelectHTMLAttributes, TextareaHTMLAttributes } from "react";
import { useId } from "react";
import "./field.css";

interface FrameProps {
  label: string;
  hint?: ReactNode;
  fault?: string | null | undefined;
}

function frame(id: string, { label, hint, fault }: FrameProps, control: ReactNode) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {control}
      {fault != null && fault !== "" ? (
        <p className="field-fault" id={`${id}-about`} role="alert">
          {fault}
        </p>
      ) : (
        hint !== undefined && (
          <p className="field-hint" id={`${id}-about`}>
            {hint}
          </p>
        )
      )}
    </div>
  );
}

function described(id: string, { hint, fault }: FrameProps) {
  const told = hint !== undefined || (fault != null && fault !== "");
  return { "aria-describedby": told ? `${id}-about` : undefined, "aria-invalid": fault ? true : undefined };
}

type TextProps = FrameProps & InputHTMLAttributes<HTMLInputElement>;

export function TextField({ label, hint, fault, ...rest }: TextProps) {
  const id = useId();
  const about = { label, hint, fault };
  return frame(id, about, <input {...rest} {...described(id, about)} id={id} className="input" autoComplete="off" spellCheck={false} />);
}

type AreaProps = FrameProps & TextareaHTMLAttributes<HTMLTextAreaElement>;

export function TextArea({ label, hint, fault, ...rest }: AreaProps) {
  const id = useId();
  const about = { label, hint, fault };
  return frame(id, about, <textarea {...rest} {...described(id, about)} id={id} className="input input-area" spellCheck={false} />);
}

interface ChoiceProps<T extends string> extends FrameProps, Omit<SelectHTMLAttributes<HTMLSelectElement>, "onChange" | "value"> {
  value: T;
  onChoose: (value: T) => void;
  choices: readonly { value: T; label: string }[];
}

export function Choice<T extends string>({ label, hint, fault, value, onChoose, choices, ...rest }: ChoiceProps<T>) {
  const id = useId();
  const about = { label, hint, fault };
  return frame(
    id,
    about,
    <select
      {...rest}
      {...described(id, about)}
      id={id}
      className="input"
      value={value}
      onChange={(event) => {
        const chosen = choices.find((choice) => choice.value === event.target.value);
        if (chosen) onChoose(chosen.value);
      }}
    >
      {choices.map((choice) => (
        <option key={choice.value} value={choice.value}>
          {choice.label}
        </option>
      ))}
    </select>,
  );
}
