/** Signs fills with the operator's key, wherever it is held. */
import { bytesToHex, type Hex } from "../../base/hex.ts";
import type { Signer } from "../../chain/signer.ts";
import { hashFill } from "../../protocol/messages.ts";
import type { Domain, Fill, SignedFill } from "../../protocol/units.ts";

/**
 * Signatures remembered: an order's answer, its event and its next reading want the same one. They
 * are made again from the journal when forgotten.
 */
const REMEMBERED_FILLS = 4096;

export class FillSigner {
  readonly #signer: Signer;
  readonly #domain: Domain;
  /** By struct hash, oldest first; under way or done. */
  readonly #recent = new Map<Hex, Promise<SignedFill>>();

  constructor(signer: Signer, domain: Domain) {
    this.#signer = signer;
    this.#domain = domain;
  }

  /** Throws `SignerUnavailable`. */
  sign(fill: Fill): Promise<SignedFill> {
    const structHash = hashFill(fill);
    const name = bytesToHex(structHash);
    const known = this.#recent.get(name);
    if (known !== undefined) return known;
    const signed = this.#sign(fill, structHash);
    this.#recent.set(name, signed);
    signed.catch(() => this.#recent.delete(name));
    if (this.#recent.size > REMEMBERED_FILLS) {
      const [oldest] = this.#recent.keys();
      this.#recent.delete(oldest as Hex);
    }
    return signed;
  }

  async #sign(fill: Fill, structHash: Uint8Array): Promise<SignedFill> {
    return { fill, signature: await this.#signer.signMessage(this.#domain, structHash) };
  }
}
