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

let done = false;

/** Puts the pictures inside an element into a style sheet, once for the page. */
export function paintPictures(patterns: HTMLElement): void {
  if (done) return;
  done = true;
  const rules: string[] = [];
  for (const place of patterns.querySelectorAll<HTMLElement>("[data-picture]")) {
    const svg = place.querySelector("svg");
    if (!svg) continue;
    const selector = `.${pictureClass(place.dataset["picture"] ?? "")}`;
    place.style.colorScheme = "light";
    const light = `${selector} { background-image: ${drawn(svg)}; }`;
    place.style.colorScheme = "dark";
    const dark = `{ background-image: ${drawn(svg)}; }`;
    place.style.colorScheme = "";
    rules.push(
      light,
      `@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) ${selector} ${dark} }`,
      `:root[data-theme="dark"] ${selector} ${dark}`,
    );
  }
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(rules.join("\n"));
  document.adoptedStyleSheets.push(sheet);
}
