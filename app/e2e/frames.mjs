// Main-thread CPU per frame while 100,000 rows are scrolled and jumped through, frame rate unlocked:
// what one displayed frame costs, held to the 8.33 ms of a 120 Hz screen. Thread CPU time, not wall
// time, so that other work on the machine counts little. It still counts, for caches and cores are shared; so a list of
// nothing but text (harness/floor.ts) is measured in turns with the app, and where twice that is more than the
// budget, that is the limit. `npm run frames`, or `npm run frames:short`: one round, and two
// more only where that one was over its limit.
import { launch, serve } from "./browser.mjs";

const BUDGET = 8.33;
/** How often the cost of the list of nothing but text the app may take, on a machine where that is much. */
const TIMES = 2;
const [WARM, FRAMES, ROUNDS] = process.argv[2] === "short" ? [60, 240, 1] : [60, 240, 3];
const CATEGORIES = "toplevel,devtools.timeline,disabled-by-default-devtools.timeline,blink.user_timing";

const server = await serve(new URL("../dist-harness", import.meta.url).pathname);
const { context, close } = await launch(["--disable-frame-rate-limit", "--disable-gpu-vsync"]);
const page = await context.newPage();
const session = await context.newCDPSession(page);

async function trace(run) {
  const events = [];
  const collect = ({ value }) => events.push(...value);
  session.on("Tracing.dataCollected", collect);
  await session.send("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories: CATEGORIES.split(","), excludedCategories: ["*"] } });
  const intervals = await run();
  const done = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
  await session.send("Tracing.end");
  await done;
  session.off("Tracing.dataCollected", collect);
  return { events, intervals };
}

function perFrame(events) {
  const marks = events.filter((event) => event.name === "step" && event.cat.includes("blink.user_timing")).sort((a, b) => a.ts - b.ts);
  const { pid, tid } = marks[0];
  const tasks = events
    .filter((event) => event.pid === pid && event.tid === tid && event.ph === "X" && event.name === "RunTask" && event.tdur !== undefined)
    .sort((a, b) => a.ts - b.ts);
  const top = [];
  let until = 0;
  for (const task of tasks) {
    if (task.ts < until) continue;
    top.push(task);
    until = task.ts + task.dur;
  }
  return marks.slice(1).map((mark, at) => {
    const from = marks[at].ts;
    return top.filter((task) => task.ts + task.dur > from && task.ts + task.dur <= mark.ts).reduce((sum, task) => sum + task.tdur, 0) / 1000;
  });
}

const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
// The middle one: neither a round that the machine spoiled nor a lucky one decides.
const middle = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const ms = (value) => value.toFixed(2);

/** Scrolls or jumps through what is at an address; yields the p95 of what a frame cost, and says more. */
async function measure(what, where, kind) {
  await page.goto("about:blank");
  await page.goto(`${server.url}/${where}`);
  await page.locator(".row").nth(5).waitFor();
  const run = (frames, marked) =>
    page.evaluate(
      ({ kind, frames, marked }) =>
        new Promise((resolve) => {
          const box = document.querySelector(".grid");
          const high = box.scrollHeight;
          const intervals = [];
          let before = performance.now();
          let at = 0;
          let seed = 7;
          let top = box.scrollTop;
          const step = (now) => {
            if (marked) performance.mark("step");
            intervals.push(now - before);
            before = now;
            if (at === frames) return resolve(intervals);
            at += 1;
            seed = (seed * 1103515245 + 12345) % 2147483648;
            // Nothing is read here that would make the browser lay out sooner than it has to.
            top = kind === "scroll" ? top + 480 : Math.floor((seed / 2147483648) * high);
            box.scrollTop = top;
            requestAnimationFrame(step);
          };
          requestAnimationFrame(step);
        }),
      { kind, frames, marked },
    );
  await run(WARM, false);
  const { events, intervals } = await trace(() => run(FRAMES, true));
  const costs = perFrame(events).sort((a, b) => a - b);
  const p95 = quantile(costs, 0.95);
  console.log(
    `${kind}, ${what}: CPU a frame p50 ${ms(quantile(costs, 0.5))} p95 ${ms(p95)} p99 ${ms(quantile(costs, 0.99))} ms; ` +
      `${costs.filter((cost) => cost > BUDGET).length} of ${costs.length} over ${BUDGET}; unlocked frames p50 ${ms(middle(intervals))} ms apart`,
  );
  return p95;
}

for (const kind of ["scroll", "jump"]) {
  const [text, app] = [[], []];
  const limit = () => Math.max(BUDGET, TIMES * middle(text));
  for (let round = 1; round <= ROUNDS || (middle(app) > limit() && round <= 3); round += 1) {
    text.push(await measure("text alone", "floor.html", kind));
    app.push(await measure("the app", "?many=100000", kind));
  }
  const over = middle(app) > limit();
  console.log(`${kind}: p95 ${ms(middle(app))} ms, ${over ? "over" : "within"} the limit of ${ms(limit())} ms`);
  if (over) process.exitCode = 1;
}
await close();
server.close();
