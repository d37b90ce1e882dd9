/** Signs fills, and countersigns statements, with the operator's key, wherever it is held. */
import { QuarterdeckError } from "../../base/errors.ts";
import { type Address, bytesToHex, type Hex } from "../../base/hex.ts";
import { type Signer, SignerUnavailable } from "../../chain/signer.ts";
import { FILL_PATH_LENGTH } from "../../protocol/limits.ts";
import { hashFill, hashStatement } from "../../protocol/messages.ts";
import type { Domain, Fill, Signature, SignedFill, Statement } from "../../protocol/units.ts";
import { Remembered } from "../workers/remembered.ts";

/**
 * Signatures remembered at most: an order's answer, its event and its next reading want the same
 * one. Forgotten ones are made again from the journal.
 */
const REMEMBERED_FILLS = 4096;
/** Fills under one signature. */
const BATCH_FILLS = 2 ** FILL_PATH_LENGTH;

/** A signature of this key would be no evidence: others sign the same fill. */
export class NotApproved extends QuarterdeckError {
  override readonly name = "NotApproved";

  constructor(operator: Address) {
    super({
      code: "NotApproved",
      message: `${operator} is not on the manager's list, and signs no fills.`,
      hint: "Ask another operator; quarterdeck operators list shows who is approved.",
    });
  }
}

/** Whether `error` says that there is no signature now, rather than that something broke. */
export function isUnsigned(error: unknown): boolean {
  return error instanceof SignerUnavailable || error instanceof NotApproved;
}

interface WaitingFill {
  readonly fill: Fill;
  readonly structHash: Uint8Array;
  readonly resolve: (signed: SignedFill) => void;
  readonly reject: (error: unknown) => void;
}

export class FillSigner {
  readonly #signer: Signer;
  readonly #domain: Domain;
  readonly #isApproved: () => boolean;
  /** By struct hash; under way or done. */
  readonly #recent = new Remembered<Hex, Promise<SignedFill>>(REMEMBERED_FILLS / 2);
  #waiting: WaitingFill[] = [];

  /** `isApproved`: false only where the key is known not to be an operator's. */
  constructor(signer: Signer, domain: Domain, isApproved: () => boolean = () => true) {
    this.#signer = signer;
    this.#domain = domain;
    this.#isApproved = isApproved;
  }

  /** Rejects with `SignerUnavailable` or `NotApproved`. */
  sign(fill: Fill): Promise<SignedFill> {
    if (!this.#isApproved()) return Promise.reject(new NotApproved(this.#signer.address));
    const structHash = hashFill(fill);
    const name = bytesToHex(structHash);
    const known = this.#recent.get(name);
    if (known !== undefined) return known;
    const signed = new Promise<SignedFill>((resolve, reject) => {
      // Behind all that asks in this tick.
      if (this.#waiting.length === 0) setImmediate(() => this.#signWaiting());
      const refuse = (error: unknown) => {
        this.#recent.delete(name);
        reject(error);
      };
      this.#waiting.push({ fill, structHash, resolve, reject: refuse });
    });
    this.#recent.set(name, signed);
    return signed;
  }

  /** A statement's countersignature, remembered by nobody. Rejects as `sign` does. */
  countersign(statement: Statement): Promise<Signature> {
    if (!this.#isApproved()) return Promise.reject(new NotApproved(this.#signer.address));
    return this.#signer.signMessage(this.#domain, hashStatement(statement));
  }

  #signWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let from = 0; from < waiting.length; from += BATCH_FILLS) {
      const batch = waiting.slice(from, from + BATCH_FILLS);
      const hashes = batch.map(({ structHash }) => structHash);
      this.#signer.signMessages(this.#domain, hashes).then(
        (signatures) => {
          for (const [at, { fill, resolve }] of batch.entries()) {
            resolve({ fill, signature: signatures[at] as Signature });
          }
        },
        (error) => {
          for (const { reject } of batch) reject(error);
        },
      );
    }
  }
}
