/**
 * Whether the machine can take blocks, found out before they are written: what an endpoint says
 * must never become a record that no start can apply. Nothing here changes the state.
 */
import { messageOf } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import type { ChainLog } from "../protocol/chainLog.ts";
import { isHalted } from "../protocol/haltRule.ts";
import { momentOf, quarterSize } from "../protocol/rounds.ts";
import type { SumTree } from "../protocol/sumTree.ts";
import type { Amount, BlockNumber, Moment, Round, TreeRoot } from "../protocol/units.ts";
import { checkPlaces, followBlocks, nextBoundary } from "./followBlocks.ts";
import { fundsFreedBy } from "./matching/passTime.ts";
import { type BlocksEntry, decodeEntry, encodeEntry } from "./model/entries.ts";
import { openingBalance } from "./model/evidence.ts";
import { freeFunds, totalOf } from "./model/funds.ts";
import { finish } from "./model/outcome.ts";
import { clientOf, disputeKey, type State, tokenOf } from "./model/state.ts";
import { haltBlockOf } from "./rounds/halt.ts";
import { type ActiveRequest, checkLog, factsOf, type LogFacts } from "./rounds/logRules.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshots/snapshot.ts";

/**
 * Why `entry` cannot follow, as a sentence; undefined: `apply` takes it, and a reader its record.
 * The work grows with the logs where all of them lie in the quarter of the first block, as the
 * follower cuts them; else the blocks are applied to a copy of the state, which grows with it.
 */
export function checkBlocks(state: State, entry: BlocksEntry): string | undefined {
  const problem = checkPlaces(state, entry) ?? checkForm(entry);
  if (problem !== undefined) return problem;
  const first = entry.logs[0];
  const last = entry.logs.at(-1);
  if (first === undefined || last === undefined) return undefined;
  if (!areOfOneQuarter(state, first.block, last.block)) return checkOnCopy(state, entry);
  const preview = new Preview(state, first.block);
  for (const log of entry.logs) {
    preview.reach(log.block);
    const fault = checkLog(preview, log);
    if (fault !== undefined) return fault;
    preview.take(log);
  }
  return undefined;
}

/** Whether a reader of its record gets the entry: it reads strictly. */
function checkForm(entry: BlocksEntry): string | undefined {
  try {
    decodeEntry(encodeEntry(entry));
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Whether no boundary lies between the logs, and one before them at most: see `Preview`. */
function areOfOneQuarter(state: State, first: BlockNumber, last: BlockNumber): boolean {
  const next = nextBoundary(state);
  if (state.halted !== undefined || last < next) return true;
  return first >= next && last < next + quarterSize(state.genesis.schedule);
}

function checkOnCopy(state: State, entry: BlocksEntry): string | undefined {
  try {
    finish(followBlocks(decodeSnapshot(encodeSnapshot(state)), entry));
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Money that came back into the tree with which the open round began. */
interface Returned {
  readonly leafIndex: number;
  readonly client: Address;
  readonly amount: Amount;
}

/**
 * The facts of the state as they will be once a boundary that lies before the first log is passed,
 * and the logs so far are taken.
 */
class Preview implements LogFacts {
  moment: Moment;
  isHalted: boolean;
  tokenCount: number;
  readonly #state: State;
  readonly #known: LogFacts;
  /** Whether a round opens at the boundary. */
  #opensRound = false;
  readonly #listed = new Set<Address>();
  readonly #clients = new Set<Address>();
  /** By `keyOf`; undefined: there is none any more. */
  readonly #requests = new Map<string, ActiveRequest | undefined>();
  readonly #committed = new Map<Address, Round>();
  readonly #disputes = new Map<string, boolean>();
  readonly #moved = new Map<Address, Amount>();
  /** By token: what requests that were decided at the boundary took from whom. */
  readonly #debits = new Map<Address, Map<Address, Amount>>();
  readonly #returned = new Map<Address, Returned[]>();

  constructor(state: State, first: BlockNumber) {
    this.#state = state;
    this.#known = factsOf(state);
    this.moment = state.moment;
    this.isHalted = state.halted !== undefined;
    this.tokenCount = state.tokens.size;
    const boundary = nextBoundary(state);
    if (!this.isHalted && boundary <= first) this.#passBoundary(boundary);
    this.reach(first);
  }

  /** Time passes up to `block`, of the same quarter. */
  reach(block: BlockNumber): void {
    if (!this.isHalted) this.moment = momentOf(this.#state.genesis.schedule, block);
  }

  isListed(token: Address): boolean {
    return this.#listed.has(token) || this.#known.isListed(token);
  }

  isClient(client: Address): boolean {
    return this.#clients.has(client) || this.#known.isClient(client);
  }

  request(client: Address, token: Address): ActiveRequest | undefined {
    const key = keyOf(client, token);
    return this.#requests.has(key) ? this.#requests.get(key) : this.#known.request(client, token);
  }

  opening(client: Address, token: Address, round: Round): Amount | undefined {
    return openingBalance(this.#state, client, token, round);
  }

  committedRound(token: Address): Round | undefined {
    return this.#committed.get(token) ?? this.#known.committedRound(token);
  }

  isDisputed(client: Address, round: Round): boolean {
    return this.#disputes.get(disputeKey(client, round)) ?? this.#known.isDisputed(client, round);
  }

  sum(token: Address): Amount {
    return this.#known.sum(token) + (this.#moved.get(token) ?? 0n);
  }

  root(token: Address, round: Round): TreeRoot | undefined {
    const opens = this.#opensRound && round === this.moment.round;
    const returned = round === this.moment.round ? (this.#returned.get(token) ?? []) : [];
    if (!opens && returned.length === 0) return this.#known.root(token, round);
    if (!this.#state.tokens.has(token)) return undefined;
    const tree = tokenOf(this.#state, token).tree.fork();
    try {
      if (opens) this.#freezeBalances(token, tree);
      for (const { leafIndex, client, amount } of returned) {
        tree.set(leafIndex, { client, balance: tree.balanceOf(leafIndex) + amount });
      }
      return tree.root();
    } finally {
      tree.release();
    }
  }

  /** Updates the facts by a log that passed its rule. */
  take(log: ChainLog): void {
    switch (log.kind) {
      case "tokenListed":
        this.#listed.add(log.token);
        this.tokenCount += 1;
        return;
      case "deposited":
        this.#clients.add(log.client);
        this.#move(log.token, log.amount);
        return;
      case "withdrawalInitiated": {
        const { client, token, round, amount } = log;
        this.#requests.set(keyOf(client, token), { round, amount, state: "seen" });
        return;
      }
      case "withdrawalCancelled":
        this.#cancel(log.client, log.token);
        return;
      case "withdrawalConfirmed":
        this.#requests.set(keyOf(log.client, log.token), undefined);
        return;
      case "committed":
        this.#committed.set(log.token, log.round);
        return;
      case "disputeOpened":
      case "disputeClosed":
        this.#disputes.set(disputeKey(log.client, log.round), log.kind === "disputeOpened");
        return;
      case "tradingKeySet":
      case "statementPresented":
        return;
    }
  }

  /** As `beginQuarter` does in followBlocks.ts, for what the rules ask. */
  #passBoundary(boundary: BlockNumber): void {
    const state = this.#state;
    if (isHalted(haltBlockOf(state), boundary)) {
      this.isHalted = true;
      this.moment = momentOf(state.genesis.schedule, boundary);
      return;
    }
    const freed = freedBefore(state, boundary);
    for (const { client: address, token, round, amount } of state.undecided) {
      const key = keyOf(address, token);
      const free = freeFunds(state, clientOf(state, address), token) + (freed.get(key) ?? 0n);
      const covered = amount <= free;
      const decision = covered ? "debited" : "refused";
      this.#requests.set(key, { round, amount, state: decision });
      if (!covered) continue;
      this.#move(token, -amount);
      const debits = this.#debits.get(token) ?? new Map<Address, Amount>();
      this.#debits.set(token, debits.set(address, amount));
    }
    this.#opensRound = momentOf(state.genesis.schedule, boundary).quarter === 0;
  }

  #cancel(client: Address, token: Address): void {
    const request = this.request(client, token);
    this.#requests.set(keyOf(client, token), undefined);
    if (request?.state !== "debited") return;
    this.#move(token, request.amount);
    if (request.round >= this.moment.round) return;
    const { leafIndex } = clientOf(this.#state, client);
    const returned = this.#returned.get(token) ?? [];
    this.#returned.set(token, [...returned, { leafIndex, client, amount: request.amount }]);
  }

  /** As closeRound.ts does: every balance as the opening of the next round. */
  #freezeBalances(token: Address, tree: SumTree): void {
    const { clientList } = this.#state;
    const { changed, ahead } = tokenOf(this.#state, token);
    const debits = this.#debits.get(token);
    const leafOf = (index: number) => {
      const client = clientList[index];
      if (client === undefined) throw new RangeError(`no client has leaf ${index}.`);
      const debit = debits?.get(client.address) ?? 0n;
      return { client: client.address, balance: totalOf(client, token) - debit };
    };
    const debited = [...(debits?.keys() ?? [])].map(
      (client) => clientOf(this.#state, client).leafIndex,
    );
    for (const index of new Set([...changed, ...(ahead?.written ?? []), ...debited])) {
      if (index < tree.leafCount) tree.set(index, leafOf(index));
    }
    while (tree.leafCount < clientList.length) tree.append(leafOf(tree.leafCount));
  }

  #move(token: Address, amount: Amount): void {
    this.#moved.set(token, (this.#moved.get(token) ?? 0n) + amount);
  }
}

/** By `keyOf`: what orders still lock that end by themselves before `boundary`. */
function freedBefore(state: State, boundary: BlockNumber): Map<string, Amount> {
  const freed = new Map<string, Amount>();
  for (const { record, amount } of fundsFreedBy(state, boundary)) {
    const key = keyOf(record.owner, record.sellToken);
    freed.set(key, (freed.get(key) ?? 0n) + amount);
  }
  return freed;
}

function keyOf(client: Address, token: Address): string {
  return `${client} ${token}`;
}
