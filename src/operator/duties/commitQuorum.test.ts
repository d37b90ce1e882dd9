/** Who signs which roots, when a commit may be sent, and what is said while it may not. */
import { describe, expect, it } from "vitest";
import { nobleCurve } from "../../base/curve.ts";
import type { Address, Hex } from "../../base/hex.ts";
import type { Fields, Log } from "../../base/log.ts";
import type { MediatorReader } from "../../chain/contracts/mediator.ts";
import { localSigner, type Signer, SignerUnavailable } from "../../chain/signer.ts";
import { withdrawals } from "../../exchange/queries/views.ts";
import {
  ALICE,
  BASE,
  GENESIS,
  limitOrder,
  SCHEDULE,
  BOB as TRADER,
  tradingWorld,
  type World,
} from "../../exchange/world.testkit.ts";
import { StorageFailure } from "../../journal/errors.ts";
import type { Attestation, AttestationBoard } from "../../journal/journal.ts";
import { hashCommit } from "../../protocol/messages.ts";
import { firstBlockOf, lastBlockOf } from "../../protocol/rounds.ts";
import { quorumCheck } from "../checks/quorum.ts";
import { guardsSchema } from "../health/healthConfig.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { attestationOf } from "./attestations.ts";
import { CommitQuorum } from "./commitQuorum.ts";
import { type CommitDuty, type Duty, sendableDuties } from "./duties.ts";

const { chainId, mediator } = GENESIS;
const DOMAIN = { chainId, mediator };
const FIRST = firstBlockOf(SCHEDULE, 1);
const LAST = lastBlockOf(SCHEDULE, 1, 0);
const keys = [1, 2, 3].map((n) => localSigner(`0x${`${n}`.padStart(64, "0")}`));
const [ADA, BOB, CY] = keys.map(({ address }) => address) as [Address, Address, Address];
const OTHER_ROOTS: Hex = `0x${"0f".repeat(32)}`;
const UNREACHABLE = new StorageFailure("DatabaseUnreachable", "the database", "No answer");

/** What operators share: the board, and what the chain says. */
class Shared implements AttestationBoard {
  readonly rows = new Map<string, Attestation>();
  quorum = 2;
  approved: Address[] = [ADA, BOB, CY];
  /** Tokens whose roots the chain shows already. */
  committed: Address[] = [];
  isDown = false;
  asked = 0;

  async publish(row: Attestation): Promise<void> {
    this.#ask();
    this.rows.set(`${row.round} ${row.operator} ${row.rootsHash}`, row);
  }
  async attestationsOf(round: number): Promise<Attestation[]> {
    this.#ask();
    return [...this.rows.values()].filter((row) => row.round === round);
  }
  #ask(): void {
    this.asked += 1;
    if (this.isDown) throw UNREACHABLE;
  }
  /** Leaves what one operator signed of `rootsHash`. */
  async leave(index: number, rootsHash: Hex, round = 1): Promise<void> {
    const signer = keys[index] as Signer;
    const signature = await signer.signMessage(DOMAIN, hashCommit({ round, rootsHash }));
    await this.publish(attestationOf(round, { operator: signer.address, rootsHash, signature }));
  }
}

/** One operator, with a world of its own that is the same as everybody's. */
function operator(shared: Shared, index: number, world = atRound1()) {
  const lines: { level: string; event: string; fields: Fields }[] = [];
  const say =
    (level: string) =>
    (event: string, fields: Fields = {}) => {
      lines.push({ level, event, fields });
    };
  const log: Log = {
    info: say("info"),
    warn: say("warn"),
    error: say("error"),
    flush: async () => {},
  };
  const signing = { count: 0, refuses: false };
  const key = keys[index] as Signer;
  const signer: Signer = {
    ...key,
    signMessage: (domain, structHash) => {
      signing.count += 1;
      if (signing.refuses) throw new SignerUnavailable("It is locked.", "Unlock it.");
      return key.signMessage(domain, structHash);
    },
  };
  const reader = {
    commitQuorum: async () => shared.quorum,
    isRegistered: async (_: Address, one: Address) => shared.approved.includes(one),
    at: () => reader,
    commitment: async (_: number, token: Address) =>
      shared.committed.includes(token) ? OTHER_ROOTS : undefined,
    isDisputeOpen: async () => true,
    withdrawal: async (client: Address) =>
      withdrawals(world.state).find((one) => one.client === client),
  } as unknown as MediatorReader;
  const quorum = new CommitQuorum({
    state: world.state,
    reader,
    manager: mediator,
    domain: DOMAIN,
    signer,
    log,
    curve: nobleCurve,
    board: shared,
    approved: () => shared.approved,
    onPoll: () => {},
  });
  const said = (event: string) => lines.filter((line) => line.event === event);
  return { quorum, world, signing, said };
}

function atRound1(): World {
  const world = tradingWorld();
  world.mineTo(FIRST);
  return world;
}

/** Undefined while a cancellation must land first. */
function dutyOf(world: World): CommitDuty {
  const view = {
    head: world.block,
    isCommitted: () => false,
    isRequestActive: () => true,
    isDisputeOpen: () => false,
  };
  const isCommit = (duty: Duty) => duty.kind === "commit";
  return sendableDuties(world.state, view).find(isCommit) as CommitDuty;
}

describe("a quorum of operators", () => {
  it("a quorum of one costs nothing", async () => {
    const shared = new Shared();
    shared.quorum = 1;
    const { quorum, world, signing } = operator(shared, 0);
    await quorum.poll(FIRST);
    expect(await quorum.gather(dutyOf(world))).toEqual([]);
    expect([signing.count, shared.asked]).toEqual([0, 0]);
    expect(quorum.wait).toBeUndefined();
  });

  it("an operator attests once what its own journal gives, also after a restart", async () => {
    const shared = new Shared();
    const { quorum, signing } = operator(shared, 0);
    await quorum.poll(FIRST);
    await quorum.poll(FIRST + 1);
    const again = operator(shared, 0);
    await again.quorum.poll(FIRST + 2);
    expect([signing.count, again.signing.count]).toEqual([1, 0]);
    expect([...shared.rows.values()]).toMatchObject([{ round: 1, operator: ADA }]);
  });

  it("an operator attests anew what is the same in the next round", async () => {
    const shared = new Shared();
    const { quorum, world } = operator(shared, 0);
    await quorum.poll(FIRST);
    world.duties();
    world.mineTo(firstBlockOf(SCHEDULE, 2));
    await quorum.poll(world.block);
    const [first, second] = [...shared.rows.values()];
    expect(second).toMatchObject({ round: 2, operator: ADA, rootsHash: first?.rootsHash });
    const other = operator(shared, 1, world);
    await other.quorum.poll(world.block);
    expect(await other.quorum.gather(dutyOf(world))).toHaveLength(1);
  });

  it("an operator attests nothing outside a commit's quarter, or with a late machine", async () => {
    const shared = new Shared();
    const { quorum } = operator(shared, 0);
    await quorum.poll(LAST + 1);
    await operator(shared, 1, tradingWorld()).quorum.poll(FIRST);
    expect(shared.asked).toBe(0);
  });

  it("an operator attests before the cancellations that its commit must wait for", async () => {
    const world = tradingWorld();
    world.toQuarter(1, 1);
    world.place(limitOrder(ALICE, 1, 1, "ask", 900, 5));
    world.place(limitOrder(TRADER, 1, 1, "bid", 900, 5));
    world.toQuarter(2, 0);
    world.duties();
    world.withdraw(ALICE, BASE, 5_000n).mine();
    world.mineTo(firstBlockOf(SCHEDULE, 3));
    expect(dutyOf(world)).toBeUndefined();
    const shared = new Shared();
    await operator(shared, 0, world).quorum.poll(world.block);
    expect([...shared.rows.values()]).toMatchObject([{ round: 3, operator: ADA }]);
  });

  it("a quorum forgets what diverged when a commit takes one again", async () => {
    const shared = new Shared();
    const { quorum } = operator(shared, 0);
    await shared.leave(1, OTHER_ROOTS);
    await quorum.poll(FIRST);
    expect(quorum.divergences).toHaveLength(1);
    shared.quorum = 1;
    await quorum.poll(FIRST + 1);
    expect([quorum.divergences, quorum.wait]).toEqual([[], undefined]);
  });

  it("a quorum names the operators that it waits for, and takes as many as it needs", async () => {
    const shared = new Shared();
    shared.quorum = 3;
    const members = [0, 1, 2].map((index) => operator(shared, index));
    const [ada, bob, cy] = members as [
      (typeof members)[0],
      (typeof members)[0],
      (typeof members)[0],
    ];
    await ada.quorum.poll(FIRST);
    await bob.quorum.poll(FIRST);
    const problem = await ada.quorum.gather(dutyOf(ada.world)).catch((error) => error);
    expect(problem).toMatchObject({ code: "AttestationsMissing" });
    expect(problem.message).toContain(`1 of 2 attestations are there; missing: ${CY}`);
    expect(bob.quorum.wait).toMatchObject({ quorum: 3, missing: [CY], blocksLeft: LAST - FIRST });
    await cy.quorum.poll(FIRST + 1);
    for (const { quorum, world } of members) {
      await quorum.poll(FIRST + 1);
      expect(quorum.wait).toBeUndefined();
      expect(await quorum.gather(dutyOf(world))).toHaveLength(2);
    }
    shared.quorum = 2;
    expect(await ada.quorum.gather(dutyOf(ada.world))).toHaveLength(1);
  });

  it("a quorum neither uses nor awaits the attestation of a removed operator", async () => {
    const shared = new Shared();
    const [ada, bob] = [operator(shared, 0), operator(shared, 1)];
    await bob.quorum.poll(FIRST);
    shared.approved = [ADA, CY];
    await ada.quorum.poll(FIRST);
    expect(ada.quorum.wait).toMatchObject({ attested: [ADA], missing: [CY] });
    await expect(ada.quorum.gather(dutyOf(ada.world))).rejects.toThrow(/0 of 1/);
  });

  it("a removed operator attests nothing", async () => {
    const shared = new Shared();
    shared.approved = [ADA, CY];
    const { quorum, signing } = operator(shared, 1);
    await quorum.poll(FIRST);
    expect([signing.count, shared.rows.size]).toEqual([0, 0]);
  });

  it("a quorum names both operators when one signed other roots", async () => {
    const shared = new Shared();
    const { quorum, said } = operator(shared, 0);
    await shared.leave(1, OTHER_ROOTS);
    await quorum.poll(FIRST);
    await quorum.poll(FIRST + 1);
    const own = [...shared.rows.values()].find((row) => row.operator === ADA)?.rootsHash;
    const divergence = { operator: BOB, rootsHash: OTHER_ROOTS, ownRootsHash: own };
    expect(quorum.divergences).toMatchObject([{ round: 1, ...divergence }]);
    expect(said("rootsDiverge")).toMatchObject([
      { level: "error", fields: { ...divergence, ownOperator: ADA, commitRound: 1 } },
    ]);
    shared.approved = [ADA, CY];
    await quorum.poll(FIRST + 2);
    expect(quorum.divergences).toEqual([]);
  });

  it("a quorum takes the rest of the roots for no divergence, once some are on chain", async () => {
    const shared = new Shared();
    const [ada, bob] = [operator(shared, 0), operator(shared, 1)];
    await bob.quorum.poll(FIRST);
    shared.committed = [BASE];
    await ada.quorum.poll(FIRST + 1);
    expect(ada.quorum.divergences).toEqual([]);
    expect(ada.quorum.wait).toMatchObject({ attested: [ADA], missing: [BOB, CY] });
    await bob.quorum.poll(FIRST + 2);
    await ada.quorum.poll(FIRST + 2);
    expect([ada.quorum.wait, bob.quorum.divergences]).toEqual([undefined, []]);
  });

  it("a quorum shows a divergence to the operator that signs last", async () => {
    const shared = new Shared();
    const other = tradingWorld();
    other.deposit(ADA, GENESIS.markets[0]?.base as Address, 5n).mineTo(FIRST);
    const [ada, bob] = [operator(shared, 0), operator(shared, 1, other)];
    await ada.quorum.poll(FIRST);
    await bob.quorum.poll(FIRST);
    expect(bob.quorum.divergences).toMatchObject([{ operator: ADA }]);
    await ada.quorum.poll(FIRST + 1);
    expect(ada.quorum.divergences).toMatchObject([{ operator: BOB }]);
    await expect(ada.quorum.gather(dutyOf(ada.world))).rejects.toThrow(/0 of 1/);
  });
});

describe("an operator of a quorum", () => {
  it("an operator commits with what it has read, though the database is gone since", async () => {
    const shared = new Shared();
    const [ada, bob] = [operator(shared, 0), operator(shared, 1)];
    await bob.quorum.poll(FIRST);
    await ada.quorum.poll(FIRST);
    shared.isDown = true;
    const { asked } = shared;
    expect(await ada.quorum.gather(dutyOf(ada.world))).toHaveLength(1);
    expect(shared.asked).toBe(asked);
    await ada.quorum.poll(FIRST + 1);
    expect(ada.quorum.wait).toBeUndefined();
  });

  it("an operator makes up for what the database did not take", async () => {
    const shared = new Shared();
    const { quorum, signing, world } = operator(shared, 0);
    shared.isDown = true;
    await quorum.poll(FIRST);
    expect(quorum.wait).toMatchObject({ problem: UNREACHABLE });
    const waits = quorum.gather(dutyOf(world));
    await expect(waits).rejects.toMatchObject({ code: "AttestationsMissing", cause: UNREACHABLE });
    shared.isDown = false;
    await quorum.poll(FIRST + 1);
    expect(shared.rows.size).toBe(1);
    expect(signing.count).toBe(1);
  });

  it("an operator makes up for what its signer refused", async () => {
    const shared = new Shared();
    const { quorum, signing } = operator(shared, 0);
    signing.refuses = true;
    await quorum.poll(FIRST);
    expect(quorum.wait?.problem?.message).toMatch(/locked/);
    signing.refuses = false;
    await quorum.poll(FIRST + 1);
    expect(shared.rows.size).toBe(1);
  });

  it("an operator restores its overwritten attestation, and says so once", async () => {
    const shared = new Shared();
    const { quorum, signing, said } = operator(shared, 0);
    await quorum.poll(FIRST);
    const [[key, row]] = [...shared.rows] as [[string, Attestation]];
    shared.rows.set(key, { ...row, signature: `0x${"11".repeat(64)}` });
    await quorum.poll(FIRST + 1);
    await quorum.poll(FIRST + 2);
    expect(shared.rows.get(key)).toEqual(row);
    expect(signing.count).toBe(1);
    expect(said("attestationRefused")).toHaveLength(1);
  });

  it("an operator warns ever louder of missing operators, and not with every block", async () => {
    const shared = new Shared();
    const { quorum, said } = operator(shared, 0);
    for (let head = FIRST; head < LAST; head++) await quorum.poll(head);
    expect(
      said("attestationsMissing").map(({ level, fields }) => [level, fields.blocksLeft]),
    ).toEqual([
      ["info", 7],
      ["warn", 6],
      ["warn", 3],
      ["error", 2],
      ["error", 1],
    ]);
    expect(said("attestationsMissing").at(-1)?.fields).toMatchObject({
      block: LAST - 1,
      round: 1,
      quarter: 0,
      commitRound: 1,
      quorum: 2,
      there: 1,
      attested: [ADA],
      missing: [BOB, CY],
      deadlineBlock: LAST,
    });
  });
});

describe("the check of the quorum", () => {
  const { deadlineLeftQuarters } = guardsSchema.parse(undefined);
  const probe = (quorum: Pick<CommitQuorum, "wait" | "divergences">, needed = 2, isShared = true) =>
    quorumCheck({
      quorum,
      isShared,
      deadlineLeftQuarters,
      schedule: SCHEDULE,
      metrics: new Metrics(),
      readQuorum: async () => needed,
      head: () => FIRST + 2,
    }).probe();
  const calm = { wait: undefined, divergences: [] };

  it("the check of the quorum is ok for a quorum of one, and where nobody is missing", async () => {
    for (const [needed, isShared] of [
      [1, false],
      [1, true],
      [3, true],
    ] as const) {
      expect(await probe(calm, needed, isShared)).toMatchObject([
        { check: "commitQuorum", value: Number.POSITIVE_INFINITY },
        { check: "attestedRoots", value: 0 },
      ]);
    }
  });

  it("the check of the quorum leaves no time to an operator that shares no database", async () => {
    const [first] = await probe(calm, 2, false);
    expect(first).toMatchObject({ value: 0, detail: expect.stringMatching(/shares no database/) });
  });

  it("the check of the quorum counts the time that is left for missing operators", async () => {
    const shared = new Shared();
    const { quorum } = operator(shared, 0);
    await quorum.poll(FIRST);
    await shared.leave(1, OTHER_ROOTS);
    await quorum.poll(FIRST + 1);
    const [missing, diverged] = await probe(quorum);
    expect(missing).toMatchObject({ value: (LAST - FIRST - 2) / 8 });
    expect(missing?.detail).toMatch(`1 of 2 operators, without ${BOB}, ${CY}, 5 blocks left`);
    expect(diverged).toMatchObject({ value: 1, detail: expect.stringContaining(OTHER_ROOTS) });
  });
});
