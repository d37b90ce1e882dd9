/** Finds out what went wrong with a signature that is refused, as far as that costs little. */
import { publicKeyToAddress } from "../../base/address.ts";
import type { Curve } from "../../base/curve.ts";
import type { Address } from "../../base/hex.ts";
import type { RefusalOf } from "../../protocol/refusals.ts";
import { decodeSignature } from "../../protocol/signatures.ts";
import { likelySlips } from "../../protocol/slips.ts";
import type { Domain, Order, Signature } from "../../protocol/units.ts";

/**
 * Refusals explained in a second: each costs a dozen recoveries, and a sender of endless bad
 * signatures must not make the operator work that much harder.
 */
const MOST_PER_SECOND = 4;
const SECOND_MS = 1000;

export class SlipFinder {
  readonly #curve: Curve;
  readonly #domain: Domain;
  readonly #manager: Address | undefined;
  readonly #now: () => number;
  #since = Number.NEGATIVE_INFINITY;
  #explained = 0;

  /** `now`: milliseconds of a clock that only goes forward. */
  constructor(
    { curve, domain }: { readonly curve: Curve; readonly domain: Domain },
    manager?: Address,
    now: () => number = () => performance.now(),
  ) {
    this.#curve = curve;
    this.#domain = domain;
    this.#manager = manager;
    this.#now = now;
  }

  /** `refusal` with the slip that explains it, if one does and the rate limit allows the search. */
  explain(
    refusal: RefusalOf<"BadSignature">,
    structHash: Uint8Array,
    { order, signature }: { readonly order?: Order; readonly signature: Signature },
  ): RefusalOf<"BadSignature"> {
    const ecdsa = signature.path.length > 0 ? undefined : decodeSignature(signature);
    if (ecdsa === undefined || !this.#mayExplain()) return refusal;
    const context = {
      ...(order !== undefined && { order }),
      ...(this.#manager !== undefined && { manager: this.#manager }),
    };
    for (const { digest, slip } of likelySlips(this.#domain, structHash, context)) {
      const key = this.#curve.recover(digest, ecdsa.r, ecdsa.s, ecdsa.yParity);
      if (key !== undefined && publicKeyToAddress(key) === refusal.owner)
        return { ...refusal, slip };
    }
    return refusal;
  }

  #mayExplain(): boolean {
    const now = this.#now();
    if (now - this.#since >= SECOND_MS) {
      this.#since = now;
      this.#explained = 0;
    }
    this.#explained += 1;
    return this.#explained <= MOST_PER_SECOND;
  }
}
