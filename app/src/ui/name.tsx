// A name on the screen: what cannot be seen is a mark, the ending stays in sight, nothing in it is
// obeyed. Knows the rules of text/names and nothing of files.
import { memo } from "react";
import { endingAt, isPlain, pieces, spoken } from "../text/names";
import { SHORT } from "./name-node";
import "./name.css";

export const Name = memo(function Name({ name, whole = false }: { name: string; whole?: boolean }) {
  if (isPlain(name)) {
    const at = whole || name.length < SHORT ? name.length : endingAt(name);
    return (
      <bdi className="name" title={name.length < SHORT ? undefined : name}>
        <span className="name-stem">{name.slice(0, at)}</span>
        {at < name.length && <span className="name-end">{name.slice(at)}</span>}
      </bdi>
    );
  }
  return (
    <bdi className="name" title={spoken(name)}>
      <span className="name-stem">
        {pieces(name).map((piece, at) =>
          "text" in piece ? (
            <bdi key={at}>{piece.text}</bdi>
          ) : (
            <span key={at} className="name-hidden" title={piece.title}>
              {piece.hidden}
            </span>
          ),
        )}
      </span>
    </bdi>
  );
});
