// Holds the tokens to WCAG AA: 4.5 for text, 3 for what marks the edge of a control.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");

type Scheme = "light" | "dark";

function token(name: string, scheme: Scheme): string {
  const pair = new RegExp(`--${name}: light-dark\\((#[0-9a-f]{6}), (#[0-9a-f]{6})\\)`).exec(css);
  const both = new RegExp(`--${name}: (#[0-9a-f]{6});`).exec(css);
  const value = pair?.[scheme === "light" ? 1 : 2] ?? both?.[1];
  if (!value) throw new Error(`no token --${name}`);
  return value;
}

function luminance(hex: string): number {
  const channel = (at: number): number => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const grounds = ["ground", "ground-sunken", "ground-raised", "ground-hover", "ground-selected", "flash"];
const texts = ["text", "text-muted", "text-faint"];
const pairs: [string, string, number][] = [
  ...texts.flatMap((text) => grounds.map((ground): [string, string, number] => [text, ground, 4.5])),
  ...["ground", "ground-raised", "ground-sunken", "accent-ground"].map(
    (ground): [string, string, number] => ["accent-text", ground, 4.5],
  ),
  ["on-accent", "accent", 4.5],
  ["on-accent", "accent-hover", 4.5],
  ["on-danger", "danger-hover", 4.5],
  ["on-danger", "danger", 4.5],
  ["danger-text", "ground-raised", 4.5],
  ["danger-text", "ground", 4.5],
  ["danger-text", "danger-ground", 4.5],
  ["warn-text", "warn-ground", 4.5],
  ["warn-text", "ground", 4.5],
  ["ok-text", "ok-ground", 4.5],
  ["ok-text", "ground", 4.5],
  ["line-strong", "ground-field", 3],
  ["line-strong", "ground-raised", 3],
  ["focus", "ground", 3],
  ["focus", "ground-selected", 3],
  ...Array.from({ length: 8 }, (_, at): [string, string, number] => ["on-person", `person-${at}`, 4.5]),
];

describe.each<Scheme>(["light", "dark"])("the %s tokens", (scheme) => {
  it.each(pairs)("%s can be read on %s (%d)", (front, back, least) => {
    expect(contrast(token(front, scheme), token(back, scheme))).toBeGreaterThanOrEqual(least);
  });
});
