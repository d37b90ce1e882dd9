import fc from "fast-check";
import { expect, test } from "vitest";
import { ZERO_ADDRESS } from "../base/address.ts";
import type { Address } from "../base/hex.ts";
import { checkAnswer, type PresentedFill } from "../protocol/disputeRule.ts";
import { orderHash } from "../protocol/messages.ts";
import { checkAdvance, checkExecution, NOTHING_EXECUTED } from "../protocol/orderRule.ts";
import { coversAll, sumUp } from "../protocol/statementRule.ts";
import {
  SELF_TRADES,
  type SelfTrade,
  TIMES_IN_FORCE,
  type TimeInForce,
} from "../protocol/trading/terms.ts";
import { checkEvidence, confirmable } from "../protocol/withdrawalRule.ts";
import { apply, begin } from "./apply.ts";
import { decodeEntry, encodeEntry } from "./model/entries.ts";
import type { ExchangeEvent } from "./model/outcome.ts";
import { NaiveModel, type NaiveOrder } from "./naiveModel.testkit.ts";
import * as views from "./queries/views.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshots/snapshot.ts";
import { stateHash } from "./snapshots/stateHash.ts";
import {
  BASE,
  clientNo,
  GENESIS,
  limitOrder,
  MARKET,
  QUOTE,
  SIGNATURE,
  THIRD,
  THIRD_MARKET,
  World,
} from "./world.testkit.ts";

const CLIENTS = 4;
const TOKENS = [BASE, QUOTE, THIRD];
/** So few that clients come to it, and statements and cancellations let them go on. */
const LIMIT = 4;

const client = fc.nat({ max: CLIENTS - 1 });
const token = fc.nat({ max: 2 });
const terms = fc.record({
  timeInForce: fc.constantFrom(...TIMES_IN_FORCE),
  /** Blocks from now on. */
  goodFor: fc.option(fc.nat({ max: 40 })),
  selfTrade: fc.constantFrom(...SELF_TRADES),
});
const placed = fc.record({
  do: fc.constant("place" as const),
  client,
  isBid: fc.boolean(),
  isThird: fc.boolean(),
  isNext: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
  lots: fc.integer({ min: 1, max: 30 }),
  ticks: fc.integer({ min: 4, max: 9 }),
  id: fc.nat({ max: 40 }),
  terms: fc.option(terms, { freq: 2 }),
});
const step = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("deposit"),
      client,
      token,
      amount: fc.integer({ min: 1, max: 3_000 }),
    }),
  },
  {
    weight: 12,
    arbitrary: placed,
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel"), pick: fc.nat() }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("replace"), pick: fc.nat(), by: placed }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("withdraw"),
      client,
      token,
      part: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("unasked"), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("confirm") }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("mine"), count: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart") }) },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("state"),
      client,
      watermark: fc.integer({ min: 1, max: 25 }),
      isPast: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("command"),
      client,
      what: fc.constantFrom("cancelAll", "arm", "disarm", "keepAlive"),
      blocks: fc.integer({ min: 1, max: 12 }),
      grace: fc.integer({ min: 0, max: 8 }),
    }),
  },
) as fc.Arbitrary<Step>;

type Step =
  | { do: "deposit"; client: number; token: number; amount: number }
  | Placing
  | { do: "cancel"; pick: number }
  | { do: "replace"; pick: number; by: Placing }
  | { do: "withdraw"; client: number; token: number; part: number }
  | { do: "unasked"; pick: number }
  | { do: "confirm" }
  | { do: "mine"; count: number }
  | { do: "restart" }
  | { do: "state"; client: number; watermark: number; isPast: boolean }
  | { do: "command"; client: number; what: string; blocks: number; grace: number };

interface Placing {
  do: "place";
  client: number;
  isBid: boolean;
  isThird: boolean;
  isNext: boolean;
  lots: number;
  ticks: number;
  id: number;
  terms: { timeInForce: TimeInForce; goodFor: number | null; selfTrade: SelfTrade } | null;
}

/** The machine and the model, side by side. */
class Pair {
  readonly world = new World({ ...GENESIS, limits: { ordersPerClientAndRound: LIMIT } });
  readonly model = new NaiveModel();
  /** Early fills of every round, as a client would keep some of them. */
  readonly kept = new Map<string, PresentedFill>();
  readonly seen = nothingSeen();
  nonce = 0n;
  /** Whether somebody cancels a request of the past round in the next quarter 0. */
  late = false;

  constructor() {
    this.model.firstBlockOf = (round) => 100 + 32 * round;
    this.world.list(...TOKENS);
    for (let n = 0; n < CLIENTS - 1; n++) {
      for (const token of TOKENS) this.deposit(clientNo(n), token, 5_000n);
    }
    this.mine(1);
  }

  deposit(client: Address, token: Address, amount: bigint): void {
    this.world.deposit(client, token, amount);
    this.model.deposit(client, token, amount);
  }

  run(step: Step): void {
    switch (step.do) {
      case "deposit":
        this.room();
        this.deposit(clientNo(step.client), TOKENS[step.token] as Address, BigInt(step.amount));
        this.mine(1);
        break;
      case "place":
        this.place(step);
        break;
      case "cancel":
        this.cancel(step.pick);
        break;
      case "replace":
        this.replace(step.pick, step.by);
        break;
      case "withdraw":
        this.withdraw(clientNo(step.client), TOKENS[step.token] as Address, step.part);
        break;
      case "unasked":
        this.unasked(step.pick);
        break;
      case "confirm":
        this.confirm();
        break;
      case "mine":
        this.mine(step.count);
        break;
      case "command":
        this.command(step);
        break;
      case "state":
        this.state(step);
        break;
      case "restart":
        this.restart();
        break;
    }
  }

  /** A statement about what is closed of a round; now and then there is nothing to say. */
  state({ client: n, watermark, isPast }: Step & { do: "state" }): void {
    const { state } = this.world;
    const owner = clientNo(n);
    const round = Math.max(0, this.world.round - (isPast ? 1 : 0));
    const open = views.orders(state, owner, round).filter((one) => one.state === "open");
    const except = open.map(({ order }) => order.id).filter((id) => id < BigInt(watermark));
    const before = views.statement(state, owner, round)?.statement;
    const cover = {
      round,
      watermark: BigInt(watermark),
      except: except.sort((a, b) => (a < b ? -1 : 1)),
    };
    const statement = sumUp(owner, cover, views.orders(state, owner, round));
    const { refusal } = this.world.apply({
      kind: "countersign",
      statement,
      signature: SIGNATURE,
      countersignature: SIGNATURE,
    });
    const isTaken = this.model.countersign(owner, statement);
    expect(refusal === undefined, JSON.stringify(refusal, text)).toBe(isTaken);
    if (refusal === undefined) this.seen.statements++;
    else if (refusal.code === "WrongStatement") {
      const isLess = before !== undefined && !coversAll(statement, before);
      expect(refusal.fault.fault).toBe(isLess ? "coversLess" : "nothing");
    } else expect(refusal.code).toBe("UnknownClient");
  }

  restart(): void {
    const restored = decodeSnapshot(encodeSnapshot(this.world.state));
    expect(stateHash(restored)).toBe(stateHash(this.world.state));
    this.world.state = restored;
  }

  /** An order for the machine, and the same for the model. */
  made(step: Placing, owner: Address) {
    const market = step.isThird ? THIRD_MARKET : MARKET;
    const round = this.world.round + (step.isNext ? 1 : 0);
    const price = step.ticks * 5;
    const order = limitOrder(
      owner,
      round,
      step.id,
      step.isBid ? "bid" : "ask",
      step.lots,
      price,
      market,
    );
    const terms = step.terms === null ? undefined : this.termsOf(step.terms);
    const lots = BigInt(step.lots);
    const naive: NaiveOrder = {
      owner,
      round,
      id: order.id,
      isBid: step.isBid,
      market,
      lots,
      price: BigInt(price),
      left: lots,
      sold: 0n,
      bought: 0n,
      state: "queued",
      ...(terms !== undefined && { terms }),
    };
    return { order, terms, naive };
  }

  place(step: Placing): void {
    const owner = clientNo(step.client);
    const { order, terms, naive } = this.made(step, owner);
    const isClient = views.leafIndexOf(this.world.state, owner) !== undefined;
    const outcome = this.world.place(order, terms);
    const isBeyond = this.model.ordersOf(owner, order.round).length >= LIMIT;
    const taken = isClient && this.model.place(naive, LIMIT);
    expect(outcome.refusal === undefined, JSON.stringify(outcome.refusal, text)).toBe(taken);
    const { code } = outcome.refusal ?? {};
    if (code === "WouldTake" || code === "NotFilled" || code === "Expired") this.seen[code]++;
    if (code === "TooManyOrders") this.seen.tooMany++;
    if (taken && isBeyond) this.seen.beyondLimit++;
    this.checkTrades(outcome.events);
  }

  termsOf({ goodFor, ...terms }: NonNullable<Placing["terms"]>) {
    return { ...terms, goodTillBlock: goodFor === null ? null : this.world.block + goodFor };
  }

  cancel(pick: number): void {
    const order = this.model.orders[pick % Math.max(1, this.model.orders.length)];
    if (order === undefined || order.round < this.model.round - 2) return;
    const taken = this.model.cancel(order.owner, order.round, order.id);
    const outcome = this.world.cancel(order.owner as Address, order.round, Number(order.id));
    expect(outcome.refusal === undefined).toBe(taken);
  }

  /** Takes an order out, which may have ended, and one of the same owner in. */
  replace(pick: number, by: Placing): void {
    const old = this.model.orders[pick % Math.max(1, this.model.orders.length)];
    if (old === undefined || old.round < this.model.round - 2) return;
    const { owner, round, id } = old;
    const { order, terms, naive } = this.made(by, owner as Address);
    const outcome = this.world.replace({ owner: owner as Address, round, id }, order, terms);
    const taken = this.model.replace({ owner, round, id }, naive, LIMIT);
    expect(outcome.refusal === undefined, JSON.stringify(outcome.refusal, text)).toBe(taken);
    if (taken) this.seen.replaced++;
    this.checkTrades(outcome.events);
  }

  command({ client: n, what, blocks, grace }: Step & { do: "command" }): void {
    const { world, model } = this;
    const owner = clientNo(n);
    if (what === "keepAlive") {
      world.apply({ kind: "keepAlive", clients: [owner] });
      model.keepAlive(owner);
      return;
    }
    this.nonce++;
    const command = { owner, round: world.round, nonce: this.nonce, signature: SIGNATURE };
    const block = what === "disarm" ? 0 : world.block + blocks;
    const { refusal, events } = world.apply(
      what === "cancelAll"
        ? { kind: "cancelAll", ...command }
        : { kind: "cancelAfter", ...command, block, graceBlocks: grace },
    );
    this.checkTrades(events);
    if (views.leafIndexOf(world.state, owner) === undefined) {
      expect(refusal?.code).toBe("UnknownClient");
      return;
    }
    expect(refusal).toBeUndefined();
    if (what === "cancelAll") model.cancelAll(owner);
    else if (what === "disarm") model.deadMen.delete(owner);
    else model.deadMen.set(owner, { block, grace });
  }

  withdraw(client: Address, token: Address, part: number): void {
    this.room();
    const round = this.world.nextRound();
    const opening = views.openingBalance(this.world.state, client, token, round - 1) ?? 0n;
    const amount = (opening * BigInt(part)) / 4n;
    if (round < 2 || amount === 0n || this.model.withdrawalOf(client, token)) return;
    this.world.withdraw(client, token, amount);
    this.model.withdrawals.push({ client, token, amount, round, state: "seen" });
    this.mine(1);
  }

  /** Another approved operator cancels what we would pay or have not decided. */
  unasked(pick: number): void {
    this.room();
    const round = this.world.nextRound();
    const open = this.model.withdrawals.filter((w) => w.round === round && w.state !== "refused");
    const chosen = open[pick % Math.max(1, open.length)];
    this.late = pick % 2 === 0;
    if (chosen === undefined || this.late) return;
    this.logCancelled(chosen);
    this.seen.unasked++;
    this.mine(1);
  }

  logCancelled(one: { client: string; token: string; round: number; amount: bigint }): void {
    const { round, amount } = one;
    const [client, token] = [one.client as Address, one.token as Address];
    this.world.log({ kind: "withdrawalCancelled", client, token, round, amount });
    this.model.endWithdrawal(client, token, true);
  }

  confirm(): void {
    this.room();
    const { moment } = views.clock(this.world.state);
    for (const w of [...this.model.withdrawals]) {
      if (w.state !== "debited" || !confirmable(w.round, moment)) continue;
      const [client, token] = [w.client as Address, w.token as Address];
      const { round, amount } = w;
      const recipient = client;
      this.world.log({ kind: "withdrawalConfirmed", client, token, round, amount, recipient });
      this.model.endWithdrawal(client, token, false);
    }
    this.mine(1);
  }

  /** Makes sure that the next block begins no quarter: logs of it belong to the time we know. */
  room(): void {
    if ((this.world.block + 1 - 100) % 8 === 0) this.mine(1);
  }

  mine(count: number): void {
    for (let i = 0; i < count; i++) {
      const next = this.world.block + 1 - 100;
      const begins = next > 0 && next % 8 === 0;
      this.model.passTo(this.world.block + 1);
      if (begins) this.model.beginQuarter(next % 32 === 0);
      const events = this.world.mine(1);
      this.checkTrades(events);
      if (begins) this.afterBoundary(events);
    }
  }

  /** Evidence for what was refused; then cancel, commit, dispute, answer and close. */
  afterBoundary(events: readonly ExchangeEvent[]): void {
    const { state } = this.world;
    for (const one of events) {
      if (one.what === "withdrawalDecided") this.seen[one.decision]++;
    }
    const { moment } = views.clock(state);
    for (const refused of views.withdrawals(state, { state: "refused" })) {
      const evidence = views.evidenceAgainst(state, refused.client, refused.token);
      const orders = evidence?.orders.map(({ order }) => order) ?? [];
      const statements = evidence?.statements.map(({ statement }) => statement) ?? [];
      if (statements.length > 0) this.seen.evidenceByStatement++;
      expect(checkEvidence(refused, orders, statements)).toBeUndefined();
      this.logCancelled(refused);
    }
    this.mine(1);
    if (moment.quarter !== 0) return;
    const debited = this.model.withdrawals.find(
      (w) => w.state === "debited" && w.round === moment.round - 1,
    );
    if (this.late && debited !== undefined) {
      this.logCancelled(debited);
      this.seen.late++;
      this.late = false;
    }
    this.mine(1);
    for (const root of views.commit(state).missing) {
      expect(root.total).toBe(this.leaves(root.token));
      this.world.log({ kind: "committed", round: moment.round, ...root });
    }
    this.mine(1);
    expect(views.commit(state).missing).toEqual([]);
    if (moment.round >= 1) this.disputeAll(moment.round);
  }

  /** What all proofs of the round show together. */
  leaves(token: Address): bigint {
    const { state, round } = this.world;
    return views
      .clients(state)
      .map((client) => views.proof(state, client, token, round)?.balance ?? 0n)
      .reduce((sum, balance) => sum + balance, 0n);
  }

  disputeAll(round: number): void {
    const { state } = this.world;
    for (const client of views.clients(state)) {
      this.world.log({
        kind: "disputeOpened",
        client,
        round,
        opener: client,
        mustProveOpenings: false,
        openingsPresented: false,
        presented: 0,
      });
    }
    this.mine(1);
    for (const client of views.clients(state)) {
      const answer = views.disputeAnswer(state, client, round);
      if (answer === undefined) throw new Error("the dispute is not there");
      const presented = [...this.kept]
        .filter(([key]) => key.startsWith(`${round - 1} ${client} `))
        .map(([, fill]) => fill);
      const hashes = new Set(presented.map(({ orderHash: hash }) => hash));
      const covered = views.coveredExecutions(state, answer);
      const shown = covered.filter(({ order }) => hashes.has(orderHash(order)));
      if (shown.length > 0) this.seen.coveredFills++;
      const executions = [...answer.executions, ...shown].sort((a, b) =>
        a.order.id < b.order.id ? -1 : 1,
      );
      expect(checkAnswer({ ...answer, executions, presented })).toBeUndefined();
      this.seen.answers++;
      this.seen.executions += answer.executions.length;
      this.world.log({ kind: "disputeClosed", client, round, operator: ZERO_ADDRESS });
    }
    this.mine(1);
  }

  /** Every trade keeps both orders' limits by itself, and with all before it. */
  checkTrades(events: readonly ExchangeEvent[]): void {
    for (const one of events) {
      if (one.what === "orderCancelled") {
        const { reason } = one;
        const isTold = reason === "ioc" || reason === "cancelAll" || reason === "deadMan";
        this.seen[isTold ? reason : "cancelled"]++;
      }
      if (one.what === "orderExpired" && one.reason !== undefined) this.seen[one.reason]++;
      if (one.what !== "trade") continue;
      this.seen.trades++;
      const { baseAmount, quoteAmount, takerSide } = one.trade;
      for (const [ref, side] of [
        [one.trade.taker, takerSide],
        [one.trade.maker, takerSide === "bid" ? "ask" : "bid"],
      ] as const) {
        const view = views.order(this.world.state, ref);
        if (view === undefined) throw new Error("a trade of no order");
        const isBid = side === "bid";
        const part = isBid
          ? { sold: quoteAmount, bought: baseAmount }
          : { sold: baseAmount, bought: quoteAmount };
        expect(checkAdvance(view.order, NOTHING_EXECUTED, part)).toBeUndefined();
        expect(checkExecution(view.order, view.sold, view.bought)).toBeUndefined();
        const key = `${ref.round} ${ref.owner} ${ref.id}`;
        if (!this.kept.has(key)) this.kept.set(key, { orderHash: orderHash(view.order), ...part });
      }
    }
  }

  /** Nobody would sell for less than somebody would pay. */
  requireUncrossed(): void {
    for (const { base, quote } of [MARKET, THIRD_MARKET]) {
      const pair = { sellToken: base, buyToken: quote };
      const { bids, asks } = views.book(this.world.state, pair, 1) ?? { bids: [], asks: [] };
      const [[bid], [ask]] = [bids, asks];
      if (bid !== undefined && ask !== undefined) expect(bid.price).toBeLessThan(ask.price);
    }
  }

  compare(): void {
    const { state } = this.world;
    this.requireUncrossed();
    for (const client of views.clients(state)) {
      for (const { token, total, locked } of views.balances(state, client) ?? []) {
        expect(total).toBe(this.model.total(client, token));
        expect(locked).toBe(this.model.locked(client, token));
        expect(locked >= 0n && locked <= total).toBe(true);
      }
    }
    for (const token of TOKENS) {
      const held = views
        .clients(state)
        .map((client) => this.world.balance(client, token)?.total ?? 0n)
        .reduce((sum, total) => sum + total, 0n);
      expect(held).toBe(this.model.inside.get(token));
    }
    for (const order of this.model.orders) {
      if (order.round < this.model.round - 2) continue;
      const ref = { owner: order.owner as Address, round: order.round, id: order.id };
      const { sold, bought, state: end } = order;
      expect(views.order(state, ref)).toMatchObject({ sold, bought, state: end });
    }
    const decided = (w: { client: string; token: string; state: string }) =>
      `${w.client} ${w.token} ${w.state}`;
    expect(views.withdrawals(state).map(decided).sort()).toEqual(
      this.model.withdrawals.map(decided).sort(),
    );
  }
}

const nothingSeen = () => ({
  replaced: 0,
  debited: 0,
  refused: 0,
  answers: 0,
  executions: 0,
  trades: 0,
  statements: 0,
  evidenceByStatement: 0,
  coveredFills: 0,
  unasked: 0,
  late: 0,
  tooMany: 0,
  beyondLimit: 0,
  WouldTake: 0,
  NotFilled: 0,
  Expired: 0,
  ioc: 0,
  cancelAll: 0,
  deadMan: 0,
  cancelled: 0,
  goodTillBlock: 0,
});

const text = (_: string, value: unknown) => (typeof value === "bigint" ? String(value) : value);

test("random histories: as the naive model, always provable, and again the same", () => {
  const total = nothingSeen();
  fc.assert(
    fc.property(fc.array(step, { minLength: 150, maxLength: 300, size: "max" }), (steps) => {
      const pair = new Pair();
      for (const one of steps) {
        pair.run(one);
        pair.compare();
      }
      const bytes = pair.world.entries.map(encodeEntry);
      const records = bytes.map(decodeEntry);
      expect(records.map(encodeEntry)).toEqual(bytes);
      const [first, ...rest] = records;
      if (first === undefined) throw new Error("no genesis");
      const replayed = begin(first);
      for (const entry of rest) apply(replayed, entry);
      expect(stateHash(replayed)).toBe(stateHash(pair.world.state));
      expect([...encodeSnapshot(replayed)]).toEqual([...encodeSnapshot(pair.world.state)]);
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += pair.seen[key];
    }),
    { numRuns: 60, seed: 20_260_101 },
  );
  // A history in which nothing happens proves nothing.
  const { evidenceByStatement, ...often } = total;
  expect(evidenceByStatement).toBeGreaterThan(2);
  for (const [what, count] of Object.entries(often)) expect(count, what).toBeGreaterThan(10);
}, 120_000);
