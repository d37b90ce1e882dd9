/** A small chain for the tests of this room: it makes the logs, and carries out the duties. */
import { toAddress, ZERO_ADDRESS } from "../base/address.ts";
import type { Address, Hex } from "../base/hex.ts";
import type { ChainLog, LogPlace } from "../protocol/chainLog.ts";
import { DEFAULT_TERMS, type OrderTerms } from "../protocol/trading/terms.ts";
import type {
  Amount,
  BlockNumber,
  CancelOrder,
  Order,
  Round,
  Schedule,
  Signature,
} from "../protocol/units.ts";
import { apply, begin } from "./apply.ts";
import type { Entry, GenesisEntry, Market } from "./model/entries.ts";
import { type ExchangeEvent, ORDERS_OF_A_PART, type Outcome, type Side } from "./model/outcome.ts";
import type { State } from "./model/state.ts";
import * as views from "./queries/views.ts";

export const SCHEDULE: Schedule = { genesisBlock: 100, roundSize: 32 };
export const BASE = toAddress(`0x${"b1".repeat(20)}`);
export const QUOTE = toAddress(`0x${"c2".repeat(20)}`);
export const THIRD = toAddress(`0x${"d3".repeat(20)}`);
export const MARKET: Market = { base: BASE, quote: QUOTE, lot: 10n, tick: 5n };
export const THIRD_MARKET: Market = { base: THIRD, quote: QUOTE, lot: 1n, tick: 1n };
export const GENESIS: GenesisEntry = {
  kind: "genesis",
  chainId: 31_337,
  mediator: toAddress(`0x${"a0".repeat(20)}`),
  schedule: SCHEDULE,
  confirmations: 2,
  markets: [MARKET, THIRD_MARKET],
  limits: { ordersPerClientAndRound: 12 },
};
export const SIGNATURE: Signature = {
  r: `0x${"11".repeat(32)}`,
  vs: `0x${"22".repeat(32)}`,
  path: [],
};

/** A client by a small number. */
export function clientNo(n: number): Address {
  return toAddress(`0x${(n + 1).toString(16).padStart(40, "0")}`);
}

export const [ALICE, BOB, CAROL] = [clientNo(0), clientNo(1), clientNo(2)] as const;

export function hashOfBlock(block: BlockNumber): Hex {
  return `0x${block.toString(16).padStart(64, "0")}`;
}

type Loose<T> = T extends unknown ? Omit<T, keyof LogPlace> : never;
/** A log without its place. */
export type LooseLog = Loose<ChainLog>;

export function limitOrder(
  owner: Address,
  round: Round,
  id: number,
  side: Side,
  lots: number,
  price: number,
  market: Market = MARKET,
): Order {
  const baseAmount = BigInt(lots) * market.lot;
  const quoteAmount = BigInt(lots) * BigInt(price);
  const common = { owner, round, id: BigInt(id) };
  return side === "bid"
    ? {
        ...common,
        sellToken: market.quote,
        sellAmount: quoteAmount,
        buyToken: market.base,
        buyAmount: baseAmount,
        intent: "buyAll",
      }
    : {
        ...common,
        sellToken: market.base,
        sellAmount: baseAmount,
        buyToken: market.quote,
        buyAmount: quoteAmount,
        intent: "sellAll",
      };
}

export class World {
  state: State;
  readonly entries: Entry[];
  /** Logs of the next block. */
  #pending: LooseLog[] = [];
  block: BlockNumber = SCHEDULE.genesisBlock - 1;
  /** Of the last record. */
  timeMs = 1_800_000_000_000;

  constructor(genesis: GenesisEntry = GENESIS) {
    this.state = begin(genesis);
    this.entries = [genesis];
  }

  get round(): Round {
    return Math.floor((Math.max(this.block, 100) - 100) / 32);
  }

  /** Applies an entry, and keeps it for a replay unless it is refused. */
  apply(entry: Entry): Outcome {
    this.timeMs += 250;
    const timed = { ...entry, timeMs: this.timeMs };
    const outcome = apply(this.state, timed);
    if (outcome.refusal === undefined) this.entries.push(timed);
    return outcome;
  }

  /** Puts a log into the next block. */
  log(log: LooseLog): this {
    this.#pending.push(log);
    return this;
  }

  /** Lets `count` blocks pass in one entry; the pending logs are in the first of them. */
  mine(count = 1): readonly ExchangeEvent[] {
    const first = this.block + 1;
    this.block += count;
    const logs = this.#pending.map((log, i) => ({
      ...log,
      block: first,
      blockHash: hashOfBlock(first),
      logIndex: 2 * i,
      transactionHash: hashOfBlock(7),
    })) as ChainLog[];
    this.#pending = [];
    const to = { number: this.block, hash: hashOfBlock(this.block) };
    const { events, expired = [] } = this.apply({ kind: "blocks", to, logs });
    return [...events, ...expired];
  }

  /** Lets blocks pass up to and with `block`. */
  mineTo(block: BlockNumber): readonly ExchangeEvent[] {
    return block > this.block ? this.mine(block - this.block) : [];
  }

  /** Mines to the first block of a quarter, carrying out what falls due on the way. */
  toQuarter(round: Round, quarter: number): ExchangeEvent[] {
    const target = 100 + 32 * round + 8 * quarter;
    const all: ExchangeEvent[] = [];
    while (this.block < target) {
      const next = 100 + 8 * (Math.floor((this.block - 100) / 8) + 1);
      all.push(...this.mineTo(Math.min(next, target)));
      if (this.block < target) all.push(...this.duties());
    }
    return all;
  }

  /** Cancels, commits and closes what is due, in the next block. */
  duties(): readonly ExchangeEvent[] {
    const moment = views.clock(this.state).moment;
    for (const { client, token, round, amount } of views.withdrawals(this.state, {
      state: "refused",
    })) {
      this.log({ kind: "withdrawalCancelled", client, token, round, amount });
    }
    if (moment.quarter === 0) {
      for (const root of views.commit(this.state).missing) {
        this.log({ kind: "committed", round: moment.round, ...root });
      }
    }
    for (const { client, round, openedBlock } of views.disputes(this.state)) {
      if (openedBlock > this.block - 8) continue;
      this.log({ kind: "disputeClosed", client, round, operator: ZERO_ADDRESS });
    }
    return this.#pending.length === 0 ? [] : this.mine();
  }

  list(...tokens: readonly Address[]): this {
    for (const token of tokens) this.log({ kind: "tokenListed", token, round: this.nextRound() });
    return this;
  }

  deposit(client: Address, token: Address, amount: Amount): this {
    return this.log({ kind: "deposited", client, token, amount, round: this.nextRound() });
  }

  /** Requests out of the opening balance of the round before. */
  withdraw(client: Address, token: Address, amount: Amount): this {
    const round = this.nextRound();
    const opening = views.openingBalance(this.state, client, token, round - 1) ?? 0n;
    const recipient = client;
    return this.log({
      kind: "withdrawalInitiated",
      client,
      token,
      amount,
      opening,
      recipient,
      round,
    });
  }

  place(order: Order, terms?: Partial<OrderTerms>): Outcome {
    const placed = { kind: "placeOrder", order, signature: SIGNATURE } as const;
    if (terms === undefined) return this.apply(placed);
    const signed = { ...DEFAULT_TERMS, ...terms, signature: SIGNATURE };
    return this.apply({ ...placed, terms: signed });
  }

  replace(old: CancelOrder, order: Order, terms?: Partial<OrderTerms>): Outcome {
    return this.apply({
      kind: "replaceOrder",
      cancel: old,
      cancelSignature: SIGNATURE,
      order,
      signature: SIGNATURE,
      ...(terms !== undefined && { terms: { ...DEFAULT_TERMS, ...terms, signature: SIGNATURE } }),
    });
  }

  cancel(owner: Address, round: Round, id: number): Outcome {
    return this.apply({
      kind: "cancelOrder",
      owner,
      round,
      id: BigInt(id),
      signature: SIGNATURE,
    });
  }

  balance(client: Address, token: Address): { total: bigint; locked: bigint } | undefined {
    const found = views.balances(this.state, client)?.find((balance) => balance.token === token);
    return found === undefined ? undefined : { total: found.total, locked: found.locked };
  }

  /** Round of the next block, in which pending logs will be. */
  nextRound(): Round {
    return Math.floor((this.block + 1 - 100) / 32);
  }
}

/** An exchange in round 0 with both tokens of MARKET listed, and deposits of 10,000 each. */
export function tradingWorld(): World {
  const world = new World().list(BASE, QUOTE);
  for (const client of [ALICE, BOB, CAROL]) {
    world.deposit(client, BASE, 10_000n).deposit(client, QUOTE, 10_000n);
  }
  world.mine();
  return world;
}

/** More than are looked at in one part of a boundary, and not a multiple of that. */
export const MANY_CLIENTS = 3 * ORDERS_OF_A_PART + 7;
/** The block at which the round of `queuedWorld` opens. */
export const QUEUED_UNTIL = SCHEDULE.genesisBlock + SCHEDULE.roundSize;

/** Puts a deposit of every one of many clients into the next block. */
export function depositsOfMany(world: World): World {
  for (let n = 0; n < MANY_CLIENTS; n++) {
    world.deposit(clientNo(n), n % 2 === 0 ? BASE : QUOTE, 100n);
  }
  return world;
}

/** In the last block of round 0, each of many clients with an order for round 1: some will meet. */
export function queuedWorld(): World {
  const world = new World().list(BASE, QUOTE);
  world.mine();
  depositsOfMany(world).mineTo(QUEUED_UNTIL - 1);
  for (let n = 0; n < MANY_CLIENTS; n++) {
    const side = n % 2 === 0 ? "ask" : "bid";
    const { refusal } = world.place(limitOrder(clientNo(n), 1, 1, side, 1, 5 * (1 + (n % 3))));
    if (refusal !== undefined) throw new Error(refusal.code);
  }
  return world;
}
