import fc from "fast-check";
import { keccak256 } from "viem";
import { describe, expect, it } from "vitest";
import type { Hex } from "../../base/hex.ts";
import type { Job } from "./call.ts";
import type { Fees } from "./fees.ts";
import {
  currentOf,
  EMPTY_SLOT,
  holderOf,
  nextSlot,
  outstandingOf,
  type SlotEvent,
  type SlotPhase,
  type SlotState,
  type Version,
  versionsOf,
} from "./nextSlot.ts";

const NO_FLOOR = { tip: 0n, fee: 0n };
const MARKET = {
  head: 9,
  earlier: 1,
  span: 8,
  baseFee: 7n,
  earlierBaseFee: 7n,
  priorityFee: 1n,
  urgentPriorityFee: 1n,
};

function jobOf(serial: number): Job {
  const call = { what: `call ${serial}`, to: `0x${"70".repeat(20)}`, data: "0x" } as const;
  return { call, reverts: 0, settled: false, isNoOp: false, resolve: () => {}, reject: () => {} };
}

const JOBS = [0, 1, 2].map(jobOf) as [Job, Job, Job];
const [FIRST, SECOND] = JOBS;

function feesOf(tip: bigint): Fees {
  return { maxFeePerGas: tip * 2n, maxPriorityFeePerGas: tip };
}

function versionOf(serial: number, job: Job): Version {
  const raw: Hex = `0x${serial.toString(16).padStart(8, "0")}`;
  return { job, gas: 21_000n, hash: keccak256(raw), raw, fees: feesOf(BigInt(serial)) };
}

const broadcast = (serial: number, job = FIRST): SlotEvent => ({
  kind: "broadcast",
  version: versionOf(serial, job),
});
const mined = (serial: number, block: Hex = "0xb1"): SlotEvent => ({
  kind: "mined",
  mined: { hash: versionOf(serial, FIRST).hash, block },
});
const held = (job = FIRST): SlotEvent => ({ kind: "held", holder: { job, gas: 21_000n } });
const polled = (nonceUsed: boolean | undefined, counts = true): SlotEvent => ({
  kind: "polled",
  nonceUsed,
  counts,
});
const rebroadcast: SlotEvent = {
  kind: "rebroadcast",
  holder: { job: FIRST, gas: 1n },
  market: MARKET,
};
const LOST: SlotEvent = { kind: "lost" };
const REOPENED: SlotEvent = { kind: "reopened", isElsewhere: () => false };
const elsewhere = (job: Job): SlotEvent => ({
  kind: "reopened",
  isElsewhere: (one) => one === job,
});

function run(...events: readonly SlotEvent[]): SlotState {
  return events.reduce(nextSlot, EMPTY_SLOT);
}

/** One way into each phase. */
const WAYS: Readonly<Record<SlotPhase["kind"], readonly SlotEvent[]>> = {
  empty: [],
  reserved: [held()],
  pending: [broadcast(1)],
  mined: [broadcast(1), mined(1)],
  lost: [LOST],
  reorged: [broadcast(1), mined(1), REOPENED],
};

/** The table of the head comment; undefined: an alarm. */
const TABLE: Readonly<Record<string, Partial<Record<SlotPhase["kind"], SlotPhase["kind"]>>>> = {
  held: { empty: "reserved", reserved: "reserved", pending: "pending", reorged: "reorged" },
  broadcast: { empty: "pending", reserved: "pending", pending: "pending", reorged: "pending" },
  mined: { pending: "mined", reorged: "mined" },
  lost: { empty: "lost", reserved: "lost", pending: "lost", reorged: "lost" },
  reopened: { empty: "empty", mined: "reorged", lost: "empty" },
  rebroadcast: { pending: "pending", reorged: "reorged" },
  attempted: { empty: "empty", reserved: "reserved", pending: "pending", reorged: "reorged" },
  underpriced: { empty: "empty", reserved: "reserved", pending: "pending", reorged: "reorged" },
  polled: { empty: "empty", reserved: "reserved", pending: "pending", reorged: "reorged" },
  overdue: { empty: "empty", reserved: "reserved", pending: "pending", reorged: "reorged" },
};
const EVENTS: Readonly<Record<string, SlotEvent>> = {
  held: held(),
  broadcast: broadcast(2),
  mined: mined(1),
  lost: LOST,
  reopened: REOPENED,
  rebroadcast,
  attempted: { kind: "attempted", job: FIRST, market: MARKET },
  underpriced: { kind: "underpriced", fees: feesOf(1n), floor: NO_FLOOR },
  polled: polled(false),
  overdue: { kind: "overdue" },
};

describe("the phases of a nonce", () => {
  const cells = Object.keys(TABLE).flatMap((event) =>
    Object.keys(WAYS).map((from) => ({ event, from: from as SlotPhase["kind"] })),
  );

  it.each(cells)("the phases follow the table: $event of a $from nonce", ({ event, from }) => {
    const state = run(...WAYS[from]);
    expect(state.phase.kind).toBe(from);
    const to = TABLE[event]?.[from];
    const step = () => nextSlot(state, EVENTS[event] as SlotEvent).phase.kind;
    if (to === undefined) expect(step).toThrow(/This must never happen/);
    else expect(step()).toBe(to);
  });

  it("the phases come back as they were where a lost nonce is reopened", () => {
    for (const kind of ["empty", "reserved", "pending", "reorged"] as const) {
      const before = run(...WAYS[kind]);
      expect(nextSlot(nextSlot(before, LOST), REOPENED).phase).toEqual(before.phase);
    }
  });

  it("a version that was not broadcast for the nonce is never mined", () => {
    expect(() => run(broadcast(1), mined(2))).toThrow(/This must never happen/);
    expect(run(broadcast(1), broadcast(2), mined(1)).phase.kind).toBe("mined");
  });
});

describe("the versions of a nonce", () => {
  const outstanding = (state: SlotState) => outstandingOf(state.phase).map(({ hash }) => hash);
  const hashes = (...serials: number[]) => serials.map((one) => versionOf(one, FIRST).hash);

  it("every version may be mined while none is, and the newest is the current one", () => {
    const state = run(broadcast(1), broadcast(2, SECOND), broadcast(3));
    expect(outstanding(state)).toEqual(hashes(3, 2, 1));
    expect(currentOf(state.phase)?.hash).toBe(hashes(3)[0]);
  });

  it("a reorganisation leaves the mined version alone: the others have other nonces", () => {
    const state = run(broadcast(1), broadcast(2, SECOND), mined(1), REOPENED);
    expect(outstanding(state)).toEqual(hashes(1));
    expect(currentOf(state.phase)?.job).toBe(FIRST);
    // A receipt of any of them still settles the nonce.
    expect(nextSlot(state, mined(2)).phase.kind).toBe("mined");
  });

  it("the mined version stays alone where its nonce was lost after the reorganisation", () => {
    const reorged = [broadcast(1), broadcast(2, SECOND), mined(1), REOPENED];
    expect(outstanding(run(...reorged, LOST))).toEqual(hashes(1));
    expect(outstanding(run(...reorged, LOST, REOPENED))).toEqual(hashes(1));
  });

  it("a new version broadcast after a reorganisation stands beside the mined one", () => {
    const reorged = [broadcast(1), broadcast(2, SECOND), mined(1), REOPENED];
    const state = run(...reorged, broadcast(3, SECOND));
    expect(outstanding(state)).toEqual(hashes(3, 1));
    expect(versionsOf(state.phase).map(({ hash }) => hash)).toEqual(hashes(3, 2, 1));
    // The block that was seen before is remembered: its receipt was told already.
    expect(state.progress.lastMined).toEqual({ hash: hashes(1)[0], block: "0xb1" });
  });

  it("the mined version has its nonce given back to its call, whichever had it last", () => {
    const state = run(broadcast(1), broadcast(2, SECOND), mined(1), REOPENED);
    expect(holderOf(state.phase)).toEqual({ job: FIRST, gas: 21_000n });
  });

  it("no version is left where the mined one was reverted and its call moved on", () => {
    const state = run(broadcast(1), broadcast(2, SECOND), mined(2), elsewhere(SECOND));
    expect([state.phase.kind, holderOf(state.phase)]).toEqual(["empty", undefined]);
    expect(outstanding(state)).toEqual([]);
    // Nodes may mine any of them all the same.
    expect(nextSlot(state, mined(1)).phase.kind).toBe("mined");
    expect(nextSlot(nextSlot(state, held()), mined(2)).phase.kind).toBe("mined");
    expect(outstanding(nextSlot(state, broadcast(3)))).toEqual(hashes(3));
  });

  it("the versions stay the first call's where another broadcasts the same transaction", () => {
    const state = run(broadcast(1), broadcast(2), broadcast(1, SECOND));
    expect(outstanding(state)).toEqual(hashes(1, 2));
    expect(currentOf(state.phase)?.job).toBe(FIRST);
    expect(holderOf(state.phase)?.job).toBe(SECOND);
    // Its first call has another nonce after a reorganisation.
    const reorged = [broadcast(1), broadcast(2, SECOND), mined(2), REOPENED];
    const again = run(...reorged, broadcast(1, SECOND));
    expect(outstandingOf(again.phase).map(({ job }) => job)).toEqual([SECOND, SECOND]);
  });
});

describe("the figures of a nonce", () => {
  it("the figures count polls since the last attempt, those that no call waits for aside", () => {
    const state = run(broadcast(1), polled(false), polled(undefined), polled(false, false));
    expect(state.progress.polls).toBe(2);
    const again = nextSlot(state, { kind: "attempted", job: FIRST, market: undefined });
    expect([again.progress.polls, again.progress.attempts.get(FIRST)]).toEqual([0, 1]);
  });

  it("the figures count polls in a row with the nonce used; one without answer is none", () => {
    const used = (...seen: (boolean | undefined)[]) =>
      run(broadcast(1), ...seen.map((one) => polled(one))).progress.pollsAfterUse;
    expect(used(true, undefined, true)).toBe(2);
    expect(used(true, true, false, true)).toBe(1);
    expect(run(broadcast(1), polled(true)).progress.polls).toBe(0);
  });

  it("a rebroadcast counts as no attempt", () => {
    const { progress } = run(broadcast(1), polled(false), rebroadcast);
    expect([progress.polls, progress.attempts.size, progress.market]).toEqual([0, 0, MARKET]);
  });

  it("the next version pays what nodes named, else twice what they refused", () => {
    const refused = (tip: bigint, floor = NO_FLOOR): SlotEvent => ({
      kind: "underpriced",
      fees: feesOf(tip),
      floor,
    });
    expect(run(refused(5n)).progress.competing).toEqual(feesOf(10n));
    const named = run(refused(5n, { tip: 8n, fee: 0n })).progress;
    expect([named.floor, named.competing]).toEqual([{ tip: 8n, fee: 0n }, undefined]);
    // Fees above every minimum are refused for a competing transaction.
    const above = run(refused(5n, { tip: 8n, fee: 0n }), refused(9n)).progress;
    expect([above.floor.tip, above.competing]).toEqual([8n, feesOf(18n)]);
    expect(run(refused(5n), broadcast(20)).progress.competing).toBeUndefined();
  });
});

/** Events as they may come, whatever the phase. */
const events: fc.Arbitrary<SlotEvent[]> = fc.array(
  fc.oneof(
    fc.nat(2).map((pick) => held(JOBS[pick])),
    fc.record({ serial: fc.integer({ min: 1, max: 6 }), pick: fc.nat(2) }).map(({ serial, pick }) =>
      // A serial is a transaction: signed for one call, or for another that does the same.
      broadcast(serial, JOBS[pick]),
    ),
    fc.integer({ min: 1, max: 6 }).map((serial) => mined(serial)),
    fc.constantFrom(LOST, REOPENED, elsewhere(FIRST), rebroadcast, { kind: "overdue" } as const),
    fc.option(fc.boolean(), { nil: undefined }).map((nonceUsed) => polled(nonceUsed)),
  ),
  { maxLength: 40 },
);

it("a nonce forgets no version, and never has two transactions mined", () => {
  fc.assert(
    fc.property(events, (all) => {
      let state = EMPTY_SLOT;
      const sent = new Set<Hex>();
      for (const event of all) {
        const before = state;
        try {
          state = nextSlot(state, event);
        } catch {
          // The state that refuses an event stays as it is.
          expect(state).toBe(before);
          continue;
        }
        if (event.kind === "broadcast") sent.add(event.version.hash);
        const { phase } = state;
        expect(new Set(versionsOf(phase).map(({ hash }) => hash))).toEqual(sent);
        expect(versionsOf(phase).length).toBe(sent.size);
        for (const one of outstandingOf(phase)) expect(versionsOf(phase)).toContain(one);
        if (phase.kind === "pending") {
          expect(outstandingOf(phase)[0]?.hash).toBe(versionsOf(phase)[0]?.hash);
          expect(holderOf(phase)).toBeDefined();
        }
        if (phase.kind === "reorged") {
          expect(outstandingOf(phase).map(({ hash }) => hash)).toEqual([
            state.progress.lastMined?.hash,
          ]);
        }
        if (event.kind === "mined") expect(sent).toContain(event.mined.hash);
        // Only a reorganisation or an older nonce brings a settled nonce back.
        if (before.phase.kind === "mined") expect(event.kind).toBe("reopened");
      }
    }),
  );
});
