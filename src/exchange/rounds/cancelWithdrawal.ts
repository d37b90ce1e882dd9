import { assert } from "../../base/errors.ts";
import type { WithdrawalCancelledLog } from "../../protocol/chainLog.ts";
import { credit } from "../model/funds.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import {
  type Client,
  clientOf,
  clientRound,
  endRequest,
  flowIn,
  presentedKey,
  type State,
  type Token,
  tokenOf,
  type Withdrawal,
} from "../model/state.ts";

/**
 * Takes out a request that was cancelled on chain. If we had debited it (another approved operator
 * may cancel what we would have paid), the money comes back, as the Mediator's own sums say; when
 * the next round is open already, it comes back into the tree with which that round opened, which
 * is not committed yet. Constant work, and one path of that tree.
 */
export function cancelWithdrawal(
  state: State,
  log: WithdrawalCancelledLog,
  events: ExchangeEvent[],
): void {
  const client = clientOf(state, log.client);
  const token = tokenOf(state, log.token);
  const withdrawal = client.withdrawals.get(log.token);
  assert(withdrawal !== undefined, () => `no request of ${log.client} for ${log.token}.`);
  const { round } = state.moment;

  endRequest(state, client, log.token);
  state.presented.delete(presentedKey(log.client, log.token, log.round));
  if (withdrawal.state === "seen") {
    state.undecided = state.undecided.filter((other) => other !== withdrawal);
  }
  const credited = withdrawal.state === "debited";
  if (credited) giveBack(state, client, token, withdrawal);
  events.push({ what: "withdrawalCancelled", log, credited });

  if (credited && withdrawal.round < round) refreezeTree(client, token, withdrawal, events);
}

function giveBack(state: State, client: Client, token: Token, withdrawal: Withdrawal): void {
  credit(state, client, token.address, withdrawal.amount);
  flowIn(token.flows, withdrawal.round).requested -= withdrawal.amount;
  flowIn(clientRound(client, withdrawal.round).flows, token.address).requested -= withdrawal.amount;
}

/** Puts the money into the opened round's tree, which is not committed yet. */
function refreezeTree(
  client: Client,
  token: Token,
  withdrawal: Withdrawal,
  events: ExchangeEvent[],
): void {
  const opened = withdrawal.round + 1;
  const { address, leafIndex } = client;
  const balance = token.tree.balanceOf(leafIndex) + withdrawal.amount;
  token.tree.set(leafIndex, { client: address, balance });
  token.expected += withdrawal.amount;
  // The same tree is the frozen one.
  const { tree } = token;
  assert(tree.total === token.expected, () => `${tree.total} is not A(${opened}).`);
  events.push({
    what: "rootChanged",
    round: opened,
    get root() {
      return { token: token.address, ...tree.root() };
    },
  });
}
