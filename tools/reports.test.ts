import { describe, expect, it } from "vitest";
import { countsOfForge, countsOfVitest } from "./reports.ts";

const forge = (results: object) => JSON.stringify({ "a.t.sol:A": { test_results: results } });

describe("counts of forge", () => {
  it("are those of its report, with each failure and its reason", () => {
    const text = forge({
      "one()": { status: "Success" },
      "two()": { status: "Failure", reason: "NotEqual(1, 2)" },
      "three()": { status: "Skipped" },
    });
    expect(countsOfForge(`Compiling\n${text}`, 1)).toEqual({
      counts: { passed: 1, failed: 1 },
      failures: ["a.t.sol:A two(): NotEqual(1, 2)"],
    });
  });

  it.each([
    ["a bad end", forge({ "one()": { status: "Success" } }), 1],
    ["no tests", "{}", 0],
    ["no report", "Error: Compiler run failed", 1],
  ])("count %s as a failure", (_, text, code) => {
    expect(countsOfForge(text, code).counts.failed).toBe(1);
    expect(countsOfForge(text, code).failures).toHaveLength(1);
  });
});

describe("counts of vitest", () => {
  it("are those of its report", () => {
    expect(countsOfVitest('{"numPassedTests":7,"numFailedTests":2}', 1)).toEqual({
      passed: 7,
      failed: 2,
    });
  });

  it.each([
    ['{"numPassedTests":7,"numFailedTests":0}', 1],
    ['{"numPassedTests":0,"numFailedTests":0}', 0],
    ["", 0],
  ])("count a bad end, no tests and no report as a failure: %j", (text, code) => {
    expect(countsOfVitest(text, code).failed).toBe(1);
  });
});
