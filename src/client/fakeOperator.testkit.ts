/** Operators that serve the real wire over one exchange, and behave as badly as they are told. */
import type { Socket } from "node:net";
import type { Address, Hex } from "../base/hex.ts";
import type { Answered, ApiEvent, OperatorApi } from "../operator/api/operatorApi.ts";
import { orderHash } from "../protocol/messages.ts";
import { type Refusal, refuse } from "../protocol/refusals.ts";
import { termsOf } from "../protocol/trading/terms.ts";
import type { CancelOrder, Order, SignedOrder } from "../protocol/units.ts";
import { buildHttp } from "../server/http.ts";
import { serveStream } from "../server/stream.ts";
import type { OrderResponse } from "../wire/schemas/order.ts";
import type { Placement } from "../wire/schemas/terms.ts";
import { formatSession } from "../wire/session.ts";
import type { Api } from "./api.ts";
import type { ExchangeFacts } from "./client.ts";
import type { OrderStatus } from "./types.ts";

export const OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" as Address;
const WETH = "0x5FbDB2315678afecb367f032d93F642f64180aa3" as Address;
const USDC = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512" as Address;
const HASH: Hex = `0x${"ab".repeat(32)}`;
const signature = { r: HASH, vs: HASH, path: [] };
const session = formatSession({ session: { client: OWNER, validUntil: 99 }, signature });

/**
 * What an operator does with one request. `close…`: the connection ends before or after it was
 * taken; `hang…`: it stays open. `keepAndNotLeader`: it loses the lead while it takes it.
 * `poor`: it refuses, whatever was taken before.
 */
export const DEEDS = [
  "serve",
  "closeBefore",
  "closeAfter",
  "hangBefore",
  "hangAfter",
  "notReady",
  "overloaded",
  "notLeader",
  "keepAndNotLeader",
  "poor",
] as const;
export type Deed = (typeof DEEDS)[number];

/** What all operators of it have in their journal. */
export class FakeExchange {
  /** What it says that it is. */
  facts: ExchangeFacts | undefined;
  readonly orders = new Map<bigint, OrderResponse>();
  /** Writes that were taken, each as often as it was. */
  readonly taken: string[] = [];

  place({ order, terms }: Placement): Answered<OrderResponse> {
    const { round, id } = order;
    if (this.orders.has(id)) return no(refuse("DuplicateOrderId", { round, id }));
    this.taken.push(`place ${id}`);
    const rest = { sold: 0n, bought: 0n, asOf: this.taken.length, fill: null };
    const shown = { reason: null, terms: termsOf(terms), timeMs: 1_800_000_000_000 };
    const known = { ...order, ...rest, ...shown, orderHash: orderHash(order) };
    const placed = { ...known, state: "open" as const };
    this.orders.set(id, placed);
    return { ok: true, value: placed };
  }

  cancel({ owner, round, id }: CancelOrder): Answered<OrderResponse> {
    const known = this.orders.get(id);
    if (known === undefined) return no(refuse("UnknownOrder", { owner, round, id }));
    const end = known.state === "filled" ? "filled" : "cancelled";
    if (known.state !== "open") return no(refuse("OrderNotOpen", { owner, round, id, end }));
    this.taken.push(`cancel ${id}`);
    const cancelled = { ...known, state: "cancelled" as const, asOf: this.taken.length };
    this.orders.set(id, cancelled);
    return { ok: true, value: cancelled };
  }
}

export interface FakeOperator {
  readonly url: string;
  /** Paths that it was asked for, in order. */
  readonly asked: string[];
  /** Authorization headers of the same requests. */
  readonly sessions: (string | undefined)[];
  /** What it does with the next writes, and with the next reads; then it serves. */
  readonly writes: Deed[];
  readonly reads: Deed[];
  /** Whom it names instead of taking a write, while it is set. */
  leader: string | undefined;
  publish(event: ApiEvent): void;
  /** Ends every stream. */
  cut(): void;
  stop(): Promise<void>;
}

export async function startFakeOperator(exchange: FakeExchange): Promise<FakeOperator> {
  const listeners = new Set<(event: ApiEvent) => void>();
  const sockets = new Set<Socket>();
  let deed: Deed = "serve";
  const write = (take: () => Answered<OrderResponse>): Answered<OrderResponse> => {
    const elsewhere = no(refuse("NotLeader", { leader: fake.leader }));
    if (fake.leader !== undefined || deed === "notLeader") return elsewhere;
    if (deed === "notReady") return no(refuse("NotReady", { waitingFor: "the journal" }));
    if (deed === "overloaded") return no(refuse("Overloaded", { retryAfterMs: 1 }));
    if (deed === "poor") {
      return no(refuse("InsufficientFunds", { token: WETH, needed: 2n, free: 1n }));
    }
    const answer = take();
    return deed === "keepAndNotLeader" ? elsewhere : answer;
  };
  const api: Partial<OperatorApi> = {
    exchange: () => exchange.facts as ExchangeFacts,
    clock: () => CLOCK,
    whenWhole: () => undefined,
    authorize: () => undefined,
    placeOrder: async (signed) => write(() => exchange.place(signed)),
    cancelOrder: async (cancel) => write(() => exchange.cancel(cancel)),
    orders: async () => ({ ok: true, value: [...exchange.orders.values()] }),
    book: () => undefined,
    attend: () => () => {},
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const app = buildHttp(api as OperatorApi);
  app.addHook("onRequest", (request, reply, next) => {
    fake.asked.push(request.url);
    fake.sessions.push(request.headers.authorization);
    deed = (request.method === "GET" ? fake.reads : fake.writes).shift() ?? "serve";
    if (deed === "closeBefore") request.raw.socket.destroy();
    if (deed === "closeBefore" || deed === "hangBefore") reply.hijack();
    next();
  });
  app.addHook("onSend", (request, reply, payload, next) => {
    if (deed === "closeAfter") request.raw.socket.destroy();
    if (deed === "closeAfter" || deed === "hangAfter") reply.hijack();
    else next(null, payload);
  });
  app.server.on("upgrade", (_request, socket: Socket) => sockets.add(socket));
  await app.listen({ host: "127.0.0.1", port: 0 });
  const stream = serveStream(app.server, api as OperatorApi);
  const { port } = app.server.address() as { port: number };
  const fake: FakeOperator = {
    url: `http://127.0.0.1:${port}`,
    asked: [],
    sessions: [],
    writes: [],
    reads: [],
    leader: undefined,
    publish: (event) => {
      for (const listener of listeners) listener(event);
    },
    cut: () => {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
    stop: async () => {
      await stream.close();
      await app.close();
    },
  };
  return fake;
}

export function signedOrder(id: bigint, changes: Partial<Order> = {}): SignedOrder {
  const tokens = { sellToken: WETH, sellAmount: 100n, buyToken: USDC, buyAmount: 200n };
  const order = { owner: OWNER, round: 3, id, ...tokens, intent: "sellAll" as const, ...changes };
  return { order, signature };
}

/** As a client reads one order of its own. */
export async function readOrder(api: Api, id: bigint): Promise<OrderStatus | undefined> {
  const own = { params: { client: OWNER }, query: { round: 3 }, session };
  return (await api.call("fetchOrders", own)).find((one) => one.id === id);
}

export const OWN_SESSION = session;
export const CLOCK = {
  chainHead: 90,
  block: 89,
  round: 3,
  quarter: 0 as const,
  nextQuarterBlock: 92,
  blocksLeft: 2,
  committedRound: 3,
  haltRound: null,
};

function no(refusal: Refusal): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal };
}
