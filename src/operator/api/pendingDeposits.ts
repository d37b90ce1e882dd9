/**
 * The deposits that are not credited yet, while somebody listens: read once for each new head of
 * the chain, for all clients together.
 */
import type { Address } from "../../base/hex.ts";
import type { DepositMade } from "../../chain/follow/pastEvents.ts";
import { MAX_EXCHANGE_LAG_BLOCKS } from "../../protocol/tolerances.ts";
import type { BlockNumber } from "../../protocol/units.ts";

/** Deposits of `client`, without one of everybody, in the blocks `from` to `to`, oldest first. */
export type ReadDeposits = (
  client: Address | undefined,
  from: BlockNumber,
  to: BlockNumber,
) => Promise<readonly DepositMade[]>;

export interface PendingDepositsOptions {
  readonly read: ReadDeposits;
  /** The chain's blocks that are not applied yet, `from` above `to` where there are none. */
  readonly span: () => { readonly from: BlockNumber; readonly to: BlockNumber };
  readonly confirmations: number;
  /** Called with the clients who wait for a deposit, or did before, after each new head. */
  readonly changed: (clients: readonly Address[]) => void;
}

export class PendingDeposits {
  readonly #options: PendingDepositsOptions;
  #listeners = 0;
  #byClient = new Map<Address, DepositMade[]>();
  #readTo: BlockNumber | undefined;
  #isReading = false;

  constructor(options: PendingDepositsOptions) {
    this.#options = options;
  }

  /** Oldest first; empty while nobody listens. */
  of(client: Address): readonly DepositMade[] {
    return this.#byClient.get(client) ?? [];
  }

  /** Reads them from now on, until the function that it gives is called. */
  listen(): () => void {
    this.#listeners += 1;
    if (this.#listeners === 1) this.headMoved();
    return () => {
      this.#listeners -= 1;
      if (this.#listeners > 0) return;
      this.#byClient = new Map();
      this.#readTo = undefined;
    };
  }

  /** To be called whenever the chain's head may be another. */
  headMoved(): void {
    if (!this.#isReading) void this.#readAll();
  }

  /** Reads until nothing is newer; a failed read is left to the next head. */
  async #readAll(): Promise<void> {
    this.#isReading = true;
    try {
      while (this.#listeners > 0) {
        const { from, to } = this.#options.span();
        if (to === this.#readTo || this.#isFarBehind(from, to)) return;
        const made = to < from ? [] : await this.#options.read(undefined, from, to);
        if (this.#listeners > 0) this.#keep(made, to);
      }
    } catch {
      // The chain's own checks tell that it does not answer; what was read last stays.
    } finally {
      this.#isReading = false;
    }
  }

  /** An operator that catches up would read what it applies soon after. */
  #isFarBehind(from: BlockNumber, to: BlockNumber): boolean {
    return to - from > this.#options.confirmations + MAX_EXCHANGE_LAG_BLOCKS;
  }

  #keep(made: readonly DepositMade[], to: BlockNumber): void {
    const clients = new Set(this.#byClient.keys());
    this.#byClient = new Map();
    this.#readTo = to;
    for (const one of made) {
      const { client } = one;
      clients.add(client);
      const others = this.#byClient.get(client);
      if (others === undefined) this.#byClient.set(client, [one]);
      else others.push(one);
    }
    if (clients.size > 0) this.#options.changed([...clients]);
  }
}
