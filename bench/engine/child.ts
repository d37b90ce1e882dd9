/**
 * A process with one engine, so that none pays for the memory of another. Told to run, it answers
 * with the microseconds of CPU an operation took, garbage collection included.
 */
import { setTimeout } from "node:timers/promises";
import * as today from "../../src/exchange/apply.ts";
import { type Engine, ForeignEngine, OwnEngine } from "./engines.ts";
import { OrderStream, type StreamShape } from "./stream.ts";

export interface ChildOptions {
  /** "now", the file of another build's `apply`, or a package. */
  readonly engine: string;
  readonly shape: StreamShape;
}

export interface Measured {
  /** Microseconds of CPU an operation. */
  readonly us: number;
  /** Trades: the same of every engine, or they did not do the same. */
  readonly trades: number;
  /** Bytes that hold the orders, after the first of them rest. */
  readonly bytes: number;
}

/** Operations measured at once. */
const OPERATIONS = 20_000;
/** A process that takes less CPU than so many microseconds a millisecond has come to rest. */
const IDLE_US_A_MS = 20;
const SETTLE_MS = 20;
/** Those that are done before, so that the compiler has done its work. */
const WARM_UP = 5;

async function open({ engine, shape }: ChildOptions): Promise<Engine> {
  if (engine === "now") return new OwnEngine(today, shape);
  if (!engine.endsWith(".ts")) return new ForeignEngine(engine);
  return new OwnEngine(await import(engine), shape);
}

function heldBytes(): number {
  // The bytes of arrays that were dropped are given back when the next collection begins.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Once the threads that sweep the heap after a collection are done: no operation asked for it. */
async function settled(): Promise<void> {
  for (let before = process.cpuUsage(), busy = true; busy; ) {
    await setTimeout(SETTLE_MS);
    const { user, system } = process.cpuUsage(before);
    busy = user + system > SETTLE_MS * IDLE_US_A_MS;
    before = process.cpuUsage();
  }
}

async function main(options: ChildOptions): Promise<void> {
  const engine = await open(options);
  const stream = new OrderStream(options.shape);
  const operations = stream.fill();
  const before = heldBytes();
  // In parts: a client may place so many orders a block.
  while (operations.length > 0) engine.prepare(operations.splice(0, OPERATIONS))();
  const bytes = heldBytes() - before;
  const run = async (): Promise<Measured> => {
    const work = engine.prepare(stream.next(OPERATIONS));
    globalThis.gc?.();
    await settled();
    const began = process.cpuUsage();
    const trades = work();
    const { user, system } = process.cpuUsage(began);
    return { us: (user + system) / OPERATIONS, trades, bytes };
  };
  for (let i = 0; i < WARM_UP; i++) await run();
  process.on("message", async () => process.send?.(await run()));
  process.send?.("ready");
}

await main(JSON.parse(process.argv[2] as string) as ChildOptions);
