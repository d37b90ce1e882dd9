/** A client states what it signed and was given fills for, whatever an operator answers. */
import { beforeEach, expect, it } from "vitest";
import { publicKeyToAddress } from "../base/address.ts";
import { nobleCurve } from "../base/curve.ts";
import type { Address } from "../base/hex.ts";
import { hashFill, hashStatement, orderHash } from "../protocol/messages.ts";
import { signMessage } from "../protocol/signatures.ts";
import { FIRST_TERMS_ID } from "../protocol/trading/terms.ts";
import type { CountersignedStatement, Order, Statement } from "../protocol/units.ts";
import { OrderIds } from "./checks/orderIds.ts";
import { lastCountersigned, MemoryEvidence } from "./evidence/evidence.ts";
import { hashClientMessage } from "./signing/signer.ts";
import { Statements } from "./statements.ts";
import type { OrderStatus } from "./types.ts";

const OWN = new Uint8Array(32).fill(1);
const OPERATOR = new Uint8Array(32).fill(2);
const STRANGER = new Uint8Array(32).fill(3);
const owner = publicKeyToAddress(nobleCurve.publicKey(OWN));
const operator = publicKeyToAddress(nobleCurve.publicKey(OPERATOR));
const WETH = "0x5FbDB2315678afecb367f032d93F642f64180aa3" as Address;
const USDC = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512" as Address;
const domain = { chainId: 1, mediator: WETH };
const ROUND = 3;
const LIMIT = 16;

let evidence: MemoryEvidence;
let ids: OrderIds;
let statements: Statements;
/** Orders as the operator shows them. */
let shown: Map<bigint, OrderStatus>;
/** Statements that were sent to it. */
let sent: Statement[];
/** How it answers one. */
let countersign: (statement: Statement) => Promise<CountersignedStatement>;
let now = 1_800_000_000_000;

const signedBy = (statement: Statement, key: Uint8Array) =>
  signMessage(nobleCurve, domain, hashStatement(statement), key);

function honest(statement: Statement): Promise<CountersignedStatement> {
  const signature = signedBy(statement, OWN);
  return Promise.resolve({
    statement,
    signature,
    countersignature: signedBy(statement, OPERATOR),
  });
}

function start(): void {
  ids = new OrderIds(() => now++);
  const api = {
    call: async (name: string, { body }: { body?: { statement: Statement } } = {}) => {
      if (name === "fetchStatements") return [];
      sent.push(body?.statement as Statement);
      return countersign(body?.statement as Statement);
    },
  };
  statements = new Statements({
    owner,
    domain,
    curve: nobleCurve,
    evidence,
    ids,
    signer: {
      sign: async (of, name, message) =>
        signMessage(nobleCurve, of, hashClientMessage(name, message), OWN),
    },
    receipts: { isOperator: async (signer) => signer === operator },
    fetchUncovered: async () => [...shown.values()],
    api: api as never,
    own: async () => ({ params: { client: owner }, session: "" }),
    limit: () => LIMIT,
  });
}

beforeEach(() => {
  evidence = new MemoryEvidence();
  [shown, sent, countersign] = [new Map(), [], honest];
  start();
});

/** An order of ours that sells WETH, among the evidence. */
async function sign(id = ids.next(ROUND, false)): Promise<Order> {
  const sell = { sellToken: WETH, sellAmount: 100n, buyToken: USDC, buyAmount: 200n };
  const order: Order = { owner, round: ROUND, id, intent: "sellAll", ...sell };
  statements.signing(ROUND, id);
  const signature = signMessage(nobleCurve, domain, hashClientMessage("Order", order), OWN);
  await evidence.saveOrder(orderHash(order), { order, signature });
  return order;
}

/** The operator's report of it, with the fill that it signs for that. */
async function report(order: Order, state: OrderStatus["state"], sold: bigint): Promise<void> {
  const bought = 2n * sold;
  const hash = orderHash(order);
  if (sold > 0n) {
    const fill = { orderHash: hash, owner, round: ROUND, sold, bought, sequence: sold };
    const signature = signMessage(nobleCurve, domain, hashFill(fill), OPERATOR);
    await evidence.saveFill({ fill, signature });
  }
  const status = { ...order, orderHash: hash, state, sold, bought } as OrderStatus;
  shown.set(order.id, status);
  statements.take(status);
}

const kept = async () => (await evidence.statements(ROUND)).at(-1);

it("a statement sums up closed orders, and no id below it is taken any more", async () => {
  const orders = [await sign(), await sign(), await sign()] as const;
  await report(orders[0], "filled", 100n);
  await report(orders[1], "cancelled", 30n);
  await report(orders[2], "cancelled", 0n);
  const made = await statements.state(ROUND);
  expect(made?.statement).toMatchObject({ tokens: [WETH, USDC], sold: [130n, 0n], except: [] });
  expect(made?.statement.bought).toEqual([0n, 260n]);
  const { watermark } = made?.statement ?? { watermark: 0n };
  for (const { id } of orders) expect(id).toBeLessThan(watermark);
  expect(ids.next(ROUND, false)).toBeGreaterThanOrEqual(watermark);
  expect(() => ids.require(ROUND, orders[0].id)).toThrow(/stated that orders with such ids/);
  expect(lastCountersigned(await evidence.statements(ROUND))?.statement).toEqual(made?.statement);
  expect(await statements.state(ROUND)).toEqual(made);
  expect(sent).toHaveLength(1);
});

it("a statement excepts orders that are open, or of which nothing is known", async () => {
  const [open, lost, done] = [await sign(), await sign(), await sign()];
  await report(open, "open", 40n);
  await report(done, "filled", 100n);
  statements.unanswered(lost);
  const made = await statements.state(ROUND);
  expect(made?.statement).toMatchObject({ except: [open.id, lost.id], sold: [100n, 0n] });
});

it("a statement ends below an order that an operator is still to answer", async () => {
  const [done, underWay, later] = [await sign(), await sign(), await sign()];
  await report(done, "filled", 100n);
  await report(later, "filled", 100n);
  const made = await statements.state(ROUND);
  expect(made?.statement).toMatchObject({ watermark: underWay.id, except: [], sold: [100n, 0n] });
});

it("a statement ends below the 33rd of the orders that rest", async () => {
  const orders: Order[] = [];
  for (let i = 0; i < 40; i++) orders.push(await sign());
  for (const [i, order] of orders.entries()) {
    if (i === 0) await report(order, "filled", 100n);
    else await report(order, "open", 0n);
  }
  const made = await statements.state(ROUND);
  expect(made?.statement.except).toHaveLength(32);
  expect(made?.statement.watermark).toBe(orders[33]?.id);
});

it.each<[string, (order: Order) => OrderStatus]>([
  ["other sums than its fill", (o) => ({ ...(shown.get(o.id) as OrderStatus), sold: 99n })],
  [
    "another order",
    (o) => ({ ...(shown.get(o.id) as OrderStatus), orderHash: `0x${"ab".repeat(32)}` }),
  ],
  ["an open order", (o) => ({ ...(shown.get(o.id) as OrderStatus), state: "open" })],
])("a statement says nothing of an order for which %s is shown", async (_, lie) => {
  const [told, other] = [await sign(), await sign()];
  await report(told, "filled", 100n);
  await report(other, "filled", 100n);
  shown.set(told.id, lie(told));
  const made = await statements.state(ROUND);
  expect(made?.statement).toMatchObject({ except: [told.id], sold: [100n, 0n] });
});

it("a statement says nothing of an order that was not signed here, or is hidden", async () => {
  const [done, hidden] = [await sign(), await sign()];
  await report(done, "filled", 100n);
  await report(hidden, "filled", 100n);
  shown.delete(hidden.id);
  const foreign = { ...(shown.get(done.id) as OrderStatus), id: 5n, sold: 70n };
  shown.set(5n, foreign);
  const made = await statements.state(ROUND);
  expect(made?.statement).toMatchObject({ except: [5n, hidden.id], sold: [100n, 0n] });
});

it("a countersignature is an operator's on the same statement, or is asked for again", async () => {
  await report(await sign(), "filled", 100n);
  const answers: (typeof countersign)[] = [
    async (one) => ({ ...(await honest(one)), countersignature: signedBy(one, STRANGER) }),
    async (one) => ({ ...(await honest(one)), countersignature: signedBy(one, OWN) }),
    (one) => honest({ ...one, bought: [0n, 199n] }),
  ];
  for (countersign of answers) {
    await expect(statements.state(ROUND)).rejects.toThrow(/the statement about 3/);
    expect((await kept())?.countersignature).toBeUndefined();
    expect(await statements.tryState(ROUND)).toBeUndefined();
  }
  countersign = honest;
  expect((await statements.state(ROUND))?.statement).toEqual(sent[0]);
  expect(new Set(sent.map(({ watermark }) => watermark)).size).toBe(1);
});

it("a statement never says other sums of the same orders, after a restart neither", async () => {
  const first = await sign();
  await report(first, "cancelled", 30n);
  countersign = () => Promise.reject(new TypeError("the line is cut"));
  await expect(statements.state(ROUND)).rejects.toThrow(/line is cut/);
  const before = await kept();
  // The operator reports more of an order that it had reported as closed.
  await report(first, "filled", 100n);
  start();
  await report(await sign(), "filled", 100n);
  countersign = honest;
  const made = await statements.state(ROUND);
  expect(before?.statement.sold).toEqual([30n, 0n]);
  expect(made?.statement.sold).toEqual([130n, 0n]);
  expect(made?.statement.watermark).toBeGreaterThan(before?.statement.watermark as bigint);
});

it("a statement is made by itself once half of the limit is used, and not twice", async () => {
  for (let i = 0; i < LIMIT / 2; i++) {
    await statements.prepare(ROUND, 1);
    await report(await sign(), "filled", 100n);
  }
  expect(sent).toHaveLength(0);
  await statements.prepare(ROUND, 1);
  expect(sent).toHaveLength(1);
  for (let i = 0; i < LIMIT / 2 + 1; i++) await report(await sign(), "open", 0n);
  await statements.prepare(ROUND, 1);
  await statements.prepare(ROUND, 1);
  expect(sent).toHaveLength(1);
});

it("a statement covers orders with terms too: orders without have terms from then on", async () => {
  await report(await sign(ids.next(ROUND, true)), "filled", 100n);
  expect(ids.needsTerms(ROUND)).toBe(false);
  const made = await statements.state(ROUND);
  expect(made?.statement.watermark).toBeGreaterThan(FIRST_TERMS_ID);
  expect(ids.needsTerms(ROUND)).toBe(true);
});
