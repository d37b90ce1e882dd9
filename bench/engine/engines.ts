/** Matching engines under one interface: this machine of any build, and those of npm. */
import { createRequire } from "node:module";
import { toAddress } from "../../src/base/address.ts";
import type { Address, Hex } from "../../src/base/hex.ts";
import type * as ApplyModule from "../../src/exchange/apply.ts";
import type { Entry } from "../../src/exchange/model/entries.ts";
import type { Outcome } from "../../src/exchange/model/outcome.ts";
import type { State } from "../../src/exchange/model/state.ts";
import type { Operation, StreamShape } from "./stream.ts";

export type Machine = Pick<typeof ApplyModule, "apply" | "begin">;

/** What a matching engine does with a stream; all that it needs is made before it is measured. */
export interface Engine {
  /** Gives the function that does these operations; what it gives is how many trades they made. */
  prepare(operations: readonly Operation[]): () => number;
}

const LOT = 10n ** 15n;
const TICK = 10n;
const address = (n: number): Address => {
  return toAddress(`0x${(0xace0000 + n).toString(16).padStart(40, "0")}`);
};
const [BASE, QUOTE] = [address(1), address(2)] as const;

/** The outcome of any build: the baseline named its events otherwise. */
type Told = Partial<Outcome> & { readonly happenings?: Outcome["events"] };

const text = Buffer.from(`0x${"0".repeat(64)}`);

/** 32 bytes in digits, a text of its own, as a decoded record has it. */
function word(n: number): Hex {
  text.write(n.toString(16).padStart(8, "0"), text.length - 8, "latin1");
  return text.toString("latin1") as Hex;
}

/** The whole machine: limits, balances and locks of two tokens, evidence and events included. */
export class OwnEngine implements Engine {
  readonly #machine: Machine;
  readonly #clients: readonly Address[];
  readonly state: State;
  #block = 100;

  constructor(machine: Machine, { clients }: Pick<StreamShape, "clients">) {
    this.#machine = machine;
    this.#clients = Array.from({ length: clients }, (_, n) => address(1000 + n));
    this.state = machine.begin({
      kind: "genesis",
      chainId: 31_337,
      mediator: address(0),
      schedule: { genesisBlock: this.#block, roundSize: 4_000_000 },
      confirmations: 2,
      markets: [{ base: BASE, quote: QUOTE, lot: LOT, tick: TICK }],
      limits: { ordersPerClientAndRound: 100_000_000 },
    });
    this.#passBlock([BASE, QUOTE].map((token) => ({ kind: "tokenListed", token })));
    const amount = 10n ** 30n;
    for (const token of [BASE, QUOTE]) {
      this.#passBlock(
        this.#clients.map((client) => ({ kind: "deposited", client, token, amount })),
      );
    }
  }

  prepare(operations: readonly Operation[]): () => number {
    // A client may place so many orders a block.
    this.#passBlock([]);
    const entries = operations.map((one) => this.#entryOf(one));
    const { apply } = this.#machine;
    return () => {
      let trades = 0;
      for (const entry of entries) {
        const outcome: Told = apply(this.state, entry);
        const { refusal, events = outcome.happenings ?? [] } = outcome;
        if (refusal !== undefined) throw new Error(`refused: ${refusal.code}`);
        for (const { what } of events) if (what === "trade") trades++;
      }
      return trades;
    };
  }

  /** As readers give it: each address is one text for all (base/address.ts), words are not. */
  #entryOf(operation: Operation): Entry {
    const { id, client, side, price, lots } =
      operation.kind === "cancel" ? operation.of : operation;
    const ref = { owner: this.#clients[client] as Address, round: 0, id: BigInt(id) };
    const signature = { r: word(2 * id), vs: word(2 * id + 1), path: [] };
    if (operation.kind === "cancel") return { kind: "cancelOrder", ...ref, signature };
    const baseAmount = BigInt(lots) * LOT;
    const quoteAmount = BigInt(lots * price) * TICK;
    const order =
      side === "bid"
        ? { sellToken: QUOTE, sellAmount: quoteAmount, buyToken: BASE, buyAmount: baseAmount }
        : { sellToken: BASE, sellAmount: baseAmount, buyToken: QUOTE, buyAmount: quoteAmount };
    const intent = side === "bid" ? ("buyAll" as const) : ("sellAll" as const);
    return { kind: "placeOrder", order: { ...ref, ...order, intent }, signature };
  }

  #passBlock(logs: readonly object[]): void {
    const number = this.#block++;
    const place = { block: number, blockHash: word(number), transactionHash: word(1), round: 0 };
    const to = { number, hash: word(number) };
    const placed = logs.map((log, logIndex) => ({ ...log, ...place, logIndex }));
    this.#machine.apply(this.state, { kind: "blocks", to, logs: placed } as unknown as Entry);
  }
}

interface ForeignBook {
  limit(options: object): { readonly err: unknown; readonly done: readonly unknown[] };
  cancel(id: string): unknown;
}

/** The book of nodejs-order-book or hft-limit-order-book, which are called alike. */
export class ForeignEngine implements Engine {
  readonly #book: ForeignBook;

  constructor(name: string) {
    const { OrderBook } = createRequire(import.meta.url)(name);
    this.#book = new OrderBook() as ForeignBook;
  }

  prepare(operations: readonly Operation[]): () => number {
    const calls = operations.map((one) => {
      if (one.kind === "cancel") return `order-${one.of.id}`;
      const { id, side, price, lots } = one;
      return { id: `order-${id}`, side: side === "bid" ? "buy" : "sell", size: lots, price };
    });
    return () => {
      let trades = 0;
      for (const call of calls) {
        if (typeof call === "string") {
          if (this.#book.cancel(call) === undefined) throw new Error(`${call} is not open`);
          continue;
        }
        const { err, done } = this.#book.limit(call);
        if (err !== null) throw err;
        // The order that came is done as well, when it executed.
        if (done.length > 0) trades++;
      }
      return trades;
    };
  }
}
