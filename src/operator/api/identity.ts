/** Shows the asking side that this endpoint holds the operator's key. */

import type { Address, Hex } from "../../base/hex.ts";
import { VERSION } from "../../base/version.ts";
import { type Signer, SignerUnavailable } from "../../chain/signer.ts";
import { hashOperatorIdentity, managerDomain } from "../../protocol/messages.ts";
import { refuse } from "../../protocol/refusals.ts";
import type { IdentityResponse } from "../../wire/schemas/exchange.ts";
import type { Answered } from "./operatorApi.ts";

/** Anybody may ask, and a signature may cost a request to a signing service. */
const LIMIT_PER_SECOND = 5;

export class Identity {
  readonly #signer: Signer;
  readonly #chain: { readonly chainId: number; readonly manager: Address };
  readonly #endpoint: string | undefined;
  #nextMs = 0;

  constructor(
    signer: Signer,
    chain: { readonly chainId: number; readonly manager: Address },
    endpoint: string | undefined,
  ) {
    this.#signer = signer;
    this.#chain = chain;
    this.#endpoint = endpoint;
  }

  /** `challenge`: 32 bytes. */
  async answer(challenge: Hex): Promise<Answered<IdentityResponse>> {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) {
      const what = "publicUrl in this operator's configuration, which an identity names";
      return { ok: false, refusal: refuse("NotFound", { what }) };
    }
    const waitMs = this.#nextMs - performance.now();
    if (waitMs > 0) {
      const retryAfterMs = Math.ceil(waitMs);
      const limit = { limitPerSecond: LIMIT_PER_SECOND, retryAfterMs };
      return { ok: false, refusal: refuse("RateLimited", limit) };
    }
    this.#nextMs = performance.now() + 1000 / LIMIT_PER_SECOND;
    const { chainId, manager } = this.#chain;
    const identity = { operator: this.#signer.address, endpoint, challenge };
    try {
      const signature = await this.#signer.signMessage(
        managerDomain(chainId, manager),
        hashOperatorIdentity(identity),
      );
      return { ok: true, value: { ...identity, version: VERSION, signature } };
    } catch (error) {
      if (!(error instanceof SignerUnavailable)) throw error;
      return { ok: false, refusal: refuse("NotReady", { waitingFor: "its signing service" }) };
    }
  }
}
