/** `npm start`, as a newcomer meets it: it lives, stops, goes on, and says what is wrong. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { databaseFolder } from "../src/localnet/databaseFolder.ts";
import { freePort, isFree } from "./support/chain/anvil.ts";
import { commandFile } from "./support/exchange/commandFile.ts";
import { until } from "./support/exchange/exchange.ts";

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

/** Each the leader of a process group of its own: chain and operators go with it. */
const runs = new Map<ChildProcess, string>();
let folder: string;
let args: string[];

function start(...more: string[]): Run {
  const main = commandFile("localnet/start");
  const command = [main, ...args, ...more];
  const child = spawn(process.execPath, command, { cwd: folder, detached: true });
  const named = more.indexOf("--storage");
  runs.set(child, named < 0 ? "storage" : (more[named + 1] as string));
  let text = "";
  const take = (part: Buffer) => {
    text += part;
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  // Only then all that it wrote is here.
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, output: () => text, ended };
}

/** Whatever a failed test left behind: the next one has ports and processors for itself. */
function killAll(): void {
  for (const [{ pid }, storage] of runs) {
    if (pid !== undefined) kill(-pid);
    // The database is in no group: the terminal's Ctrl-C must not reach it.
    const database = databaseProcess(storage);
    if (database !== undefined) kill(database);
  }
  runs.clear();
}
process.on("exit", killAll);

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}

/** The id that the database of this storage left, which it takes away when it ends. */
function databaseProcess(storage: string): number | undefined {
  const path = resolve(folder, storage);
  if (!existsSync(path)) return undefined;
  const file = join(databaseFolder(path), "data/postmaster.pid");
  return existsSync(file) ? Number(readFileSync(file, "utf8").split("\n")[0]) : undefined;
}

async function untilSaid(run: Run, pattern: RegExp): Promise<void> {
  let code: number | null | undefined;
  run.ended.then((ended) => {
    code = ended;
  });
  await until(`it says ${pattern}`, () => {
    if (code !== undefined) throw new Error(`ended with ${code}: ${run.output()}`);
    return pattern.test(run.output());
  }).catch((problem) => {
    throw new Error(`${(problem as Error).message}; it said: ${run.output().slice(-4000)}`);
  });
}

/** The figure that the newest line of the status shows for `what`. */
function figure(run: Run, what: string): number {
  const found = [...run.output().matchAll(new RegExp(`${what} (\\d+)`, "g"))];
  return Number(found.at(-1)?.[1] ?? 0);
}

describe("npm start", () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "quarterdeck-start-"));
    // Otherwise root's database, which runs as nobody, would lie elsewhere.
    chmodSync(folder, 0o755);
  });
  beforeEach(async () => {
    const port = await freePort(5);
    args = ["--port", `${port}`, "--chain-port", `${port + 3}`, "--database-port", `${port + 4}`];
    args.push("--block-time", "0.25", "--quarter", "20", "--traders", "2");
  });
  afterEach(killAll);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("the exchange runs three operators, goes on when one is killed, ends by Ctrl-C", async () => {
    const run = start();
    await untilSaid(run, /Bob deposits 60000 USDC/);
    await untilSaid(run, /fills [1-9]\d* .* commits [1-9]\d* · audits [1-9]\d* ok 0 bad/);
    const leader = [...run.output().matchAll(/(operator-\d) leads/g)].at(-1)?.[1];
    const pid = new RegExp(`${leader} .* pid (\\d+)`).exec(run.output())?.[1];
    const [fills, commits] = [figure(run, "fills"), figure(run, "commits")];
    process.kill(Number(pid), "SIGKILL");
    await untilSaid(run, new RegExp(`${leader} ended \\(SIGKILL\\) and is started again`));
    await until("it has gone on", () => {
      return figure(run, "fills") > fills + 1 && figure(run, "commits") > commits;
    });
    expect(run.output()).not.toMatch(/HALTED|ok [1-9]\d* bad/);
    run.child.kill("SIGINT");
    expect(await run.ended).toBe(0);
  });

  it("the exchange goes on where it was, and refuses to go on as another exchange", async () => {
    const storage = ["--storage", "again", "--logs", "logs-again"];
    const mediator = (run: Run) => /Mediator (0x\w+)/.exec(run.output())?.[1];
    const stop = async (run: Run) => {
      run.child.kill("SIGINT");
      expect(await run.ended).toBe(0);
    };
    const begun = start(...storage);
    await untilSaid(begun, /Bob deposits 60000 USDC/);
    await untilSaid(begun, /fills [1-9]\d*/);
    await stop(begun);
    const run = start(...storage);
    await untilSaid(run, /round [1-9].*audits [1-9]\d* ok 0 bad/);
    // Deposits and commits of the first run are in the journal: nobody deposits again.
    expect(run.output()).not.toMatch(/deposits 60000/);
    await stop(run);
    expect(mediator(run)).toMatch(/^0x/);
    expect(mediator(run)).toBe(mediator(begun));

    const other = start(...storage, "--quarter", "24");
    expect(await other.ended).toBe(78);
    expect(other.output()).toMatch(/quarters of 20 blocks, not 24.*--fresh.*--quarter 20/);
    const fewer = start(...storage, "--operators", "1");
    expect(await fewer.ended).toBe(78);
    expect(fewer.output()).toMatch(/begun with --operators 3, not 1.*--fresh/);
  });

  it("the exchange runs one operator without a database", async () => {
    const run = start("--operators", "1", "--storage", "alone", "--logs", "logs-alone");
    await untilSaid(run, /fills [1-9]\d*/);
    expect(run.output()).not.toMatch(/database|leads/);
    expect(readdirSync(join(folder, "alone/operator"))).toContain("journal.sqlite");
    run.child.kill("SIGINT");
    expect(await run.ended).toBe(0);
  });

  it.each([
    ["signal", (run: Run) => run.child.kill("SIGTERM")],
    ["closed pipe", (run: Run) => run.child.stdout?.destroy()],
  ])("the exchange leaves no database behind after a %s during its start", async (what, end) => {
    const storage = `after-${what}`;
    const run = start("--storage", storage, "--logs", `logs-${storage}`);
    const file = join(databaseFolder(join(folder, storage)), "data/postmaster.pid");
    const hasEnded = run.ended.then(() => true);
    // Looked for almost without a pause: it takes connections a moment later.
    while (!existsSync(file)) {
      expect(await Promise.race([hasEnded, sleep(1)]), run.output()).toBeUndefined();
    }
    end(run);
    await run.ended;
    expect(databaseProcess(storage)).toBeUndefined();
  });

  it("the option --fresh deletes what npm start made, and touches no other folder", async () => {
    const theirs = join(folder, "real-operator");
    mkdirSync(theirs);
    for (const name of ["journal.sqlite", "notes"]) writeFileSync(join(theirs, name), name);
    for (const more of [["--fresh"], []]) {
      const run = start("--storage", "real-operator", ...more);
      expect(await run.ended).toBe(78);
      expect(run.output()).toMatch(/real-operator holds what npm start did not make.*--storage/);
    }
    expect(readdirSync(theirs).sort()).toEqual(["journal.sqlite", "notes"]);
    expect(readFileSync(join(theirs, "journal.sqlite"), "utf8")).toBe("journal.sqlite");
  });

  it("npm start tells once that its database is gone, with a hint, and ends with 1", async () => {
    const run = start("--storage", "no-database", "--logs", "logs-no-database");
    await untilSaid(run, /operator-1 .* pid/);
    process.kill(databaseProcess("no-database") as number, "SIGKILL");
    expect(await run.ended).toBe(1);
    expect(run.output().match(/The local database was killed/g)).toHaveLength(1);
    expect(run.output()).toMatch(/npm start again goes on from there/);
  });

  it("the halt is told when no operator comes, why, and that traders get all back", async () => {
    const alone = ["--operators", "1", "--storage", "halting", "--logs", "logs-halting"];
    const run = start(...alone, "--traders", "1");
    await untilSaid(run, /Ada deposits 60000 USDC/);
    await untilSaid(run, /audits [1-9]\d* ok 0 bad/);
    const pid = Number(/operator-1 .* pid (\d+)/.exec(run.output())?.[1]);
    // It lives, and does nothing.
    process.kill(pid, "SIGSTOP");
    await untilSaid(run, /no operator runs: halts in \d+ blocks/);
    await untilSaid(
      run,
      /HALTED at block \d+: the commit of round \d+ did not come by its deadline/,
    );
    await untilSaid(run, /Ada recovers .* WETH/);
    await untilSaid(run, /Ada has everything back/);
    expect(run.output()).toMatch(/\nHALTED · block/);
    process.kill(pid, "SIGKILL");
    run.child.kill("SIGINT");
    await run.ended;
  });

  it("an operator that a restart cannot correct is given up at once", async () => {
    const run = start("--operators", "1", "--storage", "broken", "--quarter", "24");
    await untilSaid(run, /operator-1 .* pid/);
    run.child.kill("SIGINT");
    await run.ended;
    // A journal that another exchange left.
    const other = start("--operators", "1", "--storage", "other");
    await untilSaid(other, /fills [1-9]\d*/);
    other.child.kill("SIGINT");
    await other.ended;
    const [mine, theirs] = ["other", "broken"].map((one) => join(folder, one, "operator"));
    rmSync(theirs as string, { recursive: true, force: true });
    cpSync(mine as string, theirs as string, { recursive: true });
    const again = start("--operators", "1", "--storage", "broken", "--quarter", "24");
    expect(await again.ended).toBe(1);
    expect(again.output()).toMatch(/operator-1 ended with 78: quarterdeck: /);
    expect(again.output().match(/pid/g)).toHaveLength(1);
  });

  it.each([
    [["--quarter", "two"], /--quarter must be a whole number from 4/, 78],
    [["--block-time", "0"], /--block-time must be from 0\.1 to 60 seconds/, 78],
    [["--traders", "99"], /--traders must be a whole number from 0 to 6/, 78],
    [["--operators", "4"], /--operators must be a whole number from 1 to 3/, 78],
    [["--port", "70000"], /--port must be a whole number from 1 to 65535/, 78],
    [
      ["--block-time", "0.1", "--quarter", "12"],
      /quarters of 1\.2 seconds.*--quarter 50 or more/,
      78,
    ],
    [["--storage", "/dev/null"], /--storage: \/dev\/null cannot be made a folder \(a file is/, 78],
    [["--logs", "/dev/null"], /--logs: \/dev\/null cannot be made a folder \(a file is/, 78],
    [["--colour"], /unknown option '--colour'/, 1],
  ])("the words %j are refused, and the option named", async (wrong, message, code) => {
    const run = start(...wrong);
    // 78: a wrong configuration, which a supervisor must not try again.
    expect(await run.ended).toBe(code);
    expect(run.output()).toMatch(message);
  });

  it.each(["--port", "--chain-port", "--database-port"])(
    "an address in use is told: the %s",
    async (option) => {
      const port = await freePort();
      const server = createServer().listen(port, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      const kept = join(folder, "kept", "journal");
      mkdirSync(kept, { recursive: true });
      const run = start(option, String(port), "--storage", "kept", "--fresh");
      expect(await run.ended).toBe(1);
      expect(existsSync(kept), "another start may use it").toBe(true);
      expect(run.output()).toContain(`Port ${port} is in use`);
      const hint = new RegExp(`npm start -- ${option} (\\d+)`).exec(run.output())?.[1];
      expect(await isFree(Number(hint)), "the port of the hint").toBe(true);
      server.close();
    },
  );
});
