/** The live lines at the bottom of the terminal, and the lines that scroll above them. */
import { formatDecimal } from "../base/decimal.ts";
import type { ChainClock, MediatorReader } from "../chain/contracts/mediator.ts";
import { firstBlockOf, lastBlockOf } from "../protocol/rounds.ts";
import type { Schedule } from "../protocol/units.ts";
import { COUNTED, type Counted, type Counts } from "./counts.ts";
import type { LocalOperator } from "./exchange.ts";

export interface StatusOptions {
  readonly operators: readonly LocalOperator[];
  readonly reader: MediatorReader;
  readonly schedule: Schedule;
  readonly counts: Counts;
  readonly output: NodeJS.WriteStream;
  /** Whether keys start operators again. */
  readonly hasKeys: boolean;
}

/** Without a terminal the lines are printed once in so many blocks. */
const PLAIN_EVERY_BLOCKS = 8;
const CLEAR_LINE = "\r\u001b[2K";
const LINE_UP = "\u001b[1A";
const DEFAULT_COLUMNS = 80;
const WEI_DECIMALS = 18;
const LEADING = "quarterdeck_leading";
const EVENTS = "quarterdeck_exchange_events_total";
/** Milliseconds after which an operator counts as down. */
const ANSWER_MS = 1000;

/** The facts that the status is made of, as of one moment. */
export interface Seen {
  readonly clock: ChainClock;
  readonly schedule: Schedule;
  readonly operators: readonly string[];
  /** Names of those that do not answer. */
  readonly down: readonly string[];
  readonly leader: string | undefined;
  readonly hasKeys: boolean;
  readonly count: (what: Counted) => number;
  /** Wei of the operator whose key holds least. */
  readonly leastBalance: bigint;
}

export class Status {
  readonly #options: StatusOptions;
  #lines: readonly string[] = [];
  #printedBlock = -PLAIN_EVERY_BLOCKS;
  #toldHalt = false;

  constructor(options: StatusOptions) {
    this.#options = options;
  }

  /** Prints a line that stays. */
  tell(line: string): void {
    const { output } = this.#options;
    if (output.isTTY) output.write(`${this.#clear()}${line}\n${this.#lines.join("\n")}`);
    else output.write(`${line}\n`);
  }

  /** Reads chain and operators and draws the live lines. */
  async refresh(stopping: AbortSignal): Promise<void> {
    const { output, counts } = this.#options;
    const seen = await this.#poll().catch(() => undefined);
    if (stopping.aborted) return this.tell("stopping …");
    if (seen === undefined) return this.#draw(["the local chain does not answer yet …"]);
    counts.save();
    if (seen.clock.halted && !this.#toldHalt) {
      this.#toldHalt = true;
      for (const line of haltNotice(seen)) this.tell(line);
    }
    if (output.isTTY) return this.#draw(liveLines(seen));
    if (seen.clock.block - this.#printedBlock < PLAIN_EVERY_BLOCKS) return;
    this.#printedBlock = seen.clock.block;
    output.write(`${plainLine(seen)}\n`);
  }

  #draw(lines: readonly string[]): void {
    const { output } = this.#options;
    if (!output.isTTY) return;
    const clear = this.#clear();
    const width = Math.max(20, (output.columns || DEFAULT_COLUMNS) - 1);
    this.#lines = lines.map((line) => line.slice(0, width));
    output.write(`${clear}${this.#lines.join("\n")}`);
  }

  /** Takes the live lines off the terminal. */
  #clear(): string {
    return CLEAR_LINE + `${LINE_UP}${CLEAR_LINE}`.repeat(Math.max(0, this.#lines.length - 1));
  }

  async #poll(): Promise<Seen> {
    const { operators, reader, schedule, counts, hasKeys } = this.#options;
    const [clock, metrics, balances] = await Promise.all([
      reader.clock(),
      Promise.all(operators.map(({ url }) => readMetrics(url))),
      Promise.all(operators.map(({ address }) => reader.client.getBalance({ address }))),
    ]);
    const answers = operators.flatMap(({ name }, i) =>
      metrics[i] === undefined ? [] : [[name, metrics[i]] as const],
    );
    for (const what of COUNTED) {
      const label = `${EVENTS}{what="${what}"}`;
      const figures = answers.map(([name, text]) => [name, figureOf(text, label)] as const);
      counts.take(what, new Map(figures));
    }
    const up = answers.map(([name]) => name);
    return {
      clock,
      schedule,
      hasKeys,
      operators: operators.map(({ name }) => name),
      down: operators.map(({ name }) => name).filter((name) => !up.includes(name)),
      leader: answers.find(([, text]) => figureOf(text, LEADING) === 1)?.[0],
      count: (what) => counts.total(what),
      leastBalance: balances.reduce((a, b) => (a < b ? a : b)),
    };
  }
}

/** The status for a terminal: the clock and the leader, then the counts; each within 80 columns. */
export function liveLines(seen: Seen): string[] {
  return [headline(seen), figures(seen)];
}

/** The status for a pipe or a file: everything in one line. */
export function plainLine(seen: Seen): string {
  const { leastBalance } = seen;
  const ether = formatDecimal(leastBalance - (leastBalance % 10n ** 14n), WEI_DECIMALS);
  const keys = seen.operators.length > 1 ? "each operator's key holds" : "the operator's key holds";
  const parts = [headline(seen), `deposits ${seen.count("depositCredited")}`, figures(seen)];
  return [...parts, `${keys} ≥ ${ether} ETH`].join(" · ");
}

function headline(seen: Seen): string {
  const { clock, schedule, down, operators } = seen;
  const moment = `block ${clock.block} · round ${clock.round}.${clock.quarter}`;
  if (clock.halted) return `HALTED · ${moment} · traders take out what is theirs`;
  if (down.length === operators.length) return `${moment} · ${nobodyRuns(seen)}`;
  const left = lastBlockOf(schedule, clock.round, clock.quarter) - clock.block;
  return [
    moment,
    `${left} blocks left`,
    ...(operators.length > 1 ? [`${seen.leader ?? "nobody"} leads`] : []),
    ...(down.length > 0 ? [`${down.join(", ")} down`] : []),
  ].join(" · ");
}

function nobodyRuns({ clock, hasKeys, operators }: Seen): string {
  const left = clock.haltBlock === undefined ? undefined : clock.haltBlock - clock.block;
  const halt = left === undefined ? "" : `: halts in ${left} blocks`;
  return `no operator runs${halt}${hasKeys ? ` · press 1 to ${operators.length}` : ""}`;
}

function figures({ count }: Seen): string {
  return [
    `fills ${count("trade")}`,
    `withdrawals ${count("withdrawalConfirmed")} of ${count("withdrawalRequested")} paid`,
    `commits ${count("roundCommitted")}`,
    `audits ${count("auditsPassed")} ok ${count("auditsFailed")} bad`,
  ].join(" · ");
}

/** Lines that stay: that it is over, why, and what everybody does now. */
export function haltNotice({ clock, schedule, down, operators }: Seen): string[] {
  const block = clock.haltBlock ?? clock.block;
  const missed = missedDuty(clock, schedule, block);
  const who =
    down.length === operators.length
      ? "No operator was running."
      : "The operators' logs say what they tried.";
  return [
    `HALTED at block ${block}: ${missed}`,
    `${who} The exchange is over, for good.`,
    "Everybody takes out what is theirs, and needs no operator for it.",
    "The traders show it now. Begin anew: npm start -- --fresh",
  ];
}

/** Which duty was missed: the Mediator halts for a commit or for a dispute, whichever is first. */
function missedDuty(clock: ChainClock, schedule: Schedule, block: number): string {
  const due = clock.committedRound + 1;
  return block >= firstBlockOf(schedule, due, 1)
    ? `the commit of round ${due} did not come by its deadline.`
    : "a dispute was not answered by its deadline.";
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
function figureOf(metrics: string, name: string): number {
  const line = metrics.split("\n").find((one) => one.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length));
}
