import { assert } from "../../base/errors.ts";
import { evidenceNow } from "../model/evidence.ts";
import { debit, freeFunds } from "../model/funds.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import {
  clientOf,
  clientRound,
  flowIn,
  type State,
  tokenOf,
  type Withdrawal,
} from "../model/state.ts";

/**
 * Decides, at a quarter boundary, every request seen before it: debited if the client's free
 * balance covers it, otherwise refused, which obliges the operator to cancel it on chain.
 *
 * The evidence for that always suffices, and is kept as it stands now: orders that end later, and
 * statements about them, change nothing of it. Every order that sold since the opening is one of
 * the client's signed orders of the request's round or the one before, sold at most its sellAmount,
 * and locks at most what it has not sold; or a statement has it in its sums. So free >= opening -
 * (sum of sellAmounts) - (sold less bought of the statements), and amount > free gives the rule of
 * docs/protocol.md section 10. Work grows with the requests and their clients' orders.
 */
export function decideWithdrawals(state: State, events: ExchangeEvent[]): void {
  for (const withdrawal of state.undecided) decide(state, withdrawal, events);
  state.undecided = [];
}

function decide(state: State, withdrawal: Withdrawal, events: ExchangeEvent[]): void {
  const { client: address, token, round, amount } = withdrawal;
  assert(round === state.moment.round, () => `a request of ${round} is undecided.`);
  const client = clientOf(state, address);

  const covered = amount <= freeFunds(state, client, token);
  if (covered) {
    debit(state, client, token, amount);
    flowIn(tokenOf(state, token).flows, round).requested += amount;
    flowIn(clientRound(client, round).flows, token).requested += amount;
  }
  withdrawal.state = covered ? "debited" : "refused";
  if (!covered) withdrawal.evidence = evidenceNow(state, client, withdrawal);

  events.push({
    what: "withdrawalDecided",
    client: address,
    token,
    round,
    amount,
    decision: withdrawal.state,
  });
}
