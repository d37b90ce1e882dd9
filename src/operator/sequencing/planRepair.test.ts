/** What may be dropped of a journal that no start can read, and what may not. */
import { expect, onTestFinished, test } from "vitest";
import type { BlocksEntry, Entry } from "../../exchange/model/entries.ts";
import { encodeEntry } from "../../exchange/model/entries.ts";
import {
  ALICE,
  BASE,
  hashOfBlock,
  limitOrder,
  SIGNATURE,
  tradingWorld,
  type World,
} from "../../exchange/world.testkit.ts";
import type { JournalReader } from "../../journal/journal.ts";
import { openSqliteJournal } from "../../journal/sqlite/journal.ts";
import { openSqliteReader } from "../../journal/sqlite/reader.ts";
import { storedJournal } from "../replay/journals.testkit.ts";
import { planRepair } from "./planRepair.ts";

/** Blocks with the same deposit twice, as an endpoint that doubles logs gave them. */
function doubled(world: World): BlocksEntry {
  const number = world.block + 1;
  const hash = hashOfBlock(number);
  const place = { block: number, blockHash: hash, logIndex: 0, transactionHash: hash };
  const round = world.nextRound();
  const what = { kind: "deposited", client: ALICE, token: BASE, amount: 1n, round } as const;
  const log = { ...what, ...place };
  return { kind: "blocks", to: { number, hash }, logs: [log, log] };
}

const order: Entry = {
  kind: "placeOrder",
  order: limitOrder(ALICE, 0, 77, "ask", 1, 50),
  signature: SIGNATURE,
};

/** A journal of `entries`, with `flushes` after them as a former release wrote them. */
async function journalWith(
  entries: readonly Entry[],
  ...flushes: (readonly Entry[])[]
): Promise<JournalReader> {
  const folder = await storedJournal(entries);
  for (const flush of flushes) {
    const journal = await openSqliteJournal(folder);
    await journal.append(flush.map(encodeEntry));
    await journal.close();
  }
  const reader = await openSqliteReader(folder);
  onTestFinished(() => reader.close());
  return reader;
}

test("a repair drops blocks that cannot be applied, with the rest of their flush", async () => {
  const world = tradingWorld();
  world.place(limitOrder(ALICE, 0, 1, "ask", 1, 50));
  const journal = await journalWith(world.entries, [doubled(world), order]);
  const plan = await planRepair(journal);
  expect(plan).toMatchObject({ from: 4, blocks: 1, unanswered: 1, head: { sequence: 5 } });
  expect(plan.because).toMatch(/Record 4 .* is whole and cannot be replayed: log 0 of block 101/);
});

test("nothing where a writer went on behind them", async () => {
  const world = tradingWorld();
  const journal = await journalWith(world.entries, [doubled(world)], [order]);
  await expect(planRepair(journal)).rejects.toMatchObject({
    code: "RepairRefused",
    message: expect.stringMatching(/^Record 4 was written after record 3 was applied/),
  });
});

test("nothing where it is no blocks that cannot be applied, or of a form unknown", async () => {
  const world = tradingWorld();
  const bare = await journalWith(world.entries);
  await expect(planRepair(bare)).rejects.toThrow("every record can be applied. To drop blocks");
  const genesis = await journalWith(world.entries, [world.entries[0] as Entry]);
  await expect(planRepair(genesis)).rejects.toThrow(/^Record 3 is no blocks of the chain/);
});

test("a repair from a named record drops readable blocks, and nothing else", async () => {
  const world = tradingWorld();
  world.place(limitOrder(ALICE, 0, 1, "ask", 1, 50));
  world.mine(3);
  world.mine(2);
  const journal = await journalWith(world.entries);
  expect(await planRepair(journal, 4)).toMatchObject({ from: 4, blocks: 2, unanswered: 0 });
  await expect(planRepair(journal, 3)).rejects.toThrow(/Record 3 must stay: it is an order/);
  for (const from of [1, 6, 99]) {
    await expect(planRepair(journal, from)).rejects.toThrow("Name 2 to 5.");
  }
});

test("no blocks in which orders were executed, whose fills clients may hold", async () => {
  const world = tradingWorld();
  world.place(limitOrder(ALICE, 1, 1, "ask", 1, 50));
  world.place({
    ...limitOrder(ALICE, 1, 2, "bid", 1, 50),
    owner: world.state.clientList[1]?.address as never,
  });
  world.toQuarter(1, 0);
  const journal = await journalWith(world.entries);
  const { sequence } = journal.head;
  await expect(planRepair(journal, sequence)).rejects.toThrow(/orders were executed in it/);
});
