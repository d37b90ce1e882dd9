/** A client under load: orders, cancels, deposits, withdrawals and disputes, whatever happens. */
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { formatDecimal } from "../../../src/base/decimal.ts";
import { QuarterdeckError } from "../../../src/base/errors.ts";
import { ContractRefused } from "../../../src/chain/rpc/errors.ts";
import { OperatorUnreachable, RefusedByOperator } from "../../../src/client/api.ts";
import type { ExchangeClient } from "../../../src/client/client.ts";
import { dispute } from "../../../src/client/dispute.ts";
import { findToken } from "../../../src/client/orders.ts";
import type { Round } from "../../../src/protocol/units.ts";
import type { Answer } from "../../../src/wire/routes/routes.ts";
import { STREAM_PATH, streamEvent } from "../../../src/wire/stream.ts";
import type { Blocks } from "../chain/blocks.ts";
import { OrderLedger } from "../checks/orderLedger.ts";
import type { Random } from "../checks/random.ts";

export type Trade = Answer<"fetchTrades">[number];

/** What an operator may answer to a request that came at a bad time. */
const EXPECTED_REFUSALS = new Set([
  "InsufficientFunds",
  "OrderRoundClosed",
  "TooManyOrders",
  "OrderNotOpen",
  "UnknownOrder",
  "NotReady",
  "Overloaded",
]);
const LONGEST_PAUSE_MS = 12;
const UNREACHABLE_PAUSE_MS = 40;

export class LoadTrader {
  readonly client: ExchangeClient;
  readonly ledger: OrderLedger;
  /** Trades heard over the stream, by sequence. */
  readonly heard = new Map<bigint, Trade>();
  readonly counts = { deposits: 0, withdrawals: 0, paid: 0, disputes: 0, unreachable: 0 };
  readonly #index: number;
  readonly #random: Random;
  readonly #blocks: Blocks;
  readonly #longestPauseMs: number;
  #socket: WebSocket | undefined;

  constructor(
    client: ExchangeClient,
    index: number,
    random: Random,
    blocks: Blocks,
    longestPauseMs: number = LONGEST_PAUSE_MS,
  ) {
    this.client = client;
    this.ledger = new OrderLedger(client);
    this.#index = index;
    this.#random = random;
    this.#blocks = blocks;
    this.#longestPauseMs = longestPauseMs;
  }

  /** Subscribes to what the operator tells of this client and of the market. */
  async listen(): Promise<void> {
    this.#socket?.terminate();
    const socket = new WebSocket(`${this.client.api.url.replace("http", "ws")}${STREAM_PATH}`);
    this.#socket = socket;
    // It ends with the operator; what was heard stays.
    socket.on("error", () => socket.terminate());
    socket.on("message", (data) => this.#hear(JSON.parse(String(data))));
    await new Promise((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("close", () => reject(new Error("the stream closed before it opened")));
    });
    const { base, quote } = this.client.exchange.markets[0] as { base: string; quote: string };
    socket.send(JSON.stringify({ kind: "subscribeMarket", market: { base, quote } }));
    const session = await this.client.session();
    const client = this.client.address;
    socket.send(JSON.stringify({ kind: "subscribeClient", client, session }));
  }

  close(): void {
    this.#socket?.terminate();
  }

  #hear(message: unknown): void {
    const event = streamEvent.parse(message);
    if (event.kind === "order") this.ledger.acknowledged(event.order);
    else if (event.kind === "trade") this.heard.set(event.trade.sequence, event.trade);
    else if (event.kind === "refusal") throw new Error(`the stream refused: ${event.error.code}`);
  }

  /** Acts until `signal` is aborted. Throws what no crash explains. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let pause = this.#random.from(0, this.#longestPauseMs);
      try {
        await this.#step();
      } catch (error) {
        if (!(error instanceof QuarterdeckError) || !isExpected(error)) throw error;
        if (error instanceof OperatorUnreachable) {
          this.counts.unreachable += 1;
          pause = UNREACHABLE_PAUSE_MS;
        }
      }
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
  }

  async #step(): Promise<void> {
    const dice = this.#random.next();
    if (dice < 0.6) return this.#order();
    if (dice < 0.76) return this.#cancel();
    if (!this.#blocks.areFree()) return;
    if (dice < 0.84) return this.#deposit();
    if (dice < 0.94) return this.#withdraw();
    if (dice < 0.98) return this.#confirm();
    return this.#dispute();
  }

  /** One side a round: an order that met its own would be cancelled by the exchange. */
  #sideIn(round: Round): "buy" | "sell" {
    return (this.#index + round) % 2 === 0 ? "buy" : "sell";
  }

  async #order(): Promise<void> {
    const random = this.#random;
    const now = (await this.client.api.call("fetchClock")).round;
    const round: Round = random.chance(0.12) ? now + 1 : now;
    const side = this.#sideIn(round);
    const price = `${2990 + random.from(0, 20)}.${random.from(0, 99).toString().padStart(2, "0")}`;
    const amount = `0.${random.from(1, 400).toString().padStart(3, "0")}`;
    const request = { market: "WETH/USDC", side, price, amount, round } as const;
    try {
      this.ledger.acknowledged(await this.client.createOrder(request));
    } catch (error) {
      if (error instanceof RefusedByOperator) await this.ledger.refusedLast(round);
      throw error;
    }
  }

  async #cancel(): Promise<void> {
    const order = this.#random.pick(this.ledger.live());
    if (order === undefined) return;
    this.ledger.cancelAsked(order);
    this.ledger.cancelAcknowledged(await this.client.cancelOrder(order));
  }

  async #deposit(): Promise<void> {
    const [token, amount] = this.#random.chance(0.5)
      ? ["WETH", `0.0${this.#random.from(10, 99)}`]
      : ["USDC", `${this.#random.from(10, 200)}.5`];
    await this.client.deposit(token as string, amount as string);
    this.counts.deposits += 1;
  }

  /** Now and then all that was proven of what was sold since: overdrawn, so to be cancelled. */
  async #withdraw(): Promise<void> {
    const { round } = await this.client.reader.clock();
    const soldBefore = this.#sideIn(round - 1) === "buy" ? "USDC" : "WETH";
    if (this.#random.chance(0.3)) {
      const { token, decimals } = findToken(this.client.exchange, soldBefore);
      const { balance } = await this.client.provenBalance(token, round - 1);
      await this.client.withdraw(soldBefore, formatDecimal(balance, decimals));
    } else if (this.#random.chance(0.5)) {
      await this.client.withdraw("WETH", `${this.#random.from(0, 2)}.25`);
    } else {
      await this.client.withdraw("USDC", `${this.#random.from(100, 5000)}`);
    }
    this.counts.withdrawals += 1;
  }

  async #confirm(): Promise<void> {
    await this.client.confirmWithdrawal(this.#random.chance(0.5) ? "WETH" : "USDC");
    this.counts.paid += 1;
  }

  async #dispute(): Promise<void> {
    if ((await this.client.reader.clock()).round === 0) return;
    await dispute(this.client);
    this.counts.disputes += 1;
  }
}

function isExpected(error: QuarterdeckError): boolean {
  if (error instanceof OperatorUnreachable || error.code === "NoProof") return true;
  if (error instanceof ContractRefused) return error.errorName !== "Halted";
  return error instanceof RefusedByOperator && EXPECTED_REFUSALS.has(error.code);
}
