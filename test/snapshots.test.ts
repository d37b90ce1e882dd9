/** A running operator makes snapshots beside its work, and its next start begins from one. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { toAddress } from "../src/base/address.ts";
import { encodeEntry } from "../src/exchange/model/entries.ts";
import { openSqliteJournal } from "../src/journal/sqlite/journal.ts";
import { SNAPSHOT_RECORDS } from "../src/operator/replay/snapshotter.ts";
import { startExchange, type TestExchange, until } from "./support/exchange/exchange.ts";

let exchange: TestExchange;
beforeAll(async () => {
  exchange = await startExchange();
});
afterAll(() => exchange.stop());

/** Records that change nothing: cancellations of orders that nobody placed. */
async function lengthenJournal(records: number): Promise<void> {
  const NO_RETRY = 1000;
  const journal = await openSqliteJournal(exchange.config.storage);
  const word = `0x${"11".repeat(32)}` as const;
  const owner = toAddress(`0x${"ab".repeat(20)}`);
  for (let done = 0; done < records; done += NO_RETRY) {
    const ids = Array.from({ length: NO_RETRY }, (_, i) => BigInt(done + i));
    const signature = { r: word, vs: word, path: [] };
    await journal.append(
      ids.map((id) => encodeEntry({ kind: "cancelOrder", owner, round: 0, id, signature })),
    );
  }
  await journal.close();
}

const logged = (event: string) =>
  exchange.logged
    .filter((line) => line.event === event)
    .map(({ fields }) => fields as Readonly<Record<string, number>>);

it("an operator makes a snapshot when it is due, unasked, and starts from it", async () => {
  await exchange.stopOperator();
  await lengthenJournal(SNAPSHOT_RECORDS);
  await exchange.startOperator();
  expect(logged("recovered").at(-1)?.["replayed"]).toBeGreaterThan(SNAPSHOT_RECORDS);

  const ada = await exchange.client(0);
  await ada.deposit("WETH", "3");
  await exchange.settle();
  await until("a snapshot is saved", () => logged("snapshotSaved").length > 0);
  expect(logged("snapshotFailed")).toEqual([]);
  const balances = async () =>
    (await ada.fetchBalance()).map(({ token, total, locked }) => ({ token, total, locked }));
  const before = await balances();
  await exchange.stopOperator();

  await exchange.startOperator();
  const { sequence } = logged("snapshotSaved")[0] ?? {};
  expect(logged("recovered").at(-1)?.["snapshot"]).toBe(sequence);
  expect(logged("recovered").at(-1)?.["replayed"]).toBeLessThan(SNAPSHOT_RECORDS);
  expect(await balances()).toEqual(before);
});
