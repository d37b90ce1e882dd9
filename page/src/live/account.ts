/** A client's own affairs, as the stream tells them. */
import { signal } from "@preact/signals";
import type { Address } from "../../../src/base/hex.ts";
import type {
  BalanceResponse,
  ClientTradeResponse,
  DepositResponse,
  WithdrawalResponse,
} from "../../../src/wire/schemas/account.ts";
import type { OrderResponse } from "../../../src/wire/schemas/order.ts";
import { stream } from "./exchange.ts";

export const balances = signal<readonly BalanceResponse[]>([]);
/** Of the current round and the next, by their hashes. */
export const orders = signal<ReadonlyMap<string, OrderResponse>>(new Map());
/** Newest first. */
export const fills = signal<readonly ClientTradeResponse[]>([]);
export const withdrawals = signal<readonly WithdrawalResponse[]>([]);
/** Pending ones with the blocks that they wait, then credited ones; newest first. */
export const deposits = signal<readonly DepositResponse[]>([]);

const MOST_ROWS = 100;
const MOST_ORDERS = 300;

/** Takes an order as an answer tells it; an older word than the known one changes nothing. */
export function takeOrder(order: OrderResponse): void {
  orders.value = withOrders(orders.value, [order]);
}

function withOrders(
  known: ReadonlyMap<string, OrderResponse>,
  told: readonly OrderResponse[],
): ReadonlyMap<string, OrderResponse> {
  const merged = new Map(known);
  for (const order of told) {
    const before = merged.get(order.orderHash);
    if (before === undefined || before.asOf <= order.asOf) merged.set(order.orderHash, order);
  }
  return new Map([...merged].slice(-MOST_ORDERS));
}

/** Listens to all that is `client`'s until the function that it gives is called. */
export function followAccount(client: Address, session: () => Promise<string>): () => void {
  forget();
  const hear = <Name extends "orders" | "fills" | "balances" | "withdrawals" | "deposits">(
    name: Name,
    take: Parameters<typeof stream.subscribe<Name>>[2],
  ) =>
    stream.subscribe<Name>(
      `${name}:${client}`,
      async () => ({ name, client, session: await session() }),
      take,
    );
  const endings = [
    hear("balances", ({ data }) => {
      balances.value = data;
    }),
    hear("orders", ({ data }) => {
      orders.value = withOrders(orders.value, data);
    }),
    hear("fills", ({ type, data }) => {
      const more = [...data].reverse();
      fills.value = (type === "snapshot" ? more : [...more, ...fills.value]).slice(0, MOST_ROWS);
    }),
    hear("withdrawals", ({ data }) => {
      withdrawals.value = data;
    }),
    hear("deposits", ({ data }) => {
      deposits.value = data;
    }),
  ];
  return () => {
    for (const end of endings) end();
    forget();
  };
}

function forget(): void {
  balances.value = [];
  orders.value = new Map();
  fills.value = [];
  withdrawals.value = [];
  deposits.value = [];
}
