/**
 * A process with one engine, so that none pays for the memory of another. Told to run, it answers
 * with the microseconds of CPU an operation took.
 *
 * The input of a few hundred operations is made, and they are done: so an engine reads what was
 * decoded a moment before, as in an operator. Only the doing is measured, and all collections of
 * garbage, also those that begin while input is made: nothing but this engine is in the heap, and
 * what costs a collection its time is what the engine keeps. Input goes after its few hundred.
 */
import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import * as today from "../../src/exchange/apply.ts";
import { type Engine, ForeignEngine, OwnEngine } from "./engines.ts";
import { type Packed, type StreamShape, sizeOf, unpack } from "./stream.ts";

export interface ChildOptions {
  /** "now", the file of another build's `apply`, or a package. */
  readonly engine: string;
  readonly shape: StreamShape;
}

export interface Measured {
  /** Microseconds of CPU an operation, collections included. */
  readonly us: number;
  /** Trades: the same of every engine, or they did not do the same. */
  readonly trades: number;
  /** Bytes that the engine holds after its first operations. */
  readonly bytes: number;
}

/** Operations whose input is made at once. */
const CHUNK = 500;
/** Time for the runtime to tell of its collections. */
const TOLD_MS = 5;

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

/** Spans of time in which the runtime collected. */
class Collections {
  #found: PerformanceEntry[] = [];

  constructor() {
    const keep = (list: { getEntries(): PerformanceEntry[] }) => {
      this.#found.push(...list.getEntries());
    };
    new PerformanceObserver(keep).observe({ entryTypes: ["gc"] });
  }

  /** Milliseconds since the last call, those within one of `spans` left out. */
  async outside(spans: readonly Span[]): Promise<number> {
    await setTimeout(TOLD_MS);
    const found = this.#found;
    this.#found = [];
    return found
      .filter(({ startTime: at }) => !spans.some(({ from, to }) => from <= at && at <= to))
      .reduce((sum, { duration }) => sum + duration, 0);
  }
}

interface Span {
  readonly from: number;
  readonly to: number;
}

async function main(options: ChildOptions): Promise<void> {
  const engine = await open(options);
  const collections = new Collections();
  let before: number | undefined;
  let bytes: number | undefined;
  const run = async (operations: Packed): Promise<Measured> => {
    // With its first operations here: they are held afterwards too.
    before ??= heldBytes();
    await collections.outside([]);
    const spans: Span[] = [];
    let [cpu, trades] = [0, 0];
    const size = sizeOf(operations);
    for (let at = 0; at < size; at += CHUNK) {
      const work = engine.prepare(unpack(operations, at, at + CHUNK));
      const from = performance.now();
      const began = process.cpuUsage();
      trades += work();
      const { user, system } = process.cpuUsage(began);
      spans.push({ from, to: performance.now() });
      cpu += user + system;
    }
    const collected = 1000 * (await collections.outside(spans));
    bytes ??= heldBytes() - before;
    return { us: (cpu + collected) / size, trades, bytes };
  };
  process.on("message", async (operations) => process.send?.(await run(operations as Packed)));
  process.send?.("ready");
}

await main(JSON.parse(process.argv[2] as string) as ChildOptions);
