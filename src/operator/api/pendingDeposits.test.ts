import { expect, it } from "vitest";
import type { Address, Hex } from "../../base/hex.ts";
import type { DepositMade } from "../../chain/follow/pastEvents.ts";
import { ALICE, BASE, BOB } from "../../exchange/world.testkit.ts";
import { PendingDeposits } from "./pendingDeposits.ts";

function made(client: Address, block: number): DepositMade {
  const transactionHash: Hex = `0x${block.toString(16).padStart(64, "0")}`;
  return { client, token: BASE, amount: 5n, block, transactionHash };
}

/** A chain of one deposit of Alice in block 11 and one of Bob in block 12; 10 is applied. */
function watched() {
  const chain = { from: 11, to: 12, reads: 0, isSick: false, answers: Promise.resolve() };
  const told: Address[][] = [];
  const pending = new PendingDeposits({
    read: async (client, from, to) => {
      expect(client).toBeUndefined();
      chain.reads += 1;
      await chain.answers;
      if (chain.isSick) throw new Error("no answer");
      return [made(ALICE, 11), made(BOB, 12)].filter(({ block }) => block >= from && block <= to);
    },
    span: () => ({ from: chain.from, to: chain.to }),
    confirmations: 3,
    changed: (clients) => void told.push([...clients]),
  });
  const settled = () => new Promise((resolve) => setTimeout(resolve, 0));
  return { chain, told, pending, settled };
}

it("deposits are read once for a head and all clients, and only while somebody listens", async () => {
  const { chain, told, pending, settled } = watched();
  pending.headMoved();
  await settled();
  expect(chain.reads).toBe(0);
  const [stop, stopToo] = [pending.listen(), pending.listen()];
  await settled();
  pending.headMoved();
  await settled();
  expect(chain.reads).toBe(1);
  expect(pending.of(ALICE).map(({ block }) => block)).toEqual([11]);
  expect(told).toEqual([[ALICE, BOB]]);
  chain.from = 12;
  chain.to = 13;
  pending.headMoved();
  await settled();
  // Alice's was applied: she is told too.
  expect(pending.of(ALICE)).toEqual([]);
  expect(told.at(-1)).toEqual([ALICE, BOB]);
  stop();
  stopToo();
  expect(pending.of(BOB)).toEqual([]);
  chain.to = 14;
  pending.headMoved();
  await settled();
  expect(chain.reads).toBe(2);
});

it("a head that comes while one is read is read after it", async () => {
  const { chain, pending, settled } = watched();
  const held = Promise.withResolvers<void>();
  chain.answers = held.promise;
  chain.to = 11;
  pending.listen();
  chain.to = 12;
  pending.headMoved();
  expect(chain.reads).toBe(1);
  held.resolve();
  await settled();
  expect(chain.reads).toBe(2);
  expect(pending.of(BOB).map(({ block }) => block)).toEqual([12]);
});

it("a failed read leaves what is known, and the next head is read again", async () => {
  const { chain, told, pending, settled } = watched();
  pending.listen();
  await settled();
  chain.isSick = true;
  chain.to = 13;
  pending.headMoved();
  await settled();
  expect(pending.of(ALICE)).toHaveLength(1);
  expect(told).toHaveLength(1);
  chain.isSick = false;
  pending.headMoved();
  await settled();
  expect(told).toHaveLength(2);
});

it("an operator that catches up reads no deposits ahead of what it applies", async () => {
  const { chain, pending, settled } = watched();
  chain.to = 5_000;
  pending.listen();
  await settled();
  expect(chain.reads).toBe(0);
});
