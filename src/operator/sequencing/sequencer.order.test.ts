/** What a client sends without a wait in between is decided as if it had waited. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { apply, begin } from "../../exchange/apply.ts";
import type { Entry } from "../../exchange/model/entries.ts";
import type { Outcome } from "../../exchange/model/outcome.ts";
import type { State } from "../../exchange/model/state.ts";
import { ALICE, BOB, limitOrder, SIGNATURE } from "../../exchange/world.testkit.ts";
import type { Journal } from "../../journal/journal.ts";
import { openSqliteJournal } from "../../journal/sqlite/journal.ts";
import { History } from "../replay/history.ts";
import { storedJournal, tradingEntries } from "../replay/journals.testkit.ts";
import { replay } from "../replay/replay.ts";
import { MAX_WAITING, Sequencer } from "./sequencer.ts";

const ROUND = 2;
const IDS = [5001, 5002, 5003];

function together(sequencer: Sequencer, entries: readonly Entry[]) {
  return new Promise<readonly Outcome[]>((resolve, reject) => {
    sequencer.submitAll(entries, { resolve, reject });
  });
}

async function writer() {
  const folder = await storedJournal(tradingEntries());
  const journal = await openSqliteJournal(folder);
  const { state, history } = await replay(journal, () => {});
  return { ...sequencerOver(journal, state, history), journal, state, folder };
}

function sequencerOver(journal: Journal, state: State, history = new History()) {
  const failures: Error[] = [];
  const sequencer = new Sequencer({
    journal,
    state,
    history,
    wallClock: () => 0,
    onApplied: () => {},
    onFailure: (error) => void failures.push(error),
  });
  return { sequencer, failures };
}

function tradingState(): State {
  const [first, ...others] = tradingEntries();
  const state = begin(first as Entry);
  for (const entry of others) apply(state, entry);
  return state;
}

/** Keeps nothing: what is asked here is what the sequencer decides. */
function forgetfulJournal(): Journal {
  let last = 0;
  const journal: Pick<Journal, "append" | "refresh"> = {
    append: async (records) => {
      const first = last + 1;
      last += records.length;
      return { first, last };
    },
    refresh: async () => ({ sequence: last, hash: "0x" }),
  };
  return journal as Journal;
}

type Act = readonly ["place" | "cancel" | "replace" | "cancelAll", number, number];

function entryOf([act, first, second]: Act, at: number): Entry {
  const id = IDS[first] as number;
  const order = limitOrder(ALICE, ROUND, id, "ask", 1, 90 + 5 * second);
  const cancel = { owner: ALICE, round: ROUND, id: BigInt(id) };
  switch (act) {
    case "place":
      return { kind: "placeOrder", order, signature: SIGNATURE };
    case "cancel":
      return { kind: "cancelOrder", ...cancel, signature: SIGNATURE };
    case "replace": {
      const next = { ...order, id: BigInt(IDS[second] as number) };
      const signatures = { cancelSignature: SIGNATURE, signature: SIGNATURE };
      return { kind: "replaceOrder", cancel, order: next, ...signatures };
    }
    case "cancelAll":
      return {
        kind: "cancelAll",
        owner: ALICE,
        round: ROUND,
        nonce: BigInt(100 + at - second),
        signature: SIGNATURE,
      };
  }
}

const told = ({ refusal, events }: Outcome) => [refusal, events.map(({ what }) => what)];

test("writes that one client sends at once have the outcomes of the same, one by one", async () => {
  const act = fc.tuple(
    fc.constantFrom("place" as const, "cancel" as const, "replace" as const, "cancelAll" as const),
    fc.nat({ max: IDS.length - 1 }),
    fc.nat({ max: IDS.length - 1 }),
  );
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 2, maxLength: 12 }), async (acts) => {
      const entries = acts.map(entryOf);
      const { sequencer } = sequencerOver(forgetfulJournal(), tradingState());
      const atOnce = await Promise.all(entries.map((entry) => sequencer.submit(entry)));
      const alone = tradingState();
      const oneByOne = entries.map((entry) => apply(alone, { ...entry, timeMs: 0 }));
      expect(atOnce.map(told)).toEqual(oneByOne.map(told));
      for (const { refusal } of oneByOne) seen.add(refusal?.code ?? "taken");
    }),
    { numRuns: 200 },
  );
  expect([...seen]).toEqual(expect.arrayContaining(["taken", "UnknownOrder", "DuplicateOrderId"]));
});

test("a cancellation right after its order takes it out, and the journal tells the same", async () => {
  const { journal, sequencer, state, folder } = await writer();
  const acts: Act[] = [
    ["cancel", 0, 0],
    ["place", 0, 0],
    ["cancel", 0, 0],
    ["cancel", 1, 1],
  ];
  const outcomes = await together(sequencer, acts.map(entryOf));
  const codes = outcomes.map(({ refusal }) => refusal?.code);
  expect(codes).toEqual(["UnknownOrder", undefined, undefined, "UnknownOrder"]);
  await journal.close();
  const again = await openSqliteJournal(folder);
  const { state: replayed } = await replay(again, () => {});
  const of = (one: typeof state) => one.clients.get(ALICE)?.rounds.get(ROUND)?.orders;
  expect(of(replayed)?.get(5001n)?.state).toBe("cancelled");
  expect(of(replayed)?.size).toBe(of(state)?.size);
  await again.close();
});

test("above its bound a sequencer refuses what clients send, whole, and takes the chain's", async () => {
  const { journal, sequencer, failures } = await writer();
  const place = (owner: typeof ALICE, at: number): Entry => {
    const order = limitOrder(owner, ROUND, 10_000 + at, "ask", 1, 95);
    return { kind: "placeOrder", order, signature: SIGNATURE };
  };
  const first = Array.from({ length: MAX_WAITING - 1 }, (_, at) =>
    sequencer.submit(place(BOB, at)),
  );
  const pair = together(sequencer, [place(ALICE, 1), place(ALICE, 2)]);
  const single = sequencer.submit(place(ALICE, 3));
  const tooMany = sequencer.submit(place(ALICE, 4));
  const inside = sequencer.submit({ kind: "keepAlive", clients: [ALICE] });
  const overloaded = { refusal: { code: "Overloaded" } };
  expect(await pair).toMatchObject([overloaded, overloaded]);
  expect(await tooMany).toMatchObject(overloaded);
  expect((await single).refusal).toBeUndefined();
  expect((await inside).refusal).toBeUndefined();
  const codes = (await Promise.all(first)).map(({ refusal }) => refusal?.code);
  expect(codes).not.toContain("Overloaded");
  expect(failures).toEqual([]);
  await journal.close();
});
