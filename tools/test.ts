/**
 * What `npm test` runs: everything, cheapest first, stopping at the first step that fails.
 *
 *     npm test                        all steps
 *     npm test -- --only vitest       one step
 *     npm run test:deep               longer fuzzing
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

interface Step {
  readonly name: string;
  readonly run: () => Counts | boolean;
}

const ROOT = join(import.meta.dirname, "..");
const CONTRACTS = join(ROOT, "contracts");
const scratch = mkdtempSync(join(tmpdir(), "quarterdeck-test-"));

const { values } = parseArgs({
  options: { only: { type: "string" }, deep: { type: "boolean", default: false } },
});

const STEPS: readonly Step[] = [
  { name: "contracts", run: () => command("node", ["tools/build-contracts.ts", "--check"]) },
  { name: "types", run: () => command("tsc", ["--noEmit"]) },
  { name: "lint", run: () => command("biome", ["check", "--error-on-warnings", "."]) },
  {
    name: "solhint",
    run: () => command("solhint", ["--disc", "--max-warnings", "0", "contracts/src/**/*.sol"]),
  },
  { name: "forge-fmt", run: () => command("forge", ["fmt", "--check"], CONTRACTS) },
  { name: "forge", run: forgeTests },
  { name: "vitest", run: vitestTests },
];

function main(): number {
  const chosen = STEPS.filter(({ name }) => values.only === undefined || values.only === name);
  if (chosen.length === 0) {
    const names = STEPS.map(({ name }) => name).join(", ");
    console.error(`--only ${values.only}: choose one of ${names}`);
    return 1;
  }
  let passed = 0;
  let failed = 0;
  for (const { name, run } of chosen) {
    const began = Date.now();
    const outcome = run();
    const ok = typeof outcome === "boolean" ? outcome : outcome.failed === 0;
    if (typeof outcome === "object") {
      passed += outcome.passed;
      failed += outcome.failed;
    }
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    console.log(`${ok ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
    if (!ok) {
      if (typeof outcome === "boolean") failed += 1;
      break;
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function command(name: string, args: readonly string[], cwd = ROOT): boolean {
  return spawn(name, args, cwd, "inherit").status === 0;
}

function spawn(name: string, args: readonly string[], cwd: string, stdout: "inherit" | "pipe") {
  const local = join(ROOT, "node_modules/.bin", name);
  return spawnSync(existsSync(local) ? local : name, args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", stdout, "inherit"],
    maxBuffer: 1 << 30,
    env: { ...process.env, FOUNDRY_PROFILE: values.deep ? "deep" : "default" },
  });
}

function forgeTests(): Counts {
  const run = spawn("forge", ["test", "--json"], CONTRACTS, "pipe");
  const text = run.stdout;
  const json = text.slice(text.indexOf("{"));
  let suites: Record<string, { test_results: Record<string, { status: string; reason?: string }> }>;
  try {
    suites = JSON.parse(json);
  } catch {
    console.error(text);
    return { passed: 0, failed: 1 };
  }
  let passed = 0;
  let failed = 0;
  for (const [suite, { test_results: results }] of Object.entries(suites)) {
    for (const [test, { status, reason }] of Object.entries(results)) {
      if (status === "Success") passed += 1;
      else {
        failed += 1;
        console.error(`${suite} ${test}: ${reason ?? status}`);
      }
    }
  }
  // A run that ends badly without a failed test (a compiler error, say) has failed all the same.
  if (run.status !== 0 && failed === 0) failed = 1;
  console.log(`forge: ${passed} passed, ${failed} failed`);
  return { passed, failed };
}

function vitestTests(): Counts {
  const report = join(scratch, "vitest.json");
  const args = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const run = spawn("vitest", args, ROOT, "inherit");
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const found = JSON.parse(readFileSync(report, "utf8")) as {
    numPassedTests: number;
    numFailedTests: number;
  };
  const unseen = run.status !== 0 && found.numFailedTests === 0 ? 1 : 0;
  return { passed: found.numPassedTests, failed: found.numFailedTests + unseen };
}

const code = main();
rmSync(scratch, { recursive: true, force: true });
process.exit(code);
