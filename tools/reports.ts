/** Reads what the test runners report: counts of tests, which failed why, and gas figures. */
import { relative } from "node:path";

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

interface ForgeResult {
  readonly status: "Success" | "Failure" | "Skipped";
  readonly reason?: string | null;
  /** Figures that the test kept, by group and row; forge writes numbers as text. */
  readonly gas_snapshots?: GasFigures;
}

/** Gas by group (a file of contracts/gas) and row, as forge writes it. */
export type GasFigures = Readonly<Record<string, Readonly<Record<string, string>>>>;

type ForgeReport = Readonly<
  Record<string, { readonly test_results: Readonly<Record<string, ForgeResult>> }>
>;

const GAS_ADVICE =
  "If a gas figure is meant to change, run forge test in contracts/, then " +
  "node tools/gas.ts --write, and commit contracts/gas and docs.";

/**
 * Of `forge test --json`. A run that ended badly without a failed test (such as a compiler error)
 * counts as one failure: a clean exit is part of passing. Where all tests passed, each gas figure
 * that is another than `committed` counts as a failed test.
 */
export function countsOfForge(
  stdout: string,
  code: number,
  committed: GasFigures,
): { readonly counts: Counts; readonly failures: readonly string[] } {
  const report = parseForge(stdout);
  if (report === undefined) return { counts: { passed: 0, failed: 1 }, failures: [stdout.trim()] };
  let passed = 0;
  const failures: string[] = [];
  for (const [suite, { test_results: results }] of Object.entries(report)) {
    for (const [test, { status, reason }] of Object.entries(results)) {
      if (status === "Success") passed += 1;
      if (status === "Failure") failures.push(`${suite} ${test}: ${reason ?? "no reason given"}`);
    }
  }
  if (failures.length === 0 && (code !== 0 || passed === 0)) {
    failures.push(`forge ended with code ${code} after ${passed} tests`);
  }
  if (failures.length > 0) return { counts: { passed, failed: failures.length }, failures };
  const differences = gasDifferences(committed, gasOfForge(stdout));
  if (differences.length > 0) failures.push(...differences, GAS_ADVICE);
  return { counts: { passed, failed: differences.length }, failures };
}

/** Every gas figure that a run of `forge test --json` measured. */
export function gasOfForge(stdout: string): GasFigures {
  const figures: Record<string, Record<string, string>> = {};
  for (const { test_results: results } of Object.values(parseForge(stdout) ?? {})) {
    for (const { gas_snapshots: kept = {} } of Object.values(results)) {
      for (const [group, rows] of Object.entries(kept)) {
        figures[group] = { ...figures[group], ...rows };
      }
    }
  }
  return figures;
}

/**
 * One line for each figure that is not as committed, was not measured, or is not committed. With
 * `--json` forge itself compares nothing, whatever FORGE_SNAPSHOT_CHECK says.
 */
export function gasDifferences(committed: GasFigures, measured: GasFigures): string[] {
  const groups = new Set([...Object.keys(committed), ...Object.keys(measured)]);
  return [...groups].sort().flatMap((group) => {
    const [before, now] = [committed[group] ?? {}, measured[group] ?? {}];
    const rows = new Set([...Object.keys(before), ...Object.keys(now)]);
    return [...rows]
      .filter((row) => before[row] !== now[row])
      .sort()
      .map(
        (row) =>
          `gas of ${group}, ${row}: ${before[row] ?? "none"} committed, ${now[row] ?? "none"} measured`,
      );
  });
}

function parseForge(stdout: string): ForgeReport | undefined {
  return parseReport<ForgeReport>(stdout.slice(Math.max(0, stdout.indexOf("{"))));
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults?: readonly {
    /** The file, absolute. */
    readonly name: string;
    readonly status: string;
    /** Why the file as a whole failed; empty where its tests did. */
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[] | null;
    }[];
  }[];
}

/** Characters of a reason that a line of a failed test shows. */
const REASON_LENGTH = 200;

/**
 * Of vitest's JSON reporter: each failed test in one line, with its file in `root` and the first
 * line of its reason. No report, or a bad end without a failed test, is one failure.
 */
export function countsOfVitest(
  text: string,
  code: number,
  root: string,
): { readonly counts: Counts; readonly failures: readonly string[] } {
  const report = parseReport<VitestReport>(text);
  if (report === undefined) {
    return { counts: { passed: 0, failed: 1 }, failures: ["vitest left no report"] };
  }
  const { numPassedTests: passed, numFailedTests, testResults = [] } = report;
  const failures = testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(root, name);
    const failed = assertionResults.filter((test) => test.status === "failed");
    if (failed.length === 0) return status === "failed" ? [lineOf(file, message)] : [];
    return failed.map((test) => lineOf(`${file} ${test.fullName}`, test.failureMessages?.[0]));
  });
  const isBad = numFailedTests === 0 && (code !== 0 || passed === 0);
  if (isBad && failures.length === 0) {
    failures.push(`vitest ended with code ${code} after ${passed} tests`);
  }
  return { counts: { passed, failed: isBad ? 1 : numFailedTests }, failures };
}

function lineOf(test: string, reason: string | undefined): string {
  const [first = ""] = (reason ?? "").trim().split("\n");
  const text = first === "" ? "no reason given" : first;
  return `${test}: ${text.length > REASON_LENGTH ? `${text.slice(0, REASON_LENGTH)}…` : text}`;
}

function parseReport<T extends object>(text: string): T | undefined {
  try {
    const report: unknown = JSON.parse(text);
    return typeof report === "object" && report !== null ? (report as T) : undefined;
  } catch {
    return undefined;
  }
}
