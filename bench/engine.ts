/**
 * The engine beside the baseline and two order books of npm, on one stream: CPU an operation, at
 * ever more open orders and prices. Those libraries keep a book; this machine checks orders, moves
 * balances, keeps evidence and tells events. `node --expose-gc bench/engine.ts`
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { ChildOptions, Measured } from "./engine/child.ts";
import { OrderStream, type Packed, pack, type StreamShape } from "./engine/stream.ts";
import { hasTime, type Line, median, RUNS, textOf } from "./measure.ts";
import { olderBuild } from "./older.ts";

const CHILD = join(import.meta.dirname, "engine", "child.ts");
/** Operations of a run: several collections fall in it. */
const OPERATIONS = 100_000;
/** Runs that are done before, so that the compiler has done its work. */
const WARM_UP = 2;
const PEERS = ["nodejs-order-book", "hft-limit-order-book"] as const;

class Child {
  readonly #process: ChildProcess;
  readonly #died: Promise<never>;

  constructor(options: ChildOptions) {
    const execArgv = ["--expose-gc", "--max-old-space-size=6000"];
    const how = { execArgv, serialization: "advanced" } as const;
    this.#process = fork(CHILD, [JSON.stringify(options)], how);
    this.#died = once(this.#process, "exit").then(([code]) => {
      throw new Error(`a measured process ended with ${code}`);
    });
    this.#died.catch(() => {});
  }

  async ready(): Promise<void> {
    await this.#answer();
  }

  async run(operations: Packed): Promise<Measured> {
    this.#process.send(operations);
    return (await this.#answer()) as Measured;
  }

  stop(): void {
    this.#process.disconnect();
  }

  async #answer(): Promise<unknown> {
    const answered = once(this.#process, "message");
    const [answer] = (await Promise.race([answered, this.#died])) as unknown[];
    return answer;
  }
}

export interface EngineResult {
  /** Medians, microseconds an operation. */
  readonly us: number;
  /** Bytes that hold the orders, after the first of them rest. */
  readonly bytes: number;
}

/** Medians of each engine, which do the same operations in turns. */
export async function runEngines(
  engines: readonly string[],
  shape: StreamShape,
  runs = RUNS,
): Promise<EngineResult[]> {
  const children = engines.map((engine) => new Child({ engine, shape }));
  try {
    const stream = new OrderStream(shape);
    const filled: Measured[] = [];
    const fill = pack(stream.fill());
    for (const child of children) {
      await child.ready();
      filled.push(await child.run(fill));
    }
    for (let i = 0; i < WARM_UP; i++) {
      const operations = pack(stream.next(OPERATIONS));
      for (const child of children) await child.run(operations);
    }
    const all: Measured[][] = children.map(() => []);
    const began = performance.now();
    for (let run = 0; hasTime(run, runs, began); run++) {
      const operations = pack(stream.next(OPERATIONS));
      for (const [i, child] of children.entries()) all[i]?.push(await child.run(operations));
      const trades = new Set(all.map((measured) => measured[run]?.trades));
      if (trades.size > 1) throw new Error(`engines traded differently: ${[...trades]}`);
    }
    return all.map((measured, i) => ({
      us: median(measured.map(({ us }) => us)),
      bytes: (filled[i] as Measured).bytes,
    }));
  } finally {
    for (const child of children) child.stop();
  }
}

/** Each line as soon as it is measured. `part`: a divisor of the sizes. */
export async function* engineLines(part = 1): AsyncGenerator<Line> {
  const shapes: readonly StreamShape[] = [
    { open: 1000, levels: 100, clients: 100 },
    { open: 10_000, levels: 500, clients: 100 },
    { open: 100_000, levels: 1000, clients: 1000 },
    { open: 200_000, levels: 100_000, clients: 1000 },
  ].map((shape) => ({ ...shape, open: shape.open / part, levels: shape.levels / part }));
  const older = olderBuild();
  try {
    for (const shape of shapes) yield* await compare(older.fileOf(APPLY), shape);
    const flat = shapes[0] as StreamShape;
    yield* await flatness(flat, { open: 1_000_000 / part, levels: 1000, clients: 4000 });
  } finally {
    older.remove();
  }
}

const APPLY = "src/exchange/apply.ts";
const us = (value: number) => `${value.toFixed(2)} µs`;

async function compare(older: string, shape: StreamShape): Promise<Line[]> {
  const [before, now, ...peers] = (await runEngines([older, "now", ...PEERS], shape)) as [
    EngineResult,
    EngineResult,
    ...EngineResult[],
  ];
  const label = `engine, ${number(shape.open)} open orders, ${number(shape.levels)} prices a side`;
  const peer = Math.min(...peers.map((one) => one.us));
  const name = PEERS[peers.findIndex((one) => one.us === peer)] as string;
  const each = (bytes: number) => bytes / shape.open;
  return [
    { what: `${label}`, before: us(before.us), now: us(now.us), ratio: before.us / now.us },
    { what: `${label}: ${name}`, before: us(peer), now: us(now.us), ratio: peer / now.us },
    {
      what: `${label}: memory an order`,
      before: `${each(before.bytes).toFixed(0)} B`,
      now: `${each(now.bytes).toFixed(0)} B`,
      ratio: before.bytes / now.bytes,
    },
  ];
}

/** The cost with few orders over that with many: of this machine, and of each of the others. */
async function flatness(few: StreamShape, many: StreamShape): Promise<Line[]> {
  const engines = ["now", ...PEERS];
  const small = await runEngines(engines, few);
  const large = await runEngines(engines, many);
  const label = `engine, ${number(few.open)} open orders (left) and ${number(many.open)}`;
  return engines.map((engine, i) => {
    const [left, right] = [small[i] as EngineResult, large[i] as EngineResult];
    return {
      what: engine === "now" ? label : `${label}: ${engine}`,
      before: us(left.us),
      now: us(right.us),
      ratio: left.us / right.us,
    };
  });
}

function number(value: number): string {
  return value.toLocaleString("en");
}

if (import.meta.main) {
  const part = process.argv.includes("--small") ? 10 : 1;
  for await (const line of engineLines(part)) console.log(textOf(line));
}
