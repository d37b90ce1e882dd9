/** Attestations that operators leave for each other, on a real PostgreSQL. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runSql, startPostgres, type TestPostgres } from "../../../test/support/postgres.ts";
import { openShared } from "../../../test/support/sharedJournal.ts";
import { StorageFailure } from "../errors.ts";
import { type Attestation, KEPT_ATTESTED_ROUNDS } from "../journal.ts";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.remove());

const open = (schema: string, operator: string) => openShared(server, schema, operator);

function attestation(operator: string, round = 3, roots = "01", signature = "02"): Attestation {
  return {
    ...{ round, operator },
    rootsHash: `0x${roots.repeat(32)}`,
    signature: `0x${signature.repeat(64)}`,
  };
}

/** Runs SQL behind the journal's back. */
async function vandalise(schema: string, sql: string): Promise<void> {
  await runSql(server.url, `SET search_path TO ${schema}`, sql);
}

describe("attestations in a shared journal", () => {
  test("are read by all, whoever writes the journal", async () => {
    const schema = server.schema();
    const [ada, bob] = [await open(schema, "ada"), await open(schema, "bob")];
    await ada.acquire();
    expect(await bob.attestationsOf(3)).toEqual([]);
    await Promise.all([
      ada.publish(attestation("ada")),
      bob.publish(attestation("bob")),
      bob.publish(attestation("bob", 3, "0f")),
      bob.publish(attestation("bob", 4)),
    ]);
    const wanted = [attestation("ada"), attestation("bob"), attestation("bob", 3, "0f")];
    expect(await ada.attestationsOf(3)).toEqual(wanted);
    expect(await bob.attestationsOf(3)).toEqual(wanted);
  });

  test("replace a wrong one under the same name, and are there once however often", async () => {
    const schema = server.schema();
    const [ada, bob] = [await open(schema, "ada"), await open(schema, "bob")];
    await bob.publish(attestation("ada", 3, "01", "ff"));
    for (let i = 0; i < 3; i++) await ada.publish(attestation("ada"));
    expect(await bob.attestationsOf(3)).toEqual([attestation("ada")]);
  });

  test("of old rounds are dropped", async () => {
    const ada = await open(server.schema(), "ada");
    await ada.publish(attestation("ada", 1));
    await ada.publish(attestation("ada", 2));
    await ada.publish(attestation("ada", 2 + KEPT_ATTESTED_ROUNDS));
    expect(await ada.attestationsOf(1)).toEqual([]);
    expect(await ada.attestationsOf(2)).toHaveLength(1);
  });

  test("get their table in a database of a release without them", async () => {
    const schema = server.schema();
    await open(schema, "ada");
    await vandalise(schema, "DROP TABLE attestation");
    const bob = await open(schema, "bob");
    await bob.publish(attestation("bob"));
    expect(await bob.attestationsOf(3)).toHaveLength(1);
  });

  test("say so when the table cannot be used", async () => {
    const schema = server.schema();
    const ada = await open(schema, "ada");
    await vandalise(schema, "DROP TABLE attestation");
    await expect(ada.publish(attestation("ada"))).rejects.toThrow(StorageFailure);
    await expect(ada.attestationsOf(3)).rejects.toThrow(/cannot be read/);
  });
});
