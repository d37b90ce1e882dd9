import { assert } from "../base/errors.ts";
import type { DisputeClosedLog } from "../protocol/chainLog.ts";
import type { Happening } from "./outcome.ts";
import { disputeKey, type State } from "./state.ts";

/** Takes out an obligation that was met. Constant work. */
export function closeDispute(state: State, log: DisputeClosedLog, happenings: Happening[]): void {
  const key = disputeKey(log.client, log.round);
  assert(state.disputes.has(key), () => `a dispute of ${log.client} was closed, and is not open.`);

  state.disputes.delete(key);

  happenings.push({ what: "disputeClosed", log });
}
