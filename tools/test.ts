/**
 * What `npm test` runs: everything, cheapest first. Static checks run side by side, and one that
 * failed ends the run; contract tests and vitest both run, and the closing line counts the tests of
 * both.
 *
 *     npm test                                      all steps
 *     npm test -- --only forge --only vitest        some of them
 *     npm run test:deep                             longer fuzzing, more crashes and worlds
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { committedGas } from "./gas.ts";
import { type Counts, countsOfForge, countsOfVitest } from "./reports.ts";

const ROOT = join(import.meta.dirname, "..");
const CONTRACTS = join(ROOT, "contracts");

type Environment = Readonly<Record<string, string>>;

/** What `--deep` changes, by who reads it. */
const DEEP: Environment = {
  FOUNDRY_PROFILE: "deep",
  QUARTERDECK_CRASHES: "200",
  QUARTERDECK_WORLDS: "2000",
};
const SHORT: Environment = { FOUNDRY_PROFILE: "default" };

interface Step {
  readonly name: string;
  /** A static check passes or not; a run of tests counts. */
  readonly run: () => Promise<boolean | Counts>;
}

interface Ended {
  /** 128 + n when signal n ended it. */
  readonly code: number;
  readonly stdout: string;
}

/** Steps of one stage run two at a time: the compiler of the contracts takes one processor. */
const STAGES: readonly (readonly Step[])[] = [
  [
    { name: "contracts", run: () => check("node", ["tools/build-contracts.ts", "--check"]) },
    { name: "types", run: () => check("tsc", ["--noEmit"]) },
    { name: "lint", run: () => check("biome", ["check", "--error-on-warnings", "."]) },
    {
      name: "solhint",
      run: () => check("solhint", ["--disc", "--max-warnings", "0", "contracts/src/**/*.sol"]),
    },
    { name: "forge-fmt", run: () => check("forge", ["fmt", "--check", "--root", "contracts"]) },
  ],
  [{ name: "forge", run: forgeTests }],
  [{ name: "vitest", run: vitestTests }],
];

const { values: options } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    deep: { type: "boolean", default: false },
  },
});

const running = new Set<ChildProcess>();
let stoppedBy: "SIGINT" | "SIGTERM" | undefined;

/** The exit code. */
async function main(): Promise<number> {
  const names = STAGES.flat().map(({ name }) => name);
  const unknown = options.only?.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    console.error(`--only ${unknown}: there is no such step. Choose from ${names.join(", ")}.`);
    return 2;
  }
  let passed = 0;
  let failed = 0;
  for (const stage of STAGES) {
    const chosen = stage.filter(({ name }) => options.only?.includes(name) ?? true);
    const outcomes = await inLanes(chosen);
    if (stoppedBy !== undefined) {
      const during = chosen.map(({ name }) => name).join(", ");
      console.error(`stopped by ${stoppedBy} during ${during}`);
      return 128 + constants.signals[stoppedBy];
    }
    for (const outcome of outcomes) {
      passed += typeof outcome === "boolean" ? 0 : outcome.passed;
      failed += typeof outcome === "boolean" ? Number(!outcome) : outcome.failed;
    }
    if (outcomes.includes(false)) break;
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** Outcomes in the order in which the steps ended. Two at once, as they are listed. */
async function inLanes(steps: readonly Step[]): Promise<(boolean | Counts)[]> {
  const left = [...steps];
  const outcomes: (boolean | Counts)[] = [];
  const lane = async () => {
    for (let step = left.shift(); step !== undefined; step = left.shift()) {
      if (stoppedBy !== undefined) return;
      outcomes.push(await runStep(step));
    }
  };
  await Promise.all([lane(), lane()]);
  return outcomes;
}

/** Runs a step and says how it went; a step that a signal ended has nothing to say. */
async function runStep({ name, run }: Step): Promise<boolean | Counts> {
  const began = performance.now();
  const outcome = await run();
  if (stoppedBy !== undefined) return outcome;
  if (typeof outcome === "boolean") say(name, undefined, outcome, began);
  else say(name, outcome, outcome.failed === 0, began);
  return outcome;
}

/** One line for each step; vitest has said the same of itself when it passes. */
function say(name: string, counts: Counts | undefined, ok: boolean, began: number): void {
  if (name === "vitest" && ok) return;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const tests = counts === undefined ? "" : `, ${counts.passed} passed, ${counts.failed} failed`;
  const again = ok ? "" : `; alone: npm test -- --only ${name}`;
  console.log(`${ok ? "ok    " : "FAILED"} ${name} (${seconds} s${tests})${again}`);
}

/** Runs a tool quietly; what it says is shown when it fails. */
async function check(name: string, args: readonly string[]): Promise<boolean> {
  const { code, stdout } = await run(name, args, { cwd: ROOT, quiet: true });
  if (code !== 0) process.stdout.write(stdout);
  return code === 0;
}

/** Each gas figure that differs from the committed one counts as a failed test. */
async function forgeTests(): Promise<Counts> {
  // The tests deploy artifacts: a stale one would be tested in silence.
  if (!(await check("node", ["tools/build-contracts.ts", "--compile"]))) {
    return { passed: 0, failed: 1 };
  }
  const { code, stdout } = await run("forge", ["test", "--json"], { cwd: CONTRACTS, quiet: true });
  const { counts, failures } = countsOfForge(stdout, code, committedGas());
  for (const failure of failures) console.error(failure);
  return counts;
}

async function vitestTests(): Promise<Counts> {
  const scratch = mkdtempSync(join(tmpdir(), "quarterdeck-test-"));
  const report = join(scratch, "vitest.json");
  try {
    const args = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const { code } = await run("vitest", args, { cwd: ROOT });
    const text = existsSync(report) ? readFileSync(report, "utf8") : "";
    const { counts, failures } = countsOfVitest(text, code, ROOT);
    // vitest's own account is long, and whoever sees only the end of it still learns what failed.
    for (const failure of failures) console.error(failure);
    return counts;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Runs one of the repository's own tools, or the machine's where npm brings none. */
async function run(
  name: string,
  args: readonly string[],
  how: { readonly cwd: string; readonly quiet?: boolean; readonly env?: Environment },
): Promise<Ended> {
  const local = join(ROOT, "node_modules/.bin", name);
  const child = spawn(existsSync(local) ? local : name, args, {
    cwd: how.cwd,
    stdio: ["ignore", how.quiet ? "pipe" : "inherit", "inherit"],
    env: { ...process.env, ...(options.deep ? DEEP : SHORT), ...how.env },
  });
  running.add(child);
  let stdout = "";
  child.stdout?.setEncoding("utf8").on("data", (part) => {
    stdout += part;
  });
  const code = await new Promise<number>((resolve) => {
    child.once("error", (error) => {
      console.error(`${name} cannot be started: ${error.message}`);
      resolve(127);
    });
    child.once("close", (status, signal) =>
      resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
  running.delete(child);
  return { code, stdout };
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    stoppedBy ??= signal;
    for (const child of running) child.kill("SIGTERM");
  });
}
process.exit(await main());
