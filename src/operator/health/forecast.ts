/** Forecasts from the past: how fast something is used up. Time is given, in milliseconds. */

const DAY_MS = 86_400_000;

const DAY_SECONDS = 86_400;

/** For metrics: Prometheus counts time in seconds. NaN while it is not known. */
export function leftSeconds(days: number | undefined): number {
  return days === undefined ? Number.NaN : days * DAY_SECONDS;
}

/** The sum paid, in wei, over a sliding window. */
export class Spending {
  readonly #windowMs: number;
  readonly #leastMs: number;
  readonly #began: number;
  #paid: { readonly at: number; readonly wei: bigint }[] = [];

  /**
   * A rate over less than `leastMs` says nothing: one payment a minute after the start is not a
   * thousand a day. Until then what was paid counts as that of `leastMs`.
   */
  constructor(now: number, windowMs = 7 * DAY_MS, leastMs = DAY_MS) {
    this.#began = now;
    this.#windowMs = windowMs;
    this.#leastMs = leastMs;
  }

  add(now: number, wei: bigint): void {
    this.#paid.push({ at: now, wei });
    this.#forget(now);
  }

  /** Wei a day. */
  perDay(now: number): bigint {
    this.#forget(now);
    const sum = this.#paid.reduce((total, { wei }) => total + wei, 0n);
    const span = Math.min(this.#windowMs, Math.max(this.#leastMs, now - this.#began));
    return (sum * BigInt(DAY_MS)) / BigInt(Math.ceil(span));
  }

  #forget(now: number): void {
    const from = now - this.#windowMs;
    if ((this.#paid[0]?.at ?? now) < from) this.#paid = this.#paid.filter(({ at }) => at >= from);
  }
}

/** Days that `wei` last at `perDay`: whole hundredths, rounded down; Infinity where none is paid. */
export function daysLeft(wei: bigint, perDay: bigint): number {
  return perDay === 0n ? Number.POSITIVE_INFINITY : Number((wei * 100n) / perDay) / 100;
}

/** How long a value that falls will last, from its samples over a sliding window. */
export class Decline {
  readonly #windowMs: number;
  readonly #leastMs: number;
  readonly #stepMs: number;
  #samples: { readonly at: number; readonly value: number }[] = [];

  /** Nothing is foretold from less than `leastMs`; at most one sample is kept in `stepMs`. */
  constructor(windowMs = DAY_MS, leastMs = DAY_MS / 24, stepMs = DAY_MS / 288) {
    this.#windowMs = windowMs;
    this.#leastMs = leastMs;
    this.#stepMs = stepMs;
  }

  /** Days until `value`, the newest sample, is zero; Infinity while it does not fall. */
  daysLeft(now: number, value: number): number {
    const last = this.#samples.at(-1);
    if (last === undefined || now - last.at >= this.#stepMs) this.#samples.push({ at: now, value });
    this.#samples = this.#samples.filter(({ at }) => now - at <= this.#windowMs);
    const first = this.#samples[0];
    if (first === undefined || now - first.at < this.#leastMs || first.value <= value) {
      return Number.POSITIVE_INFINITY;
    }
    const perDay = ((first.value - value) * DAY_MS) / (now - first.at);
    return value / perDay;
  }
}
