import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toAddress } from "../../base/address.ts";
import type { Address } from "../../base/hex.ts";
import type { SlotView } from "../../chain/contracts/roundRobinManager.ts";
import { decideClaim } from "./claims.ts";

const SIZE = 100;

function operator(index: number): Address {
  return toAddress(`0x${(index + 1).toString(16).padStart(40, "0")}`);
}

function slotsOf(count: number, slot: number, more: Partial<SlotView> = {}): SlotView {
  const operators = Array.from({ length: count }, (_, i) => ({
    address: operator(i),
    name: `operator ${i}`,
    endpoint: `http://${i}`,
  }));
  const firstBlock = 1000 + slot * SIZE;
  return {
    block: firstBlock,
    inMaintenance: false,
    slot,
    firstBlock,
    slotSize: SIZE,
    operators,
    lastBlock: firstBlock + SIZE - 1,
    operator: undefined,
    claimed: [],
    forecast: undefined,
    ...more,
  };
}

describe("a claim", () => {
  test("a claim is sent at once by the first in line for the next slot", () => {
    for (let slot = 0; slot < 9; slot++) {
      const slots = slotsOf(3, slot);
      const claiming = [0, 1, 2].filter((i) => decideClaim(slots, operator(i)).kind === "claim");
      // The search for the next slot, slot + 1, begins at place slot mod N.
      expect(claiming).toEqual([slot % 3]);
      expect(decideClaim(slots, operator(slot % 3))).toEqual({ kind: "claim", slot: slot + 1 });
    }
  });

  test("a claim of the second waits for 60 % of the slot, and then joins the first", () => {
    const early = slotsOf(3, 3, { claimed: [operator(0)], forecast: operator(0) });
    const due = early.firstBlock + 60;
    expect(decideClaim(early, operator(1))).toEqual({ kind: "wait", block: due });
    expect(decideClaim({ ...early, block: due - 1 }, operator(1)).kind).toBe("wait");
    expect(decideClaim({ ...early, block: due }, operator(1)).kind).toBe("claim");
    expect(decideClaim({ ...early, block: due }, operator(2))).toEqual({
      kind: "wait",
      block: early.firstBlock + 70,
    });
  });

  test("a claim of the third is skipped when two have claimed", () => {
    const claimed = [operator(0), operator(1)];
    const slots = slotsOf(3, 3, { claimed, forecast: operator(0) });
    const late = { ...slots, block: slots.firstBlock + 90 };
    expect(decideClaim(late, operator(2))).toEqual({ kind: "skip", saved: true });
  });

  test("a claim is due while it lands in the slot, however short that is, whoever waits", () => {
    for (let size = 4; size <= 24; size++) {
      const slots = slotsOf(10, 0);
      const lastBlock = slots.firstBlock + size - 1;
      for (let rank = 1; rank < 10; rank++) {
        // What is sent at the last block lands in the next slot.
        const atLatest = { ...slots, lastBlock, block: lastBlock - 1 };
        expect(decideClaim(atLatest, operator(rank)).kind).toBe("claim");
      }
    }
  });

  test.each([
    ["in maintenance", { inMaintenance: true, lastBlock: undefined }, 0],
    ["claimed already", { claimed: [operator(0)], forecast: operator(0) }, 0],
    ["by one who is not approved", {}, 7],
  ])("a claim is not sent %s", (_what, more, index) => {
    const slots = slotsOf(3, 3, more);
    expect(decideClaim(slots, operator(index))).toEqual({ kind: "skip", saved: false });
  });

  test("a claim of a lone operator is sent until it is the fallback, and never again", () => {
    expect(decideClaim(slotsOf(1, 4), operator(0)).kind).toBe("claim");
    const fallback = slotsOf(1, 5, { forecast: operator(0) });
    expect(decideClaim(fallback, operator(0))).toEqual({ kind: "skip", saved: true });
  });

  test("a claim is skipped where the fallback is ours and nobody claimed", () => {
    const slots = slotsOf(3, 3, { forecast: operator(1) });
    const late = { ...slots, block: slots.firstBlock + 60 };
    expect(decideClaim(late, operator(1))).toEqual({ kind: "skip", saved: true });
  });
});

/** Plays slots: each living operator looks at every block. Claims of each slot, in order. */
function play(count: number, slots: number, lives: (index: number, slot: number) => boolean) {
  let fallback: Address | undefined;
  const claims: Address[][] = [];
  for (let slot = 0; slot < slots; slot++) {
    const claimed: Address[] = [];
    const slots = slotsOf(count, slot);
    const atStart = fallback;
    for (let block = slots.firstBlock; block < slots.firstBlock + SIZE; block++) {
      for (let i = 0; i < count; i++) {
        if (!lives(i, slot)) continue;
        const forecast = forecastOf(count, slot + 1, claimed) ?? fallback ?? atStart;
        const view = { ...slots, block, claimed: [...claimed], forecast };
        if (decideClaim(view, operator(i)).kind !== "claim") continue;
        claimed.push(operator(i));
        fallback = operator(i);
      }
    }
    claims.push(claimed);
  }
  return { claims, fallback };
}

function forecastOf(count: number, slot: number, claimed: readonly Address[]) {
  for (let i = 0; i < count; i++) {
    const candidate = operator((slot - 1 + i) % count);
    if (claimed.includes(candidate)) return candidate;
  }
  return undefined;
}

describe("the claims of a slot", () => {
  test("the claims of a slot are two when all operators live, whatever their number", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), (count) => {
        const { claims } = play(count, 2 * count, () => true);
        for (const claimed of claims) expect(claimed).toHaveLength(2);
        const first = claims.map((claimed, slot) => claimed[0] === operator(slot % count));
        expect(first).not.toContain(false);
      }),
    );
  });

  test("the claims name an operator that lives, whichever are dead, but for the fallback", () => {
    const dead = fc.array(fc.nat(7), { maxLength: 7 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), dead, (count, gone) => {
        const living = Array.from({ length: count }, (_, i) => i).filter((i) => !gone.includes(i));
        fc.pre(living.length > 0);
        const { claims, fallback } = play(count, 10, (index) => !gone.includes(index));
        const alive = living.map(operator);
        expect(alive).toContain(fallback);
        for (const claimed of claims) {
          expect(claimed.length).toBeLessThanOrEqual(2);
          expect(claimed.every((address) => alive.includes(address))).toBe(true);
        }
        expect(claims[0]?.length).toBeGreaterThan(0);
      }),
    );
  });
});
