/**
 * The traders of `npm start`: each deposits, trades around a wandering price, audits every round,
 * and now and then withdraws. The traders know nothing that a real client would not.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { formatDecimal } from "../base/decimal.ts";
import { messageOf } from "../base/errors.ts";
import type { Address, Hex } from "../base/hex.ts";
import { encodeMint, readTokenBalance } from "../chain/contracts/tokens.ts";
import { connect } from "../chain/rpc/rpc.ts";
import { localSigner } from "../chain/signer.ts";
import { Submitter } from "../chain/submit/submitter.ts";
import { RefusedByOperator } from "../client/api.ts";
import { ExchangeClient } from "../client/client.ts";
import { dispute } from "../client/dispute.ts";
import { findToken } from "../client/orders.ts";
import { type Recovered, recover } from "../client/rounds/recover.ts";
import type { Counts } from "./counts.ts";
import { RoundEvidence } from "./evidence.ts";

export interface TraderOptions {
  readonly name: string;
  readonly privateKey: Hex;
  /** Base URLs of all. */
  readonly operators: readonly string[];
  readonly rpc: string;
  readonly mediator: Address;
  /** Where what it keeps lies. */
  readonly evidenceFolder: string;
  /** Milliseconds between two actions. */
  readonly paceMs: number;
  readonly market: string;
  /** Called with lines that a person would like to see. */
  readonly tell: (line: string) => void;
  /** Shared by all traders. */
  readonly counts: Counts;
  readonly signal: AbortSignal;
}

const START_PRICE = 3000;
/** Cents by which an order may stand off the middle. */
const SPREAD_CENTS = 400;
const WITHDRAW_CHANCE = 0.5;

/** Lives until the signal. Failures of the operator or the chain are reported, and tried again. */
export async function runTrader(options: TraderOptions): Promise<void> {
  const { signal, tell, name } = options;
  let trader: Trader | undefined;
  /** Said once, however often it comes in a row. */
  let told: string | undefined;
  while (!signal.aborted) {
    try {
      trader ??= await Trader.join(options);
      await trader.step();
      told = undefined;
    } catch (error) {
      if (signal.aborted) break;
      if (!(error instanceof RefusedByOperator && error.act !== "operator")) {
        const problem = `${name}: ${messageOf(error)}`;
        if (problem !== told) tell(problem);
        told = problem;
      }
    }
    await sleep(options.paceMs * (0.5 + Math.random()), undefined, { signal }).catch(() => {});
  }
  await trader?.close();
}

class Trader {
  readonly #options: TraderOptions;
  readonly #client: ExchangeClient;
  readonly #evidence: RoundEvidence;
  #auditedRound = 0;
  #hasRecovered = false;
  #withdrewInRound = 0;
  #price = START_PRICE;

  private constructor(options: TraderOptions, client: ExchangeClient, evidence: RoundEvidence) {
    this.#options = options;
    this.#client = client;
    this.#evidence = evidence;
  }

  static async join(options: TraderOptions): Promise<Trader> {
    const evidence = await RoundEvidence.open(options.evidenceFolder);
    try {
      const client = await ExchangeClient.join({
        operator: options.operators,
        rpc: [options.rpc],
        mediator: options.mediator,
        signer: options.privateKey,
        evidence,
        pollMs: 250,
      });
      const trader = new Trader(options, client, evidence);
      if (!(await client.reader.clock()).halted) await trader.#fund();
      return trader;
    } catch (error) {
      // The next try opens it anew.
      await evidence.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#evidence.close();
  }

  async step(): Promise<void> {
    const clock = await this.#client.reader.clock();
    if (clock.halted) return this.#recover();
    if (clock.committedRound > this.#auditedRound) await this.#audit(clock.committedRound);
    await this.#confirm(clock.round, clock.quarter);
    const dice = Math.random();
    const due = clock.round >= 2 && clock.quarter === 1 && this.#withdrewInRound < clock.round;
    if (due) await this.#withdraw(clock.round);
    else if (dice < 0.1) await this.#cancelOldest();
    else await this.#trade();
  }

  /** Takes out what is this trader's, and tells of it; again and again until nothing is left. */
  async #recover(): Promise<void> {
    if (this.#hasRecovered) return;
    const { tell, name } = this.#options;
    const taken = await recover(this.#client);
    for (const one of taken) tell(`${name} ${this.#recoveredWords(one)}`);
    this.#hasRecovered = taken.every(({ what }) => what !== "missingProof");
    if (!this.#hasRecovered) return;
    tell(`${name} ${taken.length === 0 ? "has nothing more to take out" : "has everything back"}`);
  }

  #recoveredWords(one: Recovered): string {
    if (one.what === "bond") return `takes back the bond of a dispute of round ${one.round}`;
    const facts = this.#client.exchange.tokens.find(({ token }) => token === one.token);
    const symbol = facts?.symbol ?? one.token;
    if (one.what === "missingProof")
      return `has no proof of its ${symbol} of round ${one.round} yet`;
    return `recovers ${formatDecimal(one.amount, facts?.decimals ?? 0)} ${symbol} (${one.what})`;
  }

  /** Mints test tokens and deposits them, once. */
  async #fund(): Promise<void> {
    const balances = await this.#client.fetchBalance();
    const { tell, name } = this.#options;
    for (const [symbol, amount] of [
      ["WETH", "20"],
      ["USDC", "60000"],
    ] as const) {
      const { token, decimals } = findToken(this.#client.exchange, symbol);
      if ((balances.find((one) => one.token === token)?.total ?? 0n) > 0n) continue;
      const held = await readTokenBalance(this.#client.chain, token, this.#client.address);
      if (held === 0n) await this.#mint(token, BigInt(amount) * 10n ** BigInt(decimals));
      await this.#client.deposit(symbol, amount);
      tell(`${name} deposits ${amount} ${symbol}`);
    }
  }

  async #mint(token: Address, amount: bigint): Promise<void> {
    const chain = connect([this.#options.rpc]);
    const submitter = new Submitter({
      client: chain,
      signer: localSigner(this.#options.privateKey),
      chainId: this.#client.constants.domain.chainId,
      maxFeePerGas: 10n ** 12n,
      pollMs: 250,
    });
    const data = encodeMint(this.#client.address, amount);
    await submitter.send({ what: "mint of test tokens", to: token, data });
  }

  async #trade(): Promise<void> {
    this.#price = await this.#middle();
    const side = Math.random() < 0.5 ? "buy" : "sell";
    const off = Math.round((Math.random() * 2 - 1) * SPREAD_CENTS) / 100;
    const price = (this.#price + off).toFixed(2);
    const amount = (Math.ceil(Math.random() * 200) / 1000).toFixed(3);
    await this.#client.createOrder({ market: this.#options.market, side, price, amount });
  }

  /** Around which this trader quotes: the book's middle, drifting a little. */
  async #middle(): Promise<number> {
    const book = await this.#client.fetchOrderBook(this.#options.market, 1);
    const bid = book.bids[0]?.price;
    const ask = book.asks[0]?.price;
    // A lot is a thousandth of a WETH: the price of a lot in millionths is that of a WETH in
    // 1000ths.
    const middle =
      bid !== undefined && ask !== undefined ? Number(bid + ask) / 2 / 1000 : this.#price;
    return middle + (Math.random() - 0.5);
  }

  async #cancelOldest(): Promise<void> {
    const open = (await this.#client.fetchOrders()).find((order) => order.state === "open");
    if (open !== undefined) await this.#client.cancelOrder(open);
  }

  async #audit(round: number): Promise<void> {
    const { counts, tell, name } = this.#options;
    const report = await this.#client.audit(round);
    this.#auditedRound = round;
    await this.#evidence.archive(round);
    if (report.faults.length === 0) {
      counts.add("auditsPassed");
      return;
    }
    counts.add("auditsFailed");
    const faults = report.faults.map((fault) => fault.kind).join(", ");
    tell(`${name}: audit of round ${round} found ${faults}; opening a dispute`);
    await dispute(this.#client);
  }

  async #withdraw(round: number): Promise<void> {
    this.#withdrewInRound = round;
    if (Math.random() > WITHDRAW_CHANCE) return;
    const { token } = findToken(this.#client.exchange, "USDC");
    if ((await this.#client.reader.withdrawal(this.#client.address, token)) !== undefined) return;
    const amount = String(100 + Math.floor(Math.random() * 400));
    await this.#client.withdraw("USDC", amount);
    this.#options.tell(`${this.#options.name} asks to withdraw ${amount} USDC in round ${round}`);
  }

  async #confirm(round: number, quarter: number): Promise<void> {
    const { token, decimals } = findToken(this.#client.exchange, "USDC");
    const request = await this.#client.reader.withdrawal(this.#client.address, token);
    if (request === undefined || request.round + (quarter === 0 ? 3 : 2) > round) return;
    await this.#client.confirmWithdrawal("USDC");
    const amount = formatDecimal(request.amount, decimals);
    const { tell, name } = this.#options;
    tell(`${name} is paid ${amount} USDC, asked for in round ${request.round}`);
  }
}
