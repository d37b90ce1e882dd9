/**
 * How many requests an address and a client may send: token buckets that are asked before anything
 * is parsed or any signature is recovered. Cancelling has a bucket of its own, so that placing
 * never starves it.
 */
import { type RefusalOf, refuse } from "../protocol/refusals.ts";

export interface RateLimitSettings {
  /** Of each kind, for one address: tokens a second; 0: no limit. */
  readonly readsPerSecond: number;
  readonly placementsPerSecond: number;
  readonly cancelsPerSecond: number;
}

export const DEFAULT_RATE_LIMITS: RateLimitSettings = {
  readsPerSecond: 500,
  placementsPerSecond: 500,
  cancelsPerSecond: 500,
};

export type RateKind = "read" | "place" | "cancel";

/** How one bucket stands after a request. */
export interface RateLimitState {
  readonly kind: RateKind;
  readonly isAllowed: boolean;
  readonly limitPerSecond: number;
  /** Tokens that a full bucket holds. */
  readonly burst: number;
  readonly remaining: number;
  /** Milliseconds until the request would be taken, or, if it was, until the bucket is full. */
  readonly waitMs: number;
}

/** Seconds of tokens that a bucket holds. */
const BURST_SECONDS = 2;
/** Buckets kept: whoever has not asked for longest is forgotten, with a full bucket. */
const MOST_BUCKETS = 50_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

export class RateLimits {
  readonly #perSecond: Readonly<Record<RateKind, number>>;
  readonly #now: () => number;
  /** The one that asked longest ago first. */
  readonly #buckets = new Map<string, Bucket>();

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(settings: RateLimitSettings, now: () => number = () => performance.now()) {
    const { readsPerSecond, placementsPerSecond, cancelsPerSecond } = settings;
    this.#perSecond = {
      read: readsPerSecond,
      place: placementsPerSecond,
      cancel: cancelsPerSecond,
    };
    this.#now = now;
  }

  /**
   * Takes `weight` tokens of `who`, an address or a client. Undefined: there is no such limit. A
   * weight above the burst is taken from a full bucket.
   */
  take(kind: RateKind, who: string, weight = 1): RateLimitState | undefined {
    const limitPerSecond = this.#perSecond[kind];
    if (limitPerSecond === 0) return undefined;
    const burst = limitPerSecond * BURST_SECONDS;
    const bucket = this.#bucketOf(`${kind} ${who}`, burst, limitPerSecond);
    const wanted = Math.min(weight, burst);
    const isAllowed = bucket.tokens >= wanted;
    if (isAllowed) bucket.tokens -= wanted;
    const missing = isAllowed ? burst - bucket.tokens : wanted - bucket.tokens;
    const waitMs = Math.ceil((missing / limitPerSecond) * 1000);
    const remaining = Math.floor(bucket.tokens);
    return { kind, isAllowed, limitPerSecond, burst, remaining, waitMs };
  }

  /** Buckets that are kept now. */
  get size(): number {
    return this.#buckets.size;
  }

  #bucketOf(key: string, burst: number, perSecond: number): Bucket {
    const now = this.#now();
    const known = this.#buckets.get(key) ?? { tokens: burst, atMs: now };
    known.tokens = Math.min(burst, known.tokens + ((now - known.atMs) / 1000) * perSecond);
    known.atMs = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, known);
    if (this.#buckets.size > MOST_BUCKETS) {
      const [oldest] = this.#buckets.keys();
      this.#buckets.delete(oldest as string);
    }
    return known;
  }
}

/** Items of a batch: the longest list in a request's body, or 1. */
export function itemsOf(body: unknown): number {
  let most = 1;
  if (typeof body !== "object" || body === null) return most;
  for (const part of Object.values(body)) {
    if (Array.isArray(part) && part.length > most) most = part.length;
  }
  return most;
}

/** The refusal that a bucket gives, if it does. */
export function refusalOf(state: RateLimitState | undefined): RefusalOf<"RateLimited"> | undefined {
  if (state === undefined || state.isAllowed) return undefined;
  const { limitPerSecond, waitMs } = state;
  return refuse("RateLimited", { limitPerSecond, retryAfterMs: waitMs });
}

/** Headers of the IETF's draft (draft-ietf-httpapi-ratelimit-headers), as structured fields. */
export function rateLimitHeaders(state: RateLimitState): Readonly<Record<string, string>> {
  const { kind, burst, remaining, waitMs } = state;
  const seconds = Math.ceil(waitMs / 1000);
  return {
    "ratelimit-policy": `"${kind}";q=${burst};w=${BURST_SECONDS}`,
    ratelimit: `"${kind}";r=${remaining};t=${seconds}`,
  };
}
