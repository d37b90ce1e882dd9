import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toAddress } from "../base/address.ts";
import type { Address } from "../base/hex.ts";
import type { SlotView } from "../chain/contracts/roundRobinManager.ts";
import { firstBlockOf, lastBlockOf, momentOf, quarterSize } from "../protocol/rounds.ts";
import { type Change, type Facts, isDone } from "./change.ts";
import { deadlines, mostSlotBlocks, usableBlocks } from "./deadlines.ts";
import { plan } from "./plan.ts";

const ETHER = 10n ** 18n;

function operator(index: number): Address {
  return toAddress(`0x${(index + 1).toString(16).padStart(40, "0")}`);
}

function approved(index: number) {
  return { address: operator(index), name: `operator ${index}`, endpoint: `http://${index}` };
}

interface Situation {
  readonly roundSize: number;
  readonly block: number;
  readonly committed: boolean;
  readonly disputeAge: number | undefined;
  readonly slotSize: number;
  readonly operators: number;
  readonly dead: readonly number[];
  readonly quorum: number;
  readonly inMaintenance: boolean;
}

const USUAL: Situation = {
  roundSize: 7200,
  block: 20_000,
  committed: true,
  disputeAge: undefined,
  slotSize: 120,
  operators: 3,
  dead: [],
  quorum: 1,
  inMaintenance: false,
};

/** A HALT is no situation to plan in: what is overdue is done. */
function factsOf(more: Partial<Situation> = {}): Facts {
  const situation = { ...USUAL, ...more };
  const { roundSize, block, slotSize, inMaintenance } = situation;
  const schedule = { genesisBlock: 100, roundSize };
  const { round, quarter } = momentOf(schedule, block);
  const committedRound = situation.committed || quarter > 0 ? round : Math.max(0, round - 1);
  const haltBlock = firstBlockOf(schedule, committedRound + 1, 1);
  const operators = Array.from({ length: situation.operators }, (_, i) => approved(i));
  const alive = operators.map(({ address }) => address);
  const opened = block - Math.min(situation.disputeAge ?? 0, block - schedule.genesisBlock);
  const isClosable =
    Math.floor((block - 100) / (roundSize / 4)) - Math.floor((opened - 100) / (roundSize / 4)) <= 1;
  const slots: SlotView = {
    block,
    inMaintenance,
    slot: 9,
    firstBlock: block,
    lastBlock: block + slotSize,
    slotSize,
    operators,
    operator: operator(0),
    claimed: [],
    forecast: undefined,
  };
  return {
    schedule,
    slots,
    quorum: situation.quorum,
    owner: operator(99),
    ownerBalance: ETHER,
    gasPrice: 1n,
    clock: { block, round, quarter, halted: false, haltBlock, committedRound },
    disputes:
      situation.disputeAge === undefined || !isClosable
        ? []
        : [{ client: operator(50), round: momentOf(schedule, opened).round, openedBlock: opened }],
    living: new Set(alive.filter((_, i) => !situation.dead.includes(i))),
  };
}

const situations = fc
  .record({
    roundSize: fc.integer({ min: 2, max: 2000 }).map((quarter) => quarter * 4),
    age: fc.integer({ min: 0, max: 100_000 }),
    committed: fc.boolean(),
    disputeAge: fc.option(fc.integer({ min: 0, max: 4000 }), { nil: undefined }),
    slotSize: fc.integer({ min: 1, max: 500 }),
    operators: fc.integer({ min: 1, max: 6 }),
    dead: fc.uniqueArray(fc.integer({ min: 0, max: 5 })),
    quorum: fc.integer({ min: 1, max: 6 }),
    inMaintenance: fc.boolean(),
  })
  .map(({ age, quorum, ...rest }) => ({
    ...rest,
    block: 100 + age,
    quorum: Math.min(quorum, rest.operators),
  }));

const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.integer({ min: 0, max: 8 }).map((i) => ({ kind: "add" as const, operator: approved(i) })),
  fc.integer({ min: 0, max: 6 }).map((i) => ({ kind: "remove" as const, address: operator(i) })),
  fc.integer({ min: 0, max: 1200 }).map((blocks) => ({ kind: "slotSize" as const, blocks })),
  fc.integer({ min: 0, max: 7 }).map((quorum) => ({ kind: "quorum" as const, quorum })),
  fc.integer({ min: 0, max: 2000 }).map((blocks) => ({ kind: "hold" as const, blocks })),
);

const paces = fc.integer({ min: 1, max: 10 });

function problems(facts: Facts, change: Change): string {
  const planned = plan(facts, change);
  return planned.ok ? "" : planned.refused.map(({ problem }) => problem).join("; ");
}

describe("a plan that is made", () => {
  test("a plan leaves the rescue windows whole, and two slots for a dead operator", () => {
    let made = 0;
    fc.assert(
      fc.property(situations, changes, paces, (situation, change, pace) => {
        const facts = factsOf(situation);
        const planned = plan(facts, change, pace);
        if (!planned.ok) return;
        made += 1;
        // Each transaction takes as long as it may, from the block after the plan's.
        const { enter, alter, holdBlocks, leaveFrom, leave } = planned.plan;
        let block = situation.block;
        if (enter !== undefined) {
          block += pace;
          expect(block).toBeLessThanOrEqual(enter.deadlineBlock);
        }
        if (alter !== undefined) {
          block += pace;
          expect(block).toBeLessThanOrEqual(alter.deadlineBlock);
        }
        block += holdBlocks;
        expect(block).toBeLessThanOrEqual(leaveFrom);
        // Even if all steps only just make it, leaving does too.
        expect(leaveFrom + pace).toBe(leave.deadlineBlock);
        expect(alter?.deadlineBlock ?? leaveFrom).toBeLessThanOrEqual(leaveFrom);
        const size = change.kind === "slotSize" ? change.blocks : situation.slotSize;
        const alive = leave.deadlineBlock + 2 * size;
        const rescue = Math.floor(situation.roundSize / 16);
        // Of what is owed, and of anything that is asked for in a block of the maintenance.
        for (const { lastBlock } of deadlines(facts))
          expect(alive + rescue).toBeLessThanOrEqual(lastBlock);
        for (const opened of [situation.block + 1, leave.deadlineBlock]) {
          const { round, quarter } = momentOf(facts.schedule, opened);
          const closable =
            lastBlockOf(facts.schedule, round, quarter) + quarterSize(facts.schedule);
          expect(alive + rescue).toBeLessThanOrEqual(closable);
        }
      }),
      { numRuns: 3000 },
    );
    expect(made).toBeGreaterThan(100);
  });

  test("a plan leaves operators that live, and as many as a commit takes", () => {
    fc.assert(
      fc.property(situations, changes, (situation, change) => {
        const facts = factsOf(situation);
        if (change.kind !== "remove" && change.kind !== "quorum") return;
        if (!plan(facts, change, 1).ok) return;
        const left = facts.slots.operators
          .map(({ address }) => address)
          .filter((one) => change.kind !== "remove" || one !== change.address);
        const quorum =
          change.kind === "quorum" ? change.quorum : Math.min(facts.quorum, left.length);
        const living = left.filter((one) => facts.living.has(one)).length;
        expect(living).toBeGreaterThanOrEqual(Math.max(1, quorum));
      }),
      { numRuns: 2000 },
    );
  });

  test("a plan is made with more blocks left as well, and with a faster pace", () => {
    fc.assert(
      fc.property(situations, changes, paces, (situation, change, pace) => {
        const facts = factsOf(situation);
        if (!plan(facts, change, pace + 1).ok) return;
        expect(plan(facts, change, pace).ok).toBe(true);
        const { round, quarter } = momentOf(facts.schedule, situation.block + 1);
        const earlier = firstBlockOf(facts.schedule, round, quarter);
        if (situation.block === earlier || facts.disputes.length > 0) return;
        const sooner = { ...facts, clock: { ...facts.clock, block: earlier } };
        expect(plan(sooner, change, pace + 1).ok).toBe(true);
      }),
    );
  });
});

describe("a plan", () => {
  const NEW: Change = { kind: "add", operator: approved(7) };

  test("a plan orders its transactions, each with the last block of its use", () => {
    const planned = plan(factsOf(), NEW);
    expect(planned).toMatchObject({ ok: true, plan: { needBlocks: 9, holdBlocks: 0 } });
    if (!planned.ok) return;
    const { enter, alter, leave } = planned.plan;
    expect([enter?.what, alter?.what, leave.what]).toEqual([
      "entering maintenance",
      `adding ${operator(7)}`,
      "leaving maintenance",
    ]);
    expect(leave.deadlineBlock - (alter?.deadlineBlock ?? 0)).toBe(3);
    expect(leave.deadlineBlock - (enter?.deadlineBlock ?? 0)).toBe(6);
  });

  test("a plan enters no maintenance that it is in, and leaves it", () => {
    const planned = plan(factsOf({ inMaintenance: true }), NEW);
    expect(planned).toMatchObject({ ok: true, plan: { enter: undefined, needBlocks: 6 } });
    expect(planned.ok && planned.plan.warnings[0]).toMatch(/in maintenance already/);
  });

  test("a plan is refused when the commit is due too soon, and made once it is mined", () => {
    // Round 2 of 7200 blocks begins with block 14,500; its commit can wait until block 16,299.
    const due = { block: 15_700, committed: false };
    expect(problems(factsOf(due), NEW)).toMatch(/9 blocks, and the commit of round 2 .*leaves /);
    expect(problems(factsOf({ ...due, committed: true }), NEW)).toBe("");
    expect(problems(factsOf({ block: 14_600, committed: false }), NEW)).toBe("");
  });

  test("a plan is refused when a dispute must be closed soon", () => {
    const block = 100 + 7200 + 1800 + 1300;
    expect(problems(factsOf({ block, disputeAge: 1700 }), NEW)).toMatch(/the dispute of 0x/);
    expect(problems(factsOf({ block, disputeAge: 10 }), NEW)).toBe("");
  });

  test("a plan is refused in a HALTED exchange, or if the owner cannot pay for leaving", () => {
    const facts = factsOf();
    const halted = { ...facts, clock: { ...facts.clock, halted: true } };
    expect(problems(halted, NEW)).toMatch(/HALTED/);
    expect(problems({ ...facts, gasPrice: 10n ** 12n }, NEW)).toMatch(/wei/);
  });

  test.each<[string, Partial<Situation>, Change, RegExp]>([
    ["who is approved", {}, { kind: "add", operator: approved(1) }, /approved already/],
    ["whose name is too long", {}, long("ä".repeat(33), "http://x"), /64 bytes/],
    ["without an endpoint", {}, long("x", ""), /256 bytes/],
    ["when 88 are there", { operators: 88 }, { kind: "add", operator: approved(90) }, /88/],
  ])("a plan adds nobody %s", (_what, situation, change, problem) => {
    expect(problems(factsOf(situation), change)).toMatch(problem);
  });

  test.each<[string, Partial<Situation>, number, RegExp]>([
    ["the only operator", { operators: 1 }, 0, /only operator/],
    ["the only one that lives", { dead: [1, 2] }, 0, /No operator that lives/],
    ["one without whom no quorum lives", { quorum: 2, dead: [2] }, 0, /take 2 operators, and 1/],
    ["a stranger", {}, 5, /not approved/],
  ])("a plan does not remove %s", (_what, situation, index, problem) => {
    const change: Change = { kind: "remove", address: operator(index) };
    expect(problems(factsOf(situation), change)).toMatch(problem);
  });

  test("a plan removes a dead operator, and with it a quorum that needs everybody", () => {
    const facts = factsOf({ dead: [2], quorum: 3 });
    const planned = plan(facts, { kind: "remove", address: operator(2) });
    expect(planned).toMatchObject({ ok: true });
    expect(planned.ok && planned.plan.effects).toContain("quorum: 3 -> 2");
  });

  test("a plan sets no quorum above the number of operators that live", () => {
    expect(problems(factsOf({ dead: [2] }), { kind: "quorum", quorum: 3 })).toMatch(/2 live/);
    expect(problems(factsOf({ dead: [2] }), { kind: "quorum", quorum: 2 })).toBe("");
    expect(problems(factsOf(), { kind: "quorum", quorum: 4 })).toMatch(/1 to 3/);
  });

  test("a plan says what a quorum needs before it is raised, and nothing for a lower one", () => {
    const warned = (quorum: number) => {
      const planned = plan(factsOf({ quorum: 3 }), { kind: "quorum", quorum });
      return planned.ok && planned.plan.warnings.some((one) => /release that attests/.test(one));
    };
    expect([warned(2), warned(1)]).toEqual([true, false]);
  });

  test("a plan sets no slots of which two last from a quarter's start to its rescue window", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5000 }), (quarter) => {
        const schedule = { genesisBlock: 0, roundSize: quarter * 4 };
        const most = mostSlotBlocks(schedule);
        expect(2 * most).toBeLessThan(usableBlocks(schedule));
        expect(2 * (most + 1)).toBeGreaterThanOrEqual(usableBlocks(schedule));
      }),
    );
    // Quarters of 1800 blocks, the last 450 of which are the rescue window's.
    expect(problems(factsOf(), { kind: "slotSize", blocks: 675 })).toMatch(/Give|sit out/);
    expect(problems(factsOf(), { kind: "slotSize", blocks: 3 })).toMatch(/claims come too late/);
    expect(problems(factsOf({ block: 14_501 }), { kind: "slotSize", blocks: 600 })).toBe("");
  });

  test("a plan of mere maintenance is refused beyond what deadlines allow", () => {
    const block = 100 + 2 * 7200 + 1800;
    expect(problems(factsOf({ block }), { kind: "hold", blocks: 2000 })).toBe("");
    expect(problems(factsOf({ block }), { kind: "hold", blocks: 3000 })).toMatch(/may take 3006/);
  });
});

function long(name: string, endpoint: string): Change {
  return { kind: "add", operator: { address: operator(7), name, endpoint } };
}

describe("the completion of a change", () => {
  test("a change counts as done by the list, its labels and the end of maintenance", () => {
    const { slots } = factsOf();
    const add: Change = { kind: "add", operator: approved(1) };
    expect(isDone(add, slots, 1)).toBe(true);
    expect(isDone(add, { ...slots, inMaintenance: true }, 1)).toBe(false);
    expect(isDone({ kind: "add", operator: { ...approved(1), name: "x" } }, slots, 1)).toBe(false);
    expect(isDone({ kind: "remove", address: operator(1) }, slots, 1)).toBe(false);
    expect(isDone({ kind: "remove", address: operator(4) }, slots, 1)).toBe(true);
    expect(isDone({ kind: "slotSize", blocks: 120 }, slots, 1)).toBe(true);
    expect(isDone({ kind: "quorum", quorum: 2 }, slots, 1)).toBe(false);
  });
});
