/** Figures of each operator by its own word: read with each block, kept while the page is open. */
import { effect, signal } from "@preact/signals";
import type { z } from "zod";
import {
  type DutyHealth,
  duties as dutiesSchema,
  type HealthCheck,
  health as healthSchema,
} from "../../../../src/wire/schemas/health.ts";
import { clock, leaderUrl } from "../../live/exchange.ts";
import { type Figures, figuresOf } from "./figures.ts";

export interface OperatorHealth {
  readonly url: string;
  /** Milliseconds: when it answered last; undefined: never. */
  readonly heardAt: number | undefined;
  readonly isUp: boolean;
  readonly checks: readonly HealthCheck[];
  /** Why its duties are not known now; null when they are. */
  readonly unknown: string | null;
  readonly duties: readonly DutyHealth[];
  readonly figures: Figures;
}

export interface Sample {
  readonly at: number;
  readonly figures: Figures;
}

export interface TakeOver {
  readonly at: number;
  readonly url: string | null;
}

export const healthOf = signal<ReadonlyMap<string, OperatorHealth>>(new Map());
/** By address, oldest first. */
export const samplesOf = signal<ReadonlyMap<string, readonly Sample[]>>(new Map());
/** Newest first. */
export const takeOvers = signal<readonly TakeOver[]>([]);

const TIMEOUT_MS = 4000;
/** Milliseconds between two readings, however fast blocks come. */
const LEAST_PAUSE_MS = 3000;
const MOST_SAMPLES = 600;
const MOST_TAKE_OVERS = 50;

/** Follows these operators until the function that it gives is called. */
export function followOperators(urls: readonly string[]): () => void {
  let isReading = false;
  return effect(() => {
    void clock.value?.chainHead;
    if (isReading) return;
    isReading = true;
    void Promise.all(urls.map(read))
      .then((found) => keep(found))
      .finally(() => {
        setTimeout(() => {
          isReading = false;
        }, LEAST_PAUSE_MS);
      });
  });
}

/** Notes every change of the lead from now on, for as long as the page is open. */
export function noteTakeOvers(): void {
  let last: string | null | undefined;
  effect(() => {
    const url = leaderUrl.value;
    const isFirst = last === undefined;
    // The first leader that is known took over from nobody.
    if (isFirst && url === null) return;
    last = url;
    if (isFirst) return;
    takeOvers.value = [{ at: Date.now(), url }, ...takeOvers.peek()].slice(0, MOST_TAKE_OVERS);
  });
}

function keep(found: readonly OperatorHealth[]): void {
  const health = new Map(healthOf.peek());
  const samples = new Map(samplesOf.peek());
  for (const one of found) {
    health.set(one.url, one);
    if (!one.isUp) continue;
    const before = samples.get(one.url) ?? [];
    const sample = { at: Date.now() / 1000, figures: one.figures };
    samples.set(one.url, [...before, sample].slice(-MOST_SAMPLES));
  }
  // The stream tells of changes; who leads already is told by the figures.
  const leading = found.find(({ figures }) => figures["leading"] === 1);
  if (leading !== undefined && leaderUrl.peek() === null) leaderUrl.value = leading.url;
  healthOf.value = health;
  samplesOf.value = samples;
}

async function read(url: string): Promise<OperatorHealth> {
  const before = healthOf.peek().get(url);
  try {
    const [checks, owed, metrics] = await Promise.all([
      readJson(`${url}/health`, healthSchema),
      readJson(`${url}/health/duties`, dutiesSchema),
      readText(`${url}/metrics`),
    ]);
    const figures = figuresOf(metrics);
    return { url, heardAt: Date.now(), isUp: true, checks: checks.checks, ...owed, figures };
  } catch {
    const nothing = { checks: [], unknown: null, duties: [], figures: {} };
    return { ...nothing, url, heardAt: before?.heardAt, isUp: false };
  }
}

/** 503 has the same body: it says that something is not well. */
async function readJson<Schema extends z.ZodType>(
  url: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  return schema.parse(JSON.parse(await readText(url)));
}

async function readText(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  return response.text();
}
