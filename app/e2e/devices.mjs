// Real devices for the tests beside this: each a data directory, a daemon on loopback and the command
// line that drives it. Knows the command line's promises and nothing of what lies behind them.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
export const PROGRAM = process.env.PEERDRIVE_BIN ?? here("../../target/debug/peerdrive");
export const DIST = here("../dist");

/** Why no device can be run here; false if one can. */
export function missing() {
  if (!existsSync(PROGRAM)) return "peerdrive is not built: cargo build --package peerdrive-cli";
  if (!existsSync(join(DIST, "index.html"))) return "the app is not built: npm run build";
  return false;
}

/** Devices of one test; all gone when it closes. */
export class Lab {
  root = mkdtempSync(join(tmpdir(), "peerdrive-e2e-"));
  devices = [];

  device(name) {
    const device = new Device(name, join(this.root, `device-${name}`));
    this.devices.push(device);
    return device;
  }

  /** A folder of this machine, not yet there. */
  path(...names) {
    return join(this.root, ...names);
  }

  folder(...names) {
    const path = this.path(...names);
    mkdirSync(path, { recursive: true });
    return path;
  }

  async close() {
    await Promise.all(this.devices.map((device) => device.stop().catch(() => device.kill())));
    rmSync(this.root, { recursive: true, force: true });
  }
}

export class Device {
  constructor(name, data) {
    this.name = name;
    this.data = data;
  }

  /** Words that come before every command: no network but loopback. */
  get words() {
    return ["--data-dir", this.data, "--no-discovery", "--bind", "127.0.0.1:0"];
  }

  get env() {
    return { ...process.env, PEERDRIVE_UI_DIR: DIST, PEERDRIVE_NAME: this.name };
  }

  /** Runs a command; yields the JSON lines that it prints. */
  async lines(...words) {
    const printed = await new Promise((resolve, reject) => {
      execFile(PROGRAM, [...this.words, "--json", ...words], { env: this.env, timeout: 120_000, maxBuffer: 64 << 20 }, (error, out, err) =>
        error ? reject(new Error(`${this.name}: ${words.join(" ")}: ${err || error.message}`)) : resolve(out),
      );
    });
    return printed.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  }

  /** Runs a command whose answer is one object. */
  async run(...words) {
    return (await this.lines(...words)).at(-1);
  }

  /** An address that lets one browser in. */
  async address() {
    return (await this.run("ui", "--no-open")).url;
  }

  get rendezvous() {
    return JSON.parse(readFileSync(join(this.data, "daemon.json"), "utf8"));
  }

  /** Gives a command over the loopback port, as a program with these headers would; yields status and text. */
  async post(path, body, headers) {
    const { port } = this.rendezvous;
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } });
    return { status: answer.status, text: await answer.text() };
  }

  async start() {
    await this.run("status");
  }

  /** Ends the daemon as a power cut does. */
  kill() {
    try {
      process.kill(this.rendezvous.pid, "SIGKILL");
    } catch {
      // It is not there.
    }
  }

  async stop() {
    if (existsSync(join(this.data, "daemon.json"))) await this.run("stop");
  }
}
