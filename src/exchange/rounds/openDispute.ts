import type { DisputeOpenedLog } from "../../protocol/chainLog.ts";
import { closingWindow } from "../../protocol/disputeRule.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import { disputeKey, type State } from "../model/state.ts";

/** Notes an obligation: the dispute must be closed by its deadline (section 6). Constant work. */
export function openDispute(state: State, log: DisputeOpenedLog, events: ExchangeEvent[]): void {
  const key = disputeKey(log.client, log.round);
  const deadlineBlock = closingWindow(state.genesis.schedule, log.block).lastBlock;
  const { client, round, opener, openingsPresented, mustProveOpenings, presented } = log;
  state.disputes.set(key, {
    client,
    round,
    opener,
    openedBlock: log.block,
    deadlineBlock,
    openingsPresented,
    mustProveOpenings,
    presented,
  });

  events.push({ what: "disputeOpened", client, round, deadlineBlock });
}
