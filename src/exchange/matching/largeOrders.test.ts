import fc from "fast-check";
import { expect, test } from "vitest";
import { orderOf } from "../model/state.ts";
import * as views from "../queries/views.ts";
import { decodeSnapshot, encodeSnapshot } from "../snapshots/snapshot.ts";
import { stateHash } from "../snapshots/stateHash.ts";
import {
  ALICE,
  BASE,
  BOB,
  CAROL,
  limitOrder,
  MARKET,
  QUOTE,
  SIGNATURE,
  World,
} from "../world.testkit.ts";

const PAIR = { sellToken: BASE, buyToken: QUOTE };
const LIMIT = BigInt(Number.MAX_SAFE_INTEGER);
const whole = fc.oneof(
  fc.bigInt({ min: 1n, max: 9n }),
  fc.bigInt({ min: 2n ** 31n - 3n, max: 2n ** 31n + 3n }),
  fc.bigInt({ min: LIMIT - 3n, max: LIMIT + 3n }),
  fc.bigInt({ min: LIMIT, max: 2n ** 56n }),
);

const ask = (owner: typeof ALICE, id: bigint, lots: bigint, price: bigint) => ({
  ...limitOrder(owner, 0, 1, "ask", 1, 5),
  id,
  sellAmount: lots * MARKET.lot,
  buyAmount: lots * price,
});

const bid = (owner: typeof ALICE, id: bigint, lots: bigint, price: bigint) => ({
  ...limitOrder(owner, 0, 1, "bid", 1, 5),
  id,
  sellAmount: lots * price,
  buyAmount: lots * MARKET.lot,
});

test("lots, prices and ids on both sides of 2^53 are exact, also out of a snapshot", () => {
  fc.assert(
    fc.property(whole, whole, whole, whole, whole, (first, second, part, ticks, id) => {
      const funds = 2n ** 124n;
      const world = new World().list(BASE, QUOTE);
      for (const client of [ALICE, BOB, CAROL]) {
        world.deposit(client, BASE, funds).deposit(client, QUOTE, funds);
      }
      world.mine();
      const price = ticks * MARKET.tick;
      const taken = part < first ? part : first;
      world.place(ask(ALICE, id, first, price));
      world.place(ask(BOB, id, second, price));
      const rested = views.book(world.state, PAIR, 9)?.asks;
      const baseAmount = (first + second) * MARKET.lot;
      expect(rested).toEqual([{ price, baseAmount, orders: 2 }]);

      // Its limit is above what it pays.
      const { events } = world.place(bid(CAROL, id, taken, price + MARKET.tick));
      expect(events[0]).toMatchObject({ what: "trade", trade: { lots: taken, price } });
      const left = (first - taken) * MARKET.lot;
      expect(world.balance(ALICE, BASE)).toEqual({
        total: funds - taken * MARKET.lot,
        locked: left,
      });
      expect(world.balance(CAROL, QUOTE)).toEqual({ total: funds - taken * price, locked: 0n });

      const restored = decodeSnapshot(encodeSnapshot(world.state));
      expect(stateHash(restored)).toBe(stateHash(world.state));
      world.state = restored;
      world.apply({ kind: "cancelOrder", owner: BOB, round: 0, id, signature: SIGNATURE });
      expect(orderOf(world.state, { owner: BOB, round: 0, id }).locked).toBe(0n);
      const [depth] = views.book(world.state, PAIR, 9)?.asks ?? [];
      expect(depth?.baseAmount ?? 0n).toBe(left);
      expect(world.balance(BOB, BASE)).toEqual({ total: funds, locked: 0n });
    }),
  );
});
