// The app before a daemon in memory: for tests of views and of frame times, never built into the product.
import { createRoot } from "react-dom/client";
import { App } from "../../src/app";
import { applyTheme } from "../../src/design/theme";
import type { Command } from "../../src/platform/types";
import { CallError } from "../../src/platform/types";
import { ben, FakeDaemon, ROOT } from "../../src/platform/fake";

const wanted = new URLSearchParams(location.search);
const daemon = new FakeDaemon();
const many = Number(wanted.get("many") ?? 0);
const folders = Number(wanted.get("folders") ?? 0);
if (folders > 0) {
  for (let at = 0; at < folders; at += 1) daemon.add(`folder ${at}`, { kind: "folder", size: 0 });
  daemon.add("README", { size: 640 });
} else if (many > 0) {
  for (let at = 0; at < many; at += 1) daemon.add(`photo ${at}.jpg`, { size: at * 97 });
} else {
  const folder = (name: string, parent = ROOT) => daemon.add(name, { kind: "folder", parent, size: 0 });
  const brand = folder("Brand");
  folder("Contracts");
  const launch = folder("Launch 2027");
  folder("Photos");
  daemon.add("logo.png", { parent: brand, size: 48_211 });
  daemon.add("palette.json", { parent: brand, size: 2_104 });
  daemon.add("press kit.zip", { parent: launch, size: 48_000_000 });
  const plan = daemon.add("launch plan.md", { size: 18_204 });
  const budget = daemon.add("budget.csv", { size: 91_002 });
  daemon.add("cover.png", { size: 2_404_118 });
  const notes = daemon.add("meeting notes.txt", { size: 4_310, conflict: true });
  daemon.add("keynote.mp4", { size: 1_204_000_000, here: false });
  daemon.add("server.rs", { size: 12_007 });
  daemon.add("README", { size: 640 });
  daemon.add("shared fonts", { kind: "symlink", target: "/usr/share/fonts", size: 16 });
  // Names that are there to do harm, or to be too long.
  daemon.add("invoice\u202Efdp.exe", { size: 88 });
  daemon.add("pass\u200bword.txt", { size: 12 });
  daemon.add("<script>alert(1)</script>.html", { size: 25 });
  daemon.add(`${"a very long name ".repeat(14)}end.txt`, { size: 1, problem: "the name is too long for this system" });
  daemon.add("Übersicht – 報告書 مرحبا.pdf", { size: 733_000 });
  const deleted = { size: 0, time: Date.now() - 7_200_000, by: "Ben Okafor", device: "workstation", kept: true };
  daemon.trashed = [
    { line: { ...deleted, path: "Launch 2027/old drafts", kind: "folder", id: "t1" } },
    { line: { ...deleted, path: "Launch 2027/old drafts/first.md", kind: "file", size: 4_100, id: "t2" } },
    { line: { ...deleted, path: "Launch 2027/old drafts/second.md", kind: "file", size: 2_700, id: "t3" } },
    { line: { ...deleted, path: "bill\u202Efdp.exe", kind: "file", size: 88, time: deleted.time - 40 * 86_400_000, id: "t4", kept: false } },
  ];
  const hours = (ago: number) => Date.now() - ago * 3_600_000;
  daemon.versions.set(plan, [
    { time: hours(1), by: "Ben Okafor", size: 18_204 }, { time: hours(5), by: "Ana Lima", size: 17_950 },
    { time: hours(30), by: "Chen Wei", size: 9_002 }, { time: hours(700), by: "Ben Okafor", size: 12 },
  ]);
  daemon.as(ben, "edited", budget);
  daemon.as(ben, "renamed", plan, (node) => { node.name = "launch plan final.md"; });
  daemon.presence = [
    { member: "ben", name: "Ben Okafor", device: "ben-1", you: false, folder: ROOT, viewing: null, editing: [budget], idle: false },
    { member: "chen", name: "Chen Wei", device: "chen-1", you: false, folder: launch, viewing: null, editing: [], idle: true },
  ];
  daemon.problems = [{ path: `${"a very long name ".repeat(14)}end.txt`, reason: "The name is too long for the file system of this folder.", hint: "Give it a shorter name; it is tried again by itself." }];
  daemon.transfers = [
    { drive: "drive-1", way: "checkout", files: 31, files_total: 128, bytes: 1_310_000_000, bytes_total: 4_200_000_000, rate: 48_000_000, left: 61_000 },
  ];
  void notes;
}
if (wanted.has("empty")) daemon.empty = true;
if (wanted.get("role") === "reader") daemon.role = "reader";
if (wanted.get("role") === "none") daemon.role = null;
if (wanted.has("signedout")) daemon.signedOut = true;
if (wanted.has("waiting")) {
  daemon.waiting = [{ request: "r1", invite: "i1", name: "Dana Cruz", device: "phone", role: "writer", since: Date.now() - 40_000, words: "amber lake orbit stone velvet wheat" }];
}
if (wanted.has("words")) daemon.words = "amber lake orbit stone velvet wheat";
daemon.uploadTakes = Number(wanted.get("upload") ?? 0);
// As in the desktop window, which takes no files.
if (wanted.has("noupload")) Object.assign(daemon, { upload: undefined });
// As the desktop window: it shows notices, and is told of links that are opened elsewhere.
if (wanted.has("notices")) {
  const notices: string[] = [];
  Object.assign(window, { notices });
  Object.assign(daemon, { notify: (_title: string, body: string) => Promise.resolve(void notices.push(body)) });
}
if (wanted.has("links")) {
  Object.assign(daemon, {
    onLink: (listener: (link: string) => void) => {
      Object.assign(window, { link: listener });
      return () => undefined;
    },
  });
}
const fail = (command: string): void => {
  daemon.failing.set(command as Command, new CallError({ code: "io", message: "the disk does not answer", hint: "check the disk", retryable: false }));
};
const fails = wanted.get("fail");
if (fails !== null) fail(fails);
const hangs = wanted.get("slow");
if (hangs !== null) daemon.silent.add(hangs as Command);
const late = wanted.get("late");
if (late !== null) daemon.delays.set(late as Command, 3_500);
Object.assign(window, { daemon, ben, fail });

applyTheme();
const root = document.getElementById("root");
if (root) createRoot(root).render(<App platform={daemon} />);
