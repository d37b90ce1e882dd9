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
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "./support/chain/anvil.ts";
import { until } from "./support/exchange/exchange.ts";

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

const runs = new Set<ChildProcess>();
let folder: string;
let args: string[];

function start(...more: string[]): Run {
  const main = join(import.meta.dirname, "../src/localnet/start.ts");
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

/** The first of so many ports in a row on which nobody listens now. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = await freePort();
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(first + i)));
    if (!free.includes(false)) return first;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
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
    const ports = [await freePorts(3), await freePort(), await freePort()];
    args = ["--port", `${ports[0]}`, "--chain-port", `${ports[1]}`];
    args.push("--database-port", `${ports[2]}`);
    args.push("--block-time", "0.25", "--quarter", "20", "--traders", "2");
  });
  afterAll(() => {
    for (const child of runs) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

  it("runs an exchange of three operators; one is killed, and it goes on; Ctrl-C ends it", async () => {
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

  it("goes on where it was, and refuses to go on as another exchange", async () => {
    const mediator = (run: Run) => /Mediator (0x\w+)/.exec(run.output())?.[1];
    const run = start();
    await untilSaid(run, /round [1-9].*audits [1-9]\d* ok 0 bad/);
    // Deposits and commits of the first run are in the journal: nobody deposits again.
    expect(run.output()).not.toMatch(/deposits 60000/);
    const first = mediator(run);
    run.child.kill("SIGINT");
    expect(await run.ended).toBe(0);
    expect(first).toMatch(/^0x/);

    const other = start("--quarter", "8");
    expect(await other.ended).toBe(78);
    expect(other.output()).toMatch(/quarters of 20 blocks, not 8.*--fresh.*--quarter 20/);
    const fewer = start("--operators", "1");
    expect(await fewer.ended).toBe(78);
    expect(fewer.output()).toMatch(/begun with --operators 3, not 1.*--fresh/);
  });

  it("runs one operator without a database", async () => {
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
  ])("leaves no database behind after a %s during its start", async (what, end) => {
    const storage = `after-${what}`;
    const run = start("--storage", storage, "--logs", `logs-${storage}`);
    const file = join(folder, storage, "postgres/data/postmaster.pid");
    // Looked for without a pause: it takes connections a moment later.
    while (!existsSync(file)) await new Promise(setImmediate);
    end(run);
    await run.ended;
    const left = existsSync(file) ? Number(readFileSync(file, "utf8").split("\n")[0]) : undefined;
    if (left !== undefined) process.kill(left, "SIGKILL");
    expect(left).toBeUndefined();
  });

  it("deletes with --fresh what it made, and touches no folder of somebody else", async () => {
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

  it("says once that its database is gone, with what to do, and ends with 1", async () => {
    const run = start("--storage", "no-database", "--logs", "logs-no-database");
    await untilSaid(run, /operator-1 .* pid/);
    const file = join(folder, "no-database", "postgres/data/postmaster.pid");
    process.kill(Number(readFileSync(file, "utf8").split("\n")[0]), "SIGKILL");
    expect(await run.ended).toBe(1);
    expect(run.output().match(/The local database was killed/g)).toHaveLength(1);
    expect(run.output()).toMatch(/npm start again goes on from there/);
  });

  it("tells the halt when no operator comes, why, and that the traders get all back", async () => {
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

  it("gives up on an operator at once that a restart cannot correct", async () => {
    const run = start("--operators", "1", "--storage", "broken", "--quarter", "24");
    await untilSaid(run, /operator-1 .* pid/);
    run.child.kill("SIGINT");
    await run.ended;
    // A journal that another exchange left.
    const [mine, theirs] = ["alone", "broken"].map((one) => join(folder, one, "operator"));
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
  ])("refuses %j and names the option", async (wrong, message, code) => {
    const run = start(...wrong);
    // 78: a wrong configuration, which a supervisor must not try again.
    expect(await run.ended).toBe(code);
    expect(run.output()).toMatch(message);
  });

  it.each(["--port", "--chain-port", "--database-port"])(
    "says so when the %s is in use",
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
