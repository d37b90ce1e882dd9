import fc from "fast-check";
import { keccak256 } from "viem";
import { describe, expect, it } from "vitest";
import type { Hex } from "../../base/hex.ts";
import type { Job } from "./call.ts";
import { MOST_IN_FLIGHT, NonceLine, priorityOf } from "./nonceLine.ts";
import type { NonceSlot } from "./nonceSlot.ts";

const BLOCK: Hex = `0x${"b1".repeat(32)}`;
const FEES = { maxFeePerGas: 2n, maxPriorityFeePerGas: 1n };

function jobOf(serial: number, priority: number, what = serial): Job {
  const data: Hex = `0x${what.toString(16).padStart(8, "0")}`;
  const call = { what: `call ${serial}`, to: `0x${"70".repeat(20)}` as Hex, data, priority };
  return { call, reverts: 0, settled: false, isNoOp: false, resolve: () => {}, reject: () => {} };
}

function dueIn(deadlineBlock: number, job: Job): Job {
  return { ...job, call: { ...job.call, deadlineBlock } };
}

/** What the submitter does with a place. */
function send(slot: NonceSlot, job: Job, serial: number): void {
  const raw: Hex = `0x${serial.toString(16).padStart(8, "0")}`;
  const version = { job, gas: 21_000n, hash: keccak256(raw), raw, fees: FEES };
  slot.apply({ kind: "broadcast", version });
}

/** Jobs come, are sent, mined in the order of their nonces, given up, and sent again. */
const deeds = fc.array(
  fc.oneof(
    fc.record({ deed: fc.constant("come"), priority: fc.nat(3), what: fc.nat(30) }),
    fc.record({ deed: fc.constantFrom("send", "mine", "giveUp", "lag"), pick: fc.nat(1000) }),
  ),
  { maxLength: 120 },
);

describe("nonces in flight", () => {
  it("the line keeps each call under one nonce, without gaps, within the nodes' limit", () => {
    fc.assert(
      fc.property(deeds, (all) => {
        const line = new NonceLine();
        const queue: Job[] = [];
        let next = 0;
        for (const [serial, one] of all.entries()) {
          if ("priority" in one) {
            queue.push(jobOf(serial, one.priority, one.what));
          } else if (one.deed === "mine" || one.deed === "giveUp") {
            const slot = line.slots[0];
            const job =
              one.deed === "mine" ? slot?.holder?.job : queue[one.pick % (queue.length || 1)];
            if (job === undefined) continue;
            job.settled = true;
            if (queue.includes(job)) queue.splice(queue.indexOf(job), 1);
            if (one.deed === "giveUp" || slot === undefined) continue;
            next = slot.nonce + 1;
            line.settle(slot, { hash: slot.versions[0]?.hash as Hex, block: BLOCK });
          } else {
            const job = queue[one.pick % (queue.length || 1)];
            if (job === undefined || !line.mayPlace(job)) continue;
            // An endpoint that lags tells an older nonce.
            const told = one.deed === "lag" && line.isAwaited ? Math.max(0, next - 2) : next;
            const slot = line.placeFor(job, told);
            if (slot === undefined) continue;
            const { owner } = slot;
            if (owner !== undefined) expect(priorityOf(owner)).toBeLessThan(priorityOf(job));
            send(slot, job, serial);
          }
          expectSound(line);
        }
      }),
    );
  });

  it("a greater call takes the first place of a lesser one, and no place beside it", () => {
    const line = new NonceLine();
    const [claim, commit, cancel] = [jobOf(1, 0), jobOf(2, 1), jobOf(3, 3)];
    for (const job of [commit, claim]) send(line.placeFor(job, 7) as NonceSlot, job, 1);
    expect(line.placeFor(cancel, 7)?.nonce).toBe(7);
    send(line.slots[0] as NonceSlot, cancel, 2);
    // The commit is out under 7 as well: it may be mined there yet.
    expect([line.mayPlace(commit), line.placeFor(commit, 7)]).toEqual([false, undefined]);
    line.settle(line.slots[0] as NonceSlot, undefined);
    expect(line.placeFor(commit, 8)?.nonce).toBe(8);
  });

  it("a greater call that is due later takes the place of a lesser one tried in vain", () => {
    const line = new NonceLine();
    const [claim, commit] = [dueIn(12, jobOf(1, 0)), dueIn(13, jobOf(2, 1))];
    const seven = line.placeFor(claim, 7) as NonceSlot;
    const places = [1, 2].map((serial) => {
      line.offeredFirst(claim);
      send(seven, claim, serial);
      const place = line.placeFor(commit, 7) as NonceSlot;
      line.giveBack(place);
      return place.nonce;
    });
    expect(places).toEqual([8, 7]);
  });

  it("a claim that others hold up was not tried in vain, however dearer it became", () => {
    const line = new NonceLine();
    const [commit, claim] = [dueIn(12, jobOf(1, 1)), dueIn(20, jobOf(2, 0))];
    const close = dueIn(40, jobOf(3, 2));
    send(line.placeFor(commit, 7) as NonceSlot, commit, 1);
    const eight = line.placeFor(claim, 7) as NonceSlot;
    for (const serial of [2, 3, 4]) {
      eight.apply({ kind: "attempted", job: claim, market: undefined });
      send(eight, claim, serial);
    }
    expect([eight.nonce, line.placeFor(close, 7)?.nonce]).toEqual([8, 9]);
  });

  it("a duty tried in vain makes way for none that is due later, whatever the priority", () => {
    const line = new NonceLine();
    const [commit, close] = [dueIn(12, jobOf(1, 1)), dueIn(13, jobOf(2, 2))];
    const seven = line.placeFor(commit, 7) as NonceSlot;
    for (const serial of [1, 2, 3]) {
      line.offeredFirst(commit);
      send(seven, commit, serial);
    }
    const eight = line.placeFor(close, 7) as NonceSlot;
    send(eight, close, 4);
    expect([eight.nonce, line.dutyHeldUpBy(seven)]).toEqual([8, undefined]);
  });

  it("a no-op before a duty keeps its nonce from calls of no priority while that waits", () => {
    const line = new NonceLine();
    const [claim, commit] = [dueIn(12, jobOf(1, 0)), dueIn(13, jobOf(2, 1))];
    const [bond, cancel] = [jobOf(3, 0), jobOf(4, 3)];
    for (const job of [claim, commit]) send(line.placeFor(job, 7) as NonceSlot, job, 1);
    const [seven] = line.slots as [NonceSlot];
    for (const serial of [2, 3]) {
      expect(line.dutyHeldUpBy(seven)).toBeUndefined();
      line.offeredFirst(claim);
      send(seven, claim, serial);
    }
    expect(line.dutyHeldUpBy(seven)).toBe(commit);
    send(seven, { ...jobOf(5, 0), settled: true, isNoOp: true }, 4);
    expect([line.mayPlace(claim), line.placeFor(claim, 7)]).toEqual([false, undefined]);
    expect([bond, cancel].map((job) => line.placeFor(job, 7)?.nonce)).toEqual([9, 7]);
    commit.settled = true;
    expect(line.placeFor(claim, 7)).toBe(seven);
  });

  it("the line names nonces that hold others up and are wanted by nobody", () => {
    const line = new NonceLine();
    const jobs = [jobOf(1, 0), jobOf(2, 0), jobOf(3, 0)];
    for (const job of jobs) send(line.placeFor(job, 0) as NonceSlot, job, 1);
    expect(line.gaps()).toEqual([]);
    for (const i of [0, 2]) (jobs[i] as Job).settled = true;
    expect(line.gaps().map(({ nonce }) => nonce)).toEqual([0]);
  });

  it("nonces are forgotten where the chain has gone back and nobody waits", () => {
    const line = new NonceLine();
    const job = jobOf(1, 0);
    send(line.placeFor(job, 5) as NonceSlot, job, 1);
    job.settled = true;
    expect(line.placeFor(jobOf(2, 0), 3)?.nonce).toBe(3);
  });

  it("each call keeps one nonce where a reorganisation brings back one it gave up", () => {
    const line = new NonceLine();
    const [lesser, greater] = [jobOf(1, 0), jobOf(2, 3)];
    const seven = line.placeFor(lesser, 7) as NonceSlot;
    send(seven, lesser, 1);
    send(line.placeFor(greater, 7) as NonceSlot, greater, 2);
    line.settle(seven, { hash: seven.versions[0]?.hash as Hex, block: BLOCK });
    greater.settled = true;
    const eight = line.placeFor(lesser, 8) as NonceSlot;
    send(eight, lesser, 3);
    line.reopenFrom(7);
    expect(seven.jobs()).toEqual([greater]);
    // A no-op replaces the reorged transaction, for which nobody waits.
    expect(line.gaps()).toEqual([seven]);
    send(seven, { ...jobOf(4, 0), settled: true, isNoOp: true }, 4);
    expect(seven.holds(lesser)).toBe(false);
    expect([line.mayPlace(lesser), line.placeFor(lesser, 7)]).toEqual([false, undefined]);
    expect(eight.owner).toBe(lesser);
  });

  it("a reverted call that was sent again keeps one nonce at a reorganisation", () => {
    const line = new NonceLine();
    const job = jobOf(1, 0);
    const seven = line.placeFor(job, 7) as NonceSlot;
    send(seven, job, 1);
    line.settle(seven, { hash: seven.versions[0]?.hash as Hex, block: BLOCK });
    send(line.placeFor(job, 8) as NonceSlot, job, 2);
    line.reopenFrom(7);
    // The reverted transaction is not sent once more: it might pass now, beside the one behind it.
    expect([seven.current, seven.owner, seven.holds(job)]).toEqual([undefined, undefined, false]);
    expect(line.gaps()).toEqual([seven]);
    // Nodes may mine it all the same: its receipt is still looked for, and its fees exceeded.
    expect(seven.versions.map(({ raw }) => raw)).toEqual(["0x00000001"]);
    expect(seven.feesToExceed).toEqual(FEES);
    line.settle(seven, { hash: seven.versions[0]?.hash as Hex, block: BLOCK });
    expect(line.slots.map(({ nonce }) => nonce)).toEqual([8]);
  });

  it("a reverted call that waits for a place stays where a reorganisation revives it", () => {
    const line = new NonceLine();
    const [job, other] = [jobOf(1, 0), jobOf(2, 0)];
    for (const one of [job, other]) send(line.placeFor(one, 7) as NonceSlot, one, 1);
    const seven = line.slots[0] as NonceSlot;
    line.settle(seven, { hash: seven.versions[0]?.hash as Hex, block: BLOCK });
    line.reopenFrom(7);
    expect([seven.owner, seven.current?.job, line.mayPlace(job)]).toEqual([job, job, false]);
  });

  it("a nonce that nobody waited for is remembered, and its call sent again under it", () => {
    const line = new NonceLine();
    const [abandoned, other, again] = [jobOf(1, 0), jobOf(2, 0), jobOf(3, 0, 1)];
    const seven = line.placeFor(abandoned, 7) as NonceSlot;
    send(seven, abandoned, 1);
    abandoned.settled = true;
    // The nonce is used, and the receipt of what used it was never looked for.
    const eight = line.placeFor(other, 8) as NonceSlot;
    send(eight, other, 2);
    expect([eight.nonce, line.slots]).toEqual([8, [eight]]);
    line.reopenFrom(7);
    expect(line.placeFor(again, 7)).toBe(seven);
  });

  it("the line tells nonces that a false word skipped from those that were used", () => {
    const line = new NonceLine();
    const [first, second] = [jobOf(1, 0), jobOf(2, 0)];
    const slot = line.placeFor(first, 7) as NonceSlot;
    send(slot, first, 1);
    line.settle(slot, { hash: slot.current?.hash as Hex, block: BLOCK });
    const skipped = line.placeFor(second, 10) as NonceSlot;
    send(skipped, second, 2);
    expect([skipped.nonce, line.hasUsedFrom(8), line.hasUsedFrom(7)]).toEqual([10, false, true]);
  });
});

function expectSound(line: NonceLine): void {
  const nonces = line.slots.map(({ nonce }) => nonce);
  expect(nonces.length).toBeLessThanOrEqual(MOST_IN_FLIGHT);
  for (let i = 1; i < nonces.length; i++) expect(nonces[i]).toBe((nonces[i - 1] as number) + 1);
  const out = line.slots.flatMap((slot) => slot.jobs().filter(({ settled }) => !settled));
  expect(new Set(out).size).toBe(out.length);
  const owned = line.slots.flatMap(({ owner }) => owner?.call.data ?? []);
  expect(new Set(owned).size).toBe(owned.length);
}
