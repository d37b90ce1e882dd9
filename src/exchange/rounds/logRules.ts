/**
 * Conditions under which a log of the Mediator is taken: one rule for each kind of log, over facts
 * that the state gives (`factsOf`), or the state with what earlier logs of the same blocks will
 * have done to it (checkBlocks.ts). So a log that was checked before it was written is one that can
 * be applied.
 */
import { UINT128_MAX } from "../../base/bytes.ts";
import type { Address } from "../../base/hex.ts";
import type {
  ChainLog,
  ChainLogKind,
  CommittedLog,
  TokenListedLog,
  WithdrawalCancelledLog,
  WithdrawalInitiatedLog,
} from "../../protocol/chainLog.ts";
import { MAX_TOKENS } from "../../protocol/limits.ts";

import type { Amount, Moment, Round, TreeRoot } from "../../protocol/units.ts";
import { confirmable } from "../../protocol/withdrawalRule.ts";
import { openingBalance } from "../model/evidence.ts";
import { disputeKey, type State, type Token } from "../model/state.ts";
import type { WithdrawalState } from "../model/viewTypes.ts";

/** A request for a withdrawal that is active. */
export interface ActiveRequest {
  readonly round: Round;
  readonly amount: Amount;
  readonly state: WithdrawalState;
}

/** The facts that the rules ask for, as of the log's own place in the chain. */
export interface LogFacts {
  readonly moment: Moment;
  readonly isHalted: boolean;
  readonly tokenCount: number;
  isListed(token: Address): boolean;
  isClient(client: Address): boolean;
  /** The client's active request for `token`. */
  request(client: Address, token: Address): ActiveRequest | undefined;
  /** The client's balance in the tree that `round` opened with, in base units. */
  opening(client: Address, token: Address, round: Round): Amount | undefined;
  /** The root of the tree that `round` opened with; undefined if it does not have the token. */
  root(token: Address, round: Round): TreeRoot | undefined;
  committedRound(token: Address): Round | undefined;
  isDisputed(client: Address, round: Round): boolean;
  /** Sum of all clients' balances of `token`, in base units. */
  sum(token: Address): Amount;
}

type Rule<L extends ChainLog> = (facts: LogFacts, log: L) => string | undefined;

const RULES: { readonly [K in ChainLogKind]: Rule<Extract<ChainLog, { readonly kind: K }>> } = {
  tokenListed: inItsRound(canList),
  deposited: inItsRound((facts, { token, amount }) =>
    facts.isListed(token) ? canHold(facts, token, amount) : notListed(token),
  ),
  withdrawalInitiated: inItsRound(canRequest),
  committed: inItsRound(canCommit),
  disputeOpened: inItsRound((facts, { client, round }) => {
    if (facts.isDisputed(client, round)) return `${client} disputes twice in round ${round}.`;
    return round >= 1 ? undefined : "a dispute in round 0 is about nothing.";
  }),
  // Of whatever statement: one that this journal does not have is said when it must be answered.
  statementPresented: inItsRound(() => undefined),
  // The round of these logs is the one that they end or prepare.
  withdrawalCancelled: canCancel,
  withdrawalConfirmed: (facts, { client, token, round, amount }) => {
    if (!facts.isClient(client)) return noClient(client);
    const request = facts.request(client, token);
    const isDebited =
      request?.state === "debited" && request.round === round && request.amount === amount;
    if (!isDebited) return `${amount} of ${token} was paid that we did not debit.`;
    // Paid earlier the client could ask again, by an opening that still has the amount.
    if (facts.isHalted || confirmable(round, facts.moment)) return undefined;
    return `${amount} of ${token}, asked for in round ${round}, was paid before it was payable.`;
  },
  tradingKeySet: ({ moment }, { fromRound }) =>
    fromRound === moment.round + 1 ? undefined : `a key set in ${moment.round} for ${fromRound}.`,
  disputeClosed: (facts, { client, round }) =>
    facts.isDisputed(client, round)
      ? undefined
      : `a dispute of ${client} was closed, and is not open.`,
};

/** Why the log cannot be taken, as a sentence; undefined if it can. */
export function checkLog(facts: LogFacts, log: ChainLog): string | undefined {
  if (facts.isHalted && log.kind !== "withdrawalConfirmed") {
    return `${log.kind} in block ${log.block}, after the halt.`;
  }
  const rule = RULES[log.kind] as Rule<ChainLog>;
  return rule(facts, log);
}

function inItsRound<L extends ChainLog & { readonly round: Round }>(rule: Rule<L>): Rule<L> {
  return (facts, log) => {
    const { round } = facts.moment;
    if (log.round !== round) return `${log.kind} of round ${log.round} in round ${round}.`;
    return rule(facts, log);
  };
}

function canList(facts: LogFacts, { token }: TokenListedLog): string | undefined {
  if (facts.isListed(token)) return `${token} is listed twice.`;
  return facts.tokenCount < MAX_TOKENS ? undefined : `more than ${MAX_TOKENS} tokens are listed.`;
}

function canHold(facts: LogFacts, token: Address, amount: Amount): string | undefined {
  const sum = facts.sum(token) + amount;
  return sum <= UINT128_MAX ? undefined : `clients would hold ${sum} of ${token} in all.`;
}

function canRequest(facts: LogFacts, log: WithdrawalInitiatedLog): string | undefined {
  const { client, token, amount, opening, round } = log;
  if (!facts.isClient(client)) return noClient(client);
  if (!facts.isListed(token)) return notListed(token);
  if (facts.request(client, token) !== undefined) {
    return `${client} requests ${token} while a request is active.`;
  }
  const ours = facts.opening(client, token, round - 1);
  if (ours === opening && amount > 0n && amount <= opening) return undefined;
  return `${client} requests ${amount} of ${opening} proven, ours is ${ours}.`;
}

function canCancel(facts: LogFacts, log: WithdrawalCancelledLog): string | undefined {
  const { client, token, round, amount } = log;
  if (!facts.isClient(client)) return noClient(client);
  if (!facts.isListed(token)) return notListed(token);
  const request = facts.request(client, token);
  if (request === undefined || request.round !== round || request.amount !== amount) {
    return `a withdrawal of ${client} is cancelled that we do not know: ${amount}.`;
  }
  const now = facts.moment;
  const inTime = round === now.round || (round === now.round - 1 && now.quarter === 0);
  if (!inTime) return `a request of ${round} is cancelled in ${now.round}, quarter ${now.quarter}.`;
  if (request.state !== "debited") return undefined;
  if (round < now.round && facts.committedRound(token) === round + 1) {
    return `cancelled after the commit of ${round + 1}.`;
  }
  return canHold(facts, token, amount);
}

/**
 * A difference means that somebody committed balances which this journal does not give: nothing may
 * go on from there.
 */
function canCommit(facts: LogFacts, log: CommittedLog): string | undefined {
  const { token, round, node, total, leafCount } = log;
  const { quarter } = facts.moment;
  if (!facts.isListed(token)) return notListed(token);
  if (quarter !== 0) return `${token} was committed in quarter ${quarter}.`;
  const own = facts.root(token, round);
  if (own === undefined) return `${token} was committed, and is not of ${round}.`;
  if (facts.committedRound(token) === round) return `${token} was committed twice.`;
  if (own.node === node && own.total === total && own.leafCount === leafCount) return undefined;
  return (
    `the commit of ${token} in round ${round} is ${node}, ${total}, ` +
    `${leafCount} leaves; ours is ${own.node}, ${own.total}, ${own.leafCount} leaves.`
  );
}

function notListed(token: Address): string {
  return `${token} is not listed.`;
}

function noClient(client: Address): string {
  return `${client} is no client.`;
}

/** The facts of the state, at each moment as it stands then. */
export function factsOf(state: State): LogFacts {
  return {
    get moment() {
      return state.moment;
    },
    get isHalted() {
      return state.halted !== undefined;
    },
    get tokenCount() {
      return state.tokens.size;
    },
    isListed: (token) => state.tokens.has(token),
    isClient: (client) => state.clients.has(client),
    request: (client, token) => state.clients.get(client)?.withdrawals.get(token),
    opening: (client, token, round) => openingBalance(state, client, token, round),
    root: (token, round) => state.tokens.get(token)?.frozen.get(round)?.root(),
    committedRound: (token) => state.tokens.get(token)?.committedRound,
    isDisputed: (client, round) => state.disputes.has(disputeKey(client, round)),
    sum: (token) => sumOf(state, state.tokens.get(token)),
  };
}

/**
 * A(r) of the open round, and what came and was debited in it: no client's account need be read.
 */
function sumOf(state: State, token: Token | undefined): Amount {
  if (token === undefined) return 0n;
  const flow = token.flows.get(state.moment.round);
  return token.expected + (flow === undefined ? 0n : flow.deposits - flow.requested);
}
