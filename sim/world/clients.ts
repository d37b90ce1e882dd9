/**
 * Clients that trade, withdraw, overdraw and dispute as chance has it. Each keeps what the operator
 * acknowledged, and believes the chain only.
 */
import { publicKeyToAddress, ZERO_ADDRESS } from "../../src/base/address.ts";
import { type Address, hexToBytes } from "../../src/base/hex.ts";
import {
  encodeConfirmWithdrawal,
  encodeDeposit,
  encodeInitiateWithdrawal,
  encodeOpenDispute,
  encodeSetTradingKey,
  type Standing,
} from "../../src/chain/contracts/mediatorCalls.ts";
import { LatestOrders } from "../../src/client/checks/latestOrders.ts";
import type { Market } from "../../src/exchange/model/entries.ts";
import { loadCurve } from "../../src/keys/nativeCurve.ts";
import type { Answered } from "../../src/operator/api/operatorApi.ts";
import { hashCancelOrder, hashOrder } from "../../src/protocol/messages.ts";
import type { Refusal } from "../../src/protocol/refusals.ts";
import { momentOf, roundOf } from "../../src/protocol/rounds.ts";
import { signMessage } from "../../src/protocol/signatures.ts";
import type {
  BalanceProof,
  Order,
  Round,
  SignedFill,
  SignedOrder,
  SignedStatement,
} from "../../src/protocol/units.ts";
import { confirmable } from "../../src/protocol/withdrawalRule.ts";
import type { OrderResponse } from "../../src/wire/schemas/order.ts";
import type { Chain } from "../chain/chain.ts";
import type { Clock } from "../host/clock.ts";
import type { Random } from "../host/random.ts";
import { ClientStatements, type StatementWatch } from "../statements/clientStatements.ts";
import type { ClientFace } from "./router.ts";

const { curve } = loadCurve();

export interface Surroundings {
  readonly chain: Chain;
  readonly random: Random;
  readonly markets: readonly Market[];
  readonly tokens: readonly Address[];
  /** Undefined while nobody serves. */
  readonly api: () => ClientFace | undefined;
  readonly onAcknowledged: (action: "order" | "cancel", order: OrderResponse) => void;
  readonly onRefused: (order: Order, code: Refusal["code"]) => void;
  readonly clock: Pick<Clock, "after">;
  /** Undefined where clients sign no statements. */
  readonly orderLimit: number | undefined;
  readonly watch: StatementWatch;
  /** A promise of a client's own failed: the world is broken. */
  readonly onError: (error: unknown) => void;
  readonly trace: (text: string) => void;
}

/** Requests of two rounds, and open disputes, that all clients together come to. */
const MOST_REQUESTS = 4;
const MOST_DISPUTES = 2;

interface Key {
  readonly secret: Uint8Array;
  readonly address: Address;
}

export class Client {
  readonly name: string;
  readonly address: Address;
  readonly #around: Surroundings;
  readonly #random: Random;
  readonly #own: Key;
  readonly #hot: Key;
  #nextId = 1n;
  /** Acknowledged, open as far as known. */
  readonly #open = new Map<string, OrderResponse>();
  readonly #latest = new LatestOrders();
  /** The latest fill of each order, by round. */
  readonly #fills = new Map<Round, Map<bigint, SignedFill>>();
  /** Undefined where clients sign none. */
  readonly #statements: ClientStatements | undefined;

  constructor(name: string, around: Surroundings) {
    this.name = name;
    this.#around = around;
    this.#random = around.random.split(name);
    this.#own = keyFrom(this.#random);
    this.#hot = keyFrom(this.#random);
    this.address = this.#own.address;
    const { orderLimit } = around;
    this.#statements =
      orderLimit === undefined
        ? undefined
        : new ClientStatements({
            ...around,
            name,
            owner: this.address,
            limit: orderLimit,
            random: this.#random.split("statements"),
            secretOf: (round) => this.#secretOf(round),
          });
  }

  /** Does one thing, or nothing. */
  act(): void {
    const action = this.#random.weighted({
      deposit: 4,
      order: this.#statements === undefined ? 22 : 60,
      cancel: this.#statements === undefined ? 5 : 12,
      withdraw: 9,
      confirm: 6,
      dispute: 2,
      tradingKey: 0.2,
      state: this.#statements === undefined ? 0 : 3,
      nothing: 10,
    });
    switch (action) {
      case "deposit":
        return this.deposit();
      case "order":
        return this.#order();
      case "cancel":
        return this.#cancel();
      case "withdraw":
        return this.#wait(this.#statements?.forRequest(this.#round), (signed) =>
          this.#withdraw(signed),
        );
      case "confirm":
        return this.#confirm();
      case "dispute":
        return this.#dispute();
      case "state":
        return this.#wait(this.#statements?.state(this.#random.pick(this.#twoRounds)), () => {});
      case "tradingKey":
        return this.#setTradingKey();
      case "nothing":
        return;
    }
  }

  deposit(): void {
    const token = this.#random.pick(this.#around.tokens);
    const amount = BigInt(this.#random.int(1, 5000));
    this.#send(encodeDeposit(token, amount), `deposits ${amount}`);
  }

  get #round(): Round {
    const { chain } = this.#around;
    return roundOf(chain.terms.schedule, chain.head.number + 1);
  }

  /** This round and, if there is one, the one before. */
  get #twoRounds(): Round[] {
    return [this.#round, Math.max(0, this.#round - 1)];
  }

  /** Goes on with what is waited for; at once where nothing is. */
  #wait<T>(promise: Promise<T> | undefined, next: (value: T | undefined) => void): void {
    if (promise === undefined) return next(undefined);
    promise.then(next).catch(this.#around.onError);
  }

  #send(data: `0x${string}`, what: string): void {
    const { chain, trace } = this.#around;
    chain.send(this.address, data, chain.head.number + this.#random.int(1, 2));
    trace(`${this.name} ${what}`);
  }

  #order(): void {
    const api = this.#around.api();
    if (api === undefined) return;
    const order = this.#randomOrder();
    const key = this.#random.chance(0.25) ? this.#hot : this.#own;
    // The same order may be sent twice: by a client that saw no answer, for one.
    const times = this.#random.chance(0.05) ? 2 : 1;
    this.#wait(this.#statements?.nextId(order.round), (id = order.id) => {
      const signed = this.#signOrder({ ...order, id }, key);
      // Meanwhile another operator may serve.
      const place = () => this.#place(signed, times, this.#statements ? this.#around.api() : api);
      this.#wait(this.#statements?.keep(signed), place);
    });
  }

  #signOrder(order: Order, { secret }: Key): SignedOrder {
    const { domain } = this.#around.chain.terms;
    return { order, signature: signMessage(curve, domain, hashOrder(order), secret) };
  }

  #place(signed: SignedOrder, times: number, api: ClientFace | undefined): void {
    for (let i = 0; i < times && api; i++) this.#ask("order", signed.order, api.placeOrder(signed));
  }

  #randomOrder(): Order {
    const { base, quote, lot, tick } = this.#random.pick(this.#around.markets);
    const lots = BigInt(this.#random.int(1, 12));
    const baseAmount = lots * lot;
    const quoteAmount = lots * tick * BigInt(this.#random.int(95, 105));
    const ahead = this.#random.chance(0.15) ? 1 : 0;
    const common = { owner: this.address, round: this.#round + ahead, id: this.#nextId };
    // Ids are the client's own affair: one that forgets uses one again.
    if (!this.#random.chance(0.03)) this.#nextId += 1n;
    if (this.#random.chance(0.5)) {
      const amounts = { sellAmount: quoteAmount, buyAmount: baseAmount };
      return { ...common, sellToken: quote, buyToken: base, ...amounts, intent: "buyAll" };
    }
    const amounts = { sellAmount: baseAmount, buyAmount: quoteAmount };
    return { ...common, sellToken: base, buyToken: quote, ...amounts, intent: "sellAll" };
  }

  #cancel(): void {
    const api = this.#around.api();
    const open = [...this.#open.values()];
    if (api === undefined || open.length === 0) return;
    const { owner, round, id } = this.#random.pick(open);
    const cancel = { owner, round, id };
    const { domain } = this.#around.chain.terms;
    const signature = signMessage(curve, domain, hashCancelOrder(cancel), this.#own.secret);
    this.#ask("cancel", cancel, api.cancelOrder(cancel, signature));
  }

  #ask(
    action: "order" | "cancel",
    ref: Pick<Order, "owner" | "round" | "id">,
    answer: Promise<Answered<OrderResponse>>,
  ): void {
    const { onAcknowledged, onRefused, onError, trace } = this.#around;
    const hear = (answered: Answered<OrderResponse>) => {
      const name = `${action} ${ref.round}/${ref.id} of ${this.name}`;
      if (!answered.ok) {
        trace(`${name}: ${answered.refusal.code}`);
        if (action === "order") onRefused(ref as Order, answered.refusal.code);
        if (action === "order") this.#statements?.refused(ref, answered.refusal.code);
        return;
      }
      trace(`${name}: ${answered.value.state}`);
      this.learn(answered.value);
      onAcknowledged(action, answered.value);
    };
    // A node that fails says nothing: whether it was kept shows later.
    answer.then(hear, () => {}).catch(onError);
  }

  /** The operator's statement of an order, in an answer or on the stream. */
  learn(order: OrderResponse): void {
    const { round, id, fill } = order;
    this.#statements?.learn(order);
    const key = `${round} ${id}`;
    const { state } = this.#latest.take(order);
    if (state === "open" || state === "queued") this.#open.set(key, order);
    else this.#open.delete(key);
    if (fill === null) return;
    const fills = this.#fills.get(round) ?? new Map<bigint, SignedFill>();
    const known = fills.get(id);
    if (known === undefined || known.fill.sequence < fill.fill.sequence) fills.set(id, fill);
    this.#fills.set(round, fills);
    this.#fills.delete(round - 4);
  }

  /** Proofs of a round from the operator, if it gives them. */
  #proofs(round: Round): readonly { token: Address; proof: BalanceProof }[] | undefined {
    const answered = round < 0 ? undefined : this.#around.api()?.proofs(this.address, round);
    return answered?.ok ? answered.value : undefined;
  }

  #withdraw(statements: readonly SignedStatement[] = []): void {
    const proofs = this.#proofs(this.#round - 1)?.filter(({ proof }) => proof.balance > 0n) ?? [];
    if (proofs.length === 0) return;
    const { token, proof } = this.#random.pick(proofs);
    const { balance } = proof;
    const { state } = this.#around.chain.head;
    // So many at a time that the operator has the blocks to refuse them all.
    const young = [...state.requests.values()].filter(({ round }) => round >= this.#round - 1);
    if (young.length >= MOST_REQUESTS) return;
    const parts = [balance, balance, balance / 2n, BigInt(this.#random.int(1, 100))];
    const amount = this.#random.pick(parts.filter((part) => part > 0n && part <= balance));
    const data = encodeInitiateWithdrawal(token, amount, this.address, proof, statements);
    this.#send(data, `asks for ${amount} of ${balance}, ${statements.length} statements`);
  }

  #confirm(): void {
    const { chain, tokens } = this.#around;
    const moment = momentOf(chain.terms.schedule, chain.head.number + 1);
    for (const token of tokens) {
      const request = chain.head.state.requests.get(`${this.address} ${token}`);
      if (request === undefined || !confirmable(request.round, moment)) continue;
      this.#send(encodeConfirmWithdrawal(this.address, token), `takes ${request.amount}`);
    }
  }

  #dispute(): void {
    const round = this.#round;
    const { state } = this.#around.chain.head;
    const open = [...state.disputes.values()].filter((one) => one.open);
    if (round === 0 || open.length >= MOST_DISPUTES) return;
    const standing = this.#standing(round);
    if (standing === undefined) return;
    const known = this.#fills.get(round - 1) ?? new Map<bigint, SignedFill>();
    this.#wait(this.#statements?.forDispute(round - 1, known), (shown) => {
      const fills = shown?.fills ?? [...known.values()].filter(() => this.#random.chance(0.8));
      const stated = shown?.statement;
      const data = encodeOpenDispute(this.address, standing, fills, undefined, stated);
      const beside = stated === undefined ? "" : `, stated to ${stated.statement.watermark}`;
      const what = `by ${standing.kind}, ${fills.length} fills${beside}`;
      this.#send(data, `disputes round ${round - 1} ${what}`);
    });
  }

  /** The trading key's where the round has it, or else the client's own. */
  #secretOf(round: Round): Uint8Array {
    const { keys } = this.#around.chain.head.state;
    const known = keys.get(this.address)?.findLast((one) => one.fromRound <= round);
    return known?.key === this.#hot.address ? this.#hot.secret : this.#own.secret;
  }

  #standing(round: Round): Standing | undefined {
    const { tokens, chain } = this.#around;
    if (this.#random.chance(0.6)) {
      const proofs = this.#proofs(round - 1)?.map(({ proof }) => proof);
      return proofs === undefined || proofs.length === 0 ? undefined : { kind: "proofs", proofs };
    }
    const deposits: Standing[] = [];
    for (const token of tokens) {
      for (let at = 0; at < round; at++) {
        const flow = chain.head.state.clientFlows.get(`${this.address} ${token} ${at}`);
        if (flow !== undefined && flow.deposits > 0n) {
          deposits.push({ kind: "deposit", token, round: at });
        }
      }
    }
    return deposits.length === 0 ? undefined : this.#random.pick(deposits);
  }

  #setTradingKey(): void {
    const key = this.#random.chance(0.7) ? this.#hot.address : ZERO_ADDRESS;
    this.#send(encodeSetTradingKey(key), key === ZERO_ADDRESS ? "drops its key" : "sets a key");
  }
}

function keyFrom(random: Random): Key {
  const secret = hexToBytes(random.hex(32));
  return { secret, address: publicKeyToAddress(curve.publicKey(secret)) };
}
