/**
 * The whole state as records of canonical JSON, clients' orders as bytes, and back: a node starts from the last snapshot and
 * replays what came after. Derived data is not written: books, queue and trees are built again.
 * Frozen balances are written as what changed since the round before, which keeps the nodes of
 * their trees shared after a restart too. Work grows with clients * tokens * rounds kept.
 */
import { SumTree } from "../../protocol/sumTree.ts";
import { DEFAULT_TERMS, isSameTerms } from "../../protocol/trading/terms.ts";
import type { Amount } from "../../protocol/units.ts";
import { type Codec, DecodeError, parseJson } from "../form/codec.ts";
import { toLots } from "../matching/checkOrder.ts";
import { watchLastBlock } from "../matching/endOrder.ts";
import { exact } from "../model/exact.ts";
import { lockedOf } from "../model/funds.ts";
import { isCounted } from "../model/orderLimits.ts";
import { type Account, OrderRecord } from "../model/orderRecord.ts";
import { CountedOrders, OrdersById } from "../model/ordersById.ts";
import {
  bookOf,
  type Client,
  createState,
  disputeKey,
  oldestEvidence,
  orderState,
  presentedKey,
  type State,
  type Token,
  tradingRound,
} from "../model/state.ts";
import { decodeClient, encodeClient } from "./clientBytes.ts";
import {
  type ClientRecord,
  clientCodecOf,
  type HeadRecord,
  headCodec,
  type KeptRow,
  type OrderRow,
  SNAPSHOT_VERSION,
  type SnapshotVersion,
  type TokenRecord,
  tokenCodec,
  tradingKeysCodec,
} from "./snapshotForm.ts";

/** Clients are bytes from this version on. */
const BYTES_VERSION = 4;

/**
 * The records of a snapshot, in order. The same state always gives the same bytes. Take them all
 * before the next entry is applied. Version 1 leaves out what it has no place for.
 */
export function* encodeSnapshot(
  state: State,
  version: SnapshotVersion = SNAPSHOT_VERSION,
): Generator<Uint8Array> {
  yield encode(headCodec, headRecord(state, version));
  for (const token of state.tokens.values()) yield encode(tokenCodec, tokenRecord(token));
  const clientCodec = clientCodecOf(version);
  for (const client of state.clientList) {
    yield version >= BYTES_VERSION
      ? encodeClient(clientRecord(state, client, keptRow))
      : encode(clientCodec, clientRecord(state, client, orderRow));
  }
  for (const [account, keys] of state.tradingKeys) {
    yield encode(tradingKeysCodec, { account, keys });
  }
}

/** The form of the snapshot that begins with this record. Throws a `DecodeError`. */
export function snapshotVersion(first: Uint8Array): SnapshotVersion {
  return headCodec.read(parseJson(new TextDecoder().decode(first)), "head").version;
}

/** The state of a snapshot's records. Throws a `DecodeError` where they are not whole. */
export function decodeSnapshot(records: Iterable<Uint8Array>): State {
  const next = reader(records);
  const head = next(headCodec, "head");
  const state = stateOf(head);
  const tokens: TokenRecord[] = [];
  for (let i = 0; i < head.tokens; i++) tokens.push(next(tokenCodec, `token ${i}`));
  for (const record of tokens) state.tokens.set(record.address, tokenOfRecord(record));
  const clientCodec = clientCodecOf(head.version);
  const clients = head.version >= BYTES_VERSION ? decodeClient : clientCodec;
  for (let i = 0; i < head.clients; i++) addClient(state, next(clients, `client ${i}`));
  for (let i = 0; i < head.tradingKeys; i++) {
    const { account, keys } = next(tradingKeysCodec, `trading keys ${i}`);
    state.tradingKeys.set(account, keys);
  }
  next(undefined, "the end");

  for (const record of tokens) plantTree(state, record);
  openBooks(state);
  orderUndecided(state, head);
  return state;
}

function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(codec.write(value)));
}

interface Reader {
  <T>(codec: Codec<T> | ((bytes: Uint8Array, what: string) => T), what: string): T;
  (codec: undefined, what: string): void;
}

function reader(records: Iterable<Uint8Array>): Reader {
  const iterator = records[Symbol.iterator]();
  type How = Codec<unknown> | ((bytes: Uint8Array, what: string) => unknown) | undefined;
  return ((codec: How, what: string) => {
    const step = iterator.next();
    if (codec === undefined) {
      if (step.done !== true) throw new DecodeError(what, "is followed by more");
      return undefined;
    }
    if (step.done === true) throw new DecodeError(what, "is missing");
    if (typeof codec === "function") return codec(step.value, what);
    return codec.read(parseJson(new TextDecoder().decode(step.value)), what);
  }) as Reader;
}

function headRecord(state: State, version: SnapshotVersion): HeadRecord {
  return {
    version,
    genesis: state.genesis,
    head: state.head ?? null,
    moment: state.moment,
    halted: state.halted ?? null,
    completedRound: state.completedRound,
    arrivals: state.arrivals,
    trades: state.trades,
    disputes: [...state.disputes.values()],
    undecided: state.undecided.map(({ client, token }) => ({ client, token })),
    tokens: state.tokens.size,
    clients: state.clientList.length,
    tradingKeys: state.tradingKeys.size,
    timeMs: state.timeMs,
    presented: [...state.presented.values()],
  };
}

function stateOf(head: HeadRecord): State {
  const state = createState(head.genesis);
  state.head = head.head ?? undefined;
  state.moment = head.moment;
  state.halted = head.halted ?? undefined;
  state.completedRound = head.completedRound;
  state.arrivals = head.arrivals;
  state.trades = head.trades;
  state.timeMs = head.timeMs ?? 0;
  for (const dispute of head.disputes) {
    state.disputes.set(disputeKey(dispute.client, dispute.round), dispute);
  }
  for (const one of head.presented ?? []) {
    state.presented.set(presentedKey(one.client, one.token, one.round), one);
  }
  return state;
}

function tokenRecord(token: Token): TokenRecord {
  const before: Amount[] = [];
  return {
    address: token.address,
    listedRound: token.listedRound,
    expected: token.expected,
    committedRound: token.committedRound ?? null,
    changed: [...token.changed, ...(token.ahead?.written ?? [])].sort((a, b) => a - b),
    flows: Array.from(token.flows, ([round, flow]) => ({ round, ...flow })),
    frozen: Array.from(token.frozen, ([round, tree]) => {
      const balances: { index: number; balance: Amount }[] = [];
      for (let index = 0; index < tree.leafCount; index++) {
        const balance = tree.balanceOf(index);
        if (balance !== (before[index] ?? 0n)) balances.push({ index, balance });
        before[index] = balance;
      }
      return { round, leafCount: tree.leafCount, balances };
    }),
  };
}

function tokenOfRecord(record: TokenRecord): Token {
  return {
    address: record.address,
    listedRound: record.listedRound,
    tree: new SumTree(),
    changed: new Set(record.changed),
    ahead: undefined,
    flows: new Map(
      record.flows.map(({ round, deposits, requested }) => [round, { deposits, requested }]),
    ),
    frozen: new Map(),
    expected: record.expected,
    committedRound: record.committedRound ?? undefined,
  };
}

/** Builds the trees round by round, each out of the one before. */
function plantTree(state: State, record: TokenRecord): void {
  const token = state.tokens.get(record.address) as Token;
  const clientAt = (index: number) => {
    const client = state.clientList[index]?.address;
    if (client === undefined) throw new DecodeError(`frozen leaf ${index}`, "has no client");
    return client;
  };
  for (const { round, leafCount, balances } of record.frozen) {
    const tree = token.tree.fork();
    while (tree.leafCount < leafCount) {
      tree.append({ client: clientAt(tree.leafCount), balance: 0n });
    }
    for (const { index, balance } of balances) {
      tree.set(index, { client: clientAt(index), balance });
    }
    token.frozen.set(round, tree);
    token.tree = tree;
  }
}

function clientRecord<Row>(
  state: State,
  client: Client,
  rowOf: (state: State, record: OrderRecord) => Row,
): ClientRecord<Row> {
  const oldest = oldestEvidence(state);
  const rounds = [...client.rounds].filter(([round]) => round >= oldest);
  return {
    address: client.address,
    balances: Array.from(client.balances, ([token, { total }]) => {
      return { token, total, locked: lockedOf(state, client, token) };
    }),
    withdrawals: Array.from(client.withdrawals.values(), ({ evidence, ...view }) => {
      return { ...view, evidence: evidence ?? null };
    }),
    lastNonce: client.lastNonce,
    cancelledAll: client.cancelledAll ?? null,
    placed: client.placed,
    deadMan: client.deadMan ?? null,
    rounds: rounds.map(([round, { orders, statement, flows }]) => ({
      round,
      statement: statement ?? null,
      orders: Array.from(orders.values(), (record) => rowOf(state, record)),
      flows: Array.from(flows, ([token, flow]) => ({ token, ...flow })),
    })),
  };
}

function orderRow(state: State, record: OrderRecord): OrderRow {
  return { ...keptRow(state, record), signature: record.signature };
}

function keptRow(state: State, record: OrderRecord): KeptRow {
  const { order, keptSignature: signature, arrivalSeq, sold, bought, sequence } = record;
  const filledLots = BigInt(record.filledLots);
  const { placedMs, reason = null } = record;
  const terms = isSameTerms(record.terms, DEFAULT_TERMS) ? null : record.terms;
  const executed = { filledLots, sold, bought, sequence, state: orderState(state, record) };
  return { order, signature, arrival: arrivalSeq, ...executed, placedMs, terms, reason };
}

function addClient(state: State, record: ClientRecord<KeptRow>): void {
  const client: Client = {
    address: record.address,
    leafIndex: state.clientList.length,
    balances: new Map(
      record.balances.map(({ token, total, locked }) => [
        token,
        { total, locked, lockedRound: tradingRound(state) },
      ]),
    ),
    rounds: new Map(),
    withdrawals: new Map(
      record.withdrawals.map((one) => [one.token, { ...one, evidence: one.evidence ?? undefined }]),
    ),
    lastNonce: record.lastNonce ?? 0n,
    cancelledAll: record.cancelledAll ?? undefined,
    placed: record.placed ?? { block: 0, count: 0 },
    deadMan: record.deadMan ?? undefined,
  };
  for (const { round, orders, statement = null, flows } of record.rounds) {
    const [byId, counted] = [new OrdersById(), new CountedOrders()];
    for (const row of orders) {
      const one = orderOfRow(state, row, client, counted);
      byId.add(one);
      if (isCounted(one, statement?.statement)) counted.add(one);
    }
    client.rounds.set(round, {
      orders: byId,
      counted,
      statement: statement ?? undefined,
      flows: new Map(
        flows.map(({ token, deposits, requested }) => [token, { deposits, requested }]),
      ),
    });
  }
  if (client.withdrawals.size > 0) state.requesters.add(client.leafIndex);
  state.clients.set(client.address, client);
  state.clientList.push(client);
  if (client.deadMan !== undefined) state.armed.add(client);
}

function orderOfRow(
  state: State,
  row: KeptRow,
  account: Account,
  counted: CountedOrders,
): OrderRecord {
  const { order, signature } = row;
  const book = bookOf(state, order.sellToken, order.buyToken);
  const isSome = order.sellAmount > 0n && order.buyAmount > 0n;
  const measured = book !== undefined && isSome ? toLots(book.market, order) : undefined;
  if (book === undefined || measured === undefined) {
    throw new DecodeError(`order ${order.id} of ${order.owner}`, "fits no market");
  }
  if (row.filledLots > measured.lots) {
    throw new DecodeError(`order ${order.id} of ${order.owner}`, "is filled beyond its lots");
  }
  const record = new OrderRecord({
    account,
    counted,
    order,
    signature,
    terms: row.terms ?? DEFAULT_TERMS,
    book,
    measured,
    arrivalSeq: row.arrival,
    placedMs: row.placedMs ?? 0,
  });
  record.filledLots = exact(row.filledLots);
  record.sold = row.sold;
  record.bought = row.bought;
  record.sequence = row.sequence;
  record.state = row.state;
  if (row.state === "open") record.locked = record.soldFor(record.left);
  record.reason = row.reason ?? undefined;
  return record;
}

/** Open orders rest again, and queued ones wait again, each in the order in which it came. */
function openBooks(state: State): void {
  const live: OrderRecord[] = [];
  for (const client of state.clientList) {
    for (const { orders } of client.rounds.values()) {
      for (const record of orders.values()) {
        if (record.state === "open" || record.state === "queued") live.push(record);
      }
    }
  }
  live.sort((a, b) => a.arrivalSeq - b.arrivalSeq);
  for (const record of live) {
    if (record.state === "open") record.book.add(record);
    else state.queue.push(record);
    watchLastBlock(state, record);
  }
}

function orderUndecided(state: State, head: HeadRecord): void {
  state.undecided = head.undecided.map(({ client, token }) => {
    const withdrawal = state.clients.get(client)?.withdrawals.get(token);
    if (withdrawal === undefined) throw new DecodeError("head.undecided", `lacks ${client}`);
    return withdrawal;
  });
}
