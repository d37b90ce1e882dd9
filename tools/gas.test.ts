/** The pages on gas and security say what the gas tests measured; no reference is cheaper. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { committedGas, gasPage, gasRows, PAGE, SECURITY_PAGE, withFloods } from "./gas.ts";

describe("gas", () => {
  const compared = gasRows().filter(({ reference }) => reference !== undefined);

  it("the figures are on the page of gas: run node tools/gas.ts --write if not", () => {
    expect(readFileSync(PAGE, "utf8")).toBe(gasPage());
  });

  it("the figures are in the table of floods: run node tools/gas.ts --write if not", () => {
    const page = readFileSync(SECURITY_PAGE, "utf8");
    expect(page).toBe(withFloods(page));
    const { Floods = {} } = committedGas();
    expect(Object.keys(Floods).length).toBeGreaterThan(10);
    for (const [row, gas] of Object.entries(Floods)) {
      const more = { ...Floods, [row]: String(Number(gas) * 1.1) };
      expect(withFloods(page, more), row).not.toBe(page);
      const { [row]: _, ...fewer } = Floods;
      expect(() => withFloods(page, fewer), row).toThrow(/No flood/);
    }
    expect(() => withFloods(page, { ...Floods, "a flood: a call": "1" })).toThrow(/a call/);
  });

  it("the gas is below the reference's in every row that can be compared", () => {
    expect(compared.length).toBeGreaterThan(20);
    expect(compared.filter(({ gas, reference = 0 }) => gas >= reference)).toEqual([]);
  });

  it("the gas of operator() does not grow with operators, far below the reference's", () => {
    const fallback = gasRows().filter(({ call }) => call.startsWith("operator, fallback"));
    expect(fallback.length).toBeGreaterThan(2);
    expect(new Set(fallback.map(({ gas }) => gas)).size).toBe(1);
    for (const { gas, reference } of fallback) {
      if (reference !== undefined) expect(gas * 5).toBeLessThan(reference);
    }
  });

  it("the gas of a commit is for all tokens together, well below one for each", () => {
    const commits = compared.filter(({ call }) => call.startsWith("commit, "));
    expect(commits.length).toBeGreaterThan(2);
    for (const { gas, reference = 0 } of commits) expect(gas).toBeLessThan(reference * 0.6);
  });
});
