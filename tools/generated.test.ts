/** What is generated from the contracts is committed as the contracts give it. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { compile, generate, layoutOf, outdated } from "./build-contracts.ts";
import { sources } from "./sources.ts";

describe("generated files", () => {
  beforeAll(() => compile(["contracts"]));

  it("generated files are up to date: run node tools/build-contracts.ts if not", () => {
    expect(generate().size).toBeGreaterThan(8);
    expect(outdated()).toEqual([]);
  });
});

describe("the sources that verify-deployment publishes", () => {
  const require = createRequire(import.meta.url);
  const solc = require("solc") as { compile(input: string): string; version(): string };
  const read = (path: string) => readFileSync(join(import.meta.dirname, "..", path), "utf8");

  it.each([
    ["mediator", "src/Mediator.sol", "Mediator"],
    ["mutableOperatorManager", "src/managers/MutableOperatorManager.sol", "MutableOperatorManager"],
    [
      "roundRobinOperatorManager",
      "src/managers/RoundRobinOperatorManager.sol",
      "RoundRobinOperatorManager",
    ],
  ] as [string, string, string][])(
    "published sources compile to the bytecode of %s",
    (module, path, name) => {
      const file = JSON.parse(read(`contracts/standard-json/${module}.json`));
      expect(solc.version()).toContain(file.compilerVersion);
      const compiled = JSON.parse(solc.compile(JSON.stringify(file.stdJsonInput)));
      const bytecode: string = compiled.contracts[path][name].evm.bytecode.object;
      expect(bytecode.length).toBeGreaterThan(1000);
      expect(read(`src/chain/bytecode/${module}.ts`)).toContain(`"0x${bytecode}"`);
    },
  );
});

describe("the Mediator's two halves", () => {
  beforeAll(() => compile(["contracts"]));

  it("the Mediator's halves see the same storage: that of Disputes is the Mediator's", () => {
    const [whole, half] = [layoutOf("Mediator"), layoutOf("Disputes")];
    expect(half.length).toBeGreaterThan(10);
    expect(whole.slice(0, half.length)).toEqual(half);
    // Whatever the Mediator has besides comes after.
    expect(whole.slice(half.length).map(({ label }) => label)).toEqual(["_owner", "_pendingOwner"]);
  });
});

describe("the contracts' tests", () => {
  /** Made by these, a contract would be compiled without optimizer, and its gas be another. */
  const made = /new (Mediator|MutableOperatorManager|RoundRobinOperatorManager|OpenManager)\(/;

  it("the contracts' tests deploy what is deployed, by deployArtifact, and compile none", () => {
    const tests = sources([".sol"]).filter(({ path }) => path.startsWith("contracts/test/"));
    expect(tests.length).toBeGreaterThan(20);
    expect(tests.filter(({ text }) => made.test(text)).map(({ path }) => path)).toEqual([]);
    expect(made.test("turns = new RoundRobinOperatorManager(owner, 1, 2);")).toBe(true);
  });
});
