// Pictures of every view, light and dark, for looking at. `node e2e/shots.mjs FOLDER`
import { mkdirSync } from "node:fs";
import { launch, serve } from "./browser.mjs";

const folder = process.argv[2] ?? "shots";
mkdirSync(folder, { recursive: true });
const server = await serve(new URL("../dist-harness", import.meta.url).pathname);
const { context, close } = await launch();
const page = await context.newPage();
page.on("console", (message) => message.type() === "error" && console.log("console:", message.text()));
page.on("pageerror", (error) => console.log("page:", error.message));
const VIEWS = [
  ["first-run", "?empty"],
  ["first-run-joining", "?empty", async () => page.getByText("Join with an invite").click()],
  ["files", "", async () => page.keyboard.press("ArrowDown")],
  ["preview", "", async () => { await page.getByText("launch plan final").first().click(); await page.keyboard.press("Space"); await page.waitForSelector("pre"); }],
  ["tree", "", async () => { await page.keyboard.press("ArrowDown"); await page.keyboard.press("ArrowRight"); await page.waitForTimeout(200); await page.keyboard.press("Shift+ArrowDown"); await page.keyboard.press("Shift+ArrowDown"); }],
  ["rename", "", async () => { await page.getByText("README").click(); await page.keyboard.press("F2"); }],
  ["menu", "", async () => page.getByText("server.rs").click({ button: "right" })],
  ["search", "", async () => { await page.keyboard.press("/"); await page.keyboard.type("la"); await page.waitForTimeout(300); }],
  ["delete", "", async () => { await page.getByText("README").click(); await page.keyboard.press("Delete"); }],
  ["move", "", async () => { await page.getByText("README").click(); await page.keyboard.press("Control+m"); await page.waitForTimeout(200); }],
  ["keys", "", async () => page.keyboard.press("?")],
  ["invite", "", async () => page.getByRole("button", { name: "Invite", exact: true }).click()],
  ["invite-made", "", async () => { await page.getByRole("button", { name: "Invite", exact: true }).click(); await page.getByRole("button", { name: "Make invite" }).click(); await page.waitForSelector(".qr"); }],
  ["people", "#/d/drive-1/people"],
  ["remove", "#/d/drive-1/people", async () => { await page.getByRole("button", { name: /Role and removal of Ben/ }).click(); await page.getByText("Remove from the drive").click(); }],
  ["activity", "#/d/drive-1/activity"],
  ["attention", "#/d/drive-1/attention"],
  ["transfers", "#/transfers"],
  ["reader", "?role=reader"],
  ["removed", "?role=none"],
  ["joining-later", "", async () => page.getByRole("button", { name: "Join a drive with an invite" }).click()],
  ["sharing-later", "", async () => page.getByRole("button", { name: "Share a folder" }).click()],
  ["signed-out", "?signedout"],
  ["words", "?empty&words", async () => {
    await page.getByText("Join with an invite").click();
    await page.getByLabel("Invite", { exact: true }).fill("pd1abc");
    await page.getByLabel("Folder on this machine").fill("/home/ana");
    await page.getByRole("button", { name: "Join", exact: true }).click();
    await page.getByText("amber lake orbit").waitFor();
  }],
  ["somebody-waits", "?waiting#/d/drive-1/people"],
  ["folder-waits", "?slow=folder", async () => page.getByText("Still waiting").waitFor()],
  ["people-wait", "?slow=members#/d/drive-1/people", async () => page.getByText("Still waiting").waitFor()],
  ["folder-fails", "?fail=folder"],
  ["people-fail", "?fail=members#/d/drive-1/people"],
  ["drives-fail", "?fail=drives"],
  ["sharing-fails", "?empty&fail=share", async () => {
    await page.getByText("Share a folder").click();
    await page.getByLabel("Folder on this machine").fill("/home/ana/Studio");
    await page.keyboard.press("Enter");
  }],
  ["long-selection", "?many=100000", async () => page.keyboard.press("Control+a")],
  ["gone", "", async () => { await page.evaluate(() => window.daemon.break()); await page.waitForTimeout(1_100); }],
];
for (const theme of ["light", "dark"]) {
  await page.emulateMedia({ colorScheme: theme });
  for (const [name, where, act] of VIEWS) {
    if (process.argv[3] && process.argv[3] !== name) continue;
    await page.goto("about:blank");
    await page.goto(`${server.url}/${where}`);
    await page.waitForTimeout(350);
    try {
      await act?.();
    } catch (error) {
      console.log(name, String(error).split("\n")[0]);
    }
    await page.waitForTimeout(250);
    await page.screenshot({ path: `${folder}/${name}-${theme}.png` });
  }
}
await close();
server.close();
