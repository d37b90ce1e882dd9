/**
 * Finds out who signed the messages of clients' writes, in the order in which they came: a
 * cancellation is never looked at before the order that it is sent after.
 */
import { type Address, bytesToHex } from "../../base/hex.ts";
import { type Recovery, recoveryOf } from "../../protocol/signatures.ts";
import type { Domain, Signature } from "../../protocol/units.ts";
import type { RecoverPool } from "../workers/recoverPool.ts";

export interface SignedMessage {
  /** From protocol/messages.ts: 32 bytes. */
  readonly structHash: Uint8Array;
  readonly signature: Signature;
}

export type Signers = readonly (Address | undefined)[];

/** Recoveries under way above which no more writes are taken. */
export const MAX_VERIFYING = 8192;

export class SignatureVerifier {
  readonly #pool: Pick<RecoverPool, "recoverAll" | "pending">;
  readonly #domain: Domain;
  /** Settled once all that came before is answered. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(pool: Pick<RecoverPool, "recoverAll" | "pending">, domain: Domain) {
    this.#pool = pool;
    this.#domain = domain;
  }

  /** Whether more is under way than is good for those who wait. */
  get isOverloaded(): boolean {
    return this.#pool.pending >= MAX_VERIFYING;
  }

  /**
   * Resolves with the account that signed each message, undefined where none did, after all earlier
   * calls. One signature over several messages is recovered once. Never rejects.
   */
  async signersOf(messages: readonly SignedMessage[]): Promise<Signers> {
    const places = new Map<string, number>();
    const recoveries: Recovery[] = [];
    const placeOf = messages.map(({ structHash, signature }) => {
      const recovery = recoveryOf(this.#domain, structHash, signature);
      if (recovery === undefined) return undefined;
      const key = `${signature.r}${signature.vs}${bytesToHex(recovery.digest)}`;
      const known = messages.length === 1 ? undefined : places.get(key);
      if (known !== undefined) return known;
      places.set(key, recoveries.length);
      return recoveries.push(recovery) - 1;
    });
    const before = this.#before;
    const recovered = this.#pool.recoverAll(recoveries);
    this.#before = Promise.all([before, recovered]);
    await before;
    const accounts = await recovered;
    return placeOf.map((place) => (place === undefined ? undefined : accounts[place]));
  }
}
