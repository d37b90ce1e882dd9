/** `npm start`, as a newcomer meets it: it lives, stops, goes on, and says what is wrong. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "./support/anvil.ts";
import { until } from "./support/exchange.ts";

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

const runs = new Set<ChildProcess>();
let folder: string;
let args: string[];

function start(...more: string[]): Run {
  const main = join(import.meta.dirname, "../src/cli/start.ts");
  const child = spawn(process.execPath, [main, ...args, ...more], { cwd: folder });
  runs.add(child);
  let text = "";
  const take = (part: Buffer) => {
    text += part;
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return { child, output: () => text, ended };
}

async function untilSaid(run: Run, pattern: RegExp): Promise<void> {
  let code: number | null | undefined;
  run.ended.then((ended) => {
    code = ended;
  });
  await until(`it says ${pattern}`, () => {
    if (code !== undefined) throw new Error(`ended with ${code}: ${run.output()}`);
    return pattern.test(run.output());
  });
}

describe("npm start", () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "quarterdeck-start-"));
    const [port, chainPort] = [await freePort(), await freePort()];
    args = ["--port", `${port}`, "--chain-port", `${chainPort}`];
    args.push("--block-time", "0.25", "--quarter", "16", "--traders", "2");
  });
  afterAll(() => {
    for (const child of runs) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

  it("runs an exchange whose traders deposit, trade and audit; Ctrl-C ends it", async () => {
    const run = start();
    await untilSaid(run, /Bob deposits 60000 USDC/);
    await untilSaid(run, /fills [1-9]\d* .* commits [1-9]\d* · audits [1-9]\d* ok 0 bad/);
    run.child.kill("SIGINT");
    expect(await run.ended).toBe(0);
  });

  it("goes on where it was, and refuses to go on as another exchange", async () => {
    const mediator = (run: Run) => /Mediator (0x\w+)/.exec(run.output())?.[1];
    const run = start();
    await untilSaid(run, /round [1-9]/);
    // Deposits and commits of the first run are in the journal: nobody deposits again.
    expect(run.output()).not.toMatch(/deposits 60000/);
    const first = mediator(run);
    run.child.kill("SIGINT");
    expect(await run.ended).toBe(0);
    expect(first).toMatch(/^0x/);

    const other = start("--quarter", "8");
    expect(await other.ended).toBe(1);
    expect(other.output()).toMatch(/quarters of 16 blocks, not 8.*--fresh/);
  });

  it.each([
    [["--quarter", "two"], /--quarter must be a whole number from 4/, 78],
    [["--block-time", "0"], /--block-time must be from 0\.1 to 60 seconds/, 78],
    [["--traders", "99"], /--traders must be a whole number from 0 to 7/, 78],
    [["--port", "70000"], /--port must be a whole number from 1 to 65535/, 78],
    [["--colour"], /unknown option '--colour'/, 1],
  ])("refuses %j and names the option", async (wrong, message, code) => {
    const run = start(...wrong);
    // 78: a wrong configuration, which a supervisor must not try again.
    expect(await run.ended).toBe(code);
    expect(run.output()).toMatch(message);
  });

  it.each(["--port", "--chain-port"])("says so when the %s is in use", async (option) => {
    const port = await freePort();
    const server = createServer().listen(port, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const run = start(option, String(port));
    expect(await run.ended).toBe(1);
    expect(run.output()).toContain(`Port ${port} is in use`);
    expect(run.output()).toContain(`npm start -- ${option}`);
    server.close();
  });
});
