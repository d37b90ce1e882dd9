/**
 * Duties that the newest block is said to show as done are held against the journal's final blocks:
 * one that was done by block N is in the journal once that holds block N. Otherwise a false word of
 * one endpoint would leave a duty undone until its deadline.
 */
import { type State, tokenOf } from "../../exchange/model/state.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { type ChainView, type Duty, type Questions, questions } from "./duties.ts";

/** Blocks by which a reorganisation may move what is done. */
const MOVED_BLOCKS = 3;

interface Held {
  /** The same view, in which nothing is done that the journal refutes. */
  readonly view: ChainView;
  /** Names of what was refuted now. */
  readonly refuted: readonly string[];
}

/** A claim, for as long as it goes on. */
interface Claim {
  /** The block as of which it was first made, or refuted, or a transaction for it was mined. */
  readonly since: BlockNumber;
  readonly isRefuted: boolean;
}

export class DoneClaims {
  #claims = new Map<string, Claim>();

  /**
   * `asked`: the questions that `view` answers; some of them may be settled by now. `minedFor`: the
   * block of our last transaction for what a claim names, which may have done what was refuted
   * before; 0: there was none.
   */
  hold(
    state: State,
    view: ChainView,
    asked: Questions,
    minedFor: (claim: string) => BlockNumber,
  ): Held {
    // After a halt requests end by recoveries, of which the journal takes no log.
    if (state.halted !== undefined) return { view, refuted: [] };
    const processed = state.head?.number ?? -1;
    const before = this.#claims;
    this.#claims = new Map();
    const found: string[] = [];
    for (const name of claimsOf(state, view, asked)) {
      const newestMined = minedFor(name);
      let claim = before.get(name) ?? { since: view.head, isRefuted: false };
      if (claim.isRefuted && newestMined > claim.since) {
        claim = { since: newestMined, isRefuted: false };
      }
      if (!claim.isRefuted && processed >= claim.since + MOVED_BLOCKS) {
        found.push(name);
        claim = { since: Math.max(view.head, newestMined), isRefuted: true };
      }
      this.#claims.set(name, claim);
    }
    const refuted = new Set(
      [...this.#claims].filter(([, one]) => one.isRefuted).map(([name]) => name),
    );
    return { view: refuted.size === 0 ? view : without(view, refuted), refuted: found };
  }
}

/** Names of the claims that this duty is done. */
export function claimsOfDuty(duty: Duty): string[] {
  switch (duty.kind) {
    case "cancelWithdrawal":
      return [requestName(duty.evidence)];
    case "closeDispute":
      return [disputeName(duty.answer)];
    case "commit":
      return duty.roots.map(({ token }) => commitName({ round: duty.round, token }));
  }
}

/** Names of all that `view` shows as done and the journal still has as open. */
function claimsOf(state: State, view: ChainView, asked: Questions): string[] {
  const now = questions(state);
  const open = new Set([...now.requests.map(requestName), ...now.disputes.map(disputeName)]);
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
