/** The live line at the bottom of the terminal, and the lines that scroll above it. */
import { formatDecimal } from "../base/decimal.ts";
import type { Address } from "../base/hex.ts";
import type { ChainClient } from "../chain/rpc.ts";
import { Api } from "../client/api.ts";
import type { TraderCounts } from "./traders.ts";

export interface StatusOptions {
  readonly operatorUrl: string;
  readonly client: ChainClient;
  readonly operator: Address;
  readonly counts: TraderCounts;
  readonly output: NodeJS.WriteStream;
}

/** Without a terminal the line is printed once in so many blocks. */
const PLAIN_EVERY_BLOCKS = 8;
const CLEAR_LINE = "\r\u001b[2K";
const WEI_DECIMALS = 18;

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

  /** Reads the operator's figures and draws the live line. */
  async refresh(stopping: AbortSignal): Promise<void> {
    const { output } = this.#options;
    const line = await this.#compose().catch(() => "the operator does not answer yet …");
    if (stopping.aborted) return this.tell("stopping …");
    this.#line = output.isTTY ? line.slice(0, Math.max(20, output.columns - 1)) : line;
    if (output.isTTY) output.write(`${CLEAR_LINE}${this.#line}`);
  }

  async #compose(): Promise<string> {
    const { operatorUrl, client, operator, counts, output } = this.#options;
    const [clock, metrics, wei] = await Promise.all([
      new Api(operatorUrl).call("fetchClock"),
      fetch(`${operatorUrl}/metrics`).then((response) => response.text()),
      client.getBalance({ address: operator }),
    ]);
    const happened = (what: string) => counterOf(metrics, `{what="${what}"}`);
    const ether = formatDecimal(wei - (wei % 10n ** 14n), WEI_DECIMALS);
    const line = [
      `block ${clock.chainHead}`,
      `round ${clock.round}.${clock.quarter}`,
      clock.haltRound === null ? `${clock.blocksLeft} to deadline` : `HALTED at ${clock.haltRound}`,
      `deposits ${happened("depositCredited")}`,
      `fills ${happened("trade")}`,
      `withdrawals ${happened("withdrawalRequested")} asked ${happened("withdrawalConfirmed")} paid`,
      `commits ${happened("roundCommitted")}`,
      `audits ${counts.auditsPassed} ok ${counts.auditsFailed} bad`,
      `operator ${ether} ETH`,
    ].join(" · ");
    const due = clock.chainHead - this.#printedBlock >= PLAIN_EVERY_BLOCKS;
    if (!output.isTTY && due) {
      this.#printedBlock = clock.chainHead;
      output.write(`${line}\n`);
    }
    return line;
  }
}

function counterOf(metrics: string, label: string): number {
  const name = `quarterdeck_happenings_total${label} `;
  const line = metrics.split("\n").find((one) => one.startsWith(name));
  return line === undefined ? 0 : Number(line.slice(name.length));
}
