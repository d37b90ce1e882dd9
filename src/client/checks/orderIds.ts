/**
 * Ids of one client's orders: they ascend within a round, and never fall below what the client has
 * stated to be closed (docs/protocol.md section 10). They begin with the clock, so that programs
 * that run one after the other need not know each other.
 */
import { FIRST_TERMS_ID, idHasTerms } from "../../protocol/trading/terms.ts";
import type { Round } from "../../protocol/units.ts";
import { BadArgument } from "./badArgument.ts";

/** The clock's milliseconds stand above this many bits of chance, in ids without terms. */
const PLAIN_SHIFT = 20n;
/** The same in the 48 bits that ids with terms have, counted from 2020. */
const TERMS_SHIFT = 7n;
const TERMS_EPOCH_MS = 1_577_836_800_000n;
const TERMS_SPAN = 2n ** 48n;

interface Last {
  plain: bigint;
  terms: bigint;
  watermark: bigint;
}

export class OrderIds {
  readonly #now: () => number;
  readonly #rounds = new Map<Round, Last>();

  /** `now`: milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** An id above all before it, of the range that says whether the order has terms. */
  next(round: Round, hasTerms: boolean): bigint {
    const last = this.#of(round);
    const kind = hasTerms ? "terms" : "plain";
    const fresh = hasTerms ? this.#termsId() : this.#plainId();
    const least = last[kind] + 1n > last.watermark ? last[kind] + 1n : last.watermark;
    last[kind] = fresh > least ? fresh : least;
    return last[kind];
  }

  /** Orders without terms would have ids below the watermark: they get terms from now on. */
  needsTerms(round: Round): boolean {
    return this.#of(round).watermark >= FIRST_TERMS_ID;
  }

  /** From now on no id of the round is below `watermark`. */
  raise(round: Round, watermark: bigint): void {
    const last = this.#of(round);
    if (watermark > last.watermark) last.watermark = watermark;
  }

  /** An id of the round that was used, by whoever chose it. */
  used(round: Round, id: bigint): void {
    const last = this.#of(round);
    if (idHasTerms(id)) last.terms = id > last.terms ? id : last.terms;
    // Ids above those with terms would leave no room for others.
    else if (id < FIRST_TERMS_ID) last.plain = id > last.plain ? id : last.plain;
  }

  /** Throws `BadArgument` where orders with such ids are stated to be closed. */
  require(round: Round, id: bigint): void {
    const { watermark } = this.#of(round);
    if (id >= watermark) return;
    const hint = `Leave the id out, or give one of ${watermark} on.`;
    throw new BadArgument("id", "This client stated that orders with such ids are closed", hint);
  }

  hasTerms(id: bigint): boolean {
    return idHasTerms(id);
  }

  /** Orders of the round with ids below it are closed: none is signed any more. */
  watermark(round: Round): bigint {
    return this.#of(round).watermark;
  }

  #of(round: Round): Last {
    const known = this.#rounds.get(round);
    if (known !== undefined) return known;
    const begun = { plain: 0n, terms: FIRST_TERMS_ID, watermark: 0n };
    this.#rounds.set(round, begun);
    return begun;
  }

  #plainId(): bigint {
    return (BigInt(this.#now()) << PLAIN_SHIFT) | chance(PLAIN_SHIFT);
  }

  #termsId(): bigint {
    const time = ((BigInt(this.#now()) - TERMS_EPOCH_MS) << TERMS_SHIFT) | chance(TERMS_SHIFT);
    return FIRST_TERMS_ID + (time % TERMS_SPAN);
  }
}

function chance(bits: bigint): bigint {
  const [random] = crypto.getRandomValues(new Uint32Array(1)) as unknown as [number];
  return BigInt(random) & ((1n << bits) - 1n);
}
