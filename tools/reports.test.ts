import { describe, expect, it } from "vitest";
import { committedGas } from "./gas.ts";
import { countsOfForge, countsOfVitest, gasDifferences, gasOfForge } from "./reports.ts";

const forge = (results: object) => JSON.stringify({ "a.t.sol:A": { test_results: results } });

describe("counts of forge", () => {
  it("the counts of forge are those of its report, with each failure and its reason", () => {
    const text = forge({
      "one()": { status: "Success" },
      "two()": { status: "Failure", reason: "NotEqual(1, 2)" },
      "three()": { status: "Skipped" },
    });
    expect(countsOfForge(`Compiling\n${text}`, 1, {})).toEqual({
      counts: { passed: 1, failed: 1 },
      failures: ["a.t.sol:A two(): NotEqual(1, 2)"],
    });
  });

  it.each([
    ["a bad end", forge({ "one()": { status: "Success" } }), 1],
    ["no tests", "{}", 0],
    ["no report", "Error: Compiler run failed", 1],
  ])("the counts of forge take %s for a failure", (_, text, code) => {
    expect(countsOfForge(text, code, {}).counts.failed).toBe(1);
    expect(countsOfForge(text, code, {}).failures).toHaveLength(1);
  });
});

describe("gas figures of forge", () => {
  /** A report in which each row of each group is kept by a test of its own. */
  const reportOf = (figures: ReturnType<typeof committedGas>) =>
    `Compiling\n${JSON.stringify(
      Object.fromEntries(
        Object.entries(figures).map(([group, rows]) => [
          `${group}.t.sol`,
          {
            test_results: Object.fromEntries(
              Object.entries(rows).map(([row, gas]) => [
                row,
                { status: "Success", gas_snapshots: { [group]: { [row]: gas } } },
              ]),
            ),
          },
        ]),
      ),
    )}`;
  const committed = committedGas();

  it("the gas figures are those that forge's tests kept", () => {
    expect(Object.keys(committed)).toContain("Mediator");
    expect(gasOfForge(reportOf(committed))).toEqual(committed);
    expect(gasDifferences(committed, gasOfForge(reportOf(committed)))).toEqual([]);
  });

  it("a gas figure is refused wherever it is another than committed", () => {
    for (const [group, rows] of Object.entries(committed)) {
      for (const [row, gas] of Object.entries(rows)) {
        const tampered = String(Number(gas) + 5000);
        const changed = { ...committed, [group]: { ...rows, [row]: tampered } };
        expect(gasDifferences(changed, gasOfForge(reportOf(committed)))).toEqual([
          `gas of ${group}, ${row}: ${tampered} committed, ${gas} measured`,
        ]);
      }
    }
  });

  it("a gas figure that is another than committed counts as a failed test", () => {
    const report = reportOf(committed);
    const { counts, failures } = countsOfForge(report, 0, committed);
    expect(counts).toEqual({
      passed: Object.values(committed).flatMap(Object.keys).length,
      failed: 0,
    });
    expect(failures).toEqual([]);
    const { Floods: _, ...others } = committed;
    const rows = Object.keys(committed["Floods"] ?? {});
    const refused = countsOfForge(report, 0, others);
    expect(refused.counts).toEqual({ passed: counts.passed, failed: rows.length });
    expect(refused.failures).toHaveLength(rows.length + 1);
    expect(refused.failures[0]).toMatch(/^gas of Floods, .*: none committed, \d+ measured$/);
    expect(refused.failures.at(-1)).toMatch(/commit contracts\/gas/);
  });

  it("a gas figure is missed when no test keeps it any more, or nobody committed it", () => {
    expect(gasDifferences({ A: { a: "1" } }, {})).toEqual([
      "gas of A, a: 1 committed, none measured",
    ]);
    expect(gasDifferences({}, { A: { a: "1" } })).toEqual([
      "gas of A, a: none committed, 1 measured",
    ]);
    expect(gasOfForge("no report")).toEqual({});
  });
});

describe("counts of vitest", () => {
  const ROOT = "/checkout";
  const ended = (fullName: string, ...failureMessages: string[]) => ({
    fullName,
    status: failureMessages.length > 0 ? "failed" : "passed",
    failureMessages,
  });

  it("the counts of vitest are those of its report, with each failure in one line", () => {
    const report = {
      numPassedTests: 7,
      numFailedTests: 2,
      testResults: [
        {
          name: `${ROOT}/a.test.ts`,
          status: "failed",
          message: "",
          assertionResults: [
            ended("one holds"),
            ended("two fails", "AssertionError: 1 instead of 2\n    at a.test.ts:3"),
            ended("three fails", `Error: ${"long".repeat(100)}`),
          ],
        },
        {
          name: `${ROOT}/b.test.ts`,
          status: "failed",
          message: "Error: no such module\n    at b.ts:1",
          assertionResults: [],
        },
        { name: `${ROOT}/c.test.ts`, status: "passed", message: "", assertionResults: [] },
      ],
    };
    const { counts, failures } = countsOfVitest(JSON.stringify(report), 1, ROOT);
    expect(counts).toEqual({ passed: 7, failed: 2 });
    expect(failures).toEqual([
      "a.test.ts two fails: AssertionError: 1 instead of 2",
      expect.stringMatching(/^a\.test\.ts three fails: Error: long.{180,200}…$/),
      "b.test.ts: Error: no such module",
    ]);
  });

  it.each([
    ['{"numPassedTests":7,"numFailedTests":0}', 1],
    ['{"numPassedTests":0,"numFailedTests":0}', 0],
    ["", 0],
  ])("the counts take a bad end, no tests and no report for a failure: %j", (text, code) => {
    expect(countsOfVitest(text, code, ROOT).counts.failed).toBe(1);
    expect(countsOfVitest(text, code, ROOT).failures).toHaveLength(1);
  });
});
