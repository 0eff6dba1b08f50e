// What the tests with real daemons share: a lab of devices, one browser for them all, and the words to look
// at pages with. Whoever imports this gets both before their tests, and no process is left after.
import assert from "node:assert/strict";
import { after } from "node:test";
import { violations } from "./axe.mjs";
import { launch, program } from "./browser.mjs";
import { Lab, missing } from "./devices.mjs";

export const lacking = missing() || (program() ? false : "there is no Chromium here");
export const options = { skip: lacking, timeout: 120_000 };
/** What pages complained of. */
export const faults = [];
export const lab = lacking ? null : new Lab();
let starting;

after(async () => {
  await (await starting)?.close();
  await lab?.close();
});

export async function tab() {
  starting ??= launch();
  const page = await (await starting).context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => faults.push(error.message));
  return page;
}

/** Two devices with a shared folder each: the drive, and a page before either. */
export async function pair(fill = () => undefined) {
  const [ana, ben] = [lab.device("Ana"), lab.device("Ben")];
  const folder = lab.folder("ana", "Studio");
  fill(folder);
  const { drive } = await ana.run("share", folder);
  const { ticket } = await ana.run("invite", drive, "--role", "writer");
  lab.folder("ben");
  await ben.run("join", ticket, lab.path("ben", "Studio"), "--wait");
  const [hers, his] = [await tab(), await tab()];
  await his.goto(await ben.address());
  await his.locator("main").waitFor();
  await hers.goto(await ana.address());
  await hers.getByRole("treegrid").waitFor();
  return { ana, ben, hers, his, drive };
}

export const row = (page, name) => page.getByRole("row").filter({ hasText: name });
export const press = async (page, ...keys) => {
  for (const key of keys) await page.keyboard.press(key);
};

export async function clean(page, what) {
  assert.deepEqual(await violations(page), [], what);
}

/** How long until a page shows something, from now. */
export async function until(locator, state = "visible") {
  const begun = performance.now();
  await locator.waitFor({ state });
  return performance.now() - begun;
}

/** Waits until something holds on the disk of this machine. */
export async function eventually(holds, what) {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`not within 20 s: ${what}`);
}

/** A request as a page of this port would forge it. */
export const forged = (page, command, request) =>
  page.evaluate(
    async ([command, request]) => {
      const answer = await fetch(`/rpc/${command}`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-PeerDrive-Key": localStorage.getItem("peerdrive.key") },
        body: JSON.stringify(request),
      });
      return JSON.parse((await answer.text()).trim().split("\n").at(-1));
    },
    [command, request],
  );
