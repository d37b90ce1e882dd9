/** What an operator remembers of a shared journal over its own restarts. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startPostgres, type TestPostgres } from "../../../test/support/database/postgres.ts";
import { toAddress } from "../../base/address.ts";
import { GENESIS } from "../../exchange/world.testkit.ts";
import type { Journal } from "../../journal/journal.ts";
import { openPostgresReader } from "../../journal/postgres/journal.ts";
import { openSqliteJournal } from "../../journal/sqlite/journal.ts";
import type { OperatorConfig } from "../config/config.ts";
import { collectingLog, temporaryFolder } from "../replay/journals.testkit.ts";
import { LastSeen } from "./lastSeen.ts";
import { openStorage } from "./openStorage.ts";

const OPERATOR = toAddress(`0x${"1".repeat(40)}`);

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.remove());

async function journalOf(...records: string[]): Promise<Journal> {
  const journal = await openSqliteJournal(temporaryFolder());
  onTestFinished(() => journal.close());
  if (records.length > 0) await journal.append(records.map((one) => Buffer.from(one)));
  return journal;
}

async function seen(folder: string, journal: Journal): Promise<void> {
  const memory = new LastSeen(folder, collectingLog());
  memory.note(journal.head);
  await memory.idle();
}

test("a journal that still holds what was seen, and more, is fine", async () => {
  const folder = temporaryFolder();
  const [first, more] = [await journalOf("a", "b"), await journalOf("a", "b", "c")];
  await new LastSeen(folder, collectingLog()).requireIn(first);
  await seen(folder, first);
  await new LastSeen(folder, collectingLog()).requireIn(first);
  await new LastSeen(folder, collectingLog()).requireIn(more);
});

test.each([
  [["a"], "JournalWentBack", /ends at record 1; this operator had seen 2/],
  [[], "JournalWentBack", /ends at record 0; this operator had seen 2/],
  [["a", "other"], "JournalChanged", /Record 2 was 0x/],
  [["other", "b", "c"], "JournalChanged", /Record 2 was 0x/],
])("a journal of %j in the place of one that held two is %s", async (records, code, message) => {
  const folder = temporaryFolder();
  await seen(folder, await journalOf("a", "b"));
  const lost = new LastSeen(folder, collectingLog()).requireIn(await journalOf(...records));
  await expect(lost).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  await expect(lost).rejects.toThrow(join(folder, "last-record.json"));
});

test("a file that says nothing stops nobody, and is told of", async () => {
  const folder = temporaryFolder();
  for (const text of ["", "{}", '{"sequence":-1,"hash":"0x12"}']) {
    writeFileSync(join(folder, "last-record.json"), text);
    const log = collectingLog();
    await new LastSeen(folder, log).requireIn(await journalOf("a"));
    expect(log.lines).toEqual([expect.objectContaining({ event: "lastRecordUnreadable" })]);
  }
});

test("a folder that cannot be made stops nobody, and is told of", async () => {
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, "");
  const log = collectingLog();
  const memory = new LastSeen(join(file, "storage"), log);
  const journal = await journalOf("a");
  memory.note(journal.head);
  await memory.idle();
  expect(log.lines.map(({ event }) => event)).toEqual(Array(2).fill("lastRecordUnwritten"));
});

/** Opens the shared journal at `url` as an operator does. */
function openShared(url: string, schema: string, retryTimeoutMs: number) {
  const log = collectingLog();
  const database = {
    url,
    schema,
    leaseMs: 500,
    retryTimeoutMs,
    publicUrl: "http://a.example",
  };
  const config = { storage: temporaryFolder(), database } as unknown as OperatorConfig;
  return { opening: openStorage(config, GENESIS, OPERATOR, log), log };
}

test("a database that comes up after its operator is waited for, and told of once", async () => {
  const other = await startPostgres();
  onTestFinished(() => other.remove());
  await other.stop();
  const { opening, log } = openShared(other.url, other.schema(), 120_000);
  opening.catch(() => {});
  const events = () => log.lines.map(({ event }) => event);
  await expect.poll(events).toContain("sharedJournalLost");
  await other.restart();
  await (await opening).close();
  expect(events().filter((event) => event === "sharedJournalLost")).toHaveLength(1);
  expect(events()).toContain("sharedJournalBack");
});

test("a database that stays away ends it after `retryTimeoutMs`, and a wrong one at once", async () => {
  const { opening, log } = openShared("postgres://127.0.0.1:1/x", "s", 1000);
  await expect(opening).rejects.toMatchObject({ code: "DatabaseUnreachable" });
  expect(log.lines.map(({ event }) => event)).toEqual(["sharedJournalLost"]);
  const url = new URL(server.url);
  url.username = "nobody-such";
  const wrong = openShared(url.href, "s", 120_000);
  await expect(wrong.opening).rejects.toMatchObject({ code: "DatabaseRefused" });
  expect(wrong.log.lines).toEqual([]);
});

test("an empty database in the place of the exchange's is not begun", async () => {
  const storage = temporaryFolder();
  const open = async (schema: string) => {
    const database = { url: server.url, schema, leaseMs: 500, retryTimeoutMs: 1000 };
    const config = { storage, database: { ...database, publicUrl: "http://a.example" } };
    return openStorage(config as OperatorConfig, GENESIS, OPERATOR, collectingLog());
  };
  const [schema, empty] = [server.schema(), server.schema()];
  const first = await open(schema);
  const memory = new LastSeen(storage, collectingLog());
  const reader = await openPostgresReader(server.url, schema);
  memory.note(reader.head);
  await memory.idle();
  await first.close();
  expect(JSON.parse(readFileSync(join(storage, "last-record.json"), "utf8"))).toEqual(reader.head);
  await reader.close();

  await expect(open(empty)).rejects.toMatchObject({ code: "JournalWentBack" });
  const untouched = await openPostgresReader(server.url, empty);
  expect(untouched.head.sequence).toBe(0);
  await untouched.close();
  await (await open(schema)).close();
});
