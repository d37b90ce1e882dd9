/**
 * All that the machine knows. Verbs change it in place, one entry at a time; nothing else does.
 * Rounds are kept as long as the chain can ask about them: frozen trees of r-3 .. r (a halt in r
 * pays the commit of r-2), evidence of r-2 .. r (a dispute about r-2 is closed in r's quarter 0).
 */
import { assert, QuarterdeckError } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import { quarterSize, validateSchedule } from "../../protocol/rounds.ts";
import type { FrozenSumTree, SumTree } from "../../protocol/sumTree.ts";
import type {
  Amount,
  BlockNumber,
  BlockRef,
  CountersignedStatement,
  Cover,
  Moment,
  Round,
  SignedStatement,
} from "../../protocol/units.ts";
import { Book, BookIndex } from "./book.ts";
import { DueOrders } from "./dueOrders.ts";
import type { Genesis } from "./entries.ts";
import type { Account, OrderRecord } from "./orderRecord.ts";
import { CountedOrders, OrdersById } from "./ordersById.ts";
import type { OrderRef } from "./outcome.ts";
import type {
  DisputeView,
  FlowView,
  OrderState,
  WithdrawalState,
  WithdrawalView,
} from "./viewTypes.ts";

/** Frozen trees kept beside that of the current round. */
export const FROZEN_ROUNDS_BEHIND = 3;
/** Rounds of orders and flows kept beside the current one. */
export const EVIDENCE_ROUNDS_BEHIND = 2;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export type Flow = Mutable<FlowView>;

/** One client's affairs of one round. */
export interface ClientRound {
  /** By id; every order accepted, whatever became of it. */
  readonly orders: OrdersById;
  /** The part of `orders` that counts towards the limit; see orderLimits.ts. */
  readonly counted: CountedOrders;
  /** The last statement that was countersigned; each covers all that those before it covered. */
  statement: CountersignedStatement | undefined;
  readonly flows: Map<Address, Flow>;
}

export interface Withdrawal extends WithdrawalView {
  state: WithdrawalState;
  /** Once it is refused; undefined where a version without statements decided it. */
  evidence: RefusalEvidence | undefined;
}

/** All that proves a request overdrawn, as it stood when the request was decided. */
export interface RefusalEvidence {
  /** At most one of each of the request's round and the one before, ascending. */
  readonly statements: readonly SignedStatement[];
  /** Ascending by (round, id). */
  readonly orders: readonly OrderName[];
}

/** The covers of the statements that a client presented in one call, in that order. */
export interface Presented {
  readonly client: Address;
  /** Of the request; the zero address: with a dispute. */
  readonly token: Address;
  /** Of the request or dispute. */
  readonly round: Round;
  readonly covers: readonly Cover[];
}

export interface Client extends Account {
  readonly rounds: Map<Round, ClientRound>;
  /** By token: one active request at most. */
  readonly withdrawals: Map<Address, Withdrawal>;
  /** Number of the client's last `CancelAll` or `CancelAfter`; 0 before the first. */
  lastNonce: bigint;
  /** The orders that the last `CancelAll` cancelled, for a sender that repeats it. */
  cancelledAll: CancelledAll | undefined;
  /** The client's dead-man switch, if that is set. */
  deadMan: DeadMan | undefined;
  /** Orders taken at the last block at which any was. */
  placed: { readonly block: BlockNumber; count: number };
}

export interface CancelledAll {
  readonly nonce: bigint;
  readonly orders: readonly OrderName[];
}

/** An order of a client. */
export interface OrderName {
  readonly round: Round;
  readonly id: bigint;
}

/** Once the clock is past `block` all orders go; see `CancelAfter`. */
export interface DeadMan {
  readonly block: BlockNumber;
  readonly graceBlocks: number;
}

export interface Token {
  readonly address: Address;
  readonly listedRound: Round;
  /** Leaves as of the last freeze. */
  tree: SumTree;
  /** Leaf indices whose balance moved since, but those that `ahead` has. */
  changed: Set<number>;
  /** The next round's tree as far as it is written; see prepareTrees.ts. */
  ahead: TreeAhead | undefined;
  /** Sums over all clients, by round. */
  readonly flows: Map<Round, Flow>;
  /** The trees with which rounds opened. */
  readonly frozen: Map<Round, FrozenSumTree>;
  /** A(r) of the last round frozen (section 4); 0 before. */
  expected: Amount;
  committedRound: Round | undefined;
}

/** A tree on its way: with the balances of some leaves as they are now, the rest as in the last. */
export interface TreeAhead {
  readonly tree: SumTree;
  /** Leaf indices whose balance moved since the last freeze, and which it has. */
  readonly written: Set<number>;
}

/** A trading key and the first round in which it signs. */
export interface KeyChange {
  readonly fromRound: Round;
  readonly key: Address;
}

export interface State {
  readonly genesis: Genesis;
  head: BlockRef | undefined;
  moment: Moment;
  halted: { readonly round: Round; readonly block: BlockNumber } | undefined;
  /** In the order of listing, which is the order of every commit. */
  readonly tokens: Map<Address, Token>;
  readonly clients: Map<Address, Client>;
  /** By leaf index. */
  readonly clientList: Client[];
  /** By account, client or not; ascending by round. */
  readonly tradingKeys: Map<Address, readonly KeyChange[]>;
  /** One for each market of the genesis, in that order. */
  readonly books: readonly Book[];
  /** The same by either token and the other. */
  readonly booksByToken: BookIndex;
  /** Orders for the next round, in order of arrival; those cancelled since are among them. */
  queue: OrderRecord[];
  /** Clients by leaf index that have an active request, in no order. */
  readonly requesters: Set<number>;
  /** How many clients are still to be looked at for rounds past, and the next of them. */
  forgetting: { left: number; next: number };
  /** Requests not decided yet, in the order seen. */
  undecided: Withdrawal[];
  /** Open ones, by `disputeKey`. */
  readonly disputes: Map<string, DisputeView>;
  /** The covers that clients presented with requests and disputes, by `presentedKey`. */
  readonly presented: Map<string, Presented>;
  /** See protocol/haltRule.ts. */
  completedRound: Round;
  /** Orders accepted so far: the next one's place in time. */
  arrivals: number;
  /** Trades so far. */
  trades: number;
  /** Of the last record: milliseconds since 1970 by its writer's clock, never decreasing. */
  timeMs: number;
  /** Clients whose dead-man switch is set. */
  readonly armed: Set<Client>;
  /** Orders and switches that end at a block by themselves. */
  readonly due: DueOrders;
}

/** The exchange before its first block. Throws `BadGenesis` where the genesis makes no exchange. */
export function createState(genesis: Genesis): State {
  checkGenesis(genesis);
  const books = genesis.markets.map((market) => new Book(market));
  return {
    genesis,
    head: undefined,
    moment: { block: genesis.schedule.genesisBlock, round: 0, quarter: 0 },
    halted: undefined,
    tokens: new Map(),
    clients: new Map(),
    clientList: [],
    tradingKeys: new Map(),
    books,
    booksByToken: new BookIndex(books),
    queue: [],
    requesters: new Set(),
    forgetting: { left: 0, next: 0 },
    undecided: [],
    disputes: new Map(),
    presented: new Map(),
    completedRound: 0,
    arrivals: 0,
    trades: 0,
    timeMs: 0,
    armed: new Set(),
    due: new DueOrders(),
  };
}

function checkGenesis(genesis: Genesis): void {
  const schedule = validateSchedule(genesis.schedule);
  if (!schedule.ok) throw badGenesis(schedule.problem, schedule.hint);
  if (genesis.limits.ordersPerClientAndRound < 1) {
    throw badGenesis("ordersPerClientAndRound is 0.", "Allow at least one order.");
  }
  checkConfirmations(genesis);
  const pairs = new Set<string>();
  for (const { base, quote, lot, tick } of genesis.markets) {
    const name = `${base}/${quote}`;
    if (base === quote) throw badGenesis(`Market ${name} has one token.`, "Name two tokens.");
    if (lot <= 0n || tick <= 0n) {
      throw badGenesis(`Market ${name} has lot ${lot}, tick ${tick}.`, "Give both above 0.");
    }
    if (pairs.has(name) || pairs.has(`${quote}/${base}`)) {
      throw badGenesis(`Market ${name} is there twice.`, "Keep one market for each pair.");
    }
    pairs.add(name);
  }
}

/**
 * The first block of a quarter is taken in `confirmations` blocks after it, and the block behind
 * that is the first in which a commit can be: it must still be in quarter 0.
 */
function checkConfirmations({ confirmations, schedule }: Genesis): void {
  const size = quarterSize(schedule);
  if (confirmations + 2 <= size) return;
  throw badGenesis(
    `With ${confirmations} confirmations no commit can land in a quarter of ${size} blocks.`,
    `Set confirmations to at most ${size - 2} and begin with an empty storage folder, or deploy ` +
      "a Mediator with longer rounds.",
  );
}

function badGenesis(message: string, hint: string): QuarterdeckError {
  return new QuarterdeckError({ code: "BadGenesis", message, hint });
}

/** A client that must be there. */
export function clientOf(state: State, address: Address): Client {
  const client = state.clients.get(address);
  assert(client !== undefined, () => `${address} is no client.`);
  return client;
}

/** An order that must be known. */
export function orderOf(state: State, { owner, round, id }: OrderRef): OrderRecord {
  const record = state.clients.get(owner)?.rounds.get(round)?.orders.get(id);
  assert(record !== undefined, () => `order ${id} of round ${round} by ${owner} is not known.`);
  return record;
}

/** The client's orders of `round` and the next that are open or queued, in order of arrival. */
export function liveOrders(client: Client, round: Round): OrderRecord[] {
  return [round, round + 1].flatMap((one) =>
    [...(client.rounds.get(one)?.orders.values() ?? [])].filter(
      ({ state }) => state === "open" || state === "queued",
    ),
  );
}

/** A token that must be listed. */
export function tokenOf(state: State, address: Address): Token {
  const token = state.tokens.get(address);
  assert(token !== undefined, () => `${address} is not listed.`);
  return token;
}

/** The key beside its own that signs the account's orders of `round`; undefined if none ever. */
export function tradingKeyOf(state: State, account: Address, round: Round): Address | undefined {
  return state.tradingKeys.get(account)?.findLast((change) => change.fromRound <= round)?.key;
}

/** Tokens of the commit of `round`, in order: those listed before it. */
export function tokenSet(state: State, round: Round): Token[] {
  return [...state.tokens.values()].filter((token) => token.listedRound < round);
}

/** Whether all of the last blocks is applied: in their midst time is ahead of the head. */
export function isWhole({ head, moment, genesis }: State): boolean {
  return moment.block <= (head?.number ?? genesis.schedule.genesisBlock);
}

/** The round whose orders trade; once halted, the last that did. */
export function tradingRound(state: State): Round {
  return state.halted?.round ?? state.moment.round;
}

/** The order's state now: open when its round ended, it has expired. */
export function orderState(state: State, record: OrderRecord): OrderState {
  const isPast = record.state === "open" && record.round < tradingRound(state);
  return isPast ? "expired" : record.state;
}

/** First round of which orders and flows are kept. */
export function oldestEvidence(state: State): Round {
  return tradingRound(state) - EVIDENCE_ROUNDS_BEHIND;
}

/** The client's affairs of `round`, begun if they are not there. */
export function clientRound(client: Client, round: Round): ClientRound {
  const known = client.rounds.get(round);
  if (known !== undefined) return known;
  const begun: ClientRound = {
    orders: new OrdersById(),
    counted: new CountedOrders(),
    statement: undefined,
    flows: new Map(),
  };
  client.rounds.set(round, begun);
  return begun;
}

/** Takes out the client's active request for `token`. */
export function endRequest(state: State, client: Client, token: Address): void {
  client.withdrawals.delete(token);
  if (client.withdrawals.size === 0) state.requesters.delete(client.leafIndex);
}

/** The flow under `key`, begun with zeros if it is not there. */
export function flowIn<K>(flows: Map<K, Flow>, key: K): Flow {
  const known = flows.get(key);
  if (known !== undefined) return known;
  const begun: Flow = { deposits: 0n, requested: 0n };
  flows.set(key, begun);
  return begun;
}

export function presentedKey(client: Address, token: Address, round: Round): string {
  return `${round}:${client}:${token}`;
}

export function disputeKey(client: Address, round: Round): string {
  return `${round}:${client}`;
}

/** The market's book for a pair of tokens in either order. */
export function bookOf(state: State, sellToken: Address, buyToken: Address): Book | undefined {
  return state.booksByToken.get(sellToken, buyToken);
}
