// The pictures of kinds as images of a style sheet, in the colours of both themes: rows that are drawn sixty
// times a second have no elements for them. Knows the elements they are copied from, and no row.

/** The class that shows a picture as a background. */
export function pictureClass(picture: string): string {
  return `shows-${picture}`;
}

/** The picture as it looks in a theme. */
function drawn(svg: SVGElement): string {
  const copy = svg.cloneNode(true) as SVGElement;
  copy.removeAttribute("class");
  copy.setAttribute("color", getComputedStyle(svg).color);
  return `url("data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}")`;
}

/** Every picture inside an element, as it looks in a theme. What colours mean is said at the root alone, so it is asked there. */
function allDrawn(patterns: HTMLElement, theme: "light" | "dark"): [picture: string, image: string][] {
  const root = document.documentElement;
  const before = root.dataset["theme"];
  root.dataset["theme"] = theme;
  const images = Array.from(patterns.querySelectorAll<HTMLElement>("[data-picture]"), (place): [string, string] => {
    const svg = place.querySelector("svg");
    return [place.dataset["picture"] ?? "", svg ? drawn(svg) : "none"];
  });
  if (before === undefined) delete root.dataset["theme"];
  else root.dataset["theme"] = before;
  return images;
}

let done = false;

/** Puts the pictures inside an element into a style sheet, once for the page. */
export function paintPictures(patterns: HTMLElement): void {
  if (done) return;
  done = true;
  const rule = (root: string) => ([picture, image]: [string, string]): string => `${root} .${pictureClass(picture)} { background-image: ${image}; }`;
  const dark = allDrawn(patterns, "dark");
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    ${allDrawn(patterns, "light").map(rule(":root")).join("\n")}
    @media (prefers-color-scheme: dark) { ${dark.map(rule(':root:not([data-theme="light"])')).join("\n")} }
    ${dark.map(rule(':root[data-theme="dark"]')).join("\n")}
  `);
  document.adoptedStyleSheets.push(sheet);
}
