// The real desktop window on a screen that nobody sees, driven through WebDriver: it opens before a
// daemon, lists, shows what another device does and who is there, takes a link, and is one.
// `npm run e2e:window`, with peerdrive and peerdrive-app built.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { Lab, missing, PROGRAM } from "./devices.mjs";
import { launch, program } from "./browser.mjs";

const WINDOW = process.env.PEERDRIVE_WINDOW ?? join(dirname(PROGRAM), "peerdrive-app");
const DRIVER = ["/usr/bin/WebKitWebDriver", "/usr/libexec/webkit2gtk-4.1/WebKitWebDriver"].find((path) => existsSync(path));
const lacking =
  missing() ||
  (!existsSync(WINDOW) && "the window is not built: cargo build --package peerdrive-app") ||
  (!DRIVER && "there is no WebKitWebDriver here: apt-get install webkit2gtk-driver") ||
  (!existsSync("/usr/bin/Xvfb") && "there is no Xvfb here: apt-get install xvfb");
const options = { skip: lacking, timeout: 120_000 };
const shots = process.env.PEERDRIVE_SHOTS ?? null;
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";
const children = [];
let lab, ana, ben, drive, session, driver, env;

function start(command, words, more = {}) {
  // A group of its own, so that what it starts ends with it.
  const child = spawn(command, words, { detached: true, stdio: ["ignore", "ignore", "ignore"], ...more });
  children.push(child);
  return child;
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function ask(method, path, body) {
  const answer = await fetch(`${driver}${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const { value } = await answer.json();
  if (!answer.ok) throw new Error(`${path}: ${value?.error}: ${value?.message}`);
  return value;
}

const run = (script, ...args) => ask("POST", `/session/${session}/execute/sync`, { script, args });

/** Asks the page until the answer is true. */
async function until(script, what, most = 20_000) {
  const begun = Date.now();
  for (;;) {
    const answer = await run(`return ${script}`);
    if (answer) return Date.now() - begun;
    if (Date.now() - begun > most) throw new Error(`${what}: not within ${most} ms; the page says: ${await run("return document.body.innerText")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const rows = (text) => `[...document.querySelectorAll('[role="row"]')].some((row) => row.textContent.includes(${JSON.stringify(text)}))`;

async function click(css) {
  const element = await ask("POST", `/session/${session}/element`, { using: "css selector", value: css });
  await ask("POST", `/session/${session}/element/${element[ELEMENT]}/click`, {});
}

async function picture(name) {
  const png = Buffer.from(await ask("GET", `/session/${session}/screenshot`), "base64");
  assert.ok(png.length > 10_000, "there is something in the picture");
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  writeFileSync(join(shots, `${name}.png`), png);
}

before(async () => {
  if (lacking) return;
  lab = new Lab();
  ana = lab.device("Ana");
  ben = lab.device("Ben");
  const folder = lab.folder("ana", "Studio");
  writeFileSync(join(folder, "plan.md"), "# The plan\n");
  writeFileSync(join(folder, "budget.csv"), "a,b\n");
  mkdirSync(join(folder, "Photos"));
  ({ drive } = await ana.run("share", folder));
  const { ticket } = await ana.run("invite", drive, "--role", "writer");
  await ben.run("join", ticket, lab.path("ben"), "--wait");

  const screen = start("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x900x24", "-nolisten", "tcp"], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const display = await new Promise((resolve, reject) => {
    screen.stdio[3].once("data", (data) => resolve(`:${String(data).trim()}`));
    screen.once("exit", () => reject(new Error("Xvfb ended")));
  });
  env = {
    ...ana.env, DISPLAY: display, GDK_BACKEND: "x11", TAURI_AUTOMATION: "true", TAURI_WEBVIEW_AUTOMATION: "true",
    // Without a GPU this draws more than twice as fast.
    WEBKIT_DISABLE_DMABUF_RENDERER: "1",
  };
  // Whoever runs this test may have a desktop: nothing here is to show there.
  delete env.WAYLAND_DISPLAY;
  delete env.DBUS_SESSION_BUS_ADDRESS;
  const port = await freePort();
  start(DRIVER, [`--port=${port}`], { env });
  driver = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries += 1) {
    try {
      await ask("GET", "/status");
      break;
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  const made = await ask("POST", "/session", {
    capabilities: { alwaysMatch: { "webkitgtk:browserOptions": { binary: WINDOW, args: ana.words } } },
  });
  session = made.sessionId;
});

after(async () => {
  if (session) await ask("DELETE", `/session/${session}`).catch(() => undefined);
  for (const child of children.reverse()) {
    try {
      process.kill(-child.pid);
    } catch {
      // It has ended.
    }
  }
  await lab?.close();
});

test("the window opens before the daemon that runs, and lists", options, async () => {
  await until(rows("plan.md"), "the rows");
  assert.match(await run("return location.href"), /^tauri:\/\/localhost/);
  assert.equal(await run("return document.title"), "Studio – PeerDrive");
  assert.equal(await run(`return ${rows("budget.csv")} && ${rows("Photos")}`), true);
});

test("what another device does appears within a second, with who did it", options, async () => {
  writeFileSync(lab.path("ben", "fresh.txt"), "by Ben\n");
  await until(rows("fresh.txt"), "the new file");
  await until(rows("Ben · now"), "who made it");
  await ben.run("wait", drive);
  writeFileSync(lab.path("ben", "fresh.txt"), "by Ben again\n");
  const took = await until(`document.querySelector(".status").textContent.includes("Ben edited “fresh.txt”")`, "the edit");
  assert.ok(took < 2_000, `${took} ms, the file's rest and WebDriver's looking included`);
});

test("who is there is shown, and goes", { ...options, skip: lacking || (!program() && "there is no Chromium here") }, async () => {
  const browser = await launch();
  try {
    const page = await browser.context.newPage();
    await page.goto(await ben.address());
    await page.getByRole("row").filter({ hasText: "budget.csv" }).click();
    await until(`document.querySelector(".drive-side .avatar")?.title.startsWith("Ben")`, "Ben in the header");
    await until(`[...document.querySelectorAll('[role="row"]')].some((row) => row.textContent.includes("budget.csv") && row.querySelector(".cell-name .avatar"))`, "Ben on the row");
    await picture("window");
  } finally {
    await browser.close();
  }
  // Without a window his device is on line, and nobody is at it.
  await until(`document.querySelector(".drive-side .avatar")?.title === "Ben idle"`, "Ben idle", 45_000);
});

test("what is typed and clicked in the window changes the drive", options, async () => {
  await click('button[aria-label^="New folder"]');
  await until(`document.activeElement?.classList.contains("rename-field")`, "the name field");
  const field = await ask("GET", `/session/${session}/element/active`);
  await ask("POST", `/session/${session}/element/${field[ELEMENT]}/value`, { text: "Made in the window\uE007" });
  await until(rows("Made in the window"), "the folder");
  await ana.run("wait", drive);
  await ben.run("wait", drive);
  assert.ok(existsSync(lab.path("ben", "Made in the window")));
});

test("the page can ask nothing of the system but what is listed, and runs nothing foreign", options, async () => {
  const tried = (command, args = {}) =>
    ask("POST", `/session/${session}/execute/async`, {
      script: "const done = arguments[2]; window.__TAURI_INTERNALS__.invoke(arguments[0], arguments[1]).then(() => done('done'), (error) => done(typeof error === 'string' ? error : error.code))",
      args: [command, args],
    });
  assert.match(await tried("plugin:window|close"), /not allowed/);
  assert.match(await tried("plugin:event|emit", { event: "x" }), /not allowed/);
  assert.match(await tried("plugin:shell|open", { path: "/" }), /not (allowed|found)/);
  assert.equal(await tried("reveal", { path: WINDOW }), "folder_not_found");
  assert.equal(await run("try { return String(new Function('return 1')()) } catch (error) { return error.name }"), "EvalError");
  await run("const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)");
  assert.equal(await run("return window.ran ?? null"), null);
});

test("a link that is opened elsewhere comes to this window, and no second one opens", options, async () => {
  const second = spawn(WINDOW, [...ana.words, "peerdrive://join#pd1elsewhere"], { env, stdio: "ignore" });
  const code = await new Promise((resolve) => second.once("exit", resolve));
  assert.equal(code, 0);
  await until(`document.querySelector("dialog textarea")?.value === "peerdrive://join#pd1elsewhere"`, "the dialog with the invite");
  await run(`document.querySelector('dialog button[aria-label^="Close"]').click()`);
});

test("a daemon that dies is started again, and the window goes on by itself", options, async () => {
  const { pid } = ana.rendezvous;
  ana.kill();
  writeFileSync(lab.path("ana", "Studio", "while away.txt"), "x\n");
  await until(rows("while away.txt"), "what happened meanwhile", 40_000);
  assert.notEqual(ana.rendezvous.pid, pid);
  const program = readFileSync(`/proc/${ana.rendezvous.pid}/cmdline`, "utf8").split("\0")[0];
  assert.equal(program, WINDOW, "the window's own program is the daemon");
});

test("a daemon that was told to end stays ended under an open window, until somebody opens it again", options, async () => {
  await ana.stop();
  await until(`document.body.innerText.includes("PeerDrive does not answer.")`, "that nobody answers");
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  assert.ok(!existsSync(join(ana.data, "daemon.json")), "no daemon runs");
  writeFileSync(lab.path("ana", "Studio", "while stopped.txt"), "x\n");
  const again = spawn(WINDOW, ana.words, { env, stdio: "ignore" });
  assert.equal(await new Promise((resolve) => again.once("exit", resolve)), 0);
  await until(rows("while stopped.txt"), "what happened meanwhile", 40_000);
});
