/** The only doors to a client's balances. Each asserts 0 <= locked <= total when it is done. */

import { UINT128_MAX } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import type { Amount } from "../../protocol/units.ts";
import type { Account, Balance } from "./orderRecord.ts";
import { type State, tokenOf, tradingRound } from "./state.ts";

/** All that the client has of the token, in base units. */
export function totalOf(client: Account, token: Address): Amount {
  return client.balances.get(token)?.total ?? 0n;
}

/** The amount that open orders may still sell, in base units. */
export function lockedOf(state: State, client: Account, token: Address): Amount {
  return lockedIn(state, client.balances.get(token));
}

/** The part of a balance that orders and withdrawals may take. */
export function freeFunds(state: State, client: Account, token: Address): Amount {
  const balance = client.balances.get(token);
  return balance === undefined ? 0n : balance.total - lockedIn(state, balance);
}

function lockedIn(state: State, balance: Balance | undefined): Amount {
  return balance?.lockedRound === tradingRound(state) ? balance.locked : 0n;
}

export function credit(state: State, client: Account, token: Address, amount: Amount): void {
  move(state, client, token, amount, 0n);
}

/** Takes `amount` out of the free balance. */
export function debit(state: State, client: Account, token: Address, amount: Amount): void {
  move(state, client, token, -amount, 0n);
}

export function lock(state: State, client: Account, token: Address, amount: Amount): void {
  move(state, client, token, 0n, amount);
}

export function unlock(state: State, client: Account, token: Address, amount: Amount): void {
  move(state, client, token, 0n, -amount);
}

/** Pays `amount` out of what is locked, and frees the rest of `released`. */
export function spendLocked(
  state: State,
  client: Account,
  token: Address,
  amount: Amount,
  released: Amount,
): void {
  assert(amount <= released, () => `${amount} spent of ${released} locked.`);
  move(state, client, token, -amount, -released);
}

function move(state: State, client: Account, token: Address, total: bigint, locked: bigint): void {
  let balance = client.balances.get(token);
  if (balance === undefined) {
    balance = { total: 0n, locked: 0n, lockedRound: 0 };
    client.balances.set(tokenOf(state, token).address, balance);
  }
  const round = tradingRound(state);
  if (balance.lockedRound !== round) {
    balance.lockedRound = round;
    balance.locked = 0n;
  }
  if (locked !== 0n) balance.locked += locked;
  if (total !== 0n) balance.total += total;
  const sound =
    balance.locked >= 0n && balance.locked <= balance.total && balance.total <= UINT128_MAX;
  if (!sound) throwUnsound(client, token, balance);
  if (total === 0n) return;
  const { changed, ahead } = tokenOf(state, token);
  ahead?.written.delete(client.leafIndex);
  changed.add(client.leafIndex);
}

function throwUnsound({ address }: Account, token: Address, { total, locked }: Balance): void {
  assert(false, `${address} would hold ${total} of ${token}, ${locked} locked.`);
}
