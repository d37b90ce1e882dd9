/**
 * Worlds in which every law must hold: those that ever broke one, some fixed ones, and under
 * `npm run test:deep` thousands more. `npm run sim -- --seed N` tells what happens in one.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Random } from "./random.ts";
import { runWorld } from "./world.ts";

interface Kept {
  readonly seed: string;
  readonly rounds: number;
  readonly found: string;
}

const KEPT = JSON.parse(readFileSync(join(import.meta.dirname, "seeds.json"), "utf8")) as Kept[];
const WORLDS = Number(process.env.QUARTERDECK_WORLDS ?? 2);
const ROUNDS = process.env.QUARTERDECK_WORLDS === undefined ? 2 : 4;
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

  it("without trouble sees every kind of deed, and nothing is sent in vain", async () => {
    const { counts, failure } = await runWorld("calm", { rounds: 6, troubles: [] });
    expect(failure).toBeUndefined();
    expect(counts).toMatchObject({ starts: 1 });
    for (const deed of [
      ...["Deposited", "WithdrawalInitiated", "WithdrawalConfirmed", "WithdrawalCancelled"],
      ...["Committed", "DisputeOpened", "DisputeClosed", "TradingKeySet"],
    ]) {
      expect(counts[deed], deed).toBeGreaterThan(0);
    }
    expect(counts.operatorReverted).toBeUndefined();
    expect(counts.broadcasts).toBe(counts.operatorMined);
  });

  it("finds out an endpoint that hides logs, while another is well", async () => {
    let disputes = 0;
    for (const seed of ["hidden 1", "hidden 2", "hidden 3"]) {
      const { failure, trace } = await runWorld(seed, { rounds: 2, troubles: ["liars"] });
      expect(failure, `seed ${seed}`).toBeUndefined();
      disputes += trace.filter((line) => /disagree about|other logs/.test(line)).length;
    }
    expect(disputes).toBeGreaterThan(0);
  });

  it.each(KEPT)("keeps the laws where it once broke one: $seed", async ({ seed, rounds }) => {
    await expectLawful(seed, rounds);
  });

  const groups = Array.from({ length: Math.ceil(WORLDS / WORLDS_OF_A_TEST) }, (_, group) => group);
  it.each(groups)("keeps the laws whatever the seed: group %i", async (group) => {
    const first = group * WORLDS_OF_A_TEST;
    for (let i = first; i < Math.min(first + WORLDS_OF_A_TEST, WORLDS); i++) {
      await expectLawful(`world ${i + 1}`, ROUNDS);
    }
  });
});
