/** Whether the operator's key can pay for what is to come. */
import { formatDecimal } from "../../base/decimal.ts";
import type { Address } from "../../base/hex.ts";
import type { Word } from "../../chain/rpc/rpc.ts";
import { type Check, DISAGREE_HINT, problemOf, type Reading } from "../health/check.ts";
import { daysLeft, leftSeconds, type Spending } from "../health/forecast.ts";
import type { Levels } from "../health/level.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export interface KeyBalanceOptions {
  readonly address: Address;
  /** Wei of the key at the latest block, by each endpoint that answers. */
  readonly readBalances: () => Promise<readonly Word<bigint>[]>;
  /** Wei below which it is a warning. */
  readonly minBalance: bigint;
  readonly leftDays: Levels;
  /** The cost of the key's own mined transactions. */
  readonly spending: Spending;
  readonly metrics: Metrics;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

const DECIMALS = 18;

/** Well again a tenth above `minBalance`; failed at a tenth of it. */
export function balanceLevels(minBalance: bigint): Levels {
  return {
    bad: "below",
    warn: { raise: minBalance - 1n, clear: (minBalance * 11n) / 10n },
    failed: { raise: minBalance / 10n - 1n, clear: minBalance / 5n },
    raiseAfter: 1,
    clearAfter: 2,
  };
}

export function keyBalanceCheck(options: KeyBalanceOptions): Check {
  const { address, spending, metrics, minBalance } = options;
  const levels = balanceLevels(minBalance);
  return {
    name: "keyBalance",
    probe: async (): Promise<Reading[]> => {
      let balance: bigint | undefined;
      let detail: string;
      let hint = `Send ether to ${address}.`;
      let leftDays: number | undefined;
      const perDay = spending.perDay(options.now());
      metrics.set("key_spent_ether_per_day", ether(perDay));
      try {
        const { wei, highest, isDisputed, said } = judge(await options.readBalances(), minBalance);
        balance = wei;
        leftDays = daysLeft(highest, perDay);
        detail = `${said}, warns below ${inEther(minBalance)}`;
        if (isDisputed) hint = `${DISAGREE_HINT} If the balance is low indeed: ${hint}`;
        metrics.set("key_balance_ether", ether(highest));
        metrics.set("key_left_seconds", leftSeconds(leftDays));
      } catch (error) {
        detail = `cannot be read: ${problemOf(error)}`;
      }
      const days = leftDays === Number.POSITIVE_INFINITY ? "no end in sight" : `${leftDays} days`;
      const pace = `${formatDecimal(perDay, DECIMALS)} ETH a day`;
      return [
        { check: "keyBalance", levels, value: balance, detail, hint },
        {
          check: "keyForecast",
          levels: options.leftDays,
          value: leftDays,
          detail: balance === undefined ? detail : `${days} at ${pace}`,
          hint,
        },
      ];
    },
  };
}

interface Judged {
  /** Wei that counts. */
  readonly wei: bigint;
  readonly highest: bigint;
  /** Whether endpoints disagree about what is enough. */
  readonly isDisputed: boolean;
  readonly said: string;
}

/** By one that says too much the key would run dry, by one that says too little all would fail. */
function judge(words: readonly Word<bigint>[], minBalance: bigint): Judged {
  const ascending = words.map(({ answer }) => answer).sort((a, b) => (a < b ? -1 : 1));
  const lowest = ascending[0] ?? 0n;
  const highest = ascending.at(-1) ?? 0n;
  const isDisputed = lowest < minBalance && highest >= minBalance;
  if (!isDisputed) return { wei: lowest, highest, isDisputed, said: inEther(lowest) };
  const each = words.map(({ origin, answer }) => `${inEther(answer)} by ${origin}`);
  return { wei: minBalance - 1n, highest, isDisputed, said: each.join(", ") };
}

function inEther(wei: bigint): string {
  return `${formatDecimal(wei, DECIMALS)} ETH`;
}

/** For display only: money that is compared or paid stays in wei. */
function ether(wei: bigint): number {
  return Number(wei) / 1e18;
}
