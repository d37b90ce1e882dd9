/**
 * Duties that the newest block is said to show as done are held against the journal's final blocks:
 * one that was done by block N is in the journal once that holds block N. Otherwise a false word of
 * one endpoint would leave a duty undone until its deadline.
 */
import { type State, tokenOf } from "../../exchange/model/state.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { type ChainView, type Questions, questions } from "./duties.ts";

interface Held {
  /** The same view, in which nothing is done that the journal refutes. */
  readonly view: ChainView;
  /** Names of what was refuted now. */
  readonly refuted: readonly string[];
}

export class DoneClaims {
  /** The first block as of which each was said to be done, since it was last said not to be. */
  #since = new Map<string, BlockNumber>();

  /** `asked`: the questions that `view` answers; some of them may be settled by now. */
  hold(state: State, view: ChainView, asked: Questions): Held {
    // After a halt requests end by recoveries, of which the journal takes no log.
    if (state.halted !== undefined) return { view, refuted: [] };
    const processed = state.head?.number ?? -1;
    const before = this.#since;
    const refuted = new Set<string>();
    this.#since = new Map();
    for (const name of claimsOf(state, view, asked)) {
      const since = before.get(name) ?? view.head;
      if (processed >= since) refuted.add(name);
      else this.#since.set(name, since);
    }
    if (refuted.size === 0) return { view, refuted: [] };
    return { view: without(view, refuted), refuted: [...refuted] };
  }
}

/** Names of all that `view` shows as done and the journal still has as open. */
function claimsOf(state: State, view: ChainView, asked: Questions): string[] {
  const open = new Set([
    ...questions(state).requests.map(requestName),
    ...questions(state).disputes.map(disputeName),
  ]);
  const requests = asked.requests.filter((one) => !view.isRequestActive(one)).map(requestName);
  const disputes = asked.disputes
    .filter(({ client, round }) => !view.isDisputeOpen(client, round))
    .map(disputeName);
  const commitments = asked.commitments
    .filter(({ round, token }) => view.isCommitted(round, token))
    .filter(({ round, token }) => (tokenOf(state, token).committedRound ?? -1) < round)
    .map(commitName);
  return [...[...requests, ...disputes].filter((name) => open.has(name)), ...commitments];
}

function without(view: ChainView, refuted: ReadonlySet<string>): ChainView {
  return {
    head: view.head,
    isRequestActive: (request) =>
      view.isRequestActive(request) || refuted.has(requestName(request)),
    isCommitted: (round, token) =>
      view.isCommitted(round, token) && !refuted.has(commitName({ round, token })),
    isDisputeOpen: (client, round) =>
      view.isDisputeOpen(client, round) || refuted.has(disputeName({ client, round })),
  };
}

function requestName({ client, token, round, amount }: Questions["requests"][number]): string {
  return `request of ${client} for ${amount} of ${token} in round ${round}`;
}

function disputeName({ client, round }: Questions["disputes"][number]): string {
  return `dispute of ${client} in round ${round}`;
}

function commitName({ round, token }: Questions["commitments"][number]): string {
  return `commit of round ${round} for ${token}`;
}
