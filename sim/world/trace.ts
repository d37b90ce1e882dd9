/** The events in a world, for people: a line each with its time, and counts. */
import type { Log } from "../../src/base/log.ts";
import { momentOf } from "../../src/protocol/rounds.ts";
import type { Chain } from "../chain/chain.ts";
import type { Clock } from "../host/clock.ts";

/** Log events about the real machine, which differ between runs. */
const UNTOLD = new Set(["healthy", "unhealthy"]);
const BARE = [TypeError, RangeError, ReferenceError, SyntaxError] as const;

export class Trace {
  readonly lines: string[] = [];
  readonly counts: Record<string, number> = {};
  readonly #clock: Clock;
  readonly #chain: Chain;
  readonly #onLine: ((line: string) => void) | undefined;
  /** Called for each `TypeError` or its like that an operator logs: a value that nobody parsed. */
  readonly #onBareError: (event: string, error: Error) => void;

  constructor(
    clock: Clock,
    chain: Chain,
    onLine: ((line: string) => void) | undefined,
    onBareError: (event: string, error: Error) => void,
  ) {
    this.#clock = clock;
    this.#chain = chain;
    this.#onLine = onLine;
    this.#onBareError = onBareError;
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  say(text: string): void {
    const { head, terms } = this.#chain;
    const seconds = (this.#clock.now / 1000).toFixed(2).padStart(8);
    let where = "";
    if (head.number >= terms.schedule.genesisBlock) {
      const { block, round, quarter } = momentOf(terms.schedule, head.number);
      where = `${block} (${round}.${quarter})`;
    }
    const line = `${seconds} s  ${where.padEnd(10)} ${text}`;
    this.lines.push(line);
    this.#onLine?.(line);
  }

  /** The log of an operator, as lines of this one. */
  log(name: string): Log {
    const at = (level: string) => (event: string, fields?: object) => {
      if (UNTOLD.has(event)) return;
      const bare = Object.values(fields ?? {})
        .map(bareErrorOf)
        .find((one) => one !== undefined);
      if (bare !== undefined) this.#onBareError(event, bare);
      const words = Object.entries(fields ?? {}).map(([name, value]) => `${name}=${brief(value)}`);
      this.say(`  ${name} ${level} ${event} ${words.join(" ")}`);
    };
    return { info: at("info"), warn: at("warn"), error: at("error"), flush: async () => {} };
  }
}

/** The error of the language itself that `value` is, or that caused it. */
function bareErrorOf(value: unknown): Error | undefined {
  for (let cause = value; cause instanceof Error; cause = cause.cause) {
    if (BARE.some((kind) => cause instanceof kind)) return cause;
  }
  return undefined;
}

export function brief(value: unknown): string {
  if (value instanceof Error) return value.message;
  if (typeof value === "string") return /^0x.{12,}$/.test(value) ? value.slice(0, 8) : value;
  return JSON.stringify(value, (_, part) => (typeof part === "bigint" ? part.toString() : part));
}
