/**
 * Runs worlds.
 *
 *     npm run sim -- --seed 7               replays one, and tells what happens
 *     npm run sim -- --seed 7 --rounds 20   a longer one
 *     npm run sim -- --count 1000           many, from --seed on; tells of those that fail
 *     npm run sim -- --faults pools       with these faults only, separated by commas
 */
import { parseArgs } from "node:util";
import { EXTRA_FAULTS, FAULTS, type FaultKind } from "./world/faults.ts";
import { runWorld } from "./world/world.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    rounds: { type: "string" },
    count: { type: "string" },
    faults: { type: "string" },
  },
});
const known: readonly string[] = [...FAULTS, ...EXTRA_FAULTS];
const faults = values.faults?.split(",").filter((name) => name !== "none");
const unknown = faults?.find((name) => !known.includes(name));
if (unknown !== undefined) {
  console.error(`--faults ${unknown}: choose from none, ${known.join(", ")}.`);
  process.exit(2);
}
const options = {
  ...(values.rounds === undefined ? {} : { rounds: Number(values.rounds) }),
  ...(faults === undefined ? {} : { faults: faults as FaultKind[] }),
};

if (values.count === undefined) {
  const report = await runWorld(values.seed, { ...options, onTrace: (line) => console.log(line) });
  console.log(JSON.stringify(report.counts));
  console.log(report.failure === undefined ? "every law held" : `BROKEN ${report.failure}`);
  process.exitCode = report.failure === undefined ? 0 : 1;
} else {
  const totals: Record<string, number> = {};
  const began = performance.now();
  const from = Number(values.seed);
  let broken = 0;
  for (let seed = from; seed < from + Number(values.count); seed++) {
    const { failure, counts } = await runWorld(String(seed), options);
    for (const [what, count] of Object.entries(counts)) totals[what] = (totals[what] ?? 0) + count;
    if (failure === undefined) continue;
    broken += 1;
    console.log(`seed ${seed}: ${failure.split("\n").slice(0, 3).join(" | ")}`);
    process.exitCode = 1;
  }
  const seconds = (performance.now() - began) / 1000;
  console.log(`${values.count} worlds, ${broken} broken, ${seconds.toFixed(1)} s`, totals);
}
