/** An operator whose key is in Web3Signer: it trades and commits, and waits when that is away. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Hex } from "../src/base/hex.ts";
import type { Log } from "../src/base/log.ts";
import { localSigner } from "../src/chain/signer.ts";
import type { ExchangeClient } from "../src/client/client.ts";
import { type FakeWeb3Signer, startFakeWeb3Signer } from "../src/keys/web3signer.testkit.ts";
import type { ApiEvent } from "../src/operator/api/operatorApi.ts";
import { parseConfig } from "../src/operator/config/config.ts";
import { type RunningOperator, startOperator } from "../src/operator/node/node.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { type RunningServer, startServer } from "../src/server/server.ts";
import { startExchange, type TestExchange, until } from "./support/exchange/exchange.ts";

const MARKET = "WETH/USDC";

let exchange: TestExchange;
let service: FakeWeb3Signer;
let folder: string;
let operator: RunningOperator;
let server: RunningServer;
let ada: ExchangeClient;
let bob: ExchangeClient;
const logged: string[] = [];
const events: ApiEvent[] = [];

beforeAll(async () => {
  exchange = await startExchange();
  [ada, bob] = [await exchange.client(0), await exchange.client(1)];
  // The exchange's own operator steps aside for one that has no key of its own.
  await exchange.stopOperator();
  const key = exchange.anvil.keys[1] as Hex;
  service = await startFakeWeb3Signer([key]);
  folder = mkdtempSync(join(tmpdir(), "quarterdeck-remote-"));
  const { rpc, mediator, confirmations, host } = exchange.config;
  const markets = exchange.config.markets.map(({ base, quote, lot, tick }) => {
    return { base, quote, lot: `${lot}`, tick: `${tick}` };
  });
  const web3signer = { url: service.url, address: localSigner(key).address, timeoutMs: 60_000 };
  const storage = join(folder, "storage");
  const pollMs = 15;
  const json = { rpc, mediator, markets, confirmations, storage, pollMs, web3signer };
  const take = (event: string) => {
    logged.push(event);
  };
  const log: Log = { info: take, warn: take, error: take, flush: async () => {} };
  operator = await startOperator(parseConfig(json, {}, "test"), log);
  server = await startServer(operator.api, { host, port: Number(new URL(exchange.url).port) });
  operator.api.subscribe((event) => events.push(event));
  await ada.deposit("WETH", "10");
  await bob.deposit("USDC", "30000");
  await settle();
});
afterAll(async () => {
  await server.close();
  await operator.stop();
  await service.close();
  await exchange.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function settle(): Promise<void> {
  await exchange.anvil.mine(1);
  const head = await exchange.anvil.blockNumber();
  await until("the operator follows", () => operator.api.clock().block >= head - 1);
}

const sell = (amount: string) =>
  ada.createOrder({ market: MARKET, side: "sell", price: "3000", amount });
const buy = (amount: string) =>
  bob.createOrder({ market: MARKET, side: "buy", price: "3000", amount });

it("an operator answers with fills that clients take for the operator's", async () => {
  expect(operator.address).toBe(localSigner(exchange.anvil.keys[1] as Hex).address);
  await sell("1");
  const bought = await buy("0.25");
  expect(bought).toMatchObject({ state: "filled", bought: 25n * 10n ** 16n });
  expect(bought.fill).not.toBeNull();
  const [kept] = await bob.evidence.orders(0);
  expect(kept?.fill).toEqual(bought.fill);
});

it("an operator tells events in order, however long each signature takes", async () => {
  const trades = () => events.filter((event) => event.kind === "trade");
  const before = trades().length;
  const held = Promise.withResolvers<void>();
  service.delay = () => held.promise;
  const slow = buy("0.01");
  await until("the slow order's signature is asked for", () => service.open === 1);
  service.delay = async () => {};
  await buy("0.02");
  // It is answered and known, and its event waits for the one before.
  expect(service.open).toBe(1);
  expect(trades()).toHaveLength(before);
  held.resolve();
  await slow;
  await until("both are told", () => trades().length === before + 2);
  const told = trades().map(({ trade }) => trade.baseAmount);
  expect(told.slice(before)).toEqual([10n ** 16n, 2n * 10n ** 16n]);
});

it("an operator commits with transactions that Web3Signer signed", async () => {
  await exchange.anvil.mineTo(firstBlockOf(exchange.schedule, 1));
  await settle();
  await until("round 1 is committed", async () => {
    return (await exchange.reader.clock()).committedRound === 1;
  });
  expect(service.signed.some((data) => data.startsWith("0x02"))).toBe(true);
  await settle();
  expect((await bob.audit(1)).faults).toEqual([]);
});

it("an operator that cannot sign takes no order, says so, and goes on when it can", async () => {
  await sell("1");
  service.fault = { kind: "status", status: 500, times: 1_000_000 };
  // The first one to find out was taken, and is not answered without its evidence.
  await expect(buy("0.5")).rejects.toMatchObject({ code: "FillUnsigned", act: "retry" });
  await expect(buy("0.1")).rejects.toMatchObject({ code: "NotReady", act: "retry" });
  await expect(buy("0.1")).rejects.toThrow(/waits for its signing service/);
  await expect(bob.fetchOrders(1)).rejects.toMatchObject({ code: "FillUnsigned" });
  const health = await fetch(`${exchange.url}/health`);
  expect(health.status).toBe(503);
  expect(await health.text()).toMatch(/"name":"signer","state":"failed".*fails \(500\)/);
  expect((await fetch(`${exchange.url}/health/ready`)).status).toBe(503);
  expect(logged).toContain("signerUnavailable");

  service.fault = { kind: "none" };
  await until("it signs again", () => operator.api.notReady() === undefined);
  expect(logged).toContain("signerBack");
  const [half] = await bob.fetchOrders(1);
  expect(half).toMatchObject({ state: "filled", bought: 5n * 10n ** 17n });
  expect(half?.fill).not.toBeNull();
  expect((await buy("0.1")).state).toBe("filled");
});
