/**
 * Whether an exchange is as it must be after its operator was killed, figured from what its clients
 * were told and from the chain's events, and from nothing of the operator's own code.
 */

import { formatDecimal } from "../../../src/base/decimal.ts";
import { mediatorAbi } from "../../../src/chain/abi/mediator.ts";
import type { OrderStatus } from "../../../src/client/types.ts";
import { lastBlockOf, momentOf } from "../../../src/protocol/rounds.ts";
import type { Round } from "../../../src/protocol/units.ts";
import type { Answer } from "../../../src/wire/routes/routes.ts";
import { CONFIRMATIONS, type TestExchange, until } from "../exchange/exchange.ts";
import type { LoadTrader, Trade } from "../exchange/loadTrader.ts";

/** Trades that an operator lists at most. */
const MOST_TRADES = 500;

type ClientTrade = Answer<"fetchMyTrades">[number];
type Clock = Answer<"fetchClock">;

interface ClientView {
  readonly balances: Answer<"fetchBalances">;
  readonly withdrawals: Answer<"fetchWithdrawals">;
  /** Of the round before, the current and the next one. */
  readonly orders: ReadonlyMap<Round, readonly OrderStatus[]>;
  readonly trades: readonly ClientTrade[];
}

type CheckedExchange = Pick<
  TestExchange,
  "anvil" | "mediator" | "schedule" | "reader" | "weth" | "usdc"
>;

export class CrashChecks {
  readonly #exchange: CheckedExchange;
  readonly #traders: readonly LoadTrader[];
  #auditedRound = 0;
  readonly counts = { views: 0, audits: 0, trades: 0, debited: 0, cancelledWithdrawals: 0 };

  constructor(exchange: CheckedExchange, traders: readonly LoadTrader[]) {
    this.#exchange = exchange;
    this.#traders = traders;
  }

  /** While nobody trades: compares one view of the operator with what it must be. */
  async run(): Promise<void> {
    const { clock, views, market } = await this.#settledView();
    this.counts.views += 1;
    for (const [i, trader] of this.#traders.entries()) {
      const view = views[i] as ClientView;
      for (const [round, orders] of view.orders) {
        await trader.ledger.check(round, orders, round < clock.round);
      }
      this.#checkTradesOf(trader, view, clock.round);
    }
    this.#checkMarket(market, views);
    await this.#checkBalances(clock, views);
    await this.#audit();
  }

  /** Everything as of one block, with no cancellation of a withdrawal on its way. */
  async #settledView() {
    const { anvil } = this.#exchange;
    const [first] = this.#traders as [LoadTrader];
    let settled: { clock: Clock; views: ClientView[]; market: Trade[] } | undefined;
    await until("the operator shows one settled state", async () => {
      const clock = await first.client.api.call("fetchClock");
      const head = await anvil.blockNumber();
      if (clock.block !== head - CONFIRMATIONS) return false;
      const views = await Promise.all(this.#traders.map((trader) => viewOf(trader, clock.round)));
      const { base, quote } = first.client.exchange.markets[0] as { base: string; quote: string };
      const query = { limit: MOST_TRADES };
      const market = await first.client.api.call("fetchTrades", { params: { base, quote }, query });
      if ((await first.client.api.call("fetchClock")).block !== clock.block) return false;
      if (views.some(({ withdrawals }) => withdrawals.some(({ state }) => state === "refused"))) {
        // Its cancellation is on its way, or waits in a block that is not final.
        await anvil.mine();
        return false;
      }
      settled = { clock, views, market };
      return true;
    });
    return settled as NonNullable<typeof settled>;
  }

  /** The trades of a client add up to what its orders say, order by order, each once. */
  #checkTradesOf({ client, ledger }: LoadTrader, { trades }: ClientView, round: Round): void {
    const whole = trades.length < MOST_TRADES || (trades.at(-1) as ClientTrade).round < round;
    if (!whole) throw new Error("more trades in a round than can be listed: lower the load");
    const sums = new Map<bigint, { sold: bigint; bought: bigint }>();
    for (const trade of trades.filter((one) => one.round === round)) {
      const sum = sums.get(trade.orderId) ?? { sold: 0n, bought: 0n };
      const buys = trade.side === "buy";
      sum.sold += buys ? trade.quoteAmount : trade.baseAmount;
      sum.bought += buys ? trade.baseAmount : trade.quoteAmount;
      sums.set(trade.orderId, sum);
    }
    const executions = ledger.executions(round);
    requireSame(`${client.address}: trades of round ${round}`, sorted(sums), sorted(executions));
  }

  /** Each trade is there once, with one buyer and one seller, as it was told when it was made. */
  #checkMarket(market: readonly Trade[], views: readonly ClientView[]): void {
    const known = new Map(market.map((trade) => [trade.sequence, trade]));
    requireSame("trades of the market", known.size, market.length);
    this.counts.trades = Math.max(this.counts.trades, Number(market[0]?.sequence ?? 0n));
    const oldest = market.at(-1)?.sequence ?? 0n;
    for (const { heard } of this.#traders) {
      for (const trade of heard.values()) {
        if (trade.sequence >= oldest) requireSame("a trade", known.get(trade.sequence), trade);
      }
    }
    const sides = new Map<bigint, string[]>();
    for (const { sequence, side } of views.flatMap(({ trades }) => trades)) {
      sides.set(sequence, [...(sides.get(sequence) ?? []), side].sort());
    }
    for (const { sequence } of market) {
      requireSame(`sides of trade ${sequence}`, sides.get(sequence), ["buy", "sell"]);
    }
  }

  async #checkBalances(clock: Clock, views: readonly ClientView[]): Promise<void> {
    const flows = await this.#flowsUntil(clock.block);
    for (const [i, { client, ledger }] of this.#traders.entries()) {
      const { balances, withdrawals } = views[i] as ClientView;
      const changes = ledger.changes();
      const locked = ledger.locked();
      for (const balance of balances) {
        const { token } = balance;
        const flow = flows.get(`${client.address} ${token}`) ?? 0n;
        const what = `${client.address}: balance of ${token} at block ${clock.block}`;
        requireSame(`${what}, total`, balance.total, flow + (changes.get(token) ?? 0n));
        requireSame(`${what}, locked`, balance.locked, locked.get(token) ?? 0n);
      }
      const late = withdrawals.filter(({ state }) => state === "undecided").length;
      requireSame(`${client.address}: undecided`, late, this.#undecided.get(client.address) ?? 0);
    }
  }

  /** Requests of the current quarter by client, as of the last `#flowsUntil`. */
  #undecided = new Map<string, number>();

  /** Deposits less decided withdrawals, by client and token, up to a block. */
  async #flowsUntil(block: number): Promise<Map<string, bigint>> {
    const { schedule } = this.#exchange;
    const now = momentOf(schedule, block);
    const flows = new Map<string, bigint>();
    const add = (key: string, amount: bigint) => flows.set(key, (flows.get(key) ?? 0n) + amount);
    const requests: { key: string; client: string; amount: bigint; block: number }[] = [];
    this.counts.cancelledWithdrawals = 0;
    for (const event of await this.#events(block)) {
      if (event.eventName === "Deposited") {
        add(`${event.args.client} ${event.args.token}`, event.args.amount);
      } else if (event.eventName === "WithdrawalInitiated") {
        const { client, token, amount } = event.args;
        const at = Number(event.blockNumber);
        requests.push({ key: `${client} ${token}`, client, amount, block: at });
      } else if (event.eventName === "WithdrawalCancelled") {
        const key = `${event.args.client} ${event.args.token}`;
        requests.splice(
          requests.findLastIndex((one) => one.key === key),
          1,
        );
        this.counts.cancelledWithdrawals += 1;
      }
    }
    this.#undecided = new Map();
    this.counts.debited = 0;
    for (const { key, client, amount, block: at } of requests) {
      const asked = momentOf(schedule, at);
      if (asked.round === now.round && asked.quarter === now.quarter) {
        this.#undecided.set(client, (this.#undecided.get(client) ?? 0) + 1);
      } else {
        add(key, -amount);
        this.counts.debited += 1;
      }
    }
    return flows;
  }

  #events(toBlock: number) {
    const { anvil, mediator, schedule } = this.#exchange;
    return anvil.client.getContractEvents({
      address: mediator,
      abi: mediatorAbi,
      fromBlock: BigInt(schedule.genesisBlock),
      toBlock: BigInt(toBlock),
      strict: true,
    });
  }

  /** Every client audits every round with the library's own code, which is not the exchange's. */
  async #audit(): Promise<void> {
    const { committedRound } = await this.#exchange.reader.clock();
    while (this.#auditedRound < committedRound) {
      this.#auditedRound += 1;
      for (const { client } of this.#traders) {
        const { faults } = await client.audit(this.#auditedRound);
        requireSame(`${client.address}: audit of round ${this.#auditedRound}`, faults, []);
        this.counts.audits += 1;
      }
    }
  }

  /** Every commit in its quarter 0, once for each token; every dispute closed in time; no halt. */
  async checkDeadlines(): Promise<{ rounds: number; closed: number }> {
    const { reader, schedule, weth, usdc } = this.#exchange;
    const { round, halted, committedRound, block } = await reader.clock();
    requireSame("halted", halted, false);
    requireSame("the committed round", committedRound, round);
    const commits: string[] = [];
    const disputes = new Map<string, number>();
    let closed = 0;
    for (const event of await this.#events(block)) {
      const at = Number(event.blockNumber);
      if (event.eventName === "Committed") {
        const { round: of, token } = event.args;
        commits.push(`${of} ${token}`);
        const moment = momentOf(schedule, at);
        requireSame("a commit's time", [moment.round, moment.quarter], [Number(of), 0]);
      } else if (event.eventName === "DisputeOpened") {
        disputes.set(`${event.args.client} ${event.args.round}`, Number(event.args.round));
      } else if (event.eventName === "DisputeClosed") {
        disputes.delete(`${event.args.client} ${event.args.round}`);
        closed += 1;
      }
    }
    const due = Array.from({ length: round }, (_, i) => i + 1).flatMap((one) =>
      [weth, usdc].map((token) => `${one} ${token}`),
    );
    requireSame("commits", commits.sort(), due.sort());
    for (const [dispute, opened] of disputes) {
      const late = block > lastBlockOf(schedule, opened + 1, 0);
      requireSame(`dispute ${dispute} is open too long`, late, false);
    }
    return { rounds: round, closed };
  }
}

async function viewOf({ client }: LoadTrader, round: Round): Promise<ClientView> {
  const orders = new Map<Round, readonly OrderStatus[]>();
  for (const one of [round - 1, round, round + 1]) {
    if (one >= 0) orders.set(one, await client.fetchOrders(one));
  }
  return {
    balances: await client.fetchBalance(),
    withdrawals: await client.fetchWithdrawals(),
    orders,
    trades: await client.fetchMyTrades(MOST_TRADES),
  };
}

function sorted(sums: ReadonlyMap<bigint, { sold: bigint; bought: bigint }>): string[] {
  return [...sums].map(([id, { sold, bought }]) => `${id}: ${sold} for ${bought}`).sort();
}

function requireSame(what: string, found: unknown, wanted: unknown): void {
  const [is, should] = [textOf(found), textOf(wanted)];
  if (is !== should) throw new Error(`${what}: ${is} instead of ${should}`);
}

function textOf(value: unknown): string {
  if (typeof value === "bigint") return formatDecimal(value, 0);
  return JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `${part}` : part));
}
