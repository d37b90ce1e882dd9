/**
 * The contracts' test base can fail: forge runs fixtures whose `bad` tests must fail, each saying
 * why, and whose `ok` tests must pass.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "./sources.ts";

interface Result {
  readonly status: string;
  readonly reason: string | null;
}

const BASE = join(ROOT, "contracts/test/base");
const CONFIG = `[profile.default]
solc = "${join(ROOT, "tools/solc.cjs")}"
offline = true
auto_detect_solc = false
evm_version = "prague"
remappings = ["base/=${BASE}/"]
allow_paths = ["${BASE}"]
fuzz = { runs = 64, seed = "0x51ad" }
invariant = { runs = 8, depth = 40, fail_on_revert = true }
`;

/** What each failing test must say; a fuzzed value may stand where the pattern leaves room. */
const REASONS: Readonly<Record<string, RegExp>> = {
  "test_badUint()": /^apples: 11 != 22$/,
  "test_badAddress()": /^address: 0x0{38}0b != 0x0{38}16$/i,
  "test_badString()": /^words: left != right$/,
  "test_badTrue()": /^the sky is green$/,
  "test_badLess()": /^order: 22 >= 11$/,
  "test_badNoRevert()": /did not revert/,
  "test_badBound()": /^EmptyRange\(3, 2\)$/,
  "testFuzz_badBelow(uint256)": /^below: 1000 >= 1000$/,
  "invariant_badSmall()": /^count: 2\d >= 20$/,
  "invariant_badSum()": /^uint256: 0 != \d+$/,
};
const PASSING = [
  "invariant_okOnlyAdds()",
  "testFuzz_okBound(uint256,uint256,uint256)",
  "test_okAll()",
  "test_okCheatcodes()",
];

describe("the contracts' test base", () => {
  const project = mkdtempSync(join(tmpdir(), "quarterdeck-base-"));
  const results = new Map<string, Result>();
  let exitCode: number | null = null;

  beforeAll(() => {
    mkdirSync(join(project, "test"));
    writeFileSync(join(project, "foundry.toml"), CONFIG);
    copyFileSync(join(ROOT, "tools/fixtures/TestBase.t.sol"), join(project, "test/TestBase.t.sol"));
    const local = join(ROOT, "node_modules/.bin/forge");
    const run = spawnSync(existsSync(local) ? local : "forge", ["test", "--json"], {
      cwd: project,
      encoding: "utf8",
      env: { ...process.env, FOUNDRY_PROFILE: "default" },
      maxBuffer: 1 << 28,
    });
    exitCode = run.status;
    const suites = JSON.parse(run.stdout) as Record<string, { test_results: object }>;
    for (const { test_results: tests } of Object.values(suites)) {
      for (const [name, result] of Object.entries(tests)) results.set(name, result);
    }
  });

  afterAll(() => rmSync(project, { recursive: true, force: true }));

  it("the contracts' test base makes forge end badly when something failed", () => {
    expect(exitCode).toBe(1);
  });

  it("the contracts' test base passes what holds", () => {
    const passed = [...results].filter(([, { status }]) => status === "Success");
    expect(passed.map(([name]) => name).sort()).toEqual(PASSING);
  });

  it.each(Object.entries(REASONS))("the test base fails %s, saying %s", (name, reason) => {
    expect(results.get(name)?.status).toBe("Failure");
    expect(results.get(name)?.reason).toMatch(reason);
  });
});
