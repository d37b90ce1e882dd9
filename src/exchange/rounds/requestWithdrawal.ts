import type { WithdrawalInitiatedLog } from "../../protocol/chainLog.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import { clientOf, type State, type Withdrawal } from "../model/state.ts";

/**
 * Notes a request, to be decided at the next quarter boundary (docs/protocol.md section 4). The
 * opening
 * balance that the Mediator saw proven must be the one in our own tree. Constant work.
 */
export function requestWithdrawal(
  state: State,
  log: WithdrawalInitiatedLog,
  events: ExchangeEvent[],
): void {
  const client = clientOf(state, log.client);
  const withdrawal: Withdrawal = {
    client: log.client,
    token: log.token,
    recipient: log.recipient,
    round: log.round,
    amount: log.amount,
    opening: log.opening,
    block: log.block,
    state: "seen",
    evidence: undefined,
  };
  client.withdrawals.set(log.token, withdrawal);
  state.requesters.add(client.leafIndex);
  state.undecided.push(withdrawal);

  events.push({ what: "withdrawalRequested", log });
}
