/** Shared journals on a PostgreSQL of the test's, closed when the test ends. */
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import type { LeasedJournal, SharedJournal } from "../../../src/journal/journal.ts";
import {
  openPostgresJournal,
  type PostgresOptions,
} from "../../../src/journal/postgres/journal.ts";

const TRIES = 200;
const PAUSE_MS = 20;

/** As the operator with that name sees it. */
export async function openShared(
  server: { readonly url: string },
  schema: string,
  operator: string,
  more: Partial<PostgresOptions> = {},
): Promise<SharedJournal> {
  const operatorUrl = `http://${operator}`;
  const journal = await openPostgresJournal({
    url: server.url,
    schema,
    operator,
    operatorUrl,
    ...more,
  });
  onTestFinished(() => journal.close());
  return journal;
}

/** Makes it the writer as soon as nobody else is. */
export async function acquire(journal: SharedJournal): Promise<LeasedJournal> {
  for (let tries = 0; tries < TRIES; tries++) {
    const leased = await journal.acquire();
    if (leased !== undefined) return leased;
    await sleep(PAUSE_MS);
  }
  throw new Error("the journal stays held");
}
