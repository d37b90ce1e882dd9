/**
 * Orders from the wire to the answer, at a real operator process on SQLite: the CPU that it takes
 * for an order, in units of one raw recovery of a signature, measured in the same run. Resting
 * orders do not meet; crossing ones each take one that rests. Linux only: CPU is read in /proc.
 * `node bench/orders.ts [passes]`; what QUARTERDECK_BENCH_OPTIONS holds goes to the operator's Node.
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
  type Way,
} from "./place.ts";
import { sendAll } from "./rawClient.ts";

const passes = Number(process.argv[2] ?? 6);
/** That warm the operator up, and do not count. */
const WARM = Math.ceil(passes / 3);

/** Costs of a pass in recoveries: resting and crossing orders. */
async function pass(place: Place, way: Way): Promise<readonly [number, number]> {
  await openNextRound(place);
  const sides = [requestsOf(place, way, "ask"), requestsOf(place, way, "bid")];
  const recovery = recoveryCost();
  return connected(place, way.wire, async (connections) => {
    const costs: number[] = [];
    for (const requests of sides) {
      const before = cpuOf(place.pid);
      await sendAll(connections, requests, way.window);
      costs.push((cpuOf(place.pid) - before) / (requests.length * way.batch) / recovery);
    }
    return costs as [number, number];
  });
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
  const ways: readonly Way[] = [HTTP, STREAM, HTTP_BATCHES, BATCHES];
  const found = new Map(ways.map((way) => [way.name, [] as (readonly [number, number])[]]));
  for (let i = 0; i < passes; i++) {
    for (const way of ways) {
      const costs = await pass(place, way);
      if (i >= WARM) found.get(way.name)?.push(costs);
    }
  }
  console.log(`load ${loadavg()[0]?.toFixed(0)}, medians of ${passes - WARM}`);
  for (const [name, costs] of found) {
    const [rest, cross] = [0, 1].map((side) => median(costs.map((pair) => pair[side] as number)));
    console.log(`${name}: resting ${rest?.toFixed(2)}, crossing ${cross?.toFixed(2)} recoveries`);
  }
} finally {
  await place.stop();
}
