/** Words of an endpoint that a duty is done, against what the journal holds. */
import { describe, expect, it } from "vitest";
import {
  ALICE,
  BASE,
  BOB,
  limitOrder,
  tradingWorld,
  type World,
} from "../../exchange/world.testkit.ts";
import { claimsOfDuty, DoneClaims } from "./doneClaims.ts";
import { type ChainView, type Duty, questions } from "./duties.ts";

const CONFIRMATIONS = 2;
/** Blocks after which a claim must show in the journal: a reorganisation may move what is done. */
const BLOCKS_TO_SHOW = CONFIRMATIONS + 3;

/** Everything is done as of `head`. */
function allDone(head: number): ChainView {
  return {
    head,
    isRequestActive: () => false,
    isCommitted: () => true,
    isDisputeOpen: () => false,
  };
}

/** A commit is owed, and a cancellation. */
function owing(): World {
  const world = tradingWorld();
  world.toQuarter(1, 1);
  world.place(limitOrder(ALICE, 1, 1, "ask", 900, 5));
  world.place(limitOrder(BOB, 1, 1, "bid", 900, 5));
  world.toQuarter(2, 0);
  world.duties();
  world.withdraw(ALICE, BASE, 5_000n);
  world.toQuarter(2, 1);
  return world;
}

function held(
  claims: DoneClaims,
  { state, block }: World,
  { view = allDone(block + CONFIRMATIONS), newestMined = 0 } = {},
) {
  return claims.hold(state, view, questions(state), () => newestMined);
}

describe("claims that duties are done", () => {
  it("a claim counts until final blocks would show it, and is refuted then", () => {
    const world = owing();
    const claims = new DoneClaims();
    const [request] = questions(world.state).requests;
    if (request === undefined) throw new Error("no request is refused");
    for (let blocks = 0; blocks < BLOCKS_TO_SHOW; blocks++, world.mine()) {
      const { view, refuted } = held(claims, world);
      expect([refuted, view.isRequestActive(request)]).toEqual([[], false]);
    }
    const { view, refuted } = held(claims, world);
    expect(refuted).toEqual([`request of ${ALICE} for 5000 of ${BASE} in round 2`]);
    expect(view.isRequestActive(request)).toBe(true);
    expect(view.isRequestActive({ ...request, amount: 1n })).toBe(false);
  });

  it("a commit is refuted token by token, until the journal holds it", () => {
    const world = tradingWorld();
    world.toQuarter(1, 0);
    const claims = new DoneClaims();
    held(claims, world);
    world.mine(BLOCKS_TO_SHOW);
    const { view, refuted } = held(claims, world);
    expect(refuted).toContain(`commit of round 1 for ${BASE}`);
    expect(view.isCommitted(1, BASE)).toBe(false);
    expect(view.isCommitted(2, BASE)).toBe(true);
    world.duties();
    world.mine();
    expect(held(claims, world).view.isCommitted(1, BASE)).toBe(true);
  });

  it("a claim that is taken back begins anew", () => {
    const world = owing();
    const claims = new DoneClaims();
    held(claims, world);
    world.mine(BLOCKS_TO_SHOW - 1);
    const view = { ...allDone(world.block + CONFIRMATIONS), isRequestActive: () => true };
    held(claims, world, { view });
    world.mine();
    expect(held(claims, world).refuted).toEqual([]);
  });

  it("a refuted claim counts no more, until a transaction of ours may have done it", () => {
    const world = owing();
    const claims = new DoneClaims();
    const [request] = questions(world.state).requests;
    if (request === undefined) throw new Error("no request is refused");
    held(claims, world);
    world.mine(BLOCKS_TO_SHOW);
    expect(held(claims, world).refuted).toHaveLength(1);
    world.mine();
    const again = held(claims, world);
    expect([again.refuted, again.view.isRequestActive(request)]).toEqual([[], true]);
    const newestMined = world.block + CONFIRMATIONS;
    expect(held(claims, world, { newestMined }).view.isRequestActive(request)).toBe(false);
    world.mine(BLOCKS_TO_SHOW);
    expect(held(claims, world, { newestMined }).refuted).toHaveLength(1);
  });

  it("a transaction for one duty lets no claim about another count again", () => {
    const world = owing();
    const claims = new DoneClaims();
    const asked = questions(world.state);
    const [request] = asked.requests;
    if (request === undefined) throw new Error("no request is refused");
    held(claims, world);
    world.mine(BLOCKS_TO_SHOW);
    expect(held(claims, world).refuted).toHaveLength(1);
    world.mine();
    const block = world.block + CONFIRMATIONS;
    const commits = claimsOfDuty({
      kind: "commit",
      deadlineBlock: block,
      round: 2,
      roots: [{ token: BASE }],
    } as unknown as Duty);
    expect(commits).toEqual([`commit of round 2 for ${BASE}`]);
    const minedFor = (claim: string) => (commits.includes(claim) ? block : 0);
    const { view } = claims.hold(world.state, allDone(block), asked, minedFor);
    expect(view.isRequestActive(request)).toBe(true);
  });

  it("claims are not refuted by what was settled while they were read", () => {
    const world = owing();
    const claims = new DoneClaims();
    const asked = questions(world.state);
    claims.hold(world.state, allDone(world.block), { ...asked, requests: [] }, () => 0);
    world.log({
      kind: "withdrawalCancelled",
      client: ALICE,
      token: BASE,
      round: 2,
      amount: 5_000n,
    });
    world.mine();
    expect(claims.hold(world.state, allDone(world.block), asked, () => 0).refuted).toEqual([]);
  });
});
