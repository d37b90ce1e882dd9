/** Attestations that operators leave for each other, on a real PostgreSQL. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  runSql,
  startPostgres,
  type TestPostgres,
} from "../../../test/support/database/postgres.ts";
import { openShared } from "../../../test/support/database/sharedJournal.ts";
import { StorageFailure } from "../errors.ts";
import type { Attestation } from "../journal.ts";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.remove());

const open = (schema: string, operator: string) => openShared(server, schema, operator);

function attestation(operator: string, round = 3, roots = "01", signature = "02"): Attestation {
  return {
    round,
    operator,
    rootsHash: `0x${roots.repeat(32)}`,
    signature: `0x${signature.repeat(64)}`,
  };
}

/** Runs SQL behind the journal's back. */
async function vandalise(schema: string, sql: string): Promise<void> {
  await runSql(server.url, `SET search_path TO ${schema}`, sql);
}

describe("attestations in a shared journal", () => {
  test("attestations get their table in a database of a release without them", async () => {
    const schema = server.schema();
    await open(schema, "ada");
    await vandalise(schema, "DROP TABLE attestation");
    const bob = await open(schema, "bob");
    await bob.publish(attestation("bob"));
    expect(await bob.attestationsOf(3)).toHaveLength(1);
  });

  test("attestations say so when their table cannot be used", async () => {
    const schema = server.schema();
    const ada = await open(schema, "ada");
    await vandalise(schema, "DROP TABLE attestation");
    await expect(ada.publish(attestation("ada"))).rejects.toThrow(StorageFailure);
    await expect(ada.attestationsOf(3)).rejects.toThrow(/cannot be read/);
  });
});
