/** What a sequencer answers once another operator writes the journal, on a real PostgreSQL. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startPostgres, type TestPostgres } from "../../../test/support/database/postgres.ts";
import { acquire, openShared } from "../../../test/support/database/sharedJournal.ts";
import { begin } from "../../exchange/apply.ts";
import { ALICE, GENESIS, SIGNATURE } from "../../exchange/world.testkit.ts";
import { FencedOff } from "../../journal/errors.ts";
import { History } from "../replay/history.ts";
import { Sequencer } from "./sequencer.ts";

const LEASE_MS = 100;

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.remove());

const open = (schema: string, operator: string) =>
  openShared(server, schema, operator, { leaseMs: LEASE_MS });

/** Of an order that this one does not know; whoever leads may. */
const CANCEL = {
  kind: "cancelOrder",
  owner: ALICE,
  round: 0,
  id: 1n,
  signature: SIGNATURE,
} as const;

test("a writer that was overtaken refuses nothing: the others may have taken it", async () => {
  const schema = server.schema();
  const sleeper = await acquire(await open(schema, "ada"));
  const failures: Error[] = [];
  const sequencer = new Sequencer({
    journal: sleeper,
    state: begin(GENESIS),
    history: new History(),
    onApplied: () => {},
    onFailure: (error) => failures.push(error),
  });
  expect(await sequencer.submit(CANCEL)).toMatchObject({ refusal: { code: "UnknownOrder" } });

  await acquire(await open(schema, "bob"));
  await expect(sequencer.submit(CANCEL)).rejects.toThrow(FencedOff);
  expect(failures).toHaveLength(1);
});

test("a caller that comes just when a batch is done is not left waiting", async () => {
  const journal = await acquire(await open(server.schema(), "ada"));
  const sequencer = new Sequencer({
    journal,
    state: begin(GENESIS),
    history: new History(),
    onApplied: () => {},
    onFailure: () => {},
  });
  const later = async (turns: number) => {
    await sequencer.submit(CANCEL);
    for (let turn = 0; turn < turns; turn++) await undefined;
    // Not awaited here: whether it is answered at all is the question.
    return { outcome: sequencer.submit(CANCEL) };
  };
  for (let turns = 0; turns < 8; turns++) {
    const { outcome } = await later(turns);
    const never = sleep(60_000, `none, ${turns} turns later`, { ref: false });
    const answer = await Promise.race([outcome, never]);
    expect(answer).toMatchObject({ refusal: { code: "UnknownOrder" } });
    await sequencer.drain();
    await sleep(1);
  }
});
