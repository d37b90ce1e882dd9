import { createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { freePort } from "../../../test/support/chain/anvil.ts";
import {
  connectTo,
  runSql,
  startPostgres,
  type TestPostgres,
} from "../../../test/support/database/postgres.ts";
import { acquire, openShared } from "../../../test/support/database/sharedJournal.ts";
import { describeSharedJournal } from "../../../test/support/database/sharedJournalContract.ts";
import { JournalDamaged, StorageFailure } from "../errors.ts";
import type { JournalReader, JournalRecord } from "../journal.ts";
import { openPostgresJournal, type PostgresOptions } from "./journal.ts";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.remove());

/** Long enough for what must be done within one on a busy machine. */
const LEASE_MS = 1000;

/** One operator on the journal in `schema`. */
function open(schema: string, operator = "ada", more: Partial<PostgresOptions> = {}) {
  return openShared(server, schema, operator, { leaseMs: LEASE_MS, ...more });
}

function bytes(...texts: string[]): Uint8Array[] {
  return texts.map(one);
}

function one(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function readAll(journal: JournalReader, from = 1, limit?: number): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const batch of journal.read(from, limit)) records.push(...batch);
  return records;
}

function texts(records: readonly JournalRecord[]): string[] {
  return records.map(({ payload }) => new TextDecoder().decode(payload));
}

/** Runs SQL behind the journal's back. */
async function vandalise(schema: string, sql: string): Promise<void> {
  await runSql(server.url, `SET search_path TO ${schema}`, sql);
}

describeSharedJournal({
  newJournal: () => server.schema(),
  open,
  leaseMs: LEASE_MS,
});

describe("a shared journal in a database", () => {
  test("a shared journal loses its holder if the clock goes back; the dead seem dead", async () => {
    const schema = server.schema();
    const [ada, bob] = [await open(schema), await open(schema, "bob")];
    await acquire(ada);
    await ada.heartbeat(7);
    await vandalise(
      schema,
      `UPDATE head SET expires_at = now() + interval '1 hour', successor = 'dee',
         successor_until = now() + interval '1 hour';
       UPDATE operator SET seen_at = now() + interval '1 hour'`,
    );
    expect((await bob.poll()).holder).toBeUndefined();
    expect((await bob.acquire())?.epoch).toBe(2);
    expect((await bob.heartbeat(7)).map(({ operator }) => operator)).toEqual(["bob"]);
  });
});

describe("the format of a shared journal", () => {
  const formatOf = async (schema: string) => {
    const client = await connectTo(server.url);
    const { rows } = await client.query(`SELECT format FROM ${schema}.head`);
    await client.end();
    return rows[0]?.format;
  };

  test("a journal's format is raised by its writer, once no older release follows it", async () => {
    const schema = server.schema();
    const ada = await open(schema);
    expect(await formatOf(schema)).toBe(1);
    // An operator of a release before: it says that it lives, and not what it reads.
    await vandalise(schema, "INSERT INTO operator VALUES ('old', 'http://old', 0, now())");
    const first = await acquire(ada);
    expect(first.format).toBe(1);
    await first.close();
    expect(await formatOf(schema)).toBe(1);

    // It is started again with this release.
    await open(schema, "old");
    const second = await acquire(ada);
    expect(second.format).toBe(2);
    await second.close();
    expect(await formatOf(schema)).toBe(2);
  });

  test("an operator of an older release that was stopped long ago holds up nobody", async () => {
    const schema = server.schema();
    const ada = await open(schema);
    await ada.heartbeat(0);
    await vandalise(
      schema,
      "INSERT INTO operator VALUES ('old', 'http://old', 0, now() - interval '2 minutes')",
    );
    expect((await acquire(ada)).format).toBe(2);
  });
});

describe("tables that another release widens", () => {
  const TABLES = [
    "record",
    "head",
    "snapshot",
    "snapshot_part",
    "operator",
    "attestation",
    "reads",
  ];

  test("a journal goes on over its open connections while columns are added", async () => {
    const schema = server.schema();
    const journal = await open(schema, "ada", { leaseMs: 30_000 });
    const writer = await acquire(journal);
    const hex = (byte: string, bytes: number) => `0x${byte.repeat(bytes)}` as const;
    const attestation = { operator: "ada", rootsHash: hex("01", 32), signature: hex("02", 64) };
    /** All statements of an operator to its journal: each is prepared, and asked again later. */
    const askAll = async (sequence: number) => {
      expect(await writer.append(bytes(`${sequence}`))).toEqual({
        first: sequence,
        last: sequence,
      });
      await writer.saveSnapshot(sequence, one("state"), hex("5e", 32));
      await writer.renew();
      expect((await journal.poll()).head).toEqual(writer.head);
      expect(await readAll(journal)).toHaveLength(sequence);
      expect((await journal.latestSnapshot())?.sequence).toBe(sequence);
      expect(await journal.newestSnapshot()).toBe(sequence);
      expect(await journal.heartbeat(sequence)).toHaveLength(1);
      await journal.publish({ ...attestation, round: sequence });
      expect(await journal.attestationsOf(sequence)).toHaveLength(1);
      expect((await journal.verify()).head).toEqual(writer.head);
    };
    let sequence = 0;
    const askOn = () => askAll(++sequence);
    await askOn();
    for (const table of TABLES) {
      const widen = `ALTER TABLE ${table} ADD COLUMN note text, ADD COLUMN weight bigint DEFAULT 7`;
      await Promise.all([askOn(), vandalise(schema, widen)]);
    }
    await askOn();
    // As an operator of this release finds it that is started only now.
    const other = await open(schema, "bob");
    expect(texts(await readAll(other)).at(-1)).toBe(`${sequence}`);
  });
});

describe("a database of several hosts", () => {
  test("a database of several hosts is found at the one that answers and can write", async () => {
    const { port } = new URL(server.url);
    const deadPort = await freePort();
    const url = server.url
      .replace(`127.0.0.1:${port}`, `127.0.0.1:${deadPort},127.0.0.1:${port}`)
      .concat("?target_session_attrs=read-write");
    const journal = await openPostgresJournal({
      url,
      schema: server.schema(),
      operator: "ada",
      operatorUrl: "http://ada",
    });
    onTestFinished(() => journal.close());
    expect(journal.location).toContain(`127.0.0.1:${deadPort},127.0.0.1:${port}/postgres`);
    expect(await (await acquire(journal)).append(bytes("one"))).toEqual({ first: 1, last: 1 });
  });

  test.each(["postgres://a:1,b:x/db", "mysql://a/db", "a"])("%s is no valid URL", async (url) => {
    const options = { url, schema: "quarterdeck", operator: "ada", operatorUrl: "http://ada" };
    await expect(openPostgresJournal(options)).rejects.toThrow("no postgres:// URL");
  });
});

describe("snapshots of a shared journal", () => {
  const STATE = `0x${"5e".repeat(32)}` as const;

  test.each([
    ["a part altered", "UPDATE snapshot_part SET bytes = '\\x00'", "snapshotAltered"],
    ["a part missing", "DELETE FROM snapshot_part", "snapshotAltered"],
    ["another state", "UPDATE snapshot SET state_hash = '\\x00'", "snapshotAltered"],
    ["its record altered", "UPDATE record SET hash = '\\x00' WHERE sequence = 1", "chainBroken"],
  ])("snapshots with %s are named", async (_what, sql, damage) => {
    const schema = server.schema();
    const writer = await acquire(await open(schema));
    await writer.append(bytes("1", "2"));
    await writer.saveSnapshot(1, one("state"), STATE);
    await vandalise(schema, sql);
    await expect(writer.latestSnapshot()).rejects.toMatchObject({ damage, sequence: 1 });
  });
});

describe("a shared journal that was tampered with", () => {
  test.each([
    ["altered", "UPDATE record SET payload = '\\x00' WHERE sequence = 2", "recordAltered", 2],
    ["missing", "DELETE FROM record WHERE sequence = 2", "recordMissing", 2],
    ["cut off", "DELETE FROM record WHERE sequence = 3", "tailMissing", 3],
    ["beyond the head", "UPDATE head SET sequence = 2", "recordBeyondHead", 3],
    ["of another chain", "UPDATE record SET epoch = 7 WHERE sequence = 2", "recordAltered", 2],
  ])("a shared journal names the record that is %s", async (_what, sql, damage, sequence) => {
    const schema = server.schema();
    const journal = await open(schema);
    await (await acquire(journal)).append(bytes("1", "2", "3"));
    await vandalise(schema, sql);
    await expect(journal.verify()).rejects.toThrow(JournalDamaged);
    await expect(journal.verify()).rejects.toMatchObject({ damage, sequence });
  });

  test("a shared journal is not taken over when its head names another record", async () => {
    const schema = server.schema();
    const journal = await open(schema);
    const writer = await acquire(journal);
    await writer.append(bytes("1"));
    await writer.close();
    await vandalise(schema, `UPDATE head SET hash = '\\x${"ab".repeat(32)}'`);
    await expect(journal.acquire()).rejects.toMatchObject({ damage: "headAltered" });
  });

  test("a shared journal of a later release is refused", async () => {
    const schema = server.schema();
    await open(schema);
    await vandalise(schema, "UPDATE head SET format = 3");
    await expect(open(schema)).rejects.toMatchObject({ code: "NewerFormat" });
  });
});

describe("a database in trouble", () => {
  test("a database that is down is named without its password, and used again later", async () => {
    const own = await startPostgres();
    onTestFinished(() => own.remove());
    const schema = own.schema();
    const url = own.url.replace("quarterdeck@", "quarterdeck:secret@");
    const journal = await open(schema, "ada", { url });
    const writer = await acquire(journal);
    await writer.append(bytes("kept"));
    await own.kill();
    const failure = writer.append(bytes("lost"));
    await expect(failure).rejects.toThrow(StorageFailure);
    await expect(failure).rejects.toMatchObject({ code: "DatabaseUnreachable" });
    await expect(failure).rejects.not.toThrow("secret");
    await own.restart();
    const again = await acquire(journal);
    expect(again.epoch).toBe(2);
    await again.append(bytes("more"));
    expect(texts(await readAll(journal))).toEqual(["kept", "more"]);
  });

  test("a database without writes says so, and takes them again when it may", async () => {
    const own = await startPostgres();
    onTestFinished(() => own.remove());
    const journal = await open(own.schema(), "ada", { url: own.url });
    const writer = await acquire(journal);
    await writer.append(bytes("kept"));
    await own.setReadOnly(true);
    // It takes a moment to know.
    const appendOn = async (): Promise<never> => {
      for (;;) await writer.append(bytes("kept"));
    };
    await expect(appendOn()).rejects.toMatchObject({ code: "DatabaseUnwritable" });
    await expect(journal.acquire()).rejects.toMatchObject({ code: "DatabaseUnwritable" });
    const kept = await readAll(journal);
    await own.setReadOnly(false);
    const again = async () => (await journal.acquire().catch(() => undefined))?.head;
    await expect.poll(again, { timeout: 10 * LEASE_MS }).toMatchObject({ sequence: kept.length });
  });

  test("a silent database counts as unreachable, and is asked afresh", async () => {
    const proxy = await startProxy(server.port);
    onTestFinished(() => proxy.close());
    const url = server.url.replace(String(server.port), String(proxy.port));
    const journal = await open(server.schema(), "ada", { url, answerMs: 2000 });
    const writer = await acquire(journal);
    await writer.append(bytes("kept"));
    proxy.setSilent(true);
    const lost = writer.append(bytes("lost"));
    await expect(lost).rejects.toMatchObject({ code: "DatabaseUnreachable" });
    proxy.setSilent(false);
    const again = await acquire(journal);
    await again.append(bytes("more"));
    const found = texts(await readAll(journal));
    expect(found.filter((text) => text !== "lost")).toEqual(["kept", "more"]);
  });

  test("a database that gave up waiting for its standby has acknowledged nothing", async () => {
    const own = await startPostgres();
    onTestFinished(() => own.remove());
    const schema = own.schema();
    const writer = await acquire(await open(schema, "ada", { url: own.url }));
    await writer.append(bytes("kept"));
    const admin = await connectTo(own.url);
    onTestFinished(() => admin.end());
    await admin.query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    await admin.query("SELECT pg_reload_conf()");
    // The server takes a moment to know: what is appended before is acknowledged as ever.
    const appendOn = async (): Promise<never> => {
      for (;;) await writer.append(bytes("more"));
    };
    const lost = appendOn();
    lost.catch(() => {});
    const cancelled = () =>
      admin.query(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
      );
    await expect.poll(async () => (await cancelled()).rowCount, { timeout: 4000 }).toBe(1);
    await expect(lost).rejects.toMatchObject({ code: "DatabaseUnreachable" });
    await expect(lost).rejects.toThrow("its wait for a standby was cancelled");
  });

  test.each([
    ["an unknown database", (url: string) => url.replace("/postgres", "/none"), "DatabaseRefused"],
    ["no database URL", () => "http://localhost", "DatabaseRefused"],
    ["nobody there", () => "postgres://127.0.0.1:1/x", "DatabaseUnreachable"],
  ])("a journal is not opened with %s", async (_what, change, code) => {
    await expect(open("x", "ada", { url: change(server.url) })).rejects.toMatchObject({ code });
  });

  test("a schema that is no name is refused", async () => {
    await expect(open('a"; DROP SCHEMA public')).rejects.toMatchObject({ code: "DatabaseRefused" });
  });

  test("a server that acknowledges before it is durable is refused", async () => {
    const sloppy = await startPostgres();
    onTestFinished(() => sloppy.remove());
    const alter = "ALTER SYSTEM SET synchronous_commit = 'off'";
    await runSql(sloppy.url, alter, "SELECT pg_reload_conf()");
    await expect
      .poll(() => open("x", "ada", { url: sloppy.url }).catch(({ code }) => code))
      .toBe("DatabaseNotDurable");
  });
});

/** Between a client and a local port; silent, it takes everything and passes nothing on. */
async function startProxy(target: number) {
  const { connect } = await import("node:net");
  let silent = false;
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    const pass = (from: Socket, to: Socket) => {
      sockets.add(from);
      from.on("data", (data) => {
        if (!silent) to.write(data);
      });
      from.on("close", () => to.destroy());
      from.on("error", () => to.destroy());
    };
    pass(client, upstream);
    pass(upstream, client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const bound = proxy.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : 0,
    setSilent: (value: boolean) => {
      silent = value;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}
