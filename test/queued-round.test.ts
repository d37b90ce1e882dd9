/** A round opens with more orders than one turn of the event loop places, on a running exchange. */
import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { nobleCurve } from "../src/base/curve.ts";
import { hexToBytes } from "../src/base/hex.ts";
import type { ExchangeClient } from "../src/client/client.ts";
import { ORDERS_OF_A_PART } from "../src/exchange/model/outcome.ts";
import { hashOrder } from "../src/protocol/messages.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { signMessage } from "../src/protocol/signatures.ts";
import type { Order } from "../src/protocol/units.ts";
import { startExchange, type TestExchange, until } from "./support/exchange/exchange.ts";

/** Every second one sells. */
const CLIENTS = 8;
/** Orders of each. */
const EACH = 100;
/** Orders of each buyer that meet one of a seller. */
const MEETING = 60;
const LOT = 10n ** 15n;
const PRICE = 3_000_000n;

let exchange: TestExchange;
const clients: ExchangeClient[] = [];
beforeAll(async () => {
  exchange = await startExchange();
  for (let index = 0; index < CLIENTS; index++) {
    const client = await exchange.client(index);
    await (isSeller(index) ? client.deposit("WETH", "1") : client.deposit("USDC", "5000"));
    clients.push(client);
  }
  await exchange.settle();
});
afterAll(() => exchange.stop());

const isSeller = (index: number) => index % 2 === 0;

/** Of round 1, one lot. */
function orderOf(index: number, at: number): Order {
  const { weth, usdc } = exchange;
  const owner = (clients[index] as ExchangeClient).address;
  const named = { owner, round: 1, id: BigInt(at + 1) };
  const price = isSeller(index) || at < MEETING ? PRICE : PRICE - 1000n;
  const [base, quote] = [LOT, price];
  return isSeller(index)
    ? {
        ...named,
        intent: "sellAll",
        sellToken: weth,
        sellAmount: base,
        buyToken: usdc,
        buyAmount: quote,
      }
    : {
        ...named,
        intent: "buyAll",
        sellToken: usdc,
        sellAmount: quote,
        buyToken: weth,
        buyAmount: base,
      };
}

async function queueOrders(index: number): Promise<void> {
  const key = hexToBytes(exchange.anvil.keys[2 + index] as `0x${string}`);
  const { domain } = (clients[index] as ExchangeClient).constants;
  const placed = Array.from({ length: EACH }, (_, at) => {
    const order = orderOf(index, at);
    return { order, signature: signMessage(nobleCurve, domain, hashOrder(order), key) };
  });
  const answer = await exchange.operator.api.placeOrders(placed);
  if (!answer.ok) throw new Error(answer.refusal.code);
  for (const one of answer.value) expect(one).toMatchObject({ value: { state: "queued" } });
}

it("a round opens with many queued orders at once for whoever reads, and is committed", async () => {
  for (let index = 0; index < CLIENTS; index++) await queueOrders(index);
  expect(CLIENTS * EACH).toBeGreaterThan(ORDERS_OF_A_PART);
  const [reader] = clients as [ExchangeClient];
  const seen = new Set<string>();
  let isOver = false;
  const reading = (async () => {
    while (!isOver) {
      const { bids, asks } = await reader.fetchOrderBook("WETH/USDC");
      seen.add([...asks, ...bids].map(({ amount }) => amount / LOT).join("/"));
      await setImmediate();
    }
  })();
  await exchange.anvil.mineTo(firstBlockOf(exchange.schedule, 1));
  await exchange.settle();
  await until("round 1 is committed", async () => {
    return (await exchange.reader.clock()).committedRound >= 1;
  });
  isOver = true;
  await reading;
  // Before and after, and nothing in between.
  const left = (CLIENTS / 2) * (EACH - MEETING);
  expect(seen).toEqual(new Set(["", `${left}/${left}`]));
  for (const client of clients) {
    const orders = await client.fetchOrders(1);
    expect(orders.every(({ state }) => ["open", "filled"].includes(state))).toBe(true);
    expect(orders).toHaveLength(EACH);
  }
  await exchange.toQuarter(2, 1);
  const proven = async (token: string) => {
    const balances = await Promise.all(clients.map((client) => client.provenBalance(token, 2)));
    return balances.reduce((sum, { balance }) => sum + balance, 0n);
  };
  expect(await proven(exchange.weth)).toBe(BigInt(CLIENTS / 2) * 10n ** 18n);
  expect(await proven(exchange.usdc)).toBe(BigInt(CLIENTS / 2) * 5_000n * 10n ** 6n);
});
