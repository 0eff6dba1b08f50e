// Pictures of every view, light and dark, for looking at: `node e2e/shots.mjs FOLDER [VIEW…]`.
import { mkdirSync } from "node:fs";
import { launch, serve } from "./browser.mjs";
import { VIEWS } from "./every-view.mjs";

const [folder = "shots", ...only] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const server = await serve(new URL("../dist-harness", import.meta.url).pathname);
const { context, close } = await launch();
const page = await context.newPage();
page.setDefaultTimeout(8_000);
page.on("console", (message) => message.type() === "error" && console.log("console:", message.text()));
page.on("pageerror", (error) => console.log("page:", error.message));
for (const theme of ["light", "dark"]) {
  await page.emulateMedia({ colorScheme: theme });
  for (const [name, where, act] of VIEWS) {
    if (only.length > 0 && !only.includes(name)) continue;
    await page.goto("about:blank");
    await page.goto(`${server.url}/${where}`);
    await page.waitForTimeout(350);
    try {
      await act?.(page);
    } catch (error) {
      console.log(name, String(error).split("\n")[0]);
      process.exitCode = 1;
    }
    await page.waitForTimeout(250);
    await page.screenshot({ path: `${folder}/${name}-${theme}.png` });
  }
}
await close();
server.close();
