/**
 * Worlds in which every invariant must hold: those that ever broke one, some fixed ones, and under
 * `npm run test:deep` thousands more. `npm run sim -- --seed N` tells what happens in one.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runBatches } from "./batch.ts";
import {
  CREEPING_FAULTS,
  ENDPOINT_FAULTS,
  type EndpointFault,
  INVENTING_FAULTS,
  REFUTABLE_FAULTS,
  VIEW_FAULTS,
  WORD_FAULTS,
} from "./host/endpointFaults.ts";
import { Random } from "./host/random.ts";
import { type PlanOptions, planOf, WORLD_KINDS, type WorldKind } from "./world/plan.ts";
import { runWorld } from "./world/world.ts";

interface Kept {
  readonly kind?: WorldKind;
  readonly seed: string;
  readonly rounds: number;
  readonly statements: boolean;
  readonly endpointFault?: EndpointFault;
  readonly found: string;
}

const KEPT = JSON.parse(readFileSync(join(import.meta.dirname, "seeds.json"), "utf8")) as Kept[];
const SMOKE = [
  { kind: "alone", seed: "world 1" },
  { kind: "alone", seed: "world 2" },
  { kind: "endpoints", seed: "3" },
  { kind: "several", seed: "2" },
] as const;
/** Endpoint faults by which earlier builds stopped, lost a deposit, or could not start again. */
const WORST = ["logsDoubled", "hashEmpty", "hashIgnored", "blocksHidden", "wrongId"] as const;
/** Faults that only the true endpoint makes up for: old logs that are gone, and no service. */
const REFUSING = [
  "logsPruned",
  "logsRefused",
  "limitedSometimes",
  "limitedInBody",
  "sick",
] as const;
/** Peculiarities that take nothing away. */
const HARMLESS = [
  "logsDoubled",
  "logsReordered",
  "noGasPrice",
  "nullFields",
  "noBloom",
  "noSubscribe",
] as const;
const WORLDS = Number(process.env.QUARTERDECK_WORLDS ?? 0);
const WORLDS_OF_A_TEST = 20;
const LAST_LINES = 30;

async function expectToHold(seed: string, options: PlanOptions) {
  const report = await runWorld(seed, options);
  const { failure, trace } = report;
  const told = `seed ${seed}: ${failure}\n${trace.slice(-LAST_LINES).join("\n")}`;
  expect(failure, told).toBeUndefined();
  return report;
}

describe("random draws", () => {
  it("random draws are the same for the same seed, and others for each part", () => {
    const draws = (random: Random) => Array.from({ length: 20 }, () => random.int(0, 1000));
    expect(draws(new Random("1"))).toEqual(draws(new Random("1")));
    expect(draws(new Random("1"))).not.toEqual(draws(new Random("2")));
    expect(draws(new Random("1").split("a"))).not.toEqual(draws(new Random("1").split("b")));
  });
});

describe("a plan", () => {
  it("a plan leaves one of two endpoints true, and some world has each fault", () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 300; seed++) {
      const plan = planOf(new Random(`plan ${seed}`), { kind: "endpoints" });
      for (const { endpoint, fault } of plan.endpointFaults) {
        expect(endpoint).not.toBe(plan.truthful);
        seen.add(fault);
      }
      expect(plan.truthful === undefined).toBe(plan.endpoints.length === 1);
    }
    expect([...seen].sort()).toEqual([...ENDPOINT_FAULTS].sort());
  });
});

describe("a world", () => {
  it.each(WORLD_KINDS)("a world is the same for the same seed to the end: %s", async (kind) => {
    const first = await runWorld("twice", { kind, rounds: 1 });
    const second = await runWorld("twice", { kind, rounds: 1 });
    expect(second.trace).toEqual(first.trace);
    expect(first.trace.length).toBeGreaterThan(50);
  });

  it("a world without faults sees every kind of action, and sends nothing in vain", async () => {
    const { counts } = await expectToHold("calm", { rounds: 6, faults: [] });
    expect(counts).toMatchObject({ starts: 1 });
    for (const action of [
      "Deposited",
      "WithdrawalInitiated",
      "WithdrawalConfirmed",
      "WithdrawalCancelled",
      "Committed",
      "DisputeOpened",
      "DisputeClosed",
      "TradingKeySet",
    ]) {
      expect(counts[action], action).toBeGreaterThan(0);
    }
    expect(counts.operatorReverted).toBeUndefined();
    expect(counts.broadcasts).toBe(counts.operatorMined);
  });

  it("a world of several operators has one writer at a time, and repeats no duty", async () => {
    const { counts } = await expectToHold("calm", { kind: "several", rounds: 2, faults: [] });
    expect(counts.orders).toBeGreaterThan(20);
    expect(counts.RoundCommitted).toBe(1);
    expect(counts.operatorReverted).toBeUndefined();
  });

  it("a world without faults executes more than the limit of orders, by statements", async () => {
    const options = { rounds: 4, faults: [], statements: true };
    const { counts, trace } = await expectToHold("stated", options);
    const { countersigned = 0, beyondLimit = 0, StatementPresented: presented = 0 } = counts;
    expect(countersigned).toBeGreaterThan(20);
    expect(beyondLimit).toBeGreaterThan(0);
    expect(presented).toBeGreaterThan(2);
    for (const sight of [
      /WrongStatement/,
      /disputes .*, stated to/,
      /asks for .*[12] statements/,
    ]) {
      expect(trace.filter((line) => sight.test(line)).length, `${sight}`).toBeGreaterThan(0);
    }
    expect(counts.DisputeClosed).toBeGreaterThan(0);
    expect(counts.operatorReverted).toBeUndefined();
  });

  it("a world finds out an endpoint that hides logs, while another is well", async () => {
    let disputes = 0;
    for (const seed of ["hidden 1", "hidden 2", "hidden 3"]) {
      const { trace } = await expectToHold(seed, { rounds: 2, faults: ["liars"] });
      disputes += trace.filter((line) =>
        /disagree about|other logs|incomplete|contradict the bloom/.test(line),
      ).length;
    }
    expect(disputes).toBeGreaterThan(0);
  });

  it.each([
    ...WORST,
    ...REFUSING,
    ...REFUTABLE_FAULTS,
    ...VIEW_FAULTS,
    ...WORD_FAULTS,
    ...CREEPING_FAULTS,
    ...INVENTING_FAULTS,
  ])("a world goes on with a true second endpoint; the first: %s", async (fault) => {
    const options = { kind: "endpoints", rounds: 2, faults: [], endpointFault: fault } as const;
    const { counts } = await expectToHold("worst", options);
    expect(counts.late).toBeUndefined();
  });

  it.each(["slotsMoved", "listEmptied", "quorumRaised", "noncesAhead"] as const)(
    "a world of several operators goes on beside an endpoint with %s",
    async (endpointFault) => {
      const options = { kind: "several", rounds: 2, faults: [], endpointFault } as const;
      const { counts } = await expectToHold("words", options);
      expect(counts.late).toBeUndefined();
    },
  );

  it.each(HARMLESS)(
    "a world is in time, and blames nobody, where the only endpoint has %s",
    async (fault) => {
      const options = { kind: "endpoints", rounds: 2, faults: [], lone: true } as const;
      const { counts, trace } = await expectToHold("worst", { ...options, endpointFault: fault });
      expect(counts.late).toBeUndefined();
      expect(counts.RoundCommitted).toBeGreaterThan(0);
      expect(trace.filter((line) => /endpointFailed|chainUnreachable/.test(line))).toEqual([]);
    },
  );

  it.each([...WORST, "logsPruned"] as const)(
    "a world stays right where the only endpoint has %s",
    async (endpointFault) => {
      const options = {
        kind: "endpoints",
        rounds: 1,
        faults: [],
        endpointFault,
        lone: true,
      } as const;
      await expectToHold("worst", options);
    },
  );

  it.each(KEPT)("a world holds where an invariant once broke: $seed", async (kept) => {
    const { found: _, seed, kind = "alone", ...options } = kept;
    await expectToHold(seed, { ...options, kind });
  });

  it.each(SMOKE)("a world holds whatever the seed: $kind $seed", async ({ kind, seed }) => {
    await expectToHold(seed, { kind, rounds: 2 });
  });
});

describe.runIf(WORLDS > 0)("worlds in their thousands", () => {
  const each = Math.ceil(WORLDS / WORLD_KINDS.length);
  const batches = WORLD_KINDS.flatMap((kind) =>
    Array.from({ length: Math.ceil(each / WORLDS_OF_A_TEST) }, (_, group) => ({
      kind,
      from: 1 + group * WORLDS_OF_A_TEST,
    })),
  );
  // Two processes of ten each: what so many leave behind fills the memory of one.
  it.each(batches)("worlds keep the invariants: $kind from seed $from", async ({ kind, from }) => {
    const count = WORLDS_OF_A_TEST;
    const { worlds, broken } = await runBatches({ kinds: [kind], from, count, processes: 2 });
    expect(broken).toEqual([]);
    expect(worlds).toBe(count);
  });
});
