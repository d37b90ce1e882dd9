/**
 * Finds out who signed the messages of clients' writes, and hands the writes on in the order in
 * which they came: a cancellation is never looked at before the order that it is sent after.
 */
import { compareBytes } from "../../base/bytes.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { type Recovery, recoveryOf } from "../../protocol/signatures.ts";
import type { Domain, Signature } from "../../protocol/units.ts";
import { BatchRecoveries } from "./batchRecoveries.ts";
import type { RecoverPool } from "./recoverPool.ts";
import { Remembered } from "./remembered.ts";

export interface SignedMessage {
  /** From protocol/messages.ts: 32 bytes. */
  readonly structHash: Uint8Array;
  readonly signature: Signature;
}

export type Signers = readonly (Address | undefined)[];

/** Recoveries under way, or writes in line, above which no more are taken. */
export const MAX_VERIFYING = 8192;
/** Signatures over several messages whose signer is remembered: others of the batch may follow. */
const REMEMBERED_BATCHES = 4096;

/** One recovery, and its account once it is known. */
interface Asked {
  readonly recovery: Recovery;
  account: Address | undefined;
}

/** A write whose signers are asked for. */
interface Waiting {
  /** Of each message; undefined: nobody can have signed it. */
  readonly asked: readonly (Asked | undefined)[];
  isRecovered: boolean;
  readonly next: (signers: Signers) => void;
}

export class SignatureVerifier {
  readonly #pool: Pick<RecoverPool, "recoverAll" | "pending">;
  readonly #domain: Domain;
  /** In the order in which they came. */
  readonly #queue: Waiting[] = [];
  /** Of the batch's signature, by its r: known, or asked for by a write that is before in line. */
  readonly #batches = new Remembered<Hex, Asked>(REMEMBERED_BATCHES);
  #isReleasing = false;
  #onIdle: (() => void) | undefined;

  constructor(pool: Pick<RecoverPool, "recoverAll" | "pending">, domain: Domain) {
    this.#pool = pool;
    this.#domain = domain;
  }

  /** Whether more is under way than is good for those who wait. */
  get isOverloaded(): boolean {
    return this.#pool.pending >= MAX_VERIFYING || this.#queue.length >= MAX_VERIFYING;
  }

  /**
   * Calls `next` once no write is in line, in place of any that was given before; false: none is,
   * and it is not called.
   */
  onIdle(next: () => void): boolean {
    if (this.#queue.length === 0) return false;
    this.#onIdle = next;
    return true;
  }

  /**
   * Calls `next` with the account that signed each message, undefined where none did, after all
   * earlier calls' `next`, which must not throw. One signature over several messages is recovered
   * once.
   */
  verify(messages: readonly SignedMessage[], next: (signers: Signers) => void): void {
    const batch = messages.length > 1 ? new BatchRecoveries(this.#domain) : undefined;
    const recoveries: Recovery[] = [];
    const added: Asked[] = [];
    const asked = messages.map(({ structHash, signature }) => {
      const recovery =
        batch === undefined
          ? recoveryOf(this.#domain, structHash, signature)
          : batch.of(structHash, signature);
      if (recovery === undefined) return undefined;
      const known = signature.path.length === 0 ? undefined : this.#known(signature.r, recovery);
      if (known !== undefined) return known;
      const one: Asked = { recovery, account: undefined };
      recoveries.push(recovery);
      added.push(one);
      if (signature.path.length > 0) this.#batches.set(signature.r, one);
      return one;
    });
    const waiting: Waiting = { asked, isRecovered: recoveries.length === 0, next };
    this.#queue.push(waiting);
    if (recoveries.length === 0) return this.#release();
    this.#pool.recoverAll(recoveries, (accounts) => {
      for (let at = 0; at < added.length; at++) (added[at] as Asked).account = accounts[at];
      waiting.isRecovered = true;
      this.#release();
    });
  }

  /** Hands on all that wait for nobody before them. */
  #release(): void {
    // A write that is handed on may bring more, which come after those that are in line.
    if (this.#isReleasing) return;
    this.#isReleasing = true;
    try {
      for (let first = this.#queue[0]; first?.isRecovered; first = this.#queue[0]) {
        this.#queue.shift();
        first.next(first.asked.map((one) => one?.account));
      }
    } finally {
      this.#isReleasing = false;
    }
    if (this.#queue.length > 0) return;
    const next = this.#onIdle;
    this.#onIdle = undefined;
    next?.();
  }

  #known(r: Hex, { digest, s, yParity }: Recovery): Asked | undefined {
    const known = this.#batches.get(r);
    if (known === undefined || known.recovery.yParity !== yParity) return undefined;
    const isSame = compareBytes(known.recovery.digest, digest) === 0;
    return isSame && compareBytes(known.recovery.s, s) === 0 ? known : undefined;
  }
}
