/** A journal that no start can read is repaired by hand, in a folder and in a database. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeEntry } from "../src/exchange/model/entries.ts";
import { openSqliteJournal } from "../src/journal/sqlite/journal.ts";
import { openSqliteReader } from "../src/journal/sqlite/reader.ts";
import {
  storedJournal,
  temporaryFolder,
  tradingEntries,
} from "../src/operator/replay/journals.testkit.ts";
import { replay } from "../src/operator/replay/replay.ts";
import { startPostgres, type TestPostgres } from "./support/database/postgres.ts";
import { acquire, openShared } from "./support/database/sharedJournal.ts";
import { runCli } from "./support/exchange/cli.ts";

const entries = tradingEntries();
/** Blocks that were taken already: what an endpoint that gives a range twice made durable. */
const again = entries[1];
if (again === undefined) throw new Error("no blocks");
const bad = [encodeEntry(again), encodeEntry(entries[2] ?? again)];
const first = entries.length + 1;

describe("quarterdeck journal repair, of a folder", () => {
  const repair = (folder: string, ...more: string[]) =>
    runCli(["journal", "repair", "--storage", folder, ...more]);

  async function broken(): Promise<string> {
    const folder = await storedJournal(entries, [10]);
    const journal = await openSqliteJournal(folder);
    await journal.append(bad);
    await journal.close();
    return folder;
  }

  it("a repair shows what it would drop, and changes nothing", async () => {
    const folder = await broken();
    const { code, stdout } = await repair(folder);
    expect(code).toBe(0);
    expect(stdout).toContain(`to drop: records ${first} to ${first + 1}: blocks of the chain in 1`);
    expect(stdout).toMatch(/cannot be replayed: block 100 comes after block \d+/);
    expect(stdout).toContain("Nothing was changed.");
    const reader = await openSqliteReader(folder);
    expect(reader.head.sequence).toBe(first + 1);
    await reader.close();
  });

  it("a repair drops records and keeps a copy; the next start goes on from there", async () => {
    const folder = await broken();
    const copy = join(temporaryFolder(), "dropped.ndjson");
    const { code, stdout, stderr } = await repair(folder, "--drop-to", copy);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`The journal ends at record ${first - 1}`);
    const kept = readFileSync(copy, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(kept.map(({ sequence }) => sequence)).toEqual([first, first + 1]);
    expect(kept.map(({ payload }) => payload)).toEqual(
      bad.map((bytes) => Buffer.from(bytes).toString("base64")),
    );

    const journal = await openSqliteJournal(folder);
    expect(journal.head.sequence).toBe(first - 1);
    await journal.verify();
    expect((await replay(journal, () => {})).snapshot).toBe(10);
    expect(await journal.append([encodeEntry(again)])).toEqual({ first, last: first });
    await journal.close();
  });

  it("a repair is refused while an operator runs, and leaves all as it was", async () => {
    const folder = await broken();
    const journal = await openSqliteJournal(folder);
    const copy = join(temporaryFolder(), "dropped.ndjson");
    const { code, stderr } = await repair(folder, "--drop-to", copy);
    expect(code).toBe(1);
    expect(stderr).toMatch(/is in use by process \d+/);
    expect(existsSync(copy)).toBe(false);
    expect((await journal.refresh()).sequence).toBe(first + 1);
    await journal.close();
  });

  it("a repair writes over no file, and drops nothing then", async () => {
    const folder = await broken();
    const taken = join(folder, "journal.sqlite");
    const { code, stderr } = await repair(folder, "--drop-to", taken);
    expect(code).toBe(1);
    expect(stderr).toContain("is there already");
    const reader = await openSqliteReader(folder);
    expect((await reader.verify()).head.sequence).toBe(first + 1);
    await reader.close();
  });
});

describe("quarterdeck journal repair, of a shared journal", () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.remove());

  const repair = (schema: string, ...more: string[]) =>
    runCli(["journal", "repair", "--schema", schema, ...more], {
      QUARTERDECK_DATABASE: server.url,
    });

  it("a shared repair is refused while an operator runs; then it drops its records", async () => {
    const schema = server.schema();
    const shared = await openShared(server, schema, "ada", { leaseMs: 60_000 });
    const leased = await acquire(shared);
    for (const entry of entries) await leased.append([encodeEntry(entry)]);
    await leased.append(bad);
    const copy = join(temporaryFolder(), "dropped.ndjson");
    const running = await repair(schema, "--drop-to", copy);
    expect(running.code).toBe(1);
    expect(running.stderr).toMatch(/Operators use the journal: ada.* Stop every operator/);
    await leased.close();

    const shown = await repair(schema);
    expect(shown.stdout).toContain(`to drop: records ${first} to ${first + 1}`);
    const done = await repair(schema, "--drop-to", copy);
    expect([done.code, done.stderr]).toEqual([0, ""]);
    expect(readFileSync(copy, "utf8").trimEnd().split("\n")).toHaveLength(2);

    expect((await shared.refresh()).sequence).toBe(first - 1);
    await shared.verify();
    await replay(shared, () => {});
    const next = await acquire(shared);
    expect(await next.append([encodeEntry(again)])).toEqual({ first, last: first });
    await expect(leased.append(bad)).rejects.toThrow();
    await next.close();
  });

  it("a shared repair is refused where an operator was heard of lately", async () => {
    const schema = server.schema();
    const shared = await openShared(server, schema, "bob");
    const leased = await acquire(shared);
    for (const entry of entries) await leased.append([encodeEntry(entry)]);
    await leased.append(bad);
    await leased.close();
    await shared.heartbeat(1);
    const copy = join(temporaryFolder(), "dropped.ndjson");
    const { code, stderr } = await repair(schema, "--drop-to", copy);
    expect(code).toBe(1);
    expect(stderr).toMatch(/Operators use the journal: bob/);
    expect(existsSync(copy)).toBe(false);
  });
});
