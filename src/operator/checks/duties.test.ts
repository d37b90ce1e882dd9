import { describe, expect, it } from "vitest";
import type { State } from "../../exchange/model/state.ts";
import {
  ALICE,
  BASE,
  BOB,
  CAROL,
  limitOrder,
  SCHEDULE,
  tradingWorld,
  World,
} from "../../exchange/world.testkit.ts";
import { firstBlockOf, lastBlockOf } from "../../protocol/rounds.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import type { ChainView } from "../duties/duties.ts";
import { nearest, type ScheduledDuty, scheduleDuties } from "../duties/schedule.ts";
import type { Reading } from "../health/check.ts";
import { guardsSchema } from "../health/healthConfig.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { dutiesCheck } from "./duties.ts";
import { haltCheck } from "./halt.ts";

/** A chain that shows what the machine knows. */
function unreadView(state: State, head: BlockNumber): ChainView {
  return {
    head,
    isRequestActive: () => true,
    isCommitted: (round, token) => (state.tokens.get(token)?.committedRound ?? -1) >= round,
    isDisputeOpen: () => true,
  };
}

/** Open duties by what the machine alone knows. */
function open(world: World, head = world.block): ScheduledDuty[] {
  return scheduleDuties(world.state, unreadView(world.state, head));
}

function names(duties: readonly ScheduledDuty[]): string[] {
  return duties.map(({ id }) => id.kind);
}

/** Clients that sold in round 1, and ask in round 2 for more than they have left. */
function overdrawnWorld(clients = [ALICE]): World {
  const world = tradingWorld();
  world.toQuarter(1, 1);
  for (const [i, client] of clients.entries()) {
    world.place(limitOrder(client, 1, 1, "ask", 900, 5));
    world.place(limitOrder(BOB, 1, 1 + i, "bid", 900, 5));
  }
  world.toQuarter(2, 0);
  world.duties();
  for (const client of clients) world.withdraw(client, BASE, 5_000n);
  world.mine();
  world.mineTo(firstBlockOf(SCHEDULE, 2, 1));
  return world;
}

function disputedWorld(): World {
  const world = tradingWorld();
  world.toQuarter(2, 0);
  world.duties();
  world.log({
    kind: "disputeOpened",
    client: ALICE,
    round: 2,
    opener: ALICE,
    mustProveOpenings: false,
    openingsPresented: true,
    presented: 0,
  });
  world.mine();
  return world;
}

describe("open duties", () => {
  it("open duties are none before the first round, and none when all is done", () => {
    expect(open(new World())).toEqual([]);
    const world = tradingWorld();
    expect(open(world)).toEqual([]);
    world.toQuarter(1, 1);
    expect(open(world)).toEqual([]);
  });

  it("open duties hold the commit from its round's first block, ahead of the machine", () => {
    const world = tradingWorld();
    const first = firstBlockOf(SCHEDULE, 1);
    world.mineTo(first - 2);
    expect(open(world, first - 1)).toEqual([]);
    expect(open(world, first)).toEqual([
      {
        id: { kind: "commit", round: 1 },
        deadlineBlock: lastBlockOf(SCHEDULE, 1, 0),
        blocksLeft: 7,
        blocksNeeded: 1,
        inTime: true,
      },
    ]);
  });

  it("open duties are not late by blocks that the reading of the chain does not know", () => {
    const world = tradingWorld();
    const deadline = lastBlockOf(SCHEDULE, 1, 0);
    world.mineTo(firstBlockOf(SCHEDULE, 1));
    // The commit may have been mined in the block that is new.
    const [commit] = scheduleDuties(world.state, unreadView(world.state, deadline - 1), deadline);
    expect(commit).toMatchObject({ blocksLeft: 0, inTime: true });
  });

  it("open duties are in time as long as one more block can take them, and late after", () => {
    const world = tradingWorld();
    const deadline = lastBlockOf(SCHEDULE, 1, 0);
    world.mineTo(firstBlockOf(SCHEDULE, 1));
    expect(open(world, deadline - 1)[0]).toMatchObject({ blocksLeft: 1, inTime: true });
    expect(open(world, deadline)[0]).toMatchObject({ blocksLeft: 0, inTime: false });
    expect(open(world, deadline + 3)[0]).toMatchObject({ blocksLeft: -3, inTime: false });
  });

  it("open duties hold a refused request, and count it before the commit", () => {
    const world = overdrawnWorld();
    expect(open(world)).toMatchObject([
      { id: { kind: "cancelWithdrawal", client: ALICE, token: BASE, round: 2 }, blocksNeeded: 1 },
    ]);
    // Nobody cancels until the last moment: one block is left, and two are needed.
    world.mineTo(firstBlockOf(SCHEDULE, 3));
    const last = open(world, lastBlockOf(SCHEDULE, 3, 0) - 1);
    expect(names(last)).toEqual(["cancelWithdrawal", "commit"]);
    expect(last.map(({ inTime }) => inTime)).toEqual([true, false]);
    expect(last.map(({ blocksNeeded }) => blocksNeeded)).toEqual([1, 2]);
  });

  it("open duties need no more blocks than depend on each other: one takes several", () => {
    const world = overdrawnWorld([ALICE, CAROL]);
    world.mineTo(firstBlockOf(SCHEDULE, 3));
    const owed = open(world);
    expect(names(owed)).toEqual(["cancelWithdrawal", "cancelWithdrawal", "commit"]);
    expect(owed.map(({ blocksNeeded }) => blocksNeeded)).toEqual([1, 1, 2]);
  });

  it("open duties hold a dispute also while it waits for the commit, until its deadline", () => {
    const world = disputedWorld();
    const [dispute] = open(world);
    expect(dispute).toMatchObject({ id: { kind: "closeDispute", client: ALICE, round: 2 } });
    const deadline = dispute?.deadlineBlock as number;
    expect(deadline).toBe(lastBlockOf(SCHEDULE, 2, 1));
    expect(open(world, deadline)[0]?.inTime).toBe(false);
  });

  it("open duties go by the chain where it was read: what is done there is not owed", () => {
    const world = disputedWorld();
    const view = unreadView(world.state, world.block);
    expect(scheduleDuties(world.state, { ...view, isDisputeOpen: () => false })).toEqual([]);
    const over = overdrawnWorld();
    const shown = { ...unreadView(over.state, over.block), isRequestActive: () => false };
    expect(scheduleDuties(over.state, shown)).toEqual([]);
    const before = tradingWorld();
    before.mineTo(firstBlockOf(SCHEDULE, 1));
    const committed = { ...unreadView(before.state, before.block), isCommitted: () => true };
    expect(scheduleDuties(before.state, committed)).toEqual([]);
  });

  it("open duties are none in a halted exchange", () => {
    const world = tradingWorld();
    world.mineTo(firstBlockOf(SCHEDULE, 1, 1));
    expect(world.state.halted).toBeDefined();
    expect(open(world)).toEqual([]);
  });

  it("open duties name the one with the nearest deadline", () => {
    const world = overdrawnWorld();
    world.mineTo(firstBlockOf(SCHEDULE, 3));
    expect(nearest(open(world))?.id.kind).toBe("cancelWithdrawal");
    expect(nearest([])).toBeUndefined();
  });
});

describe("the check of duties", () => {
  const guards = guardsSchema.parse(undefined);
  const probe = (world: World, head: number, metrics = new Metrics()) => {
    const check = dutiesCheck({
      ...guards,
      schedule: SCHEDULE,
      duties: () => open(world, head),
      metrics,
    });
    const readings = check.probe() as readonly Reading[];
    return new Map(readings.map((reading) => [reading.check, reading]));
  };

  it("the check of duties counts quarters and blocks to the nearest deadline", async () => {
    const world = tradingWorld();
    const metrics = new Metrics();
    world.mineTo(firstBlockOf(SCHEDULE, 1));
    const readings = probe(world, lastBlockOf(SCHEDULE, 1, 0) - 2, metrics);
    expect(readings.get("deadline")).toMatchObject({ value: 0.25 });
    expect(readings.get("deadline")?.detail).toMatch(/^commit of round 1 by block 139, 2 blocks/);
    expect(readings.get("answerable")?.value).toBe(0);
    const text = await metrics.text();
    expect(text).toContain('quarterdeck_duty_left_blocks{kind="commit"} 2');
    expect(text).toContain('quarterdeck_duty_left_blocks{kind="closeDispute"} +Inf');
  });

  it("the check of duties alarms as soon as a duty is late for sure, and when it halted", () => {
    const world = tradingWorld();
    world.mineTo(firstBlockOf(SCHEDULE, 1));
    const late = probe(world, lastBlockOf(SCHEDULE, 1, 0));
    expect(late.get("answerable")).toMatchObject({ value: 1 });
    expect(late.get("answerable")?.detail).toMatch(/commit of round 1 .* 0 blocks left/);
  });

  it("the check of duties leaves everything as it was while it catches up", () => {
    const check = dutiesCheck({
      ...guards,
      schedule: SCHEDULE,
      duties: () => undefined,
      metrics: new Metrics(),
    });
    expect(check.probe()).toEqual([]);
  });
});

describe("the check of the halt", () => {
  const guards = guardsSchema.parse(undefined);
  const clock = { block: 100, round: 1, quarter: 0, committedRound: 0 } as const;
  const probe = async (found: object) => {
    const metrics = new Metrics();
    const check = haltCheck({
      ...guards,
      schedule: SCHEDULE,
      readClock: async () => ({ ...clock, halted: false, haltBlock: undefined, ...found }),
      metrics,
    });
    const readings = await check.probe();
    const text = await metrics.text();
    return { readings: new Map(readings.map((one) => [one.check, one])), text, check };
  };

  it("the check of the halt counts quarters and blocks to it, by the contract", async () => {
    const { readings, text, check } = await probe({ haltBlock: 104 });
    expect(readings.get("haltDistance")).toMatchObject({ value: 0.5 });
    expect(readings.get("halted")?.value).toBe(0);
    expect(text).toContain("quarterdeck_halt_left_blocks 4");
    expect(check.haltBlock()).toBe(104);
  });

  it("the check of the halt is ok while nothing is owed, and alarms once at a halt", async () => {
    const owed = await probe({});
    expect(owed.readings.get("haltDistance")?.value).toBe(Number.POSITIVE_INFINITY);
    const { readings } = await probe({ halted: true, haltBlock: 99 });
    expect(readings.get("halted")).toMatchObject({ value: 1, detail: "HALTED since block 99" });
    expect(readings.get("haltDistance")?.value).toBe(Number.POSITIVE_INFINITY);
  });
});
