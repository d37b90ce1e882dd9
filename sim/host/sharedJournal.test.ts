/** The simulated shared journal keeps the promises that the PostgreSQL one is held to. */
import { describe, expect, test } from "vitest";
import { describeSharedJournal } from "../../test/support/database/sharedJournalContract.ts";
import { type DatabaseLink, SharedDatabase } from "./database.ts";
import { openSimulatedJournal } from "./sharedJournal.ts";

/** Of the real clock: a machine that stalls for less loses no lease. */
const LEASE_MS = 600;
const HOUR_MS = 3_600_000;

/** As near as a database can be. */
const link: DatabaseLink = {
  location: "simulated database",
  ask: async (_what, _kind, statement) => statement(),
};
const databases = new Map<string, SharedDatabase>();

function open(name: string, operator = "ada", { leaseMs = LEASE_MS } = {}) {
  const database = databases.get(name) ?? new SharedDatabase({ now: () => performance.now() });
  databases.set(name, database);
  const operatorUrl = `http://${operator}`;
  return openSimulatedJournal({ database, link, operator, operatorUrl, leaseMs });
}

describeSharedJournal({
  newJournal: () => `journal ${databases.size + 1} ${Math.random()}`,
  open,
  leaseMs: LEASE_MS,
});

describe("a simulated shared journal", () => {
  test("a shared journal loses its holder if the clock goes back; the dead seem dead", async () => {
    let now = 2 * HOUR_MS;
    const database = new SharedDatabase({ now: () => now });
    const as = (operator: string) =>
      openSimulatedJournal({
        database,
        link,
        operator,
        leaseMs: LEASE_MS,
        operatorUrl: `http://${operator}`,
      });
    const [ada, bob] = [await as("ada"), await as("bob")];
    expect(await ada.acquire()).toBeDefined();
    await ada.heartbeat(7);
    now -= HOUR_MS;
    expect((await bob.poll()).holder).toBeUndefined();
    expect((await bob.acquire())?.epoch).toBe(2);
    expect((await bob.heartbeat(7)).map(({ operator }) => operator)).toEqual(["bob"]);
  });
});
