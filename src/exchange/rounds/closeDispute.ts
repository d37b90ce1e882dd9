import { ZERO_ADDRESS } from "../../base/address.ts";
import type { DisputeClosedLog } from "../../protocol/chainLog.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import { disputeKey, presentedKey, type State } from "../model/state.ts";

/** Takes out an obligation that was met. Constant work. */
export function closeDispute(state: State, log: DisputeClosedLog, events: ExchangeEvent[]): void {
  state.disputes.delete(disputeKey(log.client, log.round));
  state.presented.delete(presentedKey(log.client, ZERO_ADDRESS, log.round));

  events.push({ what: "disputeClosed", log });
}
