/**
 * Runs worlds.
 *
 *     npm run sim -- --seed 7                    replays one, and tells what happens
 *     npm run sim -- --seed 7 --kind several     with several operators on one journal
 *     npm run sim -- --seed 7 --rounds 20        a longer one
 *     npm run sim -- --count 1000                many of each kind, from --seed on, in processes of
 *                                                their own; tells of those that fail
 *     npm run sim -- --count 50 --kind endpoints --endpoint-fault hashEmpty
 *                                                where the first endpoint has that fault, always
 *     npm run sim -- --faults pools              with these faults only, separated by commas
 *     npm run sim -- --lone ...                  with one endpoint, which is not true
 *     npm run sim -- --statements ...            clients sign statements; --no-statements: none
 */
import { parseArgs } from "node:util";
import { type BatchTotals, runBatches } from "./batch.ts";
import { ENDPOINT_FAULTS, type EndpointFault } from "./host/endpointFaults.ts";
import { EXTRA_FAULTS, FAULTS, type FaultKind, SHARED_FAULTS } from "./world/faultKinds.ts";
import { type PlanOptions, WORLD_KINDS, type WorldKind } from "./world/plan.ts";
import { runWorld } from "./world/world.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    kind: { type: "string" },
    rounds: { type: "string" },
    count: { type: "string" },
    faults: { type: "string" },
    "endpoint-fault": { type: "string" },
    lone: { type: "boolean" },
    statements: { type: "boolean" },
    /** Worlds that run at the same time; 1: in this process. */
    processes: { type: "string", default: "2" },
    /** Prints the totals as JSON, for the process that collects them. */
    json: { type: "boolean", default: false },
  },
  allowNegative: true,
});

function refuse(problem: string): never {
  console.error(problem);
  process.exit(2);
}

function oneOf<T extends string>(option: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text);
  return found ?? refuse(`--${option} ${text}: choose from ${known.join(", ")}.`);
}

function positive(option: string, text: string): number {
  const value = Number(text);
  return Number.isInteger(value) && value > 0 ? value : refuse(`--${option}: a number above 0.`);
}

function optionsOf(): PlanOptions {
  const known: readonly FaultKind[] = [...FAULTS, ...EXTRA_FAULTS, ...SHARED_FAULTS];
  const names = values.faults?.split(",").filter((name) => name !== "none");
  const fault = values["endpoint-fault"];
  return {
    ...(values.rounds === undefined ? {} : { rounds: positive("rounds", values.rounds) }),
    ...(names === undefined ? {} : { faults: names.map((name) => oneOf("faults", name, known)) }),
    ...(fault === undefined
      ? {}
      : { endpointFault: oneOf<EndpointFault>("endpoint-fault", fault, ENDPOINT_FAULTS) }),
    ...(values.lone === undefined ? {} : { lone: values.lone }),
    ...(values.statements === undefined ? {} : { statements: values.statements }),
  };
}

const options = optionsOf();
const kinds: readonly WorldKind[] =
  values.kind === undefined ? WORLD_KINDS : [oneOf("kind", values.kind, WORLD_KINDS)];

async function runOne(): Promise<boolean> {
  const kind = values.kind === undefined ? "alone" : (kinds[0] as WorldKind);
  const onTrace = (line: string) => console.log(line);
  const report = await runWorld(values.seed, { ...options, kind, onTrace });
  console.log(JSON.stringify(report.counts));
  console.log(report.failure === undefined ? "every invariant held" : `BROKEN ${report.failure}`);
  return report.failure === undefined;
}

/** One world after another, in this process. */
async function runHere(from: number, count: number): Promise<BatchTotals> {
  const totals: BatchTotals = { worlds: 0, broken: [], counts: {} };
  for (const kind of kinds) {
    for (let seed = from; seed < from + count; seed++) {
      const { failure, counts } = await runWorld(String(seed), { ...options, kind });
      totals.worlds += 1;
      for (const [what, more] of Object.entries(counts)) {
        totals.counts[what] = (totals.counts[what] ?? 0) + more;
      }
      if (failure === undefined) continue;
      const why = failure.split("\n").slice(0, 3).join(" | ");
      totals.broken.push({ kind, seed: String(seed), why });
      if (!values.json) console.log(`${kind} ${seed}: ${why}`);
    }
  }
  return totals;
}

async function runMany(count: number): Promise<boolean> {
  const from = Number(values.seed);
  const processes = positive("processes", values.processes);
  const began = performance.now();
  const totals =
    processes === 1 || values.json
      ? await runHere(from, count)
      : await runBatches({ kinds, from, count, processes, args: process.argv.slice(2) });
  if (values.json) {
    console.log(JSON.stringify(totals));
    return true;
  }
  const seconds = (performance.now() - began) / 1000;
  const pace = Math.round((totals.worlds / seconds) * 60);
  console.log(totals.counts);
  console.log(
    `${totals.worlds} worlds, ${totals.broken.length} broken, ${seconds.toFixed(1)} s, ` +
      `${pace} worlds a minute`,
  );
  return totals.broken.length === 0;
}

const held =
  values.count === undefined ? await runOne() : await runMany(positive("count", values.count));
process.exitCode = held ? 0 : 1;
