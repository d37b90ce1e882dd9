/**
 * Orders from the wire to the answer, at a real operator process on SQLite: the CPU that it takes
 * for an order, in units of one raw recovery of a signature, measured in the same run. Resting
 * orders do not meet; crossing ones each take one that rests. Linux only: CPU is read in /proc.
 * `node bench/orders.ts [passes] [ways]` (`stream` measures those ways whose names have the word);
 * what QUARTERDECK_BENCH_OPTIONS holds goes to the operator's Node.
 */
import { loadavg } from "node:os";
import { join } from "node:path";
import { median } from "./measure.ts";
import {
  BATCHES,
  connected,
  cpuOf,
  HTTP,
  HTTP_BATCHES,
  openNextRound,
  openPlace,
  type Place,
  recoveryCost,
  requestsOf,
  STREAM,
  type ThreadKind,
  type Way,
} from "./place.ts";
import { sendAll } from "./rawClient.ts";

const passes = Number(process.argv[2] ?? 6);
const only = process.argv[3] ?? "";
/** That warm the operator up, and do not count. */
const WARM = Math.ceil(passes / 3);

/** CPU of an order in recoveries, by the threads that took it. */
type Cost = ReadonlyMap<ThreadKind, number>;

/** Costs of a pass: resting and crossing orders. */
async function pass(place: Place, way: Way): Promise<readonly [Cost, Cost]> {
  await openNextRound(place);
  const sides = [requestsOf(place, way, "ask"), requestsOf(place, way, "bid")];
  const recovery = recoveryCost();
  return connected(place, way.wire, async (connections) => {
    const costs: Cost[] = [];
    for (const requests of sides) {
      const before = cpuOf(place.pid);
      await sendAll(connections, requests, way.window);
      const orders = requests.length * way.batch;
      const taken = [...cpuOf(place.pid)].map(([kind, ms]) => {
        return [kind, (ms - (before.get(kind) ?? 0)) / orders / recovery] as const;
      });
      costs.push(new Map(taken));
    }
    return costs as [Cost, Cost];
  });
}

/** What orders cost by themselves: the thread that makes a snapshot works for the next start. */
const ORDER_KINDS: readonly ThreadKind[] = ["main", "recover", "engine"];

function line(costs: readonly Cost[]): string {
  const of = (kinds: readonly ThreadKind[]) =>
    median(costs.map((cost) => kinds.reduce((sum, kind) => sum + (cost.get(kind) ?? 0), 0)));
  const parts = [...ORDER_KINDS, "snapshot" as const].map(
    (kind) => `${kind} ${of([kind]).toFixed(2)}`,
  );
  return `${of(ORDER_KINDS).toFixed(2)} (${parts.join(", ")})`;
}

const support = join(import.meta.dirname, "../test/support/exchange/processExchange.ts");
const rateLimits = { readsPerSecond: 0, placementsPerSecond: 0, cancelsPerSecond: 0 };
const place = await openPlace(
  support,
  { rateLimits },
  {
    NODE_OPTIONS: process.env["QUARTERDECK_BENCH_OPTIONS"] ?? "",
  },
);
try {
  const ways = [HTTP, STREAM, HTTP_BATCHES, BATCHES].filter(({ name }) => name.includes(only));
  const found = new Map(ways.map((way) => [way.name, [] as (readonly [Cost, Cost])[]]));
  for (let i = 0; i < passes; i++) {
    for (const way of ways) {
      const costs = await pass(place, way);
      if (i >= WARM) found.get(way.name)?.push(costs);
    }
  }
  console.log(`load ${loadavg()[0]?.toFixed(0)}, medians of ${passes - WARM}`);
  for (const [name, costs] of found) {
    console.log(`${name}, in recoveries`);
    console.log(`  resting  ${line(costs.map(([resting]) => resting))}`);
    console.log(`  crossing ${line(costs.map(([, crossing]) => crossing))}`);
  }
} finally {
  await place.stop();
}
