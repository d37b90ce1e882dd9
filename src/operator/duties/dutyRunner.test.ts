/** How often the runner tries, what it does after a failure, and when it gives up. */
import { describe, expect, it } from "vitest";
import type { Hex } from "../../base/hex.ts";
import type { Fields, Log } from "../../base/log.ts";
import type { MediatorReader } from "../../chain/contracts/mediator.ts";
import { encodeCommit } from "../../chain/contracts/mediatorCalls.ts";
import { ContractRefused } from "../../chain/rpc/errors.ts";
import type { Call, Mined, Submitter } from "../../chain/submit/submitter.ts";
import { commit, withdrawals } from "../../exchange/queries/views.ts";
import {
  ALICE,
  BASE,
  BOB,
  CAROL,
  limitOrder,
  MARKET,
  SCHEDULE,
  SIGNATURE,
  tradingWorld,
  type World,
} from "../../exchange/world.testkit.ts";
import { firstBlockOf, lastBlockOf } from "../../protocol/rounds.ts";
import { MAX_MINED_AHEAD_BLOCKS } from "../../protocol/tolerances.ts";
import { AttestationsMissing } from "./commitQuorum.ts";
import { DutyRunner, type DutyRunnerOptions } from "./dutyRunner.ts";
import type { SourceRotation } from "./sourceRotation.ts";

const FIRST = firstBlockOf(SCHEDULE, 1);
const MINED: Mined = { transactionHash: "0x", block: 0, gasUsed: 7n, cost: 70n };

interface Setup {
  readonly world: World;
  /** Throws, or what was mined. */
  readonly send: (call: Call) => Mined | Promise<Mined>;
  readonly maxTries?: number;
  readonly attestations?: DutyRunnerOptions["attestations"];
  /** Fill that the chain shows as presented, for every order. */
  readonly presented?: { readonly sold: bigint; readonly bought: bigint };
  /** What happens while the chain is read. */
  readonly whileRead?: () => Promise<void>;
  /** Whether a block shows the duty as done; throws what the chain says. Never unless given. */
  readonly isDoneBy?: (block: number) => boolean;
  readonly rotation?: Pick<SourceRotation, "look" | "failed">;
}

/** The chain shows nothing as done; what is sent is only noted. */
function setup({ world, send, maxTries = 3, isDoneBy = () => false, ...rest }: Setup) {
  const { attestations, presented, whileRead, rotation } = rest;
  const sent: string[] = [];
  const calldata: Hex[] = [];
  const lines: { event: string; fields: Fields }[] = [];
  const say = (event: string, fields: Fields = {}) => {
    lines.push({ event, fields });
  };
  const log: Log = { info: say, warn: say, error: say, flush: async () => {} };
  const asked: number[] = [];
  const reader = {
    mediator: BASE,
    at: (block: number) => {
      asked.push(block);
      return reader;
    },
    commitment: async (round: number) => {
      const isDone = isDoneBy(asked.at(-1) as number) || round <= world.state.completedRound;
      return isDone ? {} : undefined;
    },
    isDisputeOpen: async () => true,
    accumulation: async () => ({ covered: 0, orders: 0, lastId: 0n }),
    presentedFill: async () => presented,
    withdrawal: async (client: string) => {
      await whileRead?.();
      return withdrawals(world.state).find((one) => one.client === client);
    },
  };
  const submitter = {
    address: BOB,
    newestMined: 0,
    send: async (call: Call) => {
      sent.push(call.what);
      calldata.push(call.data);
      return send(call);
    },
  };
  const mined: Mined[] = [];
  const head = { number: 0, newest: 0 };
  const duties = new DutyRunner({
    state: world.state,
    head,
    reader: reader as unknown as MediatorReader,
    submitter: submitter as unknown as Submitter,
    log,
    maxTries,
    ...(rotation && { rotation: rotation as unknown as SourceRotation }),
    onMined: (_kind, one) => mined.push(one),
    ...(attestations && { attestations }),
  });
  /** Runs as of a head, which others bear out, and of a newer one. */
  const at = (number: number, newest = number) => {
    Object.assign(head, { number, newest });
    return duties.run();
  };
  const runner = Object.assign(duties, { at });
  return { runner, sent, calldata, lines, mined, asked, submitter };
}

function owingCommit(): World {
  const world = tradingWorld();
  world.mineTo(FIRST);
  return world;
}

type TestedRunner = ReturnType<typeof setup>["runner"];

/** Runs, and waits until what was begun has ended. */
async function step(runner: TestedRunner, head: number): Promise<void> {
  await runner.at(head);
  await runner.idle();
}

const broke = () => {
  throw new Error("the key is empty");
};

describe("the duty runner", () => {
  it("the rotation of endpoints hears at each head what is owed, and of tries that failed", async () => {
    const heard: unknown[] = [];
    const rotation = {
      look: async (head: number, owed: readonly { deadlineBlock: number }[]) => {
        heard.push(["owed", head, owed.length]);
      },
      failed: async (head: number, begun: number) => {
        heard.push(["failed", head, begun]);
      },
    };
    const { runner } = setup({ world: owingCommit(), send: broke, rotation });
    await step(runner, FIRST);
    expect(heard).toEqual([
      ["owed", FIRST, 1],
      ["failed", FIRST, FIRST],
    ]);
  });

  it("the duty runner backs off ever longer, and gives up with all that is to know", async () => {
    const { runner, sent, lines } = setup({ world: owingCommit(), send: broke, maxTries: 4 });
    const tried: number[] = [];
    let gaveUp: unknown;
    runner.failure.catch((error: unknown) => {
      gaveUp = error;
    });
    for (let head = FIRST; gaveUp === undefined && head <= FIRST + 7; head++) {
      const before = sent.length;
      await step(runner, head);
      if (sent.length > before) tried.push(head - FIRST);
    }
    // Seven blocks are left at first: no rest may cost an eighth of what is left.
    expect(tried).toEqual([0, 1, 2, 3]);
    expect(gaveUp).toMatchObject({ code: "DutyFailed" });
    const { message } = gaveUp as Error;
    expect(message).toMatch(/^commit of round 1 failed 4 times since block 132; at block 135 /);
    expect(message).toMatch(/4 blocks are left .*the key is empty.*Look at the last error/);
    expect(lines[0]).toMatchObject({
      event: "commitFailed",
      fields: { block: FIRST, round: 1, quarter: 0, tries: 1, blocksLeft: 7, commitRound: 1 },
    });
    expect(runner.failureOf({ kind: "commit", round: 1 })).toMatchObject({ tries: 4, since: 132 });
  });

  it("the duty runner has time for a back-off while the deadline is far", async () => {
    const world = overdrawn();
    const { runner, sent } = setup({ world, send: broke, maxTries: 100 });
    const tried: number[] = [];
    for (let head = world.block; head < world.block + 20; head++) {
      const before = sent.length;
      await step(runner, head);
      if (sent.length > before) tried.push(head - world.block);
    }
    expect(tried.slice(0, 4)).toEqual([0, 1, 3, 6]);
  });

  it("the duty runner begins to count anew after a success", async () => {
    let works = false;
    const send = () => (works ? MINED : broke());
    const { runner, mined } = setup({ world: owingCommit(), send });
    await step(runner, FIRST);
    works = true;
    await step(runner, FIRST + 1);
    expect(runner.failureOf({ kind: "commit", round: 1 })).toBeUndefined();
    expect(mined).toEqual([MINED]);
  });

  it("the duty runner does the other duties when one fails", async () => {
    const world = overdrawn(ALICE, CAROL);
    const send = (call: Call) => (call.what.includes(ALICE) ? broke() : MINED);
    const { runner, sent } = setup({ world, send });
    await step(runner, world.block);
    expect(sent).toHaveLength(2);
    expect(runner.failureOf(cancelOf(ALICE))).toMatchObject({ tries: 1 });
    expect(runner.failureOf(cancelOf(CAROL))).toBeUndefined();
  });

  it("a duty that waits holds up no other, and is not begun twice", async () => {
    const world = overdrawn(ALICE, CAROL);
    const mining = Promise.withResolvers<void>();
    const { runner, sent, mined } = setup({ world, send: () => mining.promise.then(() => MINED) });
    for (let head = world.block; head < world.block + 3; head++) await runner.at(head);
    expect(sent).toEqual([expect.stringContaining(ALICE), expect.stringContaining(CAROL)]);
    mining.resolve();
    await runner.idle();
    expect(mined).toHaveLength(2);
    expect(runner.failureOf(cancelOf(ALICE))).toBeUndefined();
  });

  it("a duty that is done while the chain is read is not begun again", async () => {
    const world = overdrawn();
    const mining = Promise.withResolvers<Mined>();
    let reads = 0;
    const whileRead = async () => {
      if (++reads === 1) return;
      mining.resolve(MINED);
      await runner.idle();
    };
    const { runner, sent } = setup({ world, send: () => mining.promise, whileRead });
    await runner.at(world.block);
    await runner.at(world.block + 1);
    expect(sent).toHaveLength(1);
  });

  it("a cancellation is given up once the journal has its request as cancelled", async () => {
    const world = overdrawn();
    const calls: Call[] = [];
    const send = (call: Call) => {
      calls.push(call);
      return new Promise<Mined>((_, reject) => {
        call.signal?.addEventListener("abort", () => reject(new Error("not wanted")));
      });
    };
    const { runner, lines } = setup({ world, send });
    await runner.at(world.block);
    expect(calls.map(({ signal }) => signal?.aborted)).toEqual([false]);
    world.log({
      kind: "withdrawalCancelled",
      client: ALICE,
      token: BASE,
      round: 2,
      amount: 5_000n,
    });
    world.mine();
    runner.giveUpCancellations();
    expect(calls.map(({ signal }) => signal?.aborted)).toEqual([true]);
    await runner.idle();
    // No failure of ours.
    expect([lines, runner.failureOf(cancelOf(ALICE))]).toEqual([[], undefined]);
  });

  it("a duty that failed late has its back-off counted from the newest block", async () => {
    const world = overdrawn();
    const mining = Promise.withResolvers<never>();
    const { runner, lines } = setup({ world, send: () => mining.promise });
    await runner.at(world.block);
    await runner.at(world.block + 9);
    mining.reject(new Error("it is lost"));
    await runner.idle();
    const failure = { since: world.block, retryAtBlock: world.block + 10 };
    expect(runner.failureOf(cancelOf(ALICE))).toMatchObject(failure);
    expect(lines[0]?.fields).toMatchObject({ block: world.block + 9 });
  });

  it("the duty runner reads the newest block that it knows, be it its transaction's", async () => {
    const { runner, asked, submitter } = setup({ world: owingCommit(), send: () => MINED });
    await step(runner, FIRST);
    submitter.newestMined = FIRST + 3;
    await step(runner, FIRST + 1);
    await step(runner, FIRST + 4);
    expect(asked).toEqual([FIRST, FIRST + 3, FIRST + 4]);
    // A block that far away was made up.
    submitter.newestMined = FIRST + 5 + MAX_MINED_AHEAD_BLOCKS + 1;
    await step(runner, FIRST + 5);
    expect(asked.at(-1)).toBe(FIRST + 5);
  });

  it("nothing is sent after a start before blocks are seen that one endpoint has", async () => {
    const world = overdrawn();
    const { runner, sent } = setup({ world, send: () => MINED });
    const start = world.block;
    await runner.at(start, start + 2);
    await runner.at(start + 1, start + 5);
    expect(sent).toEqual([]);
    await runner.at(start + 2, start + 5);
    expect(sent).not.toEqual([]);
  });

  it("nothing is held up for long, or near its deadline, by blocks that only one has", async () => {
    const world = overdrawn();
    const start = world.block;
    const far = setup({ world, send: () => MINED });
    for (let head = start; far.sent.length === 0; head++) {
      expect(head).toBeLessThanOrEqual(start + 4);
      await far.runner.at(head, head + 10);
    }
    // Seven blocks are left.
    const near = setup({ world: owingCommit(), send: () => MINED });
    await near.runner.at(FIRST, FIRST + 10);
    expect(near.sent).toEqual(["commit of round 1"]);
  });

  it("a block whose views revert is passed over, and ends nothing", async () => {
    let lied = 0;
    const isDoneBy = (block: number) => {
      if (block < lied) return false;
      throw new ContractRefused("a view", "reverted", []);
    };
    const turns: number[] = [];
    const rotation = {
      look: async () => {},
      failed: async (head: number) => void turns.push(head),
    };
    const { runner, sent, asked, submitter, lines } = setup({
      world: owingCommit(),
      send: () => MINED,
      isDoneBy,
      rotation,
    });
    lied = FIRST + 3;
    submitter.newestMined = lied;
    await runner.at(FIRST);
    expect(asked).toEqual([lied, FIRST]);
    expect(sent).toEqual(["commit of round 1"]);
    lied = 0;
    await expect(runner.at(FIRST + 1)).rejects.toMatchObject({ code: "RpcUnavailable" });
    submitter.newestMined = 0;
    await expect(runner.at(FIRST + 2)).rejects.toMatchObject({ code: "RpcUnavailable" });
    expect(turns).toEqual([FIRST + 1, FIRST + 2]);
    expect(lines.map(({ event }) => event)).toEqual(["commitSent", "viewsRefused", "viewsRefused"]);
  });

  it("a missed deadline is told once, tried no more, and does not end the runner", async () => {
    const { runner, sent, lines } = setup({ world: owingCommit(), send: broke, maxTries: 1 });
    const deadline = lastBlockOf(SCHEDULE, 1, 0);
    for (let head = deadline; head < deadline + 1; head++) await step(runner, head);
    await step(runner, deadline);
    expect(sent).toEqual([]);
    expect(lines.map(({ event }) => event)).toEqual(["deadlineMissed"]);
  });

  it("the duty runner waits for its slot without counting that as a failure", async () => {
    const send = () => {
      throw new ContractRefused("commit", "NotOperator", []);
    };
    const { runner, sent, lines } = setup({ world: owingCommit(), send, maxTries: 1 });
    for (let head = FIRST; head < FIRST + 5; head++) await step(runner, head);
    expect(sent).toHaveLength(5);
    expect(new Set(lines.map(({ event }) => event))).toEqual(new Set(["notOurSlot"]));
  });

  it("the duty runner goes on trying while the quorum is missed, and counts no failure", async () => {
    let isMissed = true;
    const send = () => {
      if (isMissed) throw new ContractRefused("commit", "QuorumMissed", []);
      return MINED;
    };
    const { runner, sent } = setup({ world: owingCommit(), send, maxTries: 1 });
    for (let head = FIRST; head < FIRST + 5; head++) await step(runner, head);
    expect(runner.failureOf({ kind: "commit", round: 1 })).toMatchObject({ tries: 0 });
    isMissed = false;
    const tried = sent.length;
    for (let head = FIRST + 5; head < FIRST + 40; head++) await step(runner, head);
    expect(tried).toBeGreaterThan(1);
    expect(sent.length).toBeGreaterThan(tried);
    expect(runner.failureOf({ kind: "commit", round: 1 })).toBeUndefined();
  });

  it("the duty runner waits for attestations without a failure, and sends them", async () => {
    const world = owingCommit();
    const missing = { found: 0, missing: [CAROL], problem: undefined };
    let isThere = false;
    const attestations = async () => {
      if (!isThere) throw new AttestationsMissing(1, 2, missing);
      return [SIGNATURE];
    };
    const { runner, sent, calldata, lines } = setup({
      world,
      send: () => MINED,
      maxTries: 1,
      attestations,
    });
    for (let head = FIRST; head < FIRST + 5; head++) await step(runner, head);
    expect([sent, lines]).toEqual([[], []]);
    const waiting = runner.failureOf({ kind: "commit", round: 1 });
    expect(waiting).toMatchObject({ tries: 0, since: FIRST });
    expect(waiting?.problem.message).toContain(CAROL);
    isThere = true;
    await step(runner, FIRST + 5);
    expect(calldata).toEqual([encodeCommit(commit(world.state).roots, [SIGNATURE])]);
  });
});

describe("the answer to a dispute", () => {
  const close = { kind: "closeDispute", client: ALICE, round: 2 } as const;

  it("the answer to a dispute is sent where it covers what the client presented", async () => {
    const world = disputed();
    const presented = { sold: 900n * MARKET.lot, bought: 4_500n };
    const { runner, sent } = setup({ world, send: () => MINED, presented });
    await step(runner, world.block);
    expect(sent).toEqual([`closeDispute of ${ALICE} in round 2`]);
    expect(runner.failureOf(close)).toBeUndefined();
  });

  it("the answer is not sent where the client holds a later fill than the journal", async () => {
    const world = disputed();
    const presented = { sold: 950n * MARKET.lot, bought: 4_750n };
    const { runner, sent, lines } = setup({ world, send: () => MINED, presented });
    await step(runner, world.block);
    expect(sent).toEqual([]);
    expect(runner.failureOf(close)?.problem).toMatchObject({
      code: "AnswerRefused",
      fault: { fault: "StaleExecution", id: 1n },
    });
    expect(lines[0]).toMatchObject({ event: "closeDisputeFailed" });
  });

  it("the answer is not sent where a fill was presented that was never executed", async () => {
    const world = disputed();
    const { runner, sent } = setup({ world, send: () => MINED });
    await step(runner, world.block);
    expect(sent).toEqual([]);
    expect(runner.failureOf(close)?.problem).toMatchObject({
      fault: { fault: "FillsNotCovered", covered: 0, presented: 1 },
    });
  });
});

/** Alice sold in round 1, and disputes it in round 2 with one fill, after the commit. */
function disputed(): World {
  const world = tradingWorld();
  world.toQuarter(1, 1);
  world.place(limitOrder(ALICE, 1, 1, "ask", 900, 5));
  world.place(limitOrder(BOB, 1, 1, "bid", 900, 5));
  world.toQuarter(2, 0);
  world.duties();
  world.log({
    kind: "disputeOpened",
    client: ALICE,
    round: 2,
    opener: ALICE,
    mustProveOpenings: false,
    openingsPresented: true,
    presented: 1,
  });
  world.mine();
  return world;
}

function cancelOf(client: typeof ALICE) {
  return { kind: "cancelWithdrawal", client, token: BASE, round: 2 } as const;
}

/** Clients that sold in round 1 ask in round 2 for more than they have left. */
function overdrawn(...clients: (typeof ALICE)[]): World {
  const world = tradingWorld();
  world.toQuarter(1, 1);
  for (const client of clients.length === 0 ? [ALICE] : clients) {
    world.place(limitOrder(client, 1, 1, "ask", 900, 5));
    world.place(limitOrder(BOB, 1, clients.indexOf(client) + 2, "bid", 900, 5));
  }
  world.toQuarter(2, 0);
  world.duties();
  for (const client of clients.length === 0 ? [ALICE] : clients) {
    world.withdraw(client, BASE, 5_000n);
  }
  world.mine();
  world.mineTo(firstBlockOf(SCHEDULE, 2, 1));
  return world;
}
