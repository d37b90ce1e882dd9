/**
 * Transactions of a key that were mined. A reorganisation may drop one, and nodes need not take it
 * back: then whatever was sent with a later nonce waits for it. It is offered as it was, so that it
 * cannot be mined twice.
 */
import type { Hex } from "../../base/hex.ts";
import type { ChainClient } from "../rpc.ts";
import { broadcast, type NonceSlot } from "./nonceSlot.ts";

/** Looks that show an older nonce before it is believed: endpoints lag behind each other. */
const LOOKS_BEHIND = 3;
/** No reorganisation that we survive drops as many. */
const REMEMBERED = 64;

/** What was offered once more. */
export interface Offered {
  readonly hash: Hex;
  readonly nonce: number;
}

export class MinedTransactions {
  /** By nonce, the oldest first. */
  readonly #byNonce = new Map<number, { readonly hash: Hex; readonly raw: Hex }>();
  #looksBehind = 0;

  remember({ nonce, raws }: NonceSlot, hash: Hex): void {
    const raw = raws.get(hash);
    if (raw === undefined) return;
    this.#byNonce.delete(nonce);
    this.#byNonce.set(nonce, { hash, raw });
    const [oldest] = this.#byNonce.keys();
    if (this.#byNonce.size > REMEMBERED && oldest !== undefined) this.#byNonce.delete(oldest);
  }

  /**
   * `next`: the key's next nonce by one look at the chain; `slots`: what is in flight. When several
   * looks in a row show that what came before is gone, offers it again; gives what was offered.
   */
  async offerDropped(
    client: ChainClient,
    next: number,
    slots: readonly NonceSlot[],
  ): Promise<Offered[]> {
    const first = slots[0]?.nonce ?? next;
    this.#looksBehind = next < first ? this.#looksBehind + 1 : 0;
    if (this.#looksBehind < LOOKS_BEHIND) return [];
    this.#looksBehind = 0;
    const offered: Offered[] = [];
    for (let nonce = next; nonce < first; nonce++) {
      const found = this.#byNonce.get(nonce);
      if (found === undefined) continue;
      await broadcast(client, found.raw);
      offered.push({ hash: found.hash, nonce });
    }
    if (offered.length === 0) return [];
    // What followed it may have left the pools with it.
    for (const { newest } of slots) if (newest !== undefined) await broadcast(client, newest);
    return offered;
  }
}
