/** What an account does, for the views: each loads the library first. */
import type { OrderRequest } from "../../../src/client/orders.ts";
import { takeOrder } from "../live/account.ts";
import { type Account, account } from "./state.ts";

function clientOf(): NonNullable<Account["client"]> {
  const client = account.value?.client;
  if (client === undefined) throw new Error("Connect a wallet first.");
  return client;
}

export async function placeOrder(request: OrderRequest & { round?: number }) {
  const order = await clientOf().createOrder(request);
  takeOrder(order);
  return order;
}

export async function cancelOrder(order: { readonly round: number; readonly id: bigint }) {
  takeOrder(await clientOf().cancelOrder(order));
}

export async function cancelAll(): Promise<number> {
  const ended = await clientOf().orders.cancelAll();
  for (const order of ended) takeOrder(order);
  return ended.length;
}

/** `token`: by symbol or address. Resolves when it is mined. */
export async function deposit(token: string, amount: string) {
  return clientOf().deposit(token, amount);
}

export async function withdraw(token: string, amount: string) {
  return clientOf().withdraw(token, amount);
}

export async function confirmWithdrawal(token: string) {
  return clientOf().confirmWithdrawal(token);
}

export async function dispute() {
  const { dispute: open } = await import("../../../src/client/dispute.ts");
  return open(clientOf());
}
