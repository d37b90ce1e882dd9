import { ZERO_ADDRESS } from "../../base/address.ts";
import type { TradingKeySetLog } from "../../protocol/chainLog.ts";
import type { Round } from "../../protocol/units.ts";
import { stopCounting } from "../model/orderLimits.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import {
  EVIDENCE_ROUNDS_BEHIND,
  type KeyChange,
  type State,
  tradingKeyOf,
} from "../model/state.ts";

/**
 * Records the key that signs an account's orders from the next round on, beside those of the rounds
 * that can still be asked about (docs/protocol.md section 5). Orders that wait for that round are
 * cancelled when the key replaces another: the Mediator takes none that the old key signed as
 * evidence, so an owner could trade, and then overdraw or dispute without an answer. Orders that
 * the owner itself signed are cancelled too: to distinguish these costs a recovery each, a whole
 * queue of them for the price of one transaction. Work grows with the account's waiting orders.
 */
export function setTradingKey(state: State, log: TradingKeySetLog, events: ExchangeEvent[]): void {
  const { round } = state.moment;
  const replaced = tradingKeyOf(state, log.client, log.fromRound) ?? ZERO_ADDRESS;
  const known = state.tradingKeys.get(log.client) ?? [];
  const kept = known.filter(
    (change, i) => change.fromRound < log.fromRound && !isSuperseded(known[i + 1], round),
  );
  state.tradingKeys.set(log.client, [...kept, { fromRound: log.fromRound, key: log.key }]);
  events.push({ what: "tradingKeySet", log });

  // Where no other key signed, only the owner did: that stays true.
  if (replaced !== ZERO_ADDRESS && replaced !== log.key) cancelQueued(state, log, events);
}

function cancelQueued(state: State, log: TradingKeySetLog, events: ExchangeEvent[]): void {
  const { client: owner, fromRound: round } = log;
  const client = state.clients.get(owner);
  for (const record of client?.rounds.get(round)?.orders.values() ?? []) {
    if (client === undefined || record.state !== "queued") continue;
    record.state = "cancelled";
    record.reason = "tradingKey";
    stopCounting(record);
    const { id } = record;
    events.push({ what: "orderCancelled", reason: "tradingKey", owner, round, id });
  }
}

/** Whether the next change already held in the oldest round that matters. */
function isSuperseded(next: KeyChange | undefined, round: Round): boolean {
  return next !== undefined && next.fromRound <= round - EVIDENCE_ROUNDS_BEHIND;
}
