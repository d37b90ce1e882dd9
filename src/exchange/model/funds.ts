/** The only doors to a client's balances. Each asserts 0 <= locked <= total when it is done. */

import { UINT128_MAX } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import type { Amount } from "../../protocol/units.ts";
import { type Balance, type Client, type State, tokenOf } from "./state.ts";

const NOTHING: Readonly<Balance> = { total: 0n, locked: 0n };

export function balanceOf(client: Client, token: Address): Readonly<Balance> {
  return client.balances.get(token) ?? NOTHING;
}

/** The part of a balance that orders and withdrawals may take. */
export function freeFunds(client: Client, token: Address): Amount {
  const { total, locked } = balanceOf(client, token);
  return total - locked;
}

export function credit(state: State, client: Client, token: Address, amount: Amount): void {
  move(state, client, token, amount, 0n);
}

/** Takes `amount` out of the free balance. */
export function debit(state: State, client: Client, token: Address, amount: Amount): void {
  move(state, client, token, -amount, 0n);
}

export function lock(state: State, client: Client, token: Address, amount: Amount): void {
  move(state, client, token, 0n, amount);
}

export function unlock(state: State, client: Client, token: Address, amount: Amount): void {
  move(state, client, token, 0n, -amount);
}

/** Pays `amount` out of what is locked, and frees the rest of `released`. */
export function spendLocked(
  state: State,
  client: Client,
  token: Address,
  amount: Amount,
  released: Amount,
): void {
  assert(amount <= released, () => `${amount} spent of ${released} locked.`);
  move(state, client, token, -amount, -released);
}

function move(state: State, client: Client, token: Address, total: bigint, locked: bigint): void {
  let balance = client.balances.get(token);
  if (balance === undefined) {
    balance = { total: 0n, locked: 0n };
    client.balances.set(token, balance);
  }
  balance.total += total;
  balance.locked += locked;
  const sound =
    balance.locked >= 0n && balance.locked <= balance.total && balance.total <= UINT128_MAX;
  assert(
    sound,
    () => `${client.address} would hold ${balance.total} of ${token}, ${balance.locked} locked.`,
  );
  if (total !== 0n) tokenOf(state, token).changed.add(client.leafIndex);
}
