/** README's "First trade in five minutes": its commands, as they stand there, in a newcomer's folder. */
import { execFile, spawn } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";
import { freePort } from "./support/chain/anvil.ts";
import { commandFile } from "./support/exchange/commandFile.ts";
import { until } from "./support/exchange/exchange.ts";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "..");
/** Milliseconds for building, installing and trading. */
const ALL_MS = 900_000;
const TITLE = "## First trade in five minutes, from an installed package";
const FENCE = /```(\w+)\n([\s\S]*?)```/g;

const folder = mkdtempSync(join(tmpdir(), "quarterdeck-first-trade-"));
const ending: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of ending) await end();
  rmSync(folder, { recursive: true, force: true });
}, ALL_MS);

/** The blocks of the section, in order. */
function blocks(): { readonly language: string; readonly text: string }[] {
  const [, after = ""] = readFileSync(join(ROOT, "README.md"), "utf8").split(TITLE);
  const section = after.split("\n## ")[0] ?? "";
  return [...section.matchAll(FENCE)].map(([, language = "", text = ""]) => ({ language, text }));
}

/** `npm start` with places and ports of this test's own; gives the port of its chain. */
async function startExchange(storage: string): Promise<number> {
  const port = await freePort(3);
  const main = commandFile("localnet/start");
  const ports = ["--port", `${port}`, "--chain-port", `${port + 1}`];
  const size = ["--operators", "1", "--block-time", "0.25", "--quarter", "40", "--traders", "2"];
  const places = ["--storage", storage, "--logs", join(folder, "logs")];
  const child = spawn(process.execPath, [main, ...ports, ...size, ...places], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let said = "";
  child.stdout.on("data", (part) => {
    said += part;
  });
  child.stderr.on("data", (part) => {
    said += part;
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  ending.push(() => {
    child.kill("SIGINT");
    return ended;
  });
  await until("the traders trade", () => {
    if (child.exitCode !== null) throw new Error(`npm start ended: ${said}`);
    return /fills [1-9]/.test(said);
  });
  return port + 1;
}

it(
  "the first trade of README works as it stands there",
  async () => {
    chmodSync(folder, 0o755);
    const clone = join(folder, "quarterdeck");
    const own = join(folder, "own");
    const storage = join(folder, "storage");
    symlinkSync(ROOT, clone);
    mkdirSync(own);
    const [building, installing, config, trading, ...more] = blocks();
    expect(more).toEqual([]);
    expect(config?.language).toBe("json");
    const shell = (text = "", cwd: string) =>
      run("sh", ["-e", "-c", text], {
        cwd,
        env: {
          ...process.env,
          PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`,
          npm_config_prefer_offline: "true",
          npm_config_audit: "false",
        },
      });
    const install = async () => {
      await shell(building?.text, clone);
      await shell(installing?.text, own);
    };
    const [chainPort] = await Promise.all([startExchange(storage), install()]);
    const given = (config?.text ?? "")
      .replace("http://127.0.0.1:8545", `http://127.0.0.1:${chainPort}`)
      .replace("../quarterdeck/storage", storage);
    expect(given).not.toBe(config?.text);
    writeFileSync(join(own, "trader.json"), given);
    const { stdout } = await shell(trading?.text, own);
    expect(stdout).toMatch(/^0x[0-9a-fA-F]{40}\n/);
    expect(stdout).toContain("WETH  1000000");
    expect(stdout).toMatch(/^2 WETH credited in block \d+/m);
    expect(stdout).toMatch(/ (filled|open) {2}sell 0\.25 WETH\/USDC at 2900/);
    expect(stdout).toMatch(/^WETH {2}\d/m);
    expect(stdout).toMatch(/round \d+: no faults/);
    expect(readFileSync(join(own, "evidence.jsonl"), "utf8")).toContain('"kind":"order"');
  },
  ALL_MS,
);
