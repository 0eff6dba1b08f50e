// What a list of 100,000 lines costs where nothing but text changes: four columns, elements lent on, no
// framework, no events but scrolling. Beside it the app is measured, for machines differ and are shared.
import "./floor.css";

const [LINES, HIGH, AROUND] = [100_000, 32, 4];
const box = document.querySelector<HTMLElement>(".grid");
const space = document.querySelector<HTMLElement>(".space");
if (!box || !space) throw new Error("there is no box");
space.style.height = `${LINES * HIGH}px`;

const most = Math.ceil(box.clientHeight / HIGH) + 1 + 2 * AROUND;
const rows = Array.from({ length: most }, () => {
  const row = document.createElement("div");
  row.className = "row";
  const texts = Array.from({ length: 4 }, () => {
    const cell = document.createElement("div");
    cell.className = "cell";
    const text = document.createTextNode("");
    cell.append(text);
    row.append(cell);
    return text;
  });
  space.append(row);
  return { row, texts, line: -1 };
});

function show(): void {
  const first = Math.max(0, Math.min(LINES - most, Math.floor((box?.scrollTop ?? 0) / HIGH) - AROUND));
  for (let line = first; line < first + most; line += 1) {
    const one = rows[line % most];
    if (!one || one.line === line) continue;
    one.line = line;
    one.row.style.transform = `translateY(${line * HIGH}px)`;
    const words = [`photo ${line}.jpg`, `${line % 60} min`, `${line * 97} B`, "JPG"];
    one.texts.forEach((text, at) => {
      const word = words[at] ?? "";
      if (text.data !== word) text.data = word;
    });
  }
}

box.addEventListener("scroll", show, { passive: true });
show();
