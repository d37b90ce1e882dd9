/** How many orders a client may have, and how fast it may place them. */
import {
  PLACEMENTS_PER_CLIENT_AND_BLOCK,
  PLACEMENTS_PER_CLIENT_AND_ROUND,
} from "../../protocol/limits.ts";
import { type Refusal, refuse } from "../../protocol/refusals.ts";
import { covers } from "../../protocol/statementRule.ts";
import type { Round, Statement } from "../../protocol/units.ts";
import type { OrderRecord } from "./orderRecord.ts";
import type { Client, State } from "./state.ts";
import type { LimitView } from "./viewTypes.ts";

/**
 * Orders of `round` that count towards the limit whose reason is the evidence of disputes and
 * cancellations (docs/protocol.md section 10): open, queued, or executed and covered by no
 * countersigned statement. Orders that ended with their round, nothing executed, are among them
 * when the round is past: then nothing asks any more.
 */
export function countedOrders(client: Pick<Client, "rounds">, round: Round): number {
  return client.rounds.get(round)?.counted.size ?? 0;
}

/** An order that ended with nothing executed counts no more; one that executed does. */
export function stopCounting(record: OrderRecord): void {
  if (record.sold === 0n) record.counted.delete(record);
}

/** Whether an order with what became of it counts, beside the statement; as a snapshot tells it. */
export function isCounted(record: OrderRecord, statement: Statement | undefined): boolean {
  const { id, state, sold } = record;
  if (statement !== undefined && covers(statement, id)) return false;
  return state === "open" || state === "queued" || sold > 0n;
}

/** Why the client may place no order of `round` now; undefined if it may. */
export function checkLimits(
  state: State,
  client: Client,
  round: Round,
  leaving?: OrderRecord,
  affairs = client.rounds.get(round),
): Refusal | undefined {
  const most = state.genesis.limits.ordersPerClientAndRound;
  if (affairs !== undefined && affairs.counted.size >= most) {
    // The order that it replaces counts no more then, unless it was executed.
    const isFreed = leaving?.round === round && leaving.sold === 0n;
    if (!isFreed) return refuse("TooManyOrders", { round, limit: most });
  }
  if (affairs !== undefined && affairs.orders.size >= PLACEMENTS_PER_CLIENT_AND_ROUND) {
    return refuse("TooManyPlacements", { round, limit: PLACEMENTS_PER_CLIENT_AND_ROUND });
  }
  const { block } = state.moment;
  const { placed } = client;
  if (placed.block !== block || placed.count < PLACEMENTS_PER_CLIENT_AND_BLOCK) return undefined;
  return refuse("PlacedTooFast", { block, limit: PLACEMENTS_PER_CLIENT_AND_BLOCK });
}

export function ordersLimit(state: State, client: Pick<Client, "rounds">, round: Round): LimitView {
  return limited(state.genesis.limits.ordersPerClientAndRound, countedOrders(client, round));
}

export function placementsLimit(client: Pick<Client, "rounds">, round: Round): LimitView {
  const kept = client.rounds.get(round)?.orders.size ?? 0;
  return limited(PLACEMENTS_PER_CLIENT_AND_ROUND, kept);
}

export function blockLimit({ moment }: State, { placed }: Pick<Client, "placed">): LimitView {
  const used = placed.block === moment.block ? placed.count : 0;
  return limited(PLACEMENTS_PER_CLIENT_AND_BLOCK, used);
}

/** An order was taken at this block of the exchange's clock. */
export function countPlacement({ moment: { block } }: State, client: Client): void {
  if (client.placed.block === block) client.placed.count++;
  else client.placed = { block, count: 1 };
}

function limited(limit: number, used: number): LimitView {
  return { limit, used, left: Math.max(0, limit - used) };
}
