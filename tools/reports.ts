/** Reads what the test runners report: how many tests passed and failed, and which failed why. */

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

interface ForgeResult {
  readonly status: "Success" | "Failure" | "Skipped";
  readonly reason?: string | null;
}

type ForgeReport = Readonly<
  Record<string, { readonly test_results: Readonly<Record<string, ForgeResult>> }>
>;

/**
 * Of `forge test --json`. A run that ended badly without a failed test (a compiler error, a gas
 * snapshot that differs) counts as one failure: a clean exit is part of passing.
 */
export function countsOfForge(
  stdout: string,
  code: number,
): { readonly counts: Counts; readonly failures: readonly string[] } {
  const report = parseReport<ForgeReport>(stdout.slice(Math.max(0, stdout.indexOf("{"))));
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
  return { counts: { passed, failed: failures.length }, failures };
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
}

/** Of vitest's JSON reporter; no report, or a bad end without a failed test, is one failure. */
export function countsOfVitest(text: string, code: number): Counts {
  const report = parseReport<VitestReport>(text);
  if (report === undefined) return { passed: 0, failed: 1 };
  const { numPassedTests: passed, numFailedTests: failed } = report;
  return { passed, failed: failed === 0 && (code !== 0 || passed === 0) ? 1 : failed };
}

function parseReport<T extends object>(text: string): T | undefined {
  try {
    const report: unknown = JSON.parse(text);
    return typeof report === "object" && report !== null ? (report as T) : undefined;
  } catch {
    return undefined;
  }
}
