import type { WithdrawalConfirmedLog } from "../../protocol/chainLog.ts";
import type { Happening } from "../model/outcome.ts";
import { clientOf, type State } from "../model/state.ts";

/** Takes out a request that the Mediator paid: we must have debited it. Constant work. */
export function confirmWithdrawal(
  state: State,
  log: WithdrawalConfirmedLog,
  happenings: Happening[],
): void {
  const client = clientOf(state, log.client);
  client.withdrawals.delete(log.token);

  happenings.push({ what: "withdrawalConfirmed", log });
}
