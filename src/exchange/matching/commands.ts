/**
 * Commands of a client for all its orders at once: cancel them, now or when it is silent. Such
 * commands carry nonces that only grow, so that none counts twice or out of turn.
 */
import { type Refusal, refuse } from "../../protocol/refusals.ts";
import type { CancelAfter, CancelAll } from "../../protocol/units.ts";
import type { CancelAfterEntry, CancelAllEntry, KeepAliveEntry } from "../model/entries.ts";
import {
  type CancelReason,
  type ExchangeEvent,
  ORDERS_OF_A_PART,
  type Outcome,
  type Parts,
} from "../model/outcome.ts";
import { type Client, clientOf, liveOrders, type State } from "../model/state.ts";
import { cancel } from "./endOrder.ts";

/**
 * Takes out all orders of the owner, of this round and the next. Work grows with its orders of
 * both.
 */
export function cancelAll(state: State, entry: CancelAllEntry): Outcome {
  const refusal = checkCommand(state, entry);
  if (refusal !== undefined) return { refusal, events: [] };

  const client = clientOf(state, entry.owner);
  const events: ExchangeEvent[] = [];
  client.lastNonce = entry.nonce;
  const orders = cancelLive(state, client, "cancelAll", events);
  client.cancelledAll = { nonce: entry.nonce, orders };
  return { events };
}

/** Sets the owner's dead-man switch, or takes it off. */
export function cancelAfter(state: State, entry: CancelAfterEntry): Outcome {
  const refusal = checkCommand(state, entry) ?? checkBlock(state, entry);
  if (refusal !== undefined) return { refusal, events: [] };

  const client = clientOf(state, entry.owner);
  const { nonce, block, graceBlocks } = entry;
  client.lastNonce = nonce;
  client.deadMan = block === 0 ? undefined : { block, graceBlocks };
  armed(state, client);
  return { events: [] };
}

/**
 * Owners that were connected to the writer: their switches, where they move with that, are so many
 * blocks ahead again. Others are passed over. Work grows with the owners.
 */
export function keepAlive(state: State, { clients }: KeepAliveEntry): Outcome {
  for (const address of clients) {
    const client = state.clients.get(address);
    const deadMan = client?.deadMan;
    if (client === undefined || deadMan === undefined || deadMan.graceBlocks === 0) continue;
    const { graceBlocks } = deadMan;
    const block = Math.max(deadMan.block, state.moment.block + graceBlocks);
    client.deadMan = { block, graceBlocks };
  }
  return { events: [] };
}

/** Fires the switches whose block is before `block`, by the clients' places in the tree. */
export function* fireSwitches(state: State, block: number, events: ExchangeEvent[]): Parts {
  let rested = events.length;
  for (const client of silentClients(state, block)) {
    if (events.length - rested >= ORDERS_OF_A_PART) {
      rested = events.length;
      yield;
    }
    client.deadMan = undefined;
    armed(state, client);
    cancelLive(state, client, "deadMan", events);
  }
}

/** Clients whose switches fire before the exchange's clock comes to `block`. */
export function silentClients(state: State, block: number): Client[] {
  if (state.armed.size === 0) return [];
  const silent = [...state.armed].filter(({ deadMan }) => deadMan && deadMan.block < block);
  return silent.sort((a, b) => a.leafIndex - b.leafIndex);
}

/** Why a command is refused, its signature aside; undefined if it is taken. */
export function checkCommand(state: State, command: CancelAll): Refusal | undefined {
  const { owner, round, nonce } = command;
  const { halted, moment } = state;
  if (halted !== undefined) return refuse("ExchangeHalted", { haltRound: halted.round });
  const client = state.clients.get(owner);
  if (client === undefined) return refuse("UnknownClient", { client: owner });
  if (round !== moment.round) {
    return refuse("OrderRoundClosed", { orderRound: round, currentRound: moment.round });
  }
  if (nonce <= client.lastNonce) return refuse("OldNonce", { nonce, last: client.lastNonce });
  return undefined;
}

/** Why a switch cannot be set to its block. */
export function checkBlock(state: State, { block }: CancelAfter): Refusal | undefined {
  const now = state.moment.block;
  if (block === 0 || block > now) return undefined;
  return refuse("Expired", { goodTillBlock: block, block: now + 1 });
}

function cancelLive(
  state: State,
  client: Client,
  reason: CancelReason,
  events: ExchangeEvent[],
): { round: number; id: bigint }[] {
  const live = liveOrders(client, state.moment.round);
  for (const record of live) events.push(cancel(state, record, reason));
  return live.map(({ round, id }) => ({ round, id }));
}

function armed(state: State, client: Client): void {
  if (client.deadMan === undefined) state.armed.delete(client);
  else state.armed.add(client);
}
