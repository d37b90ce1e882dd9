import { assert } from "../base/errors.ts";
import type { TradingKeySetLog } from "../protocol/chainLog.ts";
import type { Round } from "../protocol/units.ts";
import type { Happening } from "./outcome.ts";
import { EVIDENCE_ROUNDS_BEHIND, type KeyChange, type State } from "./state.ts";

/**
 * Records the key that signs an account's orders from the next round on, beside those of the
 * rounds that can still be asked about (PROTOCOL.md section 5). Constant work.
 */
export function setTradingKey(state: State, log: TradingKeySetLog, happenings: Happening[]): void {
  const { round } = state.moment;
  assert(log.fromRound === round + 1, () => `a key set in ${round} for ${log.fromRound}.`);

  const known = state.tradingKeys.get(log.client) ?? [];
  const kept = known.filter(
    (change, i) => change.fromRound < log.fromRound && !isSuperseded(known[i + 1], round),
  );
  state.tradingKeys.set(log.client, [...kept, { fromRound: log.fromRound, key: log.key }]);

  happenings.push({ what: "tradingKeySet", log });
}

/** Whether the next change already held in the oldest round that matters. */
function isSuperseded(next: KeyChange | undefined, round: Round): boolean {
  return next !== undefined && next.fromRound <= round - EVIDENCE_ROUNDS_BEHIND;
}
