/** A head that disagrees with whole records, and the cases in which it must stay as it is. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  runSql,
  startPostgres,
  type TestPostgres,
} from "../../../test/support/database/postgres.ts";
import { acquire, openShared } from "../../../test/support/database/sharedJournal.ts";
import { repairHead } from "./repairHead.ts";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.remove());

async function filled(records = 3) {
  const schema = server.schema();
  const journal = await openShared(server, schema, "ada");
  const writer = await acquire(journal);
  for (let i = 0; i < records; i++) await writer.append([Uint8Array.of(i)]);
  await writer.close();
  return { schema, journal, head: writer.head };
}

const repair = (schema: string, apply: boolean) => repairHead({ url: server.url, schema, apply });

describe("a head that disagrees with whole records", () => {
  test.each([
    [
      "of the text of its own hash",
      "UPDATE head SET hash = convert_to('\\x' || encode(hash, 'hex'), 'UTF8')",
    ],
    ["of another record", `UPDATE head SET hash = '\\x${"ab".repeat(32)}'`],
    [
      "that stayed behind",
      "UPDATE head SET sequence = 1, hash = (SELECT hash FROM record WHERE sequence = 1)",
    ],
    ["that is gone", "DELETE FROM head"],
    ["of a negative sequence", "UPDATE head SET sequence = -1"],
  ])("a head %s is set from the last record", async (_what, sql) => {
    const { schema, journal, head } = await filled();
    await runSql(server.url, `SET search_path TO ${schema}`, sql);
    await expect(journal.verify()).rejects.toMatchObject({ code: "JournalDamaged" });
    await expect(journal.verify()).rejects.toThrow("journal repair-head");

    expect(await repair(schema, false)).toMatchObject({ wanted: head, isRepaired: false });
    await expect(journal.verify()).rejects.toMatchObject({ code: "JournalDamaged" });

    expect(await repair(schema, true)).toMatchObject({ wanted: head, isRepaired: true });
    expect(await journal.verify()).toMatchObject({ head });
    const writer = await acquire(journal);
    expect(await writer.append([Uint8Array.of(9)])).toEqual({ first: 4, last: 4 });
  });

  test("a repair of the head fences a writer that slept meanwhile", async () => {
    const schema = server.schema();
    const journal = await openShared(server, schema, "ada", { leaseMs: 50 });
    const sleeper = await acquire(journal);
    await sleeper.append([Uint8Array.of(1)]);
    await runSql(
      server.url,
      `UPDATE ${schema}.head SET hash = '\\x00', expires_at = now() - interval '1 second'`,
    );
    await repair(schema, true);
    await expect(sleeper.append([Uint8Array.of(2)])).rejects.toMatchObject({ code: "FencedOff" });
  });

  test("a head that agrees is left as it is, and nothing else is touched", async () => {
    const { schema, journal, head } = await filled();
    expect(await repair(schema, true)).toMatchObject({ found: head, isRepaired: false });
    expect((await journal.verify()).epoch).toBe(1);
  });
});

describe("a head is not set", () => {
  test.each([
    [
      "a record is altered",
      "UPDATE record SET payload = '\\x07' WHERE sequence = 2",
      "recordAltered",
    ],
    ["a record is missing", "DELETE FROM record WHERE sequence = 2", "recordMissing"],
    ["the last record is missing", "DELETE FROM record WHERE sequence = 3", "tailMissing"],
    ["all of them are missing", "DELETE FROM record", "tailMissing"],
  ])("a head is not set where %s", async (_what, sql, damage) => {
    const { schema, journal, head } = await filled();
    await runSql(server.url, `SET search_path TO ${schema}`, sql);
    await expect(repair(schema, true)).rejects.toMatchObject({ damage });
    // The head still names what is missing.
    expect(await journal.poll()).toMatchObject({ head });
  });

  test("a head is not set while an operator leads", async () => {
    const schema = server.schema();
    const journal = await openShared(server, schema, "ada", { leaseMs: 60_000 });
    const writer = await acquire(journal);
    await writer.append([Uint8Array.of(1)]);
    await runSql(server.url, `UPDATE ${schema}.head SET hash = '\\x00'`);
    await expect(repair(schema, true)).rejects.toMatchObject({ code: "JournalHeld" });
    await expect(repair(schema, true)).rejects.toThrow("Stop all operators");
  });
});
