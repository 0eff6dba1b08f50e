// The pictures of docs/GUIDE.md, from real daemons that serve the app as it is built now: `npm run guide`.
// Three people on three devices; what the pictures show has happened between them.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch } from "./browser.mjs";
import { Lab, missing } from "./devices.mjs";
import { small } from "./small-png.mjs";

const lacking = missing();
if (lacking) throw new Error(lacking);
const pictures = fileURLToPath(new URL("../../docs/pictures", import.meta.url));
const lab = new Lab();
const { context, close } = await launch();

/** Takes a picture of a page when it has come to rest. */
async function take(page, name) {
  await page.bringToFront();
  await page.mouse.move(0, 700);
  await page.waitForTimeout(600);
  const png = small(await page.screenshot());
  writeFileSync(join(pictures, `${name}.png`), png);
  console.log(`${name}.png`, png.length);
}

async function open(device) {
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  await page.goto(await device.address());
  await page.locator("main").waitFor();
  return page;
}

const row = (page, name) => page.getByRole("row").filter({ hasText: name });
const tab = (page, name) => page.getByRole("link", { name }).click();

try {
  const [ana, ben, chen] = ["Ana Lima", "Ben Okafor", "Chen Wei"].map((name) => lab.device(name));
  const folder = lab.folder("ana", "Studio");
  const file = (path, text) => writeFileSync(join(folder, path), text);
  for (const inside of ["Brand", "Contracts", "Launch 2027", "Photos"]) lab.folder("ana", "Studio", inside);
  file("Brand/palette.json", '{ "blue": "#1f57cc" }\n');
  file("Launch 2027/press kit.zip", Buffer.alloc(480_000, 3));
  file("launch plan.md", "# Launch plan\n\n- Copy for the landing page\n- Screens, light and dark\n- A film of one minute\n\nWho does what: see budget.csv.\n");
  file("budget.csv", "what,who,euro\nfilm,Ben,4000\nprint,Chen,1200\n");
  file("meeting notes.txt", "Monday: we begin.\n");
  file("keynote.mp4", Buffer.alloc(1_200_000, 5));
  file("server.rs", "fn main() {}\n");
  file("README", "All of the studio.\n");

  // The first minute of Ana, who shares, and of Ben, who joins.
  const hers = await open(ana);
  await hers.getByText("Share a folder").click();
  await hers.getByLabel("Folder on this machine").fill("/home/ana/Studio");
  await take(hers, "sharing");
  await hers.getByLabel("Folder on this machine").fill(folder);
  await hers.getByRole("button", { name: "Share folder" }).click();
  await hers.getByRole("dialog", { name: "Recovery phrase" }).getByRole("listitem").first().waitFor();
  await hers.getByRole("button", { name: "Later" }).click();
  await row(hers, "README").waitFor();
  await hers.locator(".toast").last().waitFor({ state: "detached" });

  await hers.getByRole("button", { name: "Invite", exact: true }).click();
  await hers.getByRole("button", { name: "Make invite" }).click();
  const link = await hers.getByLabel("Invite as a link").inputValue();
  await take(hers, "invite-made");
  await hers.getByRole("button", { name: "Done" }).click();

  const his = await open(ben);
  await his.getByText("Join with an invite").click();
  await his.getByLabel("Invite", { exact: true }).fill(link);
  await his.getByLabel("Folder on this machine").fill("/home/ben");
  await his.getByLabel("Invite", { exact: true }).evaluate((field) => field.scrollTo(0, 0));
  await his.setViewportSize({ width: 1180, height: 800 });
  await take(his, "joining");
  await his.getByLabel("Folder on this machine").fill(lab.folder("ben"));
  await his.getByRole("button", { name: "Join", exact: true }).click();
  await row(his, "README").waitFor();
  const { ticket } = await ana.run("invite", "Studio", "--role", "reader");
  lab.folder("chen");
  await chen.run("join", ticket, lab.path("chen", "Studio"), "--wait");

  // Ben renames one file and changes another; he is at one of them, Chen in a folder.
  await row(his, "launch plan.md").click();
  await his.keyboard.press("F2");
  await his.keyboard.press("Control+a");
  await his.keyboard.type("launch plan final.md");
  await his.keyboard.press("Enter");
  writeFileSync(lab.path("ben", "Studio", "budget.csv"), "what,who,euro\nfilm,Ben,5000\nprint,Chen,1200\n");
  const theirs = await open(chen);
  await row(theirs, "Launch 2027").dblclick();
  await row(theirs, "press kit.zip").waitFor();
  await row(hers, "budget.csv").filter({ hasText: "Ben Okafor" }).waitFor();
  await his.bringToFront();
  await row(his, "launch plan final.md").click();
  await hers.bringToFront();
  await row(hers, "launch plan final.md").getByRole("img", { name: /Ben Okafor is here/ }).waitFor();
  await row(hers, "Launch 2027").getByRole("img", { name: /Chen Wei is here/ }).waitFor();
  await ana.run("wait", "Studio");
  await hers.locator(".mark-faint").first().waitFor({ state: "detached" });
  await row(hers, "Brand").click();
  await take(hers, "files");
  await row(hers, "launch plan final.md").click();
  await hers.keyboard.press("Space");
  await hers.locator("pre").waitFor();
  await take(hers, "preview");
  await hers.keyboard.press("Escape");

  await tab(hers, "People");
  await hers.getByRole("button", { name: /Role and removal of Ben/ }).click();
  await hers.getByText("Remove from the drive").click();
  await take(hers, "remove");
  await hers.getByRole("button", { name: "Cancel" }).click();

  await tab(hers, "Files");
  await row(hers, "budget.csv").click();
  await hers.keyboard.press("Control+h");
  await hers.getByRole("list", { name: "Versions" }).locator("li").nth(1).waitFor();
  await take(hers, "versions");
  await hers.keyboard.press("Escape");

  // Ben clears up in his folder; all of it can come back.
  for (const gone of ["server.rs", "Launch 2027"]) {
    rmSync(lab.path("ben", "Studio", gone), { recursive: true });
    await tab(hers, "Trash");
    await hers.locator(".item").filter({ hasText: gone }).filter({ hasText: "deleted by Ben" }).waitFor();
  }
  await take(hers, "trash");

  // One file that two people changed while neither heard the other.
  await ben.run("wait", "Studio");
  await ana.stop();
  await chen.stop();
  writeFileSync(lab.path("ben", "Studio", "meeting notes.txt"), "Monday: we begin, says Ben.\n");
  await row(his, "meeting notes.txt").filter({ hasText: "28 B" }).waitFor({ timeout: 60_000 });
  await ben.stop();
  await ana.start();
  writeFileSync(join(folder, "meeting notes.txt"), "Monday: we begin at nine, says Ana.\n");
  await tab(hers, "Files");
  await row(hers, "meeting notes.txt").filter({ hasText: "36 B" }).waitFor({ timeout: 60_000 });
  await ben.start();
  await tab(hers, /Attention/);
  await hers.locator(".item").filter({ hasText: "edited twice" }).waitFor({ timeout: 60_000 });
  await hers.locator(".tab-count").waitFor();
  await take(hers, "attention");
} finally {
  await close();
  await lab.close();
}
