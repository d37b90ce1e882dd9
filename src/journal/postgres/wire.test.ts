/** What stands between an operator and PostgreSQL: errors in mid-result, cuts, poolers. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startPooler } from "../../../test/support/database/pooler.ts";
import {
  runSql,
  startPostgres,
  type TestPostgres,
} from "../../../test/support/database/postgres.ts";
import {
  errorMessage,
  startTamperer,
  type Tamper,
} from "../../../test/support/database/postgresWire.ts";
import { acquire, openShared } from "../../../test/support/database/sharedJournal.ts";
import { StorageFailure } from "../errors.ts";
import type { JournalReader } from "../journal.ts";
import { openPostgresReader } from "./journal.ts";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.remove());

const RECORDS = ["1", "2", "3", "4", "5"];

async function filled(): Promise<string> {
  const schema = server.schema();
  const writer = await acquire(await openShared(server, schema, "ada"));
  await writer.append(RECORDS.map((text) => new TextEncoder().encode(text)));
  await writer.close();
  return schema;
}

function through(port: number): string {
  return server.url.replace(String(server.port), String(port));
}

async function texts(journal: JournalReader): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of journal.read(1)) {
    found.push(...batch.map(({ payload }) => new TextDecoder().decode(payload)));
  }
  return found;
}

/** A reader through a proxy that does `tamper` while `isOn`, and how many connections it had. */
async function tampered(schema: string, tamperOf: (statements: () => string) => Tamper) {
  const state = { isOn: false, connections: 0 };
  const proxy = await startTamperer(server.port, (statements) => {
    state.connections += 1;
    const tamper = tamperOf(statements);
    return (answer) => (state.isOn ? tamper(answer) : answer.bytes);
  });
  onTestFinished(() => proxy.close());
  const reader = await openPostgresReader(through(proxy.port), schema);
  onTestFinished(() => reader.close());
  return { reader, state };
}

/** Passes two rows of each result on, and cancels the rest as `statement_timeout` does. */
function cancelAfterTwoRows(): Tamper {
  let rows = 0;
  let cancelled = false;
  return ({ type, bytes }) => {
    if (type === "Z") {
      [rows, cancelled] = [0, false];
      return bytes;
    }
    if (cancelled) return undefined;
    if (type === "D" && ++rows > 2) {
      cancelled = true;
      return errorMessage("57014", "canceling statement due to statement timeout");
    }
    return bytes;
  };
}

describe("an error in mid-result", () => {
  test("an error in mid-result is an outage, no damage, and costs its connection", async () => {
    const { reader, state } = await tampered(await filled(), cancelAfterTwoRows);
    state.isOn = true;
    const before = state.connections;
    await expect(texts(reader)).rejects.toMatchObject({ code: "DatabaseUnreachable" });
    await expect(texts(reader)).rejects.toThrow("57014: canceling statement due to");
    expect(state.connections).toBeGreaterThan(before);
    state.isOn = false;
    expect(await reader.refresh()).toMatchObject({ sequence: RECORDS.length });
    expect(await texts(reader)).toEqual(RECORDS);
    expect(await reader.verify()).toMatchObject({ head: { sequence: RECORDS.length } });
  });

  test("a lost connection is an outage, and the next question is answered", async () => {
    const { reader, state } = await tampered(await filled(), () => {
      let rows = 0;
      return ({ type, bytes }) => (type === "D" && ++rows > 2 ? "cut" : bytes);
    });
    state.isOn = true;
    await expect(texts(reader)).rejects.toMatchObject({ code: "DatabaseUnreachable" });
    state.isOn = false;
    expect(await texts(reader)).toEqual(RECORDS);
  });

  test("a result in which rows are missing without a word is found by counting them", async () => {
    const { reader, state } = await tampered(await filled(), () => {
      let rows = 0;
      return ({ type, bytes }) => {
        if (type === "Z") rows = 0;
        return type === "D" && ++rows === 2 ? undefined : bytes;
      };
    });
    state.isOn = true;
    await expect(texts(reader)).rejects.toThrow("4 of 5 rows came");
    state.isOn = false;
    expect(await texts(reader)).toEqual(RECORDS);
  });
});

describe("a reading that looks like damage", () => {
  /** Changes the last digit of each row with a hash, on the first connection only. */
  const alteringOnFirst = () => {
    let seen = 0;
    return (): Tamper => {
      const isBad = seen++ === 0;
      return ({ type, bytes }) => {
        if (!isBad || type !== "D" || bytes.length < 80) return bytes;
        const altered = Buffer.from(bytes);
        const last = altered.length - 1;
        altered[last] = altered[last] === 48 ? 49 : 48;
        return altered;
      };
    };
  };

  test("a bad reading is no damage when a new connection reads the record whole", async () => {
    const schema = await filled();
    const { reader, state } = await tampered(schema, alteringOnFirst());
    state.isOn = true;
    expect(await texts(reader)).toEqual(RECORDS);
    expect(await reader.verify()).toMatchObject({ head: { sequence: RECORDS.length } });
    expect(state.connections).toBeGreaterThan(1);
  });

  test("a bad reading is damage when it is read again as it was", async () => {
    const schema = await filled();
    await runSql(server.url, `UPDATE ${schema}.record SET payload = '\\x00' WHERE sequence = 3`);
    const { reader } = await tampered(
      schema,
      () =>
        ({ bytes }) =>
          bytes,
    );
    await expect(texts(reader)).rejects.toMatchObject({ damage: "recordAltered", sequence: 3 });
  });
});

describe("a pooler", () => {
  test.each([
    ["lastReleased", 1],
    ["lastReleased", 4],
    ["firstReleased", 1],
    ["firstReleased", 2],
    ["firstReleased", 3],
  ] as const)("a sessionless pooler (%s, %i more backends) is refused", async (order, more) => {
    const schema = await filled();
    const pooler = await startPooler({
      target: server.port,
      mode: "transaction",
      backends: 1 + more,
      order,
    });
    onTestFinished(() => pooler.close());
    const url = through(pooler.port);
    for (let i = 0; i < 3; i++) {
      const opened = openShared(server, schema, "bob", { url });
      await expect(opened).rejects.toMatchObject({ code: "DatabaseSessionless" });
      await expect(opened).rejects.toThrow("Name PostgreSQL itself in the URL");
    }
  });

  test("a pooler that keeps sessions is used", async () => {
    const schema = await filled();
    const pooler = await startPooler({ target: server.port, mode: "session", backends: 8 });
    onTestFinished(() => pooler.close());
    const journal = await openShared(server, schema, "bob", { url: through(pooler.port) });
    const writer = await acquire(journal);
    await writer.append([new TextEncoder().encode("6")]);
    expect(await texts(journal)).toEqual([...RECORDS, "6"]);
  });

  test("a pooler that refuses a parameter is told of in its own words", async () => {
    const pooler = await startPooler({ target: server.port, mode: "session", backends: 2 });
    onTestFinished(() => pooler.close());
    const url = `${through(pooler.port)}?options=-c%20work_mem%3D1MB`;
    const refused = openShared(server, server.schema(), "bob", { url });
    await expect(refused).rejects.toThrow(StorageFailure);
    await expect(refused).rejects.toMatchObject({ code: "DatabaseRefused" });
    await expect(refused).rejects.toThrow("08P01: unsupported startup parameter: options");
  });
});

test("a host that turns read only is left for the other one at once", async () => {
  const schema = await filled();
  const state = { isReadOnly: false, connections: 0 };
  const proxy = await startTamperer(server.port, (statements) => {
    state.connections += 1;
    let refused = false;
    return ({ type, bytes }) => {
      if (type === "Z") {
        refused = false;
        return bytes;
      }
      if (refused) return undefined;
      if (!state.isReadOnly || !statements().includes("UPDATE")) return bytes;
      refused = true;
      return errorMessage("25006", "cannot execute UPDATE in a read-only transaction");
    };
  });
  onTestFinished(() => proxy.close());
  const both = `127.0.0.1:${proxy.port},127.0.0.1:${server.port}`;
  const url = server.url.replace(`127.0.0.1:${server.port}`, both);
  const journal = await openShared(server, schema, "bob", { url });
  const writer = await acquire(journal);
  state.isReadOnly = true;
  const failed = writer.append([new Uint8Array(1)]);
  await expect(failed).rejects.toMatchObject({ code: "DatabaseUnwritable" });
  const { connections } = state;
  const again = await acquire(journal);
  // What was refused to us had been carried out behind the proxy.
  expect(await again.append([new Uint8Array(1)])).toMatchObject({ first: RECORDS.length + 2 });
  expect(state.connections).toBe(connections);
});
