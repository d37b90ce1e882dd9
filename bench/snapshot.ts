/**
 * What a snapshot costs an operator that is taking orders: the longest pause of its event loop and
 * the slowest answer, without a snapshot, with one encoded on the operator's own thread, and with
 * one made by a thread of its own. `node --v8-pool-size=1 bench/snapshot.ts [records] [runs]`, with
 * V8's helpers as operators have them; the records of the last three rounds are the state, so 300,000
 * of them are 300,000 orders.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../src/base/log.ts";
import { stateHash } from "../src/exchange/snapshots/stateHash.ts";
import type { Journal } from "../src/journal/journal.ts";
import { openSqliteJournal } from "../src/journal/sqlite/journal.ts";
import { History } from "../src/operator/replay/history.ts";
import { encodeSaved } from "../src/operator/replay/savedState.ts";
import { SNAPSHOT_RECORDS, Snapshotter } from "../src/operator/replay/snapshotter.ts";
import { Sequencer } from "../src/operator/sequencing/sequencer.ts";
import { appendUntil, BenchExchange } from "./history.ts";
import { median, RUNS } from "./measure.ts";

const records = Number(process.argv[2] ?? 290_000);
const runs = Number(process.argv[3] ?? RUNS);
/** Far below what the operator can take, so that an answer waits for a pause and not in a queue. */
const ORDERS_AT_ONCE = 2;
const PAUSE_MS = 10;
const IDLE_MS = 5000;

async function saveInline(journal: Journal, exchange: BenchExchange): Promise<number> {
  const { sequence } = journal.head;
  const bytes = encodeSaved(exchange.state, new History());
  await journal.saveSnapshot(sequence, bytes, stateHash(exchange.state));
  return bytes.length;
}

/** Lets orders flow until `work` is done; prints what they and the event loop went through. */
async function measure(name: string, sequencer: Sequencer, exchange: BenchExchange, work: Work) {
  const loop = monitorEventLoopDelay({ resolution: 1 });
  await flow(sequencer, exchange, sleep(1000));
  loop.enable();
  const began = performance.now();
  // Not at once: what happens before the loop turns is not seen as its delay.
  const slowest = await flow(sequencer, exchange, sleep(PAUSE_MS * 10).then(work));
  loop.disable();
  const shown = [
    name.padEnd(28),
    `${(loop.max / 1e6).toFixed(1)} ms`.padStart(14),
    `${(loop.percentile(99) / 1e6).toFixed(1)} ms`.padStart(14),
    `${slowest.toFixed(0)} ms`.padStart(14),
    `${((performance.now() - began) / 1000).toFixed(1)} s`.padStart(14),
  ];
  console.log(shown.join(""));
  return loop.max;
}

type Work = () => Promise<unknown>;

/** Milliseconds of the slowest answer. */
async function flow(sequencer: Sequencer, exchange: BenchExchange, work: Promise<unknown>) {
  let done = false;
  const settled = work.finally(() => {
    done = true;
  });
  let slowest = 0;
  const answers: Promise<void>[] = [];
  let due = performance.now();
  while (!done) {
    // From when it was due: orders that a pause kept from being asked have waited too.
    const asked = due;
    due += PAUSE_MS;
    for (let i = 0; i < ORDERS_AT_ONCE; i++) {
      const answer = sequencer.submit(exchange.order()).then(() => {
        slowest = Math.max(slowest, performance.now() - asked);
      });
      answers.push(answer);
    }
    await sleep(Math.max(0, due - performance.now()));
  }
  await settled;
  await Promise.all(answers);
  return slowest;
}

const COLUMNS = ["longest", "99 % below", "slowest answer", "took"].map((name) =>
  name.padStart(14),
);
const SIDES = ["no snapshot", "on the operator's thread", "by a thread of its own"] as const;

const quiet = () => {};
const fail = (error: Error) => {
  throw error;
};

/** The longest pauses of the three, in nanoseconds, and the bytes of the snapshot. */
async function run(storage: string): Promise<{ pauses: number[]; bytes: number }> {
  const journal = await openSqliteJournal(storage);
  try {
    const exchange = new BenchExchange();
    const entries = exchange.entries();
    await appendUntil(journal, entries, records - SNAPSHOT_RECORDS);
    const bytes = await saveInline(journal, exchange);
    const last = journal.head.sequence;
    await appendUntil(journal, entries, records);
    const { state } = exchange;
    const history = new History();
    const options = { journal, state, history, onApplied: quiet, onFailure: fail };
    const sequencer = new Sequencer(options);
    const log: Log = {
      info: quiet,
      warn: console.warn,
      error: console.error,
      flush: async () => {},
    };
    const source = { kind: "sqlite", folder: storage } as const;
    const snapshotter = new Snapshotter({ journal, source, last, log });
    const works: readonly Work[] = [
      () => sleep(IDLE_MS),
      () => saveInline(journal, exchange),
      () => {
        snapshotter.offer();
        return snapshotter.idle();
      },
    ];
    const pauses: number[] = [];
    for (const [i, work] of works.entries()) {
      pauses.push(await measure(SIDES[i] as string, sequencer, exchange, work));
    }
    await sequencer.drain();
    return { pauses, bytes };
  } finally {
    await journal.close();
  }
}

console.log(`${"".padEnd(28)}${COLUMNS.join("")}`);
const found: { pauses: number[]; bytes: number }[] = [];
while (found.length < runs) {
  // In the working directory, since the system's temporary one is often in memory.
  const storage = mkdtempSync("bench-snapshot-");
  try {
    found.push(await run(storage));
  } finally {
    rmSync(storage, { recursive: true });
  }
}
const [idle = 0, ...others] = SIDES.map((_, side) =>
  median(found.map(({ pauses }) => pauses[side] as number)),
);
const texts = others.map(
  (pause) => `${(pause / 1e6).toFixed(1)} ms (${(pause / idle).toFixed(1)})`,
);
console.log(`${records} records, a snapshot of ${((found[0]?.bytes ?? 0) / 1e6).toFixed(0)} MB`);
console.log(
  `longest pause, medians of ${runs}: ${(idle / 1e6).toFixed(1)} ms, ${texts.join(", ")}`,
);
