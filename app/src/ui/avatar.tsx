// A person as a disc: their letters on a colour that is theirs everywhere. Knows a name and an id only.
import { memo } from "react";
import { listed } from "../text/format";
import { spoken } from "../text/names";
import "./avatar.css";

export interface Person {
  /** What tells them from any other; gives the colour. */
  id: string;
  name: string;
}

/** Two letters for a name: of its first and last word. */
export function letters(name: string): string {
  const words = spoken(name).trim().split(/[\s._-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const first = Array.from(words[0] ?? "?");
  const last = words.length > 1 ? Array.from(words[words.length - 1] ?? "") : [];
  return ((first[0] ?? "?") + (last[0] ?? first[1] ?? "")).toLocaleUpperCase();
}

/** One of eight colours, the same for an id on every screen. */
export function colour(id: string): number {
  let hash = 0;
  for (const character of id) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return hash % 8;
}

interface AvatarProps {
  person: Person;
  size?: 16 | 20 | 24 | 32;
  /** `editing` has a ring that moves, `idle` is pale. */
  state?: "here" | "editing" | "idle";
  /** What to say of them instead of the name alone. */
  title?: string;
}

/** What a disc looks like and says. */
export function discOf({ person, size = 20, state = "here", title }: AvatarProps): { className: string; shown: string; words: string } {
  return {
    className: `avatar avatar-${size} avatar-${state} person-${colour(person.id)}`,
    shown: size < 20 ? letters(person.name).slice(0, 1) : letters(person.name),
    words: title ?? spoken(person.name),
  };
}

export const Avatar = memo(function Avatar(props: AvatarProps) {
  const { className, shown, words } = discOf(props);
  return (
    <span className={className} role="img" aria-label={words} title={words}>
      {shown}
    </span>
  );
});

interface StackProps {
  /** `device` tells two devices of one person apart. */
  people: readonly { person: Person; device: string; state?: "here" | "editing" | "idle"; title?: string }[];
  size?: 16 | 20 | 24;
  most?: number;
}

/** Some people overlapping; those who do not fit are a number. */
export function Avatars({ people, size = 20, most = 3 }: StackProps) {
  if (people.length === 0) return null;
  const shown = people.length > most ? people.slice(0, most - 1) : people;
  const others = people.slice(shown.length);
  return (
    <span className="avatars">
      {shown.map(({ device, ...one }) => (
        <Avatar key={device} size={size} {...one} />
      ))}
      {others.length > 0 && (
        <span
          className={`avatar avatar-${size} avatar-more`}
          role="img"
          aria-label={`and ${listed(others.map((one) => spoken(one.person.name)))}`}
          title={listed(others.map((one) => spoken(one.person.name)))}
        >
          +{others.length}
        </span>
      )}
    </span>
  );
}
