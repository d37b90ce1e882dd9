/** The live line at the bottom of the terminal, and the lines that scroll above it. */
import { formatDecimal } from "../../base/decimal.ts";
import type { ChainClient } from "../../chain/rpc.ts";
import { Api } from "../../client/api.ts";
import type { LocalOperator } from "./exchange.ts";
import type { TraderCounts } from "./traders.ts";

export interface StatusOptions {
  readonly operators: readonly LocalOperator[];
  readonly client: ChainClient;
  readonly counts: TraderCounts;
  readonly output: NodeJS.WriteStream;
}

/** Without a terminal the line is printed once in so many blocks. */
const PLAIN_EVERY_BLOCKS = 8;
const CLEAR_LINE = "\r\u001b[2K";
const WEI_DECIMALS = 18;
const LEADING = "quarterdeck_leading";
const HAPPENINGS = "quarterdeck_happenings_total";
/** Milliseconds after which an operator counts as down. */
const ANSWER_MS = 1000;

export class Status {
  readonly #options: StatusOptions;
  #line = "";
  #printedBlock = -PLAIN_EVERY_BLOCKS;

  constructor(options: StatusOptions) {
    this.#options = options;
  }

  /** Prints a line that stays. */
  tell(line: string): void {
    const { output } = this.#options;
    if (output.isTTY) output.write(`${CLEAR_LINE}${line}\n${this.#line}`);
    else output.write(`${line}\n`);
  }

  /** Reads the operators' figures and draws the live line. */
  async refresh(stopping: AbortSignal): Promise<void> {
    const { output } = this.#options;
    const line = await this.#compose().catch(() => "no operator answers yet …");
    if (stopping.aborted) return this.tell("stopping …");
    this.#line = output.isTTY ? line.slice(0, Math.max(20, output.columns - 1)) : line;
    if (output.isTTY) output.write(`${CLEAR_LINE}${this.#line}`);
  }

  async #compose(): Promise<string> {
    const { operators, client, counts, output } = this.#options;
    const metrics = await Promise.all(operators.map(({ url }) => readMetrics(url)));
    const up = operators.filter((_, i) => metrics[i] !== undefined);
    const leader = operators.find((_, i) => figureOf(metrics[i], LEADING) === 1);
    const shown = leader ?? up[0];
    if (shown === undefined) return "no operator answers yet …";
    const [clock, ...balances] = await Promise.all([
      new Api(shown.url).call("fetchClock"),
      ...operators.map(({ address }) => client.getBalance({ address })),
    ]);
    // Each counts since it was started: who runs longest has seen most.
    const happened = (what: string) =>
      Math.max(...metrics.map((text) => figureOf(text, `${HAPPENINGS}{what="${what}"}`)));
    const least = balances.reduce((a, b) => (a < b ? a : b));
    const ether = formatDecimal(least - (least % 10n ** 14n), WEI_DECIMALS);
    const down = operators.filter((one) => !up.includes(one)).map(({ name }) => name);
    const line = [
      `block ${clock.chainHead}`,
      `round ${clock.round}.${clock.quarter}`,
      clock.haltRound === null ? `${clock.blocksLeft} to deadline` : `HALTED at ${clock.haltRound}`,
      ...(operators.length > 1 ? [`${leader?.name ?? "nobody"} leads`] : []),
      ...(down.length > 0 ? [`${down.join(", ")} down`] : []),
      `deposits ${happened("depositCredited")}`,
      `fills ${happened("trade")}`,
      `withdrawals ${happened("withdrawalRequested")} asked ${happened("withdrawalConfirmed")} paid`,
      `commits ${happened("roundCommitted")}`,
      `audits ${counts.auditsPassed} ok ${counts.auditsFailed} bad`,
      `${operators.length > 1 ? "each" : "operator"} ≥ ${ether} ETH`,
    ].join(" · ");
    const due = clock.chainHead - this.#printedBlock >= PLAIN_EVERY_BLOCKS;
    if (!output.isTTY && due) {
      this.#printedBlock = clock.chainHead;
      output.write(`${line}\n`);
    }
    return line;
  }
}

/** Undefined where nobody answers. */
async function readMetrics(url: string): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    return await (await fetch(`${url}/metrics`, { signal })).text();
  } catch {
    return undefined;
  }
}

/** 0 where there is none. */
function figureOf(metrics: string | undefined, name: string): number {
  const line = metrics?.split("\n").find((one) => one.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length));
}
