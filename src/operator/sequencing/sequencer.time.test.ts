/** When records say that they were written, and what shares a flush. */
import { expect, test } from "vitest";
import { decodeEntry, type Entry } from "../../exchange/model/entries.ts";
import type { Outcome } from "../../exchange/model/outcome.ts";
import { ALICE, BOB, limitOrder, SIGNATURE } from "../../exchange/world.testkit.ts";
import { openSqliteJournal } from "../../journal/sqlite/journal.ts";
import { storedJournal, tradingEntries } from "../replay/journals.testkit.ts";
import { replay } from "../replay/replay.ts";
import { GATHER_ENTRIES, MAX_BATCH, Sequencer } from "./sequencer.ts";

function together(sequencer: Sequencer, entries: readonly Entry[]) {
  return new Promise<readonly Outcome[]>((resolve, reject) => {
    sequencer.submitAll(entries, { resolve, reject });
  });
}

async function writer(
  folder: string,
  wallClock: () => number,
  othersComing: (settled: () => void) => boolean = () => false,
) {
  const journal = await openSqliteJournal(folder);
  const { state, history } = await replay(journal, () => {});
  const flushes: number[] = [];
  const counted = new Proxy(journal, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target) as unknown;
      if (name === "append") {
        return (records: readonly Uint8Array[]) => {
          flushes.push(records.length);
          return journal.append(records);
        };
      }
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const sequencer = new Sequencer({
    journal: counted,
    state,
    history,
    wallClock,
    othersComing,
    onApplied: () => {},
    onFailure: (error) => {
      throw error;
    },
  });
  return { journal, sequencer, state, flushes };
}

async function timesOf(folder: string): Promise<(number | undefined)[]> {
  const journal = await openSqliteJournal(folder);
  const times: (number | undefined)[] = [];
  for await (const records of journal.read(1)) {
    for (const { payload } of records) times.push(decodeEntry(payload).timeMs);
  }
  await journal.close();
  return times;
}

let id = 1000;
const place = (owner = ALICE): Entry => ({
  kind: "placeOrder",
  order: limitOrder(owner, 2, ++id, "ask", 1, 50),
  signature: SIGNATURE,
});

test("no record is of an earlier time than the one before, whoever takes over", async () => {
  const entries = tradingEntries();
  const folder = await storedJournal(entries);
  const last = entries.at(-1)?.timeMs ?? 0;
  let now = last + 5_000;
  const first = await writer(folder, () => now);
  for (const change of [0, 700, -30_000]) {
    now += change;
    await first.sequencer.submit(place());
  }
  await first.journal.close();
  // Its successor's clock is an hour behind.
  const second = await writer(folder, () => last - 3_600_000);
  await second.sequencer.submit(place(BOB));
  expect(second.state.timeMs).toBe(last + 5_700);
  await second.journal.close();
  expect((await timesOf(folder)).slice(entries.length)).toEqual([
    last + 5_000,
    last + 5_700,
    last + 5_700,
    last + 5_700,
  ]);
});

test("several entries share a flush, and none is cut off from its group", async () => {
  const folder = await storedJournal(tradingEntries());
  const { sequencer, flushes, journal } = await writer(folder, () => 0);
  const singles = Array.from({ length: MAX_BATCH - 10 }, () => sequencer.submit(place(BOB)));
  const group = together(
    sequencer,
    Array.from({ length: 12 }, () => place()),
  );
  await Promise.all([...singles, group]);
  const outcomes = await group;
  expect(outcomes.filter(({ refusal }) => refusal === undefined)).toHaveLength(12);
  // The flush has room for ten of the group, and takes none of it.
  expect(flushes).toEqual([MAX_BATCH - 10, 12]);
  await journal.close();
});

test("a flush waits for writes that are on their way, and no longer than for them", async () => {
  const folder = await storedJournal(tradingEntries());
  let settled = () => {};
  const { sequencer, flushes, journal } = await writer(
    folder,
    () => 0,
    (next) => {
      settled = next;
      return true;
    },
  );
  const first = sequencer.submit(place());
  // A sequencer that does not wait has begun its flush by then.
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  const second = sequencer.submit(place(BOB));
  settled();
  await Promise.all([first, second]);
  expect(flushes).toEqual([2]);
  await journal.close();
});

test("writes that never arrive hold up no flush for long", async () => {
  const folder = await storedJournal(tradingEntries());
  const { sequencer, flushes, journal } = await writer(
    folder,
    () => 0,
    () => true,
  );
  expect((await sequencer.submit(place())).refusal).toBeUndefined();
  const enough = Array.from({ length: GATHER_ENTRIES }, () => place());
  const alone = sequencer.submit(place(BOB));
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  await Promise.all([alone, together(sequencer, enough)]);
  expect(flushes).toEqual([1, GATHER_ENTRIES + 1]);
  await journal.close();
});
