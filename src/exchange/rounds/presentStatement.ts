import type { StatementPresentedLog } from "../../protocol/chainLog.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import { presentedKey, type State } from "../model/state.ts";

/**
 * Notes what a client presented with a request or a dispute: whoever answers gives it back, and
 * must cover all of it (docs/protocol.md section 10). The log of the call itself is beside this
 * one, before or behind. Constant work.
 */
export function presentStatement(
  state: State,
  log: StatementPresentedLog,
  _events: ExchangeEvent[],
): void {
  const { client, token, round, statementRound, watermark, except } = log;
  const key = presentedKey(client, token, round);
  const covers = state.presented.get(key)?.covers ?? [];
  const cover = { round: statementRound, watermark, except };
  state.presented.set(key, { client, token, round, covers: [...covers, cover] });
}
