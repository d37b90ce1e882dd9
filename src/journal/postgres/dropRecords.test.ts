/** Records that no operator can apply are taken out of a shared journal that nobody uses. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  runSql,
  startPostgres,
  type TestPostgres,
} from "../../../test/support/database/postgres.ts";
import { acquire, openShared } from "../../../test/support/database/sharedJournal.ts";
import { dropPostgresRecords } from "./dropRecords.ts";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.remove());

const keep = async () => {};

/** A journal with records 1 to 4; every operator is gone. */
async function filled() {
  const schema = server.schema();
  const journal = await openShared(server, schema, "ada");
  const writer = await acquire(journal);
  for (let i = 1; i <= 4; i++) await writer.append([Uint8Array.of(i)]);
  const { head } = writer;
  await writer.close();
  await runSql(server.url, `DELETE FROM ${schema}.operator`);
  return { schema, journal, head };
}

describe("records of a shared journal that nobody uses", () => {
  test("records are dropped from one on, after a copy, and the journal goes on there", async () => {
    const { schema, journal, head } = await filled();
    let kept = 0;
    const left = await dropPostgresRecords(server.url, schema, {
      from: 3,
      head,
      keep: async () => {
        kept = (await journal.refresh()).sequence;
      },
    });
    expect(kept).toBe(4);
    expect(left.sequence).toBe(2);
    expect(await journal.verify()).toMatchObject({ head: left });
    const writer = await acquire(journal);
    expect(await writer.append([Uint8Array.of(9)])).toEqual({ first: 3, last: 3 });
  });

  test("records stay while an operator holds the lease, or was heard of lately", async () => {
    const { schema, journal, head } = await filled();
    const writer = await acquire(journal);
    const refused = dropPostgresRecords(server.url, schema, { from: 3, head, keep });
    await expect(refused).rejects.toMatchObject({ code: "OperatorsRun" });
    expect(await writer.append([Uint8Array.of(5)])).toEqual({ first: 5, last: 5 });
  });

  test("records stay where the journal has changed, or no copy can be kept", async () => {
    const { schema, journal, head } = await filled();
    const other = { ...head, hash: `0x${"ab".repeat(32)}` as const };
    const changed = dropPostgresRecords(server.url, schema, { from: 3, head: other, keep });
    await expect(changed).rejects.toMatchObject({ code: "StorageChanged" });
    const noCopy = dropPostgresRecords(server.url, schema, {
      from: 3,
      head,
      keep: () => Promise.reject(new Error("the disk is full")),
    });
    await expect(noCopy).rejects.toThrow("the disk is full");
    expect(await journal.verify()).toMatchObject({ head });
  });
});
