/** A client of several operators, on a real chain: what it believes, and from whom. */
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type Anvil, startAnvil } from "../../test/support/chain/anvil.ts";
import { nobleCurve } from "../base/curve.ts";
import { type Address, type Hex, hexToBytes } from "../base/hex.ts";
import { deployExchange } from "../chain/contracts/deploy.ts";
import { MediatorReader } from "../chain/contracts/mediator.ts";
import { localSigner } from "../chain/signer.ts";
import { hashFill } from "../protocol/messages.ts";
import { signMessage } from "../protocol/signatures.ts";
import { ExchangeClient, type ExchangeFacts } from "./client.ts";
import { MemoryEvidence } from "./evidence/evidence.ts";
import { FakeExchange, type FakeOperator, startFakeOperator } from "./fakeOperator.testkit.ts";

const [OWNER, ADA, BOB, TRADER, STRANGER] = [0, 1, 2, 3, 4];
const ORDER = {
  market: "WETH/USDC",
  side: "sell",
  price: "3000",
  amount: "1",
  round: 0,
} as const;

let anvil: Anvil;
let exchange: FakeExchange;
let ada: FakeOperator;
let bob: FakeOperator;
let facts: ExchangeFacts;

beforeAll(async () => {
  anvil = await startAnvil();
  exchange = new FakeExchange();
  [ada, bob] = await Promise.all([startFakeOperator(exchange), startFakeOperator(exchange)]);
  const approved = (index: number, uri: string) => ({
    address: anvil.addresses[index] as Address,
    name: `operator ${index}`,
    uri,
  });
  const { mediator, manager, tokens } = await deployExchange({
    client: anvil.client,
    owner: localSigner(anvil.keys[OWNER] as Hex),
    operator: approved(ADA, ada.url),
    slots: {
      genesisBlocks: 40,
      slotBlocks: 10,
      others: [approved(BOB, `${bob.url}/`), approved(5, "ftp://no.example"), approved(6, "-")],
    },
    roundSize: 1024,
    disputeBond: 0n,
    tokens: [
      { name: "Wrapped Ether", symbol: "WETH", decimals: 18 },
      { name: "Dollar", symbol: "USDC", decimals: 6 },
    ],
  });
  const [base, quote] = tokens as [Address, Address];
  const { schedule } = await new MediatorReader(anvil.client, mediator).constants();
  facts = {
    chainId: anvil.chainId,
    mediator,
    manager,
    schedule,
    confirmations: 1,
    operator: anvil.addresses[ADA] as Address,
    markets: [{ name: "WETH/USDC", base, quote, lot: 10n ** 15n, tick: 10n }],
    tokens: [
      { token: base, symbol: "WETH", decimals: 18, listedRound: 0 },
      { token: quote, symbol: "USDC", decimals: 6, listedRound: 0 },
    ],
    limits: { ordersPerClientAndRound: 100 },
  };
  exchange.facts = facts;
});
beforeEach(() => {
  ada.leader = undefined;
  bob.leader = undefined;
});
afterAll(async () => {
  await Promise.all([ada.stop(), bob.stop()]);
  await anvil.stop();
});

function join(operator: string | readonly string[]): Promise<ExchangeClient> {
  return ExchangeClient.join({
    operator,
    rpc: [anvil.url],
    mediator: facts.mediator,
    retryTimeoutMs: 3000,
    signer: anvil.keys[TRADER] as Hex,
    evidence: new MemoryEvidence(),
  });
}

/** Signed by `signer` for the order of that id, and shown from now on. */
function show(id: bigint, signer: number, sold: bigint, sequence: bigint): void {
  const status = exchange.orders.get(id);
  if (status === undefined) throw new Error(`there is no order ${id}`);
  const { orderHash, owner, round } = status;
  const fill = { orderHash, owner, round, sold, bought: 3000n * sold, sequence };
  const domain = { chainId: facts.chainId, mediator: facts.mediator };
  const key = hexToBytes(anvil.keys[signer] as Hex);
  const signature = signMessage(nobleCurve, domain, hashFill(fill), key);
  exchange.orders.set(id, { ...status, fill: { fill, signature } });
}

it("the client learns from the chain where operators serve", async () => {
  expect((await join(ada.url)).api.known).toEqual([ada.url, bob.url]);
  const client = await join(["http://127.0.0.1:1", bob.url]);
  expect(client.api.known).toEqual(["http://127.0.0.1:1", bob.url, ada.url]);
  expect(client.api.url).toBe(bob.url);
});

it("the client places where the leader is, and takes a lost answer for what it was", async () => {
  const client = await join(ada.url);
  ada.leader = bob.url;
  bob.writes.push("closeAfter");
  const status = await client.createOrder(ORDER);
  const [kept] = await client.evidence.orders(0);
  expect(status).toMatchObject({ state: "open", orderHash: kept?.orderHash });
  expect(exchange.taken.filter((one) => one === `place ${status.id}`)).toHaveLength(1);
  bob.writes.push("closeAfter");
  expect(await client.cancelOrder(status)).toMatchObject({ state: "cancelled" });
  expect(client.latest.of(status.orderHash)).toMatchObject({ state: "cancelled" });
  if (kept === undefined) throw new Error("no evidence was kept");
  // Whoever is not sure places it again.
  expect(await client.placeOrder(kept.signed)).toMatchObject({ state: "cancelled" });
});

it("the client keeps fills of every approved operator, in whatever order", async () => {
  const client = await join(ada.url);
  const { id } = await client.createOrder(ORDER);
  const sold = async () => {
    await client.fetchOrders(0);
    const orders = await client.evidence.orders(0);
    return orders.find(({ signed }) => signed.order.id === id)?.fill?.fill.sold;
  };
  show(id, ADA, 10n, 1n);
  expect(await sold()).toBe(10n);
  show(id, BOB, 30n, 3n);
  expect(await sold()).toBe(30n);
  // One that trails shows what was before.
  show(id, ADA, 20n, 2n);
  expect(await sold()).toBe(30n);
  // Nothing that was signed later may take something back, and nothing earlier may go beyond.
  show(id, ADA, 20n, 4n);
  await expect(sold()).rejects.toMatchObject({ code: "BadReceipt" });
  show(id, ADA, 40n, 2n);
  await expect(sold()).rejects.toMatchObject({ code: "BadReceipt" });
  show(id, STRANGER, 40n, 5n);
  await expect(sold()).rejects.toMatchObject({ code: "BadReceipt" });
});
