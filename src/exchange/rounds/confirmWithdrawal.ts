import type { WithdrawalConfirmedLog } from "../../protocol/chainLog.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import { clientOf, endRequest, type State } from "../model/state.ts";

/** Takes out a request that the Mediator paid: we must have debited it. Constant work. */
export function confirmWithdrawal(
  state: State,
  log: WithdrawalConfirmedLog,
  events: ExchangeEvent[],
): void {
  const client = clientOf(state, log.client);
  endRequest(state, client, log.token);

  events.push({ what: "withdrawalConfirmed", log });
}
