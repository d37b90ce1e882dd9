import type { DisputeClosedLog } from "../../protocol/chainLog.ts";
import type { Happening } from "../model/outcome.ts";
import { disputeKey, type State } from "../model/state.ts";

/** Takes out an obligation that was met. Constant work. */
export function closeDispute(state: State, log: DisputeClosedLog, happenings: Happening[]): void {
  state.disputes.delete(disputeKey(log.client, log.round));

  happenings.push({ what: "disputeClosed", log });
}
