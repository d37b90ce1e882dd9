/**
 * The disk is full, the storage read-only or in use: the real process stops and says so,
 * acknowledges nothing that is not durable, and goes on when there is space again.
 */
import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { OperatorUnreachable } from "../src/client/api.ts";
import type { ExchangeClient } from "../src/client/client.ts";
import type { OrderStatus } from "../src/client/types.ts";
import { firstBlockOf, momentOf } from "../src/protocol/rounds.ts";
import { freePort } from "./support/chain/anvil.ts";
import { until } from "./support/exchange/exchange.ts";
import type { OperatorProcess } from "./support/exchange/operatorProcess.ts";
import { type ProcessExchange, startProcessExchange } from "./support/exchange/processExchange.ts";
import {
  mountSmallDisk,
  type SmallDisk,
  whyNoMount,
  withFileLimit,
} from "./support/faults/smallDisk.ts";

const noMount = whyNoMount(tmpdir());
if (noMount !== undefined) console.warn(`no small file system here (${noMount}): tests skipped`);

const DISK_BYTES = 2 * 1024 * 1024;
const FREE_BYTES = 160 * 1024;
const FILE_KIBIBYTES = 320;

let exchange: ProcessExchange;
let clients: ExchangeClient[];
beforeAll(async () => {
  exchange = await startProcessExchange();
  const operator = await exchange.launch();
  clients = [await exchange.client(0), await exchange.client(1), await exchange.client(2)];
  for (const client of clients) await client.deposit("WETH", "10");
  await exchange.anvil.mine();
  await operator.kill("SIGKILL");
});
// Before anything is unmounted, and so that no test meets the operator of another.
beforeEach(() => onTestFinished(() => exchange.killAll()));
afterAll(() => exchange.stop());

/** Everybody places orders until the operator ends. Gives those that were acknowledged. */
async function tradeUntilItEnds(operator: OperatorProcess): Promise<OrderStatus[][]> {
  let ended = false;
  operator.ended.then(() => {
    ended = true;
  });
  return Promise.all(
    clients.map(async (client) => {
      const placed: OrderStatus[] = [];
      const request = { market: "WETH/USDC", side: "sell", amount: "0.001" } as const;
      while (!ended) {
        const price = `${3000 + placed.length}`;
        try {
          placed.push(await client.createOrder({ ...request, price }));
        } catch (error) {
          if (!(error instanceof OperatorUnreachable)) throw error;
          await sleep(10);
        }
      }
      return placed;
    }),
  );
}

/** What was acknowledged is there, as it was; what was not is there whole or not at all. */
async function expectKept(acknowledged: readonly (readonly OrderStatus[])[]): Promise<void> {
  for (const [i, client] of clients.entries()) {
    const round = acknowledged[i]?.[0]?.round ?? 0;
    const listed = await client.fetchOrders(round);
    const sent = (await client.evidence.orders(round)).map(({ orderHash }) => orderHash);
    const hashes = listed.map(({ orderHash }) => orderHash);
    const wanted = (acknowledged[i] ?? []).map(({ orderHash }) => orderHash);
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashes).toEqual(expect.arrayContaining(wanted));
    expect(sent).toEqual(expect.arrayContaining(hashes));
    // And nothing else is: what failed to be written has left no trace in the balances.
    const [weth] = await client.fetchBalance();
    const locked = BigInt(hashes.length) * 10n ** 15n;
    expect(weth).toMatchObject({ total: 10n * 10n ** 18n, locked });
  }
}

/** Moves on to the next round, in which an order is taken, and the round committed. */
async function expectToGoOn(): Promise<void> {
  const { anvil, schedule, reader } = exchange;
  const round = momentOf(schedule, await anvil.blockNumber()).round + 1;
  await anvil.mineTo(firstBlockOf(schedule, round) + 2);
  await until("the round is committed", async () => {
    return (await reader.clock()).committedRound === round;
  });
  const [ada] = clients as [ExchangeClient];
  expect((await ada.audit(round)).faults).toEqual([]);
  const order = { market: "WETH/USDC", side: "sell", price: "3000", amount: "0.001" } as const;
  await until("the round is open to orders", async () => {
    return (await ada.api.call("fetchClock")).round === round;
  });
  expect((await ada.createOrder(order)).state).toBe("open");
}

/** The line of the log with which an operator gave up. */
function lastWord(logs: string): Record<string, unknown> {
  const lines = readdirSync(logs)
    .flatMap((name) => readFileSync(join(logs, name), "utf8").split("\n"))
    .filter((line) => /"msg":"giving ?up"/i.test(line));
  return JSON.parse(lines.at(-1) ?? "{}") as Record<string, unknown>;
}

/** It ended by itself, and told the terminal and the log what to do. */
async function expectLoudEnd(operator: OperatorProcess, logs: string, code: string) {
  expect(await operator.ended).toBe(1);
  expect(operator.complaint()).toMatch(
    /Free disk space|Check the disk|Make the directory writable/,
  );
  const word = lastWord(logs);
  expect(word).toMatchObject({ level: "error", code });
  expect(String(word["hint"]).length).toBeGreaterThan(20);
}

async function mounted(): Promise<SmallDisk> {
  const disk = mountSmallDisk(exchange.folder, DISK_BYTES);
  onTestFinished(() => disk.unmount());
  return disk;
}

describe("a disk that fills up", () => {
  it.skipIf(noMount !== undefined)(
    "a disk that fills up stops the operator; with space again nothing is lost",
    async () => {
      const disk = await mounted();
      const storage = join(disk.folder, "storage");
      const logs = join(exchange.folder, "logs-full");
      const operator = await exchange.launch({ storage, logs });
      disk.fill(FREE_BYTES);
      const acknowledged = await tradeUntilItEnds(operator);
      expect(acknowledged.flat().length).toBeGreaterThan(10);
      await expectLoudEnd(operator, logs, "StorageFull");

      // Full as it is, it does not start either.
      disk.fill(0);
      const again = exchange.spawn({ storage, logs });
      await expectLoudEnd(again, logs, "StorageFull");

      disk.empty();
      const healed = await exchange.launch({ storage, logs });
      await expectKept(acknowledged);
      await expectToGoOn();
      expect(await healed.kill("SIGTERM")).toBe(0);
    },
  );

  it("a limit on the size of files does what a full disk does", async () => {
    const storage = join(exchange.folder, "storage-limited");
    const logs = join(exchange.folder, "logs-limited");
    const wrapper = withFileLimit(FILE_KIBIBYTES);
    const operator = await exchange.launch({ storage, logs }, { wrapper });
    const acknowledged = await tradeUntilItEnds(operator);
    expect(acknowledged.flat().length).toBeGreaterThan(10);
    await expectLoudEnd(operator, logs, "StorageFailed");
    const healed = await exchange.launch({ storage, logs });
    await expectKept(acknowledged);
    await expectToGoOn();
    expect(await healed.kill("SIGTERM")).toBe(0);
  });

  it.skipIf(noMount !== undefined)("a full disk for logs does not stop an operator", async () => {
    const disk = await mounted();
    const storage = join(exchange.folder, "storage-logs");
    const logs = join(disk.folder, "logs");
    const operator = await exchange.launch({ storage, logs });
    disk.fill(0);
    // The last page of the log still takes some lines.
    const isSaid = () => /log.*ENOSPC/i.test(operator.complaint());
    for (let rounds = 0; rounds < 10 && !isSaid(); rounds++) await expectToGoOn();
    expect(isSaid(), operator.complaint()).toBe(true);
    await expectToGoOn();
    disk.empty();
    await expectToGoOn();
    expect(await operator.kill("SIGTERM")).toBe(0);
  });
});

describe("read-only storage", () => {
  const isRoot = process.getuid?.() === 0;

  it.skipIf(isRoot && noMount !== undefined)("only read-only storage is refused", async () => {
    const disk = isRoot ? await mounted() : undefined;
    const folder = disk?.folder ?? exchange.folder;
    const storage = join(folder, "storage-read-only");
    const logs = join(exchange.folder, "logs-read-only");
    const setReadOnly = (readOnly: boolean) => {
      if (disk !== undefined) return disk.setReadOnly(readOnly);
      for (const name of readdirSync(storage)) {
        chmodSync(join(storage, name), readOnly ? 0o444 : 0o644);
      }
      chmodSync(storage, readOnly ? 0o555 : 0o755);
    };
    const first = await exchange.launch({ storage, logs });
    const [ada] = clients as [ExchangeClient];
    const request = { market: "WETH/USDC", side: "sell", price: "3100", amount: "0.001" } as const;
    const order = await ada.createOrder(request);
    await first.kill("SIGKILL");

    setReadOnly(true);
    const refused = exchange.spawn({ storage, logs });
    await expectLoudEnd(refused, logs, "StorageReadOnly");
    await expect(ada.createOrder(request)).rejects.toBeInstanceOf(OperatorUnreachable);

    setReadOnly(false);
    const healed = await exchange.launch({ storage, logs });
    expect(await ada.fetchOrders(order.round)).toMatchObject([{ orderHash: order.orderHash }]);
    await expectToGoOn();
    expect(await healed.kill("SIGTERM")).toBe(0);
  });
});

describe("storage in use", () => {
  it("storage in use is refused with the owner's pid, also hung, free once killed", async () => {
    const storage = join(exchange.folder, "storage-shared");
    const first = await exchange.launch({ storage });
    const port = await freePort();
    const refuse = async () => {
      const second = exchange.spawn({ storage, port });
      expect(await second.ended).toBe(1);
      expect(second.complaint()).toMatch(`in use by process ${first.pid} `);
    };
    await refuse();
    expect((await fetch(`${first.url}/health/ready`)).ok).toBe(true);
    process.kill(first.pid, "SIGSTOP");
    await refuse();
    expect(await first.kill("SIGKILL")).toBeNull();
    // Its word is still there; its lock went with it.
    const word = JSON.parse(readFileSync(join(storage, "owner.json"), "utf8")) as { pid: number };
    expect(word.pid).toBe(first.pid);
    const second = await exchange.launch({ storage, port });
    expect(await second.kill("SIGTERM")).toBe(0);
  });
});
