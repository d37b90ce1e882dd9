/**
 * Worlds in which every law must hold: those that ever broke one, some fixed ones, and under
 * `npm run test:deep` thousands more. `npm run sim -- --seed N` tells what happens in one.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { Random } from "./host/random.ts";
import { runWorld } from "./world/world.ts";

interface Kept {
  readonly seed: string;
  readonly rounds: number;
  readonly found: string;
}

const KEPT = JSON.parse(readFileSync(join(import.meta.dirname, "seeds.json"), "utf8")) as Kept[];
const SMOKE = ["world 1", "world 2"];
const WORLDS = Number(process.env.QUARTERDECK_WORLDS ?? 0);
const WORLDS_OF_A_TEST = 25;
const LAST_LINES = 30;

async function expectLawful(seed: string, rounds: number): Promise<void> {
  const { failure, trace } = await runWorld(seed, { rounds });
  const told = `seed ${seed}: ${failure}\n${trace.slice(-LAST_LINES).join("\n")}`;
  expect(failure, told).toBeUndefined();
}

describe("chance", () => {
  it("is the same for the same seed, and another for each part", () => {
    const draws = (random: Random) => Array.from({ length: 20 }, () => random.int(0, 1000));
    expect(draws(new Random("1"))).toEqual(draws(new Random("1")));
    expect(draws(new Random("1"))).not.toEqual(draws(new Random("2")));
    expect(draws(new Random("1").split("a"))).not.toEqual(draws(new Random("1").split("b")));
  });
});

describe("a world", () => {
  it("is the same for the same seed, to the last line", async () => {
    const first = await runWorld("twice", { rounds: 1 });
    const second = await runWorld("twice", { rounds: 1 });
    expect(second.trace).toEqual(first.trace);
    expect(first.trace.length).toBeGreaterThan(50);
  });

  it("without faults sees every kind of action, and nothing is sent in vain", async () => {
    const { counts, failure } = await runWorld("calm", { rounds: 6, faults: [] });
    expect(failure).toBeUndefined();
    expect(counts).toMatchObject({ starts: 1 });
    for (const action of [
      ...["Deposited", "WithdrawalInitiated", "WithdrawalConfirmed", "WithdrawalCancelled"],
      ...["Committed", "DisputeOpened", "DisputeClosed", "TradingKeySet"],
    ]) {
      expect(counts[action], action).toBeGreaterThan(0);
    }
    expect(counts.operatorReverted).toBeUndefined();
    expect(counts.broadcasts).toBe(counts.operatorMined);
  });

  it("finds out an endpoint that hides logs, while another is well", async () => {
    let disputes = 0;
    for (const seed of ["hidden 1", "hidden 2", "hidden 3"]) {
      const { failure, trace } = await runWorld(seed, { rounds: 2, faults: ["liars"] });
      expect(failure, `seed ${seed}`).toBeUndefined();
      disputes += trace.filter((line) => /disagree about|other logs/.test(line)).length;
    }
    expect(disputes).toBeGreaterThan(0);
  });

  it.each(KEPT)("keeps the laws where it once broke one: $seed", async ({ seed, rounds }) => {
    await expectLawful(seed, rounds);
  });

  it.each(SMOKE)("keeps the laws whatever the seed: %s", async (seed) => {
    await expectLawful(seed, 2);
  });
});

describe.runIf(WORLDS > 0)("worlds in their thousands", () => {
  const firsts = Array.from({ length: Math.ceil(WORLDS / WORLDS_OF_A_TEST) }, (_, group) =>
    String(1 + group * WORLDS_OF_A_TEST),
  );
  // Each group in a process of its own: what so many leave behind fills the memory of one.
  it.each(firsts)("keep the laws: from seed %s", async (seed) => {
    const run = join(import.meta.dirname, "run.ts");
    const args = [run, "--seed", seed, "--count", `${WORLDS_OF_A_TEST}`, "--rounds", "4"];
    const told = await promisify(execFile)(process.execPath, args).catch((failed) => failed);
    expect(told.stdout, told.stderr).toMatch(/ worlds, 0 broken,/);
  });
});
