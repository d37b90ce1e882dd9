/**
 * The exchange once more, for tests: as plainly as it can be said, with nothing kept that can be
 * counted, and no code of the machine. Figures in base units of tokens.
 */
import type { Market } from "./model/entries.ts";

export interface NaiveOrder {
  owner: string;
  round: number;
  id: bigint;
  isBid: boolean;
  market: Market;
  lots: bigint;
  price: bigint;
  left: bigint;
  sold: bigint;
  bought: bigint;
  state: string;
  /** Without: it rests till its round ends, and goes where it meets one of its owner. */
  terms?: NaiveTerms;
}

export interface NaiveTerms {
  timeInForce: string;
  goodTillBlock: number | null;
  selfTrade: string;
}

/** The orders of one client and round that a countersigned statement closed for good. */
export interface NaiveCover {
  round: number;
  watermark: bigint;
  except: readonly bigint[];
}

export interface NaiveWithdrawal {
  client: string;
  token: string;
  amount: bigint;
  round: number;
  state: string;
}

export class NaiveModel {
  round = 0;
  /** The last one that passed, and the first of a round. */
  block = 0;
  readonly deadMen = new Map<string, { block: number; grace: number }>();
  firstBlockOf = (_round: number): number => 0;
  readonly totals = new Map<string, bigint>();
  readonly orders: NaiveOrder[] = [];
  /** The last one of each client and round. */
  readonly covers = new Map<string, NaiveCover>();
  withdrawals: NaiveWithdrawal[] = [];
  /** Every deposit less every debit, by token. */
  readonly inside = new Map<string, bigint>();

  total(client: string, token: string): bigint {
    return this.totals.get(`${client} ${token}`) ?? 0n;
  }

  locked(client: string, token: string): bigint {
    return this.orders
      .filter((o) => o.state === "open" && o.owner === client && sellToken(o) === token)
      .reduce((sum, o) => sum + o.left * (o.isBid ? o.price : o.market.lot), 0n);
  }

  free(client: string, token: string): bigint {
    return this.total(client, token) - this.locked(client, token);
  }

  deposit(client: string, token: string, amount: bigint): void {
    this.move(client, token, amount);
    this.inside.set(token, (this.inside.get(token) ?? 0n) + amount);
  }

  /** Whether the order is taken; if so, what it does is done. */
  place(order: NaiveOrder, limit: number): boolean {
    const mine = this.ordersOf(order.owner, order.round);
    if (order.round !== this.round && order.round !== this.round + 1) return false;
    if (mine.some((o) => o.id === order.id)) return false;
    if (order.id < (this.covers.get(`${order.owner} ${order.round}`)?.watermark ?? 0n))
      return false;
    if (mine.filter((o) => this.counts(o)).length >= limit) return false;
    const last = order.terms?.goodTillBlock ?? null;
    if (last !== null && last < this.block) return false;
    if (last !== null && last < this.firstBlockOf(order.round)) return false;
    if (order.round === this.round && !(this.affords(order) && this.fits(order))) return false;
    this.orders.push(order);
    if (order.round === this.round) this.enter(order);
    return true;
  }

  ordersOf(owner: string, round: number): NaiveOrder[] {
    return this.orders.filter((o) => o.owner === owner && o.round === round);
  }

  /** Whether the statement is countersigned, what it says of sums aside. */
  countersign(client: string, cover: NaiveCover): boolean {
    const key = `${client} ${cover.round}`;
    const closed = this.ordersOf(client, cover.round).filter((o) => covers(cover, o.id));
    const before = this.covers.get(key);
    const isMore = (o: NaiveOrder) => before === undefined || !covers(before, o.id);
    if (closed.some(isLive) || !closed.some((o) => o.sold > 0n && isMore(o))) return false;
    if (before !== undefined && before.watermark > cover.watermark) return false;
    if (before !== undefined && cover.except.some((id) => covers(before, id))) return false;
    this.covers.set(key, cover);
    return true;
  }

  /** Whether the order takes one of those that its owner may have in its round. */
  counts(order: NaiveOrder): boolean {
    const cover = this.covers.get(`${order.owner} ${order.round}`);
    if (cover !== undefined && covers(cover, order.id)) return false;
    return isLive(order) || order.sold > 0n;
  }

  /** Time passes to `block`: what is good till an earlier one is over. */
  passTo(block: number): void {
    this.block = block;
    for (const order of this.orders) {
      const last = order.terms?.goodTillBlock ?? null;
      // What is good till its round's end is ended by that, after the switches of the same block.
      const isRounds = last !== null && last >= this.firstBlockOf(order.round + 1) - 1;
      if (isLive(order) && last !== null && last < block && !isRounds) order.state = "expired";
    }
    for (const [owner, { block: until }] of [...this.deadMen]) {
      if (until >= block) continue;
      this.deadMen.delete(owner);
      this.cancelAll(owner);
    }
  }

  cancelAll(owner: string): void {
    for (const order of this.orders) {
      if (isLive(order) && order.owner === owner) order.state = "cancelled";
    }
  }

  /** The owner is connected. */
  keepAlive(owner: string): void {
    const deadMan = this.deadMen.get(owner);
    if (deadMan === undefined || deadMan.grace === 0) return;
    deadMan.block = Math.max(deadMan.block, this.block + deadMan.grace);
  }

  cancel(owner: string, round: number, id: bigint): boolean {
    const order = this.orders.find((o) => o.owner === owner && o.round === round && o.id === id);
    if (order === undefined || !isLive(order)) return false;
    order.state = "cancelled";
    return true;
  }

  /** Both or neither: the new order has the money of the old one, and does not meet it. */
  replace(old: { owner: string; round: number; id: bigint }, order: NaiveOrder, limit: number) {
    const known = this.orders.find(
      (o) => o.owner === old.owner && o.round === old.round && o.id === old.id,
    );
    if (known === undefined || !this.cancel(old.owner, old.round, old.id)) return false;
    const isOpen = known.round === this.round;
    if (this.place(order, limit)) return true;
    known.state = isOpen ? "open" : "queued";
    return false;
  }

  beginQuarter(isNewRound: boolean): void {
    for (const w of this.withdrawals.filter(({ state }) => state === "seen")) {
      const covered = w.amount <= this.free(w.client, w.token);
      w.state = covered ? "debited" : "refused";
      if (covered) this.deposit(w.client, w.token, -w.amount);
    }
    if (!isNewRound) return;
    for (const order of this.orders) if (order.state === "open") order.state = "expired";
    this.round++;
    for (const order of this.orders.filter((o) => o.state === "queued")) {
      if (this.affords(order) && this.fits(order)) this.enter(order);
      else order.state = "refused";
    }
  }

  withdrawalOf(client: string, token: string): NaiveWithdrawal | undefined {
    return this.withdrawals.find((w) => w.client === client && w.token === token);
  }

  endWithdrawal(client: string, token: string, cancelled: boolean): void {
    const ended = this.withdrawalOf(client, token);
    if (cancelled && ended?.state === "debited") this.deposit(client, token, ended.amount);
    this.withdrawals = this.withdrawals.filter((w) => w !== ended);
  }

  private affords(order: NaiveOrder): boolean {
    const needed = order.lots * (order.isBid ? order.price : order.market.lot);
    return needed <= this.free(order.owner, sellToken(order));
  }

  /** All that the order would meet, in the order of matching: by price, then as they came. */
  private against(order: NaiveOrder): NaiveOrder[] {
    return this.orders
      .filter((o) => o.state === "open" && o !== order && o.market === order.market)
      .filter((o) => o.isBid !== order.isBid)
      .filter((o) => (order.isBid ? o.price <= order.price : o.price >= order.price))
      .map((o, at) => ({ o, at }))
      .sort((a, b) => {
        if (a.o.price === b.o.price) return a.at - b.at;
        return a.o.price < b.o.price === order.isBid ? -1 : 1;
      })
      .map(({ o }) => o);
  }

  /** Whether the order's terms let it in. */
  private fits(order: NaiveOrder): boolean {
    const against = this.against(order);
    if (order.terms?.timeInForce === "postOnly") return against.length === 0;
    if (order.terms?.timeInForce !== "fok") return true;
    const isOwn = (o: NaiveOrder) => o.owner === order.owner;
    const stop = against.findIndex(isOwn);
    const reached =
      order.terms.selfTrade === "cancelMaker" || stop === -1 ? against : against.slice(0, stop);
    const there = reached.filter((o) => !isOwn(o)).reduce((sum, o) => sum + o.left, 0n);
    return there >= order.left;
  }

  private enter(order: NaiveOrder): void {
    order.state = "open";
    const selfTrade = order.terms?.selfTrade ?? "cancelTaker";
    while (order.left > 0n) {
      const [best] = this.against(order);
      if (best === undefined) {
        if (order.terms?.timeInForce === "ioc") order.state = "cancelled";
        return;
      }
      if (best.owner === order.owner) {
        if (selfTrade !== "cancelTaker") best.state = "cancelled";
        if (selfTrade === "cancelMaker") continue;
        order.state = "cancelled";
        return;
      }
      const lots = best.left < order.left ? best.left : order.left;
      this.trade(order.isBid ? order : best, order.isBid ? best : order, lots, best.price);
    }
  }

  private trade(bid: NaiveOrder, ask: NaiveOrder, lots: bigint, price: bigint): void {
    const { base, quote, lot } = bid.market;
    this.move(bid.owner, quote, -lots * price);
    this.move(bid.owner, base, lots * lot);
    this.move(ask.owner, base, -lots * lot);
    this.move(ask.owner, quote, lots * price);
    bid.sold += lots * price;
    bid.bought += lots * lot;
    ask.sold += lots * lot;
    ask.bought += lots * price;
    for (const order of [bid, ask]) {
      order.left -= lots;
      if (order.left === 0n) order.state = "filled";
    }
  }

  private move(client: string, token: string, amount: bigint): void {
    this.totals.set(`${client} ${token}`, this.total(client, token) + amount);
  }
}

function sellToken(order: NaiveOrder): string {
  return order.isBid ? order.market.quote : order.market.base;
}

function isLive({ state }: NaiveOrder): boolean {
  return state === "open" || state === "queued";
}

function covers({ watermark, except }: NaiveCover, id: bigint): boolean {
  return id < watermark && !except.includes(id);
}
