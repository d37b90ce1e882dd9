/**
 * Several operators that lose their leader again and again, in ways and at moments of chance.
 *
 * A tenth of `QUARTERDECK_CRASHES` is how often; `QUARTERDECK_SEED` repeats a run's choices.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseSeed, Random } from "./support/checks/random.ts";
import type { Line, Member } from "./support/exchange/severalOperators.ts";
import { Drills } from "./support/faults/drills.ts";

const TIMES = Math.ceil(Number(process.env["QUARTERDECK_CRASHES"] ?? 30) / 10);
/** Blocks by which a loss comes before or after the round's boundary at most. */
const EARLIEST = 30;
const LATEST = 20;
const LONGEST_PAUSE_MS = 200;
const seed = chooseSeed();

interface Way {
  readonly name: string;
  /** Gives what undoes it. */
  readonly lose: (leader: Member) => Promise<() => unknown>;
}

const cut = (line: Line): Way => ({
  name: `cut off from the ${line}`,
  lose: async (leader) => {
    leader.cut(line);
    return () => leader.repair(line);
  },
});

const WAYS: readonly Way[] = [
  {
    name: "killed",
    lose: async (leader) => {
      await leader.kill();
      return () => leader.start();
    },
  },
  {
    name: "stopped",
    lose: async ({ process }) => {
      process?.kill("SIGSTOP");
      // What `kill` gives is only settled when the process has ended.
      return () => void process?.kill("SIGCONT");
    },
  },
  ...(["database", "chain", "clients"] as const).map(cut),
];

/** Part of `npm run test:deep`: `several-operators.test.ts` is what every run plays. */
const isDeep = process.env["QUARTERDECK_CRASHES"] !== undefined;

describe.runIf(isDeep)(`several operators, ${TIMES} losses (QUARTERDECK_SEED=${seed})`, () => {
  let drills: Drills;
  const random = new Random(seed);

  beforeAll(async () => {
    drills = await Drills.start(seed);
  });
  afterAll(async () => {
    await drills?.stop();
    console.log(drills?.report());
  });

  it.each(Array.from({ length: TIMES }, (_, i) => i + 1))("operators survive loss %i", async () => {
    const { exchange } = drills;
    const { name, lose } = random.pick(WAYS) as Way;
    const offset = random.from(-EARLIEST, LATEST);
    await drills.takeOver(name, async ({ boundary }) => {
      await drills.untilBlock(boundary + offset);
      await sleep(random.from(0, LONGEST_PAUSE_MS));
      const leader = await exchange.leader();
      const { epoch } = await exchange.lease();
      const hint = await lose(leader);
      const next = await drills.untilAnotherLeads(leader, epoch);
      expect(next.address).not.toBe(leader.address);
      await drills.orders(random.from(0, 30));
      await hint();
    });
  });
});
