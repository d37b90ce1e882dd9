/**
 * The chain: blocks that know their parents, one pool of waiting transactions, reorganisations. The
 * chain mines as the seed says, and knows nothing of the exchange.
 */
import { keccak256, parseTransaction, serializeTransaction } from "viem";
import { publicKeyToAddress, ZERO_ADDRESS } from "../../src/base/address.ts";
import { type Address, type Hex, hexToBytes } from "../../src/base/hex.ts";
import { loadCurve } from "../../src/keys/nativeCurve.ts";
import type { Random } from "../host/random.ts";
import type { Block, MinedTransaction, PlacedLog, Transaction } from "./block.ts";
import { type HeaderForm, sealed, type Unsealed } from "./header.ts";
import { execute } from "./mediatorAbi.ts";
import { emptyState } from "./mediatorState.ts";
import { Revert, type Terms } from "./terms.ts";

const { curve } = loadCurve();

export const GWEI = 10n ** 9n;

/** The conditions that transactions meet in the network. */
export interface NetworkConditions {
  readonly baseFee: bigint;
  /** Wei of tip below which a transaction is left out. */
  readonly minTip: bigint;
  /** The fate of a transaction as it reaches the pool. */
  readonly fate: () => "kept" | "dropped" | "delayed";
}

export class Chain {
  readonly terms: Terms;
  readonly #form: HeaderForm;
  readonly #random: Random;
  /** Blocks that nobody mined, by their parents and what they differ in. */
  readonly #invented = new WeakMap<Block, Map<number, Block>>();
  /** By number: the canonical chain. */
  readonly blocks: Block[] = [];
  #pool: Transaction[] = [];
  readonly #fates = new Map<Hex, ReturnType<NetworkConditions["fate"]>>();
  #serial = 0;

  constructor(terms: Terms, random: Random, form: Omit<HeaderForm, "mediator">) {
    this.terms = terms;
    this.#form = { ...form, mediator: terms.domain.mediator };
    this.#random = random;
  }

  /** Whether headers prove their hashes. */
  get isProven(): boolean {
    return this.#form.isProven;
  }

  get head(): Block {
    return this.blocks[this.blocks.length - 1] as Block;
  }

  /** Blocks before the Mediator's own, which hold nothing. */
  begin(timestamp: number): void {
    const { genesisBlock } = this.terms.schedule;
    for (let number = 0; number < genesisBlock; number++) {
      const block = {
        number,
        word: this.#random.hex(32),
        parent: this.blocks[number - 1],
        timestamp: timestamp + number,
        baseFee: GWEI,
        mined: [],
        logs: [],
        state: emptyState(),
        nonces: new Map(),
      };
      this.blocks.push(sealed(block, this.#form));
    }
  }

  isCanonical(block: Block): boolean {
    return this.blocks[block.number] === block;
  }

  /** A client's or the owner's transaction. */
  send(from: Address, data: Hex, notBefore = 0): Hex {
    const hash: Hex = keccak256(`0x${(this.#serial++).toString(16).padStart(8, "0")}`);
    this.#pool.push({
      hash,
      from,
      data,
      notBefore,
      maxFeePerGas: 0n,
      maxPriorityFeePerGas: 0n,
    });
    return hash;
  }

  /** The operator's signed transaction. Throws what a node answers when it does not take it. */
  broadcast(raw: Hex, { fate }: NetworkConditions): Transaction {
    const parsed = parseTransaction(raw);
    const { nonce = 0, data = "0x", maxFeePerGas = 0n, maxPriorityFeePerGas = 0n } = parsed;
    const fees = { maxFeePerGas, maxPriorityFeePerGas };
    const transaction = {
      hash: keccak256(raw),
      from: this.#senderOf(parsed),
      data,
      nonce,
      ...fees,
      notBefore: 0,
    };
    const { from } = transaction;
    const next = nonceOf(this.head, from);
    if (nonce < next) throw new PoolRefusal("nonceTooLow", { nonce, next });
    const competing = this.#pool.find((one) => one.nonce === nonce && one.from === from);
    if (competing?.hash === transaction.hash) throw new PoolRefusal("alreadyKnown");
    if (competing !== undefined && !isPricedHigher(transaction, competing))
      throw new PoolRefusal("underpriced");
    // The transaction may reach the pool by several endpoints: its fate is one.
    const outcome = this.#fates.get(transaction.hash) ?? fate();
    this.#fates.set(transaction.hash, outcome);
    if (outcome === "dropped") return transaction;
    if (outcome === "delayed") transaction.notBefore = this.head.number + this.#random.int(2, 6);
    this.#pool = this.#pool.filter((one) => one !== competing);
    this.#pool.push(transaction);
    return transaction;
  }

  /** An operator's next nonce behind all that waits. */
  pendingNonce(operator: Address): number {
    let next = nonceOf(this.head, operator);
    while (this.#pool.some(({ nonce, from }) => nonce === next && from === operator)) next += 1;
    return next;
  }

  /** The waiting transaction with that hash. */
  waiting(hash: Hex): Transaction | undefined {
    return this.#pool.find((one) => one.hash === hash);
  }

  #senderOf(signed: ReturnType<typeof parseTransaction>): Address {
    const [only, another] = this.terms.operators;
    if (only !== undefined && another === undefined) return only;
    const { r = "0x", s = "0x", yParity = 0, v: _, ...unsigned } = signed as SignedTransaction;
    const digest = hexToBytes(keccak256(serializeTransaction(unsigned as never)) as Hex);
    const words = [r, s].map((word) => hexToBytes(`0x${word.slice(2).padStart(64, "0")}`));
    const [rBytes, sBytes] = words as [Uint8Array, Uint8Array];
    const key = curve.recover(digest, rBytes, sBytes, yParity);
    return key === undefined ? ZERO_ADDRESS : publicKeyToAddress(key);
  }

  mine(timestamp: number, conditions: NetworkConditions): Block {
    const { head } = this;
    const number = head.number + 1;
    const chosen = this.#choose(number, head.nonces, conditions);
    const mined: MinedTransaction[] = [];
    const logs: PlacedLog[] = [];
    let { state } = head;
    const nonces = new Map(head.nonces);
    let logIndex = this.#random.int(0, 3);
    for (const transaction of chosen) {
      let refusal: Revert | undefined;
      try {
        const env = { block: number, sender: transaction.from };
        const done = execute(state, this.terms, env, transaction.data);
        state = done.state;
        for (const log of done.logs) {
          logs.push({ ...log, logIndex, transactionHash: transaction.hash });
          logIndex += this.#random.int(1, 3);
        }
      } catch (error) {
        if (!(error instanceof Revert)) throw error;
        refusal = error;
      }
      if (transaction.nonce !== undefined) nonces.set(transaction.from, transaction.nonce + 1);
      mined.push({ transaction, refusal });
    }
    this.#pool = this.#pool.filter((one) => !chosen.includes(one));
    const unsealed: Unsealed = {
      number,
      word: this.#random.hex(32),
      parent: head,
      timestamp,
      mined,
      logs,
      state,
      nonces,
      baseFee: conditions.baseFee,
    };
    const block = sealed(unsealed, this.#form);
    this.blocks.push(block);
    return block;
  }

  /** A block after `parent` that nobody mined, a second later; of each `words` its own. */
  inventedOn(parent: Block, words: number): Block {
    const children = this.#invented.get(parent) ?? new Map<number, Block>();
    this.#invented.set(parent, children);
    const known = children.get(words);
    if (known !== undefined) return known;
    const word: Hex = `0x${parent.word.slice(4)}${(words % 256).toString(16).padStart(2, "0")}`;
    const { number, timestamp } = parent;
    const next = { number: number + 1, timestamp: timestamp + 1, mined: [], logs: [] };
    const block = sealed({ ...parent, ...next, parent, word }, this.#form);
    children.set(words, block);
    return block;
  }

  /** Clients' transactions as they came, and between them the operator's, by their nonces. */
  #choose(
    number: number,
    nonces: ReadonlyMap<Address, number>,
    { baseFee, minTip }: NetworkConditions,
  ): Transaction[] {
    const due = this.#pool.filter((one) => one.notBefore <= number);
    const chosen = due.filter((one) => one.nonce === undefined);
    for (const operator of this.terms.operators) {
      let place = 0;
      for (let next = nonces.get(operator) ?? 0; ; next++) {
        const own = due.find(
          ({ nonce, from, maxFeePerGas, maxPriorityFeePerGas }) =>
            nonce === next &&
            from === operator &&
            maxFeePerGas >= baseFee &&
            maxPriorityFeePerGas >= minTip,
        );
        if (own === undefined) break;
        place = this.#random.int(place, chosen.length);
        chosen.splice(place, 0, own);
        place += 1;
      }
    }
    return chosen;
  }

  /**
   * Replaces the last `depth` blocks by one more of them. Their transactions wait again, but for
   * those that are lost.
   */
  reorganise(depth: number, timestamp: number, conditions: NetworkConditions): Block {
    const dropped = this.blocks.splice(this.blocks.length - depth, depth);
    const waiting = dropped
      .flatMap(({ mined }) => mined.map(({ transaction }) => transaction))
      .filter(() => !this.#random.chance(0.15));
    const first = this.head.number + 1;
    for (const transaction of waiting) {
      transaction.notBefore = first + this.#random.int(0, depth);
    }
    const own = waiting.filter(({ nonce }) => nonce !== undefined);
    const taken = new Set(own.map(({ from, nonce }) => `${from} ${nonce}`));
    this.#pool = [
      ...waiting,
      ...this.#pool.filter(({ from, nonce }) => !taken.has(`${from} ${nonce}`)),
    ];
    for (let i = depth; i >= 0; i--) this.mine(timestamp - i, conditions);
    return this.head;
  }
}

type SignedTransaction = ReturnType<typeof parseTransaction> & {
  readonly r?: Hex;
  readonly s?: Hex;
  readonly yParity?: 0 | 1;
  readonly v?: bigint;
};

/** Why a node's pool does not take a transaction; each client says it in words of its own. */
export class PoolRefusal extends Error {
  readonly reason: "nonceTooLow" | "alreadyKnown" | "underpriced";
  readonly nonces: { readonly nonce: number; readonly next: number } | undefined;

  constructor(reason: PoolRefusal["reason"], nonces?: PoolRefusal["nonces"]) {
    super(reason);
    this.reason = reason;
    this.nonces = nonces;
  }
}

export function nonceOf({ nonces }: Block, operator: Address): number {
  return nonces.get(operator) ?? 0;
}

/** Nodes take a replacement that pays a tenth more on both fees. */
function isPricedHigher(one: Transaction, competing: Transaction): boolean {
  const tenthMore = (fee: bigint) => fee + fee / 10n;
  return (
    one.maxFeePerGas >= tenthMore(competing.maxFeePerGas) &&
    one.maxPriorityFeePerGas >= tenthMore(competing.maxPriorityFeePerGas)
  );
}
