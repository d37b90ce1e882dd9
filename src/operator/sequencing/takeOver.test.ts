/** Taking the lead while the database fails at the worst moment, on a real PostgreSQL. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startPostgres, type TestPostgres } from "../../../test/support/database/postgres.ts";
import { openShared } from "../../../test/support/database/sharedJournal.ts";
import type { Log } from "../../base/log.ts";
import { begin } from "../../exchange/apply.ts";
import { type BlocksEntry, encodeEntry } from "../../exchange/model/entries.ts";
import { GENESIS, hashOfBlock, SCHEDULE } from "../../exchange/world.testkit.ts";
import { StorageFailure } from "../../journal/errors.ts";
import type { LeasedJournal } from "../../journal/journal.ts";
import { History } from "../replay/history.ts";
import { initJournal } from "./initJournal.ts";
import { LeaderElection } from "./leaderElection.ts";
import { headAt, Replica } from "./replica.ts";

const log: Log = { info: () => {}, warn: () => {}, error: () => {}, flush: async () => {} };
/** Long enough for Ada to write within hers on a busy machine. */
const LEASE_MS = 1500;

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.remove());

const open = (schema: string, operator: string) =>
  openShared(server, schema, operator, { leaseMs: LEASE_MS });

function blockNo(index: number): BlocksEntry {
  const number = SCHEDULE.genesisBlock + index;
  return { kind: "blocks", to: { number, hash: hashOfBlock(number) }, logs: [] };
}

test("a record that cannot be read at a take-over is not taken for applied", async () => {
  const schema = server.schema();
  const [ada, bob] = [await open(schema, "ada"), await open(schema, "bob")];
  await initJournal(ada, GENESIS);
  const first = (await ada.acquire()) as LeasedJournal;
  await first.append([encodeEntry(blockNo(0))]);

  const state = begin(GENESIS);
  const head = await headAt(bob, 1);
  const replica = new Replica({ state, history: new History(), head, onApplied: () => {} });
  // Between Bob's look and his taking over Ada appends once more, and then the database fails him.
  const acquire = bob.acquire.bind(bob);
  let takeovers = 0;
  bob.acquire = async () => {
    const isFirst = takeovers++ === 0;
    if (isFirst) {
      await first.append([encodeEntry(blockNo(1))]);
      await first.close();
    }
    const leased = await acquire();
    if (isFirst && leased !== undefined) {
      leased.read = () => {
        throw new StorageFailure("DatabaseUnreachable", bob.location, "The connection is lost");
      };
    }
    return leased;
  };
  const poll = bob.poll.bind(bob);
  bob.poll = async () => ({ ...(await poll()), holder: undefined });
  const stopping = new AbortController();
  const role = new LeaderElection({
    journal: bob,
    operator: "bob",
    replica,
    log,
    leaseMs: LEASE_MS,
    retryTimeoutMs: 20_000,
    lead: async () => {},
    onHolder: () => {},
    successor: () => undefined,
    cannotLead: () => false,
    isApproved: () => true,
    progress: () => ({ head: 0, taken: undefined }),
    onSeen: () => {},
  });
  const ended = role.run(stopping.signal);
  await expect.poll(() => replica.head.sequence).toBe(3);
  stopping.abort();
  await ended;
  expect(state.head).toEqual(blockNo(1).to);
});
