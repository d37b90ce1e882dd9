/**
 * All balances of a round, signed, for anybody (opt-in): by them, mirrors prove a client's balance
 * when every operator is gone. The clients' balances are no secret then.
 */
import type { Address, Hex } from "../../base/hex.ts";
import { type Signer, SignerUnavailable } from "../../chain/signer.ts";
import type { State } from "../../exchange/model/state.ts";
import { areTreesHashed, leavesOf, roots } from "../../exchange/queries/views.ts";
import { hashPublishedBalances, rootsHash } from "../../protocol/messages.ts";
import { refuse } from "../../protocol/refusals.ts";
import type { Domain, Round } from "../../protocol/units.ts";
import type { PublishedBalances } from "../../wire/schemas/balances.ts";
import type { Answered } from "../api/operatorApi.ts";

export interface PublicBalancesOptions {
  readonly state: State;
  readonly signer: Pick<Signer, "address" | "signMessage">;
  readonly domain: Domain;
  /** Whether this operator publishes them. */
  readonly isOn: boolean;
}

/** Rounds whose answers are kept: those that operators show. */
const KEPT_ROUNDS = 4;

interface Signed {
  readonly hash: Hex;
  readonly value: PublishedBalances;
}

export class PublicBalances {
  readonly #options: PublicBalancesOptions;
  /**
   * By round, with the hash of the roots that was signed: a late cancellation may still change a
   * tree.
   */
  readonly #signed = new Map<Round, Signed>();

  constructor(options: PublicBalancesOptions) {
    this.#options = options;
  }

  /** Work grows with clients and tokens, once a round. */
  async answer(round: Round): Promise<Answered<PublishedBalances>> {
    const { state, isOn } = this.#options;
    const missing = (what: string) =>
      ({ ok: false, refusal: refuse("NotFound", { what }) }) as const;
    if (!isOn) return missing("publicBalances in this operator's configuration");
    if (!areTreesHashed(state, round)) {
      const waitingFor = `the hashes of round ${round}`;
      return { ok: false, refusal: refuse("NotReady", { waitingFor }) };
    }
    const known = this.#signed.get(round);
    if (known?.hash === rootsHash(roots(state, round))) return { ok: true, value: known.value };
    const leaves = leavesOf(state, round);
    if (leaves === undefined) {
      return missing(`balances of round ${round} (kept for the last rounds only)`);
    }
    return this.#sign(round, leaves);
  }

  async #sign(
    round: Round,
    leaves: { readonly clients: Address[]; readonly tokens: PublishedBalances["tokens"] },
  ): Promise<Answered<PublishedBalances>> {
    const { state, signer, domain } = this.#options;
    const message = { round, rootsHash: rootsHash(roots(state, round)) };
    try {
      const signature = await signer.signMessage(domain, hashPublishedBalances(message));
      const value = { round, operator: signer.address, signature, ...leaves };
      this.#signed.set(round, { hash: message.rootsHash, value });
      for (const old of this.#signed.keys())
        if (old <= round - KEPT_ROUNDS) this.#signed.delete(old);
      return { ok: true, value };
    } catch (error) {
      if (!(error instanceof SignerUnavailable)) throw error;
      return { ok: false, refusal: refuse("NotReady", { waitingFor: "its signing service" }) };
    }
  }
}
