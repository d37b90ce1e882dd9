import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { crashPayload } from "./child.testkit.ts";
import { openSqliteJournal } from "./journal.ts";
import { readAll, startChild, temporaryDirectory, textOf } from "./storage.testkit.ts";

/** More of them with QUARTERDECK_CRASHES=500. */
const CRASHES = Number(process.env.QUARTERDECK_CRASHES ?? 30);
/** Of so many runs one kill may fall into the opening, and one before any work is done. */
const KINDS_OF_RUNS = 6;
const LONGEST_START_MS = 150;
const LONGEST_RUN_MS = 60;

/** Lets a child append until it is killed; returns what it had acknowledged by then. */
async function runUntilKilled(directory: string, run: number): Promise<Map<number, string>> {
  const child = startChild(["append", directory, `${run}`]);
  if (run % KINDS_OF_RUNS === 0) {
    await sleep(Math.random() * LONGEST_START_MS);
  } else {
    await child.nextLine();
    // The others are killed once something is acknowledged, however long that takes here.
    if (run % KINDS_OF_RUNS !== 1 && child.lines.length === 1) await child.nextLine();
    await sleep(Math.random() * LONGEST_RUN_MS);
  }
  child.process.kill("SIGKILL");
  await child.ended;

  const acknowledged = new Map<number, string>();
  for (const line of child.lines) {
    const [first = "", name = ""] = line.split(" ");
    if (first !== "epoch") acknowledged.set(Number(first), name);
  }
  return acknowledged;
}

test("every acknowledged record is there, in order, once, after SIGKILL at any moment", {
  timeout: 20_000 + CRASHES * 2000,
}, async () => {
  const directory = temporaryDirectory();
  const acknowledged = new Map<number, string>();
  let epoch = 0;
  let crashesWithWork = 0;

  for (let run = 1; run <= CRASHES; run++) {
    const known = acknowledged.size;
    for (const [sequence, name] of await runUntilKilled(directory, run)) {
      expect(acknowledged.get(sequence), `sequence ${sequence} given twice`).toBeUndefined();
      acknowledged.set(sequence, name);
    }
    if (acknowledged.size > known) crashesWithWork += 1;

    const journal = await openSqliteJournal(directory);
    expect(journal.epoch).toBeGreaterThan(epoch);
    epoch = journal.epoch;
    const { head } = run === CRASHES ? await journal.verify() : journal;
    const names = await checkedNames(journal);
    expect(names).toHaveLength(head.sequence);
    for (const [sequence, name] of acknowledged) expect(names[sequence - 1]).toBe(name);
    await journal.close();
  }
  // Else the kills came too early to prove anything.
  expect(crashesWithWork).toBeGreaterThan(CRASHES / 2);
});

/**
 * The names of all records in order, each checked to be whole, unique and in its caller's order.
 */
async function checkedNames(journal: Parameters<typeof readAll>[0]): Promise<string[]> {
  const lastOfCaller = new Map<string, [number, number]>();
  const names: string[] = [];
  for (const { payload } of await readAll(journal)) {
    const name = textOf(payload).split(" ", 1)[0] ?? "";
    if (!Buffer.from(crashPayload(name)).equals(payload)) throw new Error(`${name} is altered`);

    const [run, caller, n, k] = name.split(".").map(Number) as [number, number, number, number];
    const [lastN, lastK] = lastOfCaller.get(`${run}.${caller}`) ?? [0, 0];
    const follows = (n === lastN && k === lastK + 1) || (n === lastN + 1 && k === 0);
    // The last call of a caller may be there without having been acknowledged, but whole.
    if (!follows) throw new Error(`${name} follows ${run}.${caller}.${lastN}.${lastK}`);
    lastOfCaller.set(`${run}.${caller}`, [n, k]);
    names.push(name);
  }
  for (const [caller, [n, k]] of lastOfCaller) {
    if (k !== n % 4) throw new Error(`call ${n} of ${caller} was torn after ${k + 1} records`);
  }
  return names;
}
