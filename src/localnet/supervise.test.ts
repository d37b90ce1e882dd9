import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { DATABASE_VARIABLE, PASSWORD_VARIABLE, RPC_VARIABLE } from "../operator/config/config.ts";
import { LOCAL_KEYS } from "./localChain.ts";
import { operateAll, SupervisedOperator } from "./supervise.ts";

/** Ends in a row after which an operator is given up. */
const TOO_MANY = 6;
/** An operator that nobody starts again would be waited for in vain. */
const QUICKLY = { timeout: 20_000 } as const;
const LIVES = "exec sleep 60";
const ENDS = "exit 3";

/** Runs a line of the shell in an operator's place, and starts it again at once. */
function supervised(line: string, tell: (line: string) => void): SupervisedOperator {
  return new SupervisedOperator({
    name: "it",
    url: "",
    key: LOCAL_KEYS[1] as `0x${string}`,
    config: "none",
    logs: "none",
    tell,
    launch: { command: ["sh", "-c", line], restartPauseMs: 0 },
  });
}

/** Whether `one` is left alone for as long as it would take to be started again. */
async function rests(one: SupervisedOperator, signal: AbortSignal): Promise<boolean> {
  return Promise.race([
    one.untilWanted(signal).then(() => false),
    sleep(100, true, { ref: false }),
  ]);
}

test("an operator killed between its end and its next start is not started", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-supervise-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, "operator.json");
  const token = `0x${"11".repeat(20)}`;
  const other = `0x${"22".repeat(20)}`;
  const storage = join(folder, "storage");
  // Nobody listens there, so that it ends by itself.
  const rpc = ["http://127.0.0.1:9"];
  const markets = [{ base: token, quote: other, lot: "1", tick: "1" }];
  writeFileSync(config, JSON.stringify({ rpc, mediator: token, markets, maxTries: 1, storage }));
  const stop = new AbortController();
  const lines: string[] = [];
  const one: SupervisedOperator = new SupervisedOperator({
    name: "it",
    url: "",
    key: LOCAL_KEYS[1] as `0x${string}`,
    config,
    logs: folder,
    tell: (line) => {
      lines.push(line);
      if (line.includes("is started again")) one.toggle();
      if (line.includes("was killed")) stop.abort();
    },
  });
  await one.run(stop.signal);
  expect(lines.filter((line) => line.includes("pid"))).toHaveLength(1);
});

test("an operator that somebody kills again and again is started each time", QUICKLY, async () => {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const lines: string[] = [];
  let starts = 0;
  const one = supervised(LIVES, (line) => {
    lines.push(line);
    const pid = Number(/pid (\d+)/.exec(line)?.[1]);
    if (Number.isNaN(pid)) return;
    starts += 1;
    if (starts > TOO_MANY) setImmediate(() => stop.abort());
    else process.kill(pid, "SIGKILL");
  });
  await one.run(stop.signal);
  const again = lines.filter((line) => line.includes("ended (SIGKILL) and is started again"));
  expect(again).toHaveLength(TOO_MANY);
  expect(starts).toBe(TOO_MANY + 1);
});

test(
  "an operator that ends by itself is given up in the end, and rests until a key",
  QUICKLY,
  async () => {
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const lines: string[] = [];
    const one = supervised(ENDS, (line) => lines.push(line));
    const starts = () => lines.filter((line) => line.includes("pid")).length;
    for (const round of [1, 2]) {
      await expect(one.run(stop.signal)).rejects.toMatchObject({
        code: "OperatorFailed",
        message: expect.stringContaining(`it ended ${TOO_MANY} times in a row, last with 3: `),
      });
      expect(starts()).toBe(round * TOO_MANY);
      expect(await rests(one, stop.signal)).toBe(true);
      one.toggle();
      expect(await rests(one, stop.signal)).toBe(false);
    }
  },
);

test(
  "an operator that was given up is started by its key, as often as that is",
  QUICKLY,
  async () => {
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const told: string[] = [];
    let starts = 0;
    const failing = supervised(ENDS, (line) => {
      if (line.includes("pid")) starts += 1;
    });
    const living = supervised(LIVES, () => {});
    const tell = (line: string) => {
      told.push(line);
      expect(starts).toBe(told.length * TOO_MANY);
      // As the terminal does: only once it waits for the key.
      if (told.length <= 2) setImmediate(() => failing.toggle());
      else stop.abort();
    };
    await operateAll([living, failing], { signal: stop.signal, hasKeys: true, tell });
    const line = expect.stringMatching(/^it ended 6 times .* Press 2 to start it again\.$/);
    expect(told).toEqual([line, line, line]);
  },
);

test("the operators end when the last of them is given up", QUICKLY, async () => {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const { signal } = stop;
  const told: string[] = [];
  const all = [supervised(ENDS, () => {}), supervised(ENDS, () => {})];
  const ended = operateAll(all, { signal, hasKeys: false, tell: (line) => told.push(line) });
  await expect(ended).rejects.toMatchObject({ code: "OperatorFailed" });
  expect(told).toEqual([expect.not.stringContaining("Press")]);
});

test("an operator is started without the database, chain and password of the shell", async () => {
  const names = [DATABASE_VARIABLE, RPC_VARIABLE, PASSWORD_VARIABLE];
  for (const name of names) vi.stubEnv(name, "somebody's");
  onTestFinished(() => void vi.unstubAllEnvs());
  const stop = new AbortController();
  const lines: string[] = [];
  const printed = names.map((name) => `$${name}`).join(",");
  const one = supervised(`echo "has ${printed}." >&2; exit 3`, (line) => {
    lines.push(line);
    if (line.includes("has ")) stop.abort();
  });
  await one.run(stop.signal);
  expect(lines.at(-1)).toContain("has ,,.");
});
