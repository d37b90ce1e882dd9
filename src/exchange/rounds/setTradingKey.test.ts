/** What the machine executes must be evidence: signed by the key recorded for its round. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { publicKeyToAddress, ZERO_ADDRESS } from "../../base/address.ts";
import { nobleCurve } from "../../base/curve.ts";
import type { Address } from "../../base/hex.ts";
import { hashOrder } from "../../protocol/messages.ts";
import { isOrderSignedBy, signMessage } from "../../protocol/signatures.ts";
import type { Order, SignedOrder } from "../../protocol/units.ts";
import { checkSigner } from "../matching/checkOrder.ts";
import type { ExchangeEvent } from "../model/outcome.ts";
import * as views from "../queries/views.ts";
import { stateHash } from "../snapshots/stateHash.ts";
import {
  BASE,
  BOB,
  GENESIS,
  limitOrder,
  QUOTE,
  tradingWorld,
  type World,
} from "../world.testkit.ts";

const DOMAIN = { chainId: GENESIS.chainId, mediator: GENESIS.mediator };

interface Key {
  readonly secret: Uint8Array;
  readonly address: Address;
}

function keyNo(n: number): Key {
  const secret = new Uint8Array(32).fill(n);
  return { secret, address: publicKeyToAddress(nobleCurve.publicKey(secret)) };
}

const OWNER = keyNo(1);
const [FIRST, SECOND] = [keyNo(2), keyNo(3)];

function sign(order: Order, by: Key): SignedOrder {
  return { order, signature: signMessage(nobleCurve, DOMAIN, hashOrder(order), by.secret) };
}

/** An exchange with money of OWNER's in it. */
function ownersWorld(): World {
  const world = tradingWorld();
  world.deposit(OWNER.address, BASE, 10_000n).deposit(OWNER.address, QUOTE, 10_000n).mine();
  return world;
}

function setKey(world: World, key: Address): readonly ExchangeEvent[] {
  const fromRound = world.nextRound() + 1;
  return world.log({ kind: "tradingKeySet", client: OWNER.address, fromRound, key }).mine();
}

const ask = (round: number, id: number, lots = 1) =>
  limitOrder(OWNER.address, round, id, "ask", lots, 5);
const stateOf = (world: World, round: number, id: number) =>
  views.order(world.state, { owner: OWNER.address, round, id: BigInt(id) })?.state;

test("a client with a new key keeps no orders that the Mediator takes from the old one", () => {
  const world = ownersWorld();
  setKey(world, FIRST.address);
  world.toQuarter(1, 1);
  expect(world.apply({ kind: "placeOrder", ...sign(ask(2, 1, 900), FIRST) })).toEqual({
    events: [{ what: "orderQueued", owner: OWNER.address, round: 2, id: 1n }],
  });
  world.apply({ kind: "placeOrder", ...sign(ask(1, 1), FIRST) });

  expect(setKey(world, SECOND.address)).toMatchObject([
    { what: "tradingKeySet" },
    { what: "orderCancelled", reason: "tradingKey", round: 2, id: 1n },
  ]);
  expect(stateOf(world, 1, 1)).toBe("open");
  world.toQuarter(2, 1);
  expect(world.place(limitOrder(BOB, 2, 1, "bid", 900, 5)).events).toMatchObject([
    { what: "orderRested" },
  ]);
});

test("a first key, or the same again, takes nothing out", () => {
  const world = ownersWorld();
  world.apply({ kind: "placeOrder", ...sign(ask(1, 1), OWNER) });
  setKey(world, FIRST.address);
  world.apply({ kind: "placeOrder", ...sign(ask(1, 2), FIRST) });
  setKey(world, FIRST.address);
  world.toQuarter(1, 0);
  expect([stateOf(world, 1, 1), stateOf(world, 1, 2)]).toEqual(["open", "open"]);
});

test("a key that is taken back takes out what waited", () => {
  const world = ownersWorld();
  setKey(world, FIRST.address);
  world.apply({ kind: "placeOrder", ...sign(ask(1, 1), FIRST) });
  setKey(world, ZERO_ADDRESS);
  world.toQuarter(1, 0);
  expect(stateOf(world, 1, 1)).toBe("cancelled");
});

test("an order checked before the key changed, and applied after, is refused", () => {
  const world = ownersWorld();
  setKey(world, FIRST.address);
  const signed = sign(ask(1, 1), FIRST);
  expect(checkSigner(world.state, signed)).toBeUndefined();
  setKey(world, SECOND.address);
  const before = stateHash(world.state);
  expect(world.apply({ kind: "placeOrder", ...signed })).toEqual({
    refusal: { code: "BadSignature", owner: OWNER.address, recovered: FIRST.address },
    events: [],
  });
  expect(stateHash(world.state)).toBe(before);
  world.toQuarter(1, 0);
  expect(world.apply({ kind: "placeOrder", ...signed }).refusal?.code).toBe("BadSignature");
  for (const [id, by] of [[2, SECOND] as const, [3, OWNER] as const]) {
    const outcome = world.apply({ kind: "placeOrder", ...sign(ask(1, id), by) });
    expect(outcome.refusal).toBeUndefined();
  }
});

test("an order for the next round, checked before its key changed, is refused a round later", () => {
  const world = ownersWorld();
  setKey(world, FIRST.address);
  world.toQuarter(1, 3);
  const signed = sign(ask(3, 1), FIRST);
  expect(isOrderSignedBy(nobleCurve, DOMAIN, signed, FIRST.address)).toBe(true);
  // The new key holds from round 2 on; the order for round 3 reaches the machine in round 2.
  setKey(world, SECOND.address);
  world.toQuarter(2, 0);
  expect(world.apply({ kind: "placeOrder", ...signed })).toEqual({
    refusal: { code: "BadSignature", owner: OWNER.address, recovered: FIRST.address },
    events: [],
  });
});

test("a signature is asked for again in the key's first round and the one after, in no other", () => {
  const world = ownersWorld();
  world.toQuarter(1, 2);
  setKey(world, FIRST.address);
  // FIRST holds from round 2 on. Key 9 is nobody's: a signature that is recovered is refused.
  const askedAgain = [0, 1, 2, 3, 4, 5].filter(
    (round) => checkSigner(world.state, sign(ask(round, 1), keyNo(9))) !== undefined,
  );
  expect(askedAgain).toEqual([2, 3]);
});

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("place" as const),
      by: fc.constantFrom(OWNER, FIRST, SECOND),
      isNext: fc.boolean(),
      /** A key that is set after intake checked the order, in the same batch. */
      race: fc.option(fc.constantFrom(FIRST.address, SECOND.address, ZERO_ADDRESS), { freq: 3 }),
      /** Whether a round begins between the two as well. */
      late: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("set" as const),
      key: fc.constantFrom(FIRST.address, SECOND.address, ZERO_ADDRESS),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("pass" as const) }) },
);

/** As the Mediator looks a key up: the last one set for the round or before it. */
class KeysOnChain {
  readonly #set: { fromRound: number; key: Address }[] = [];

  add(fromRound: number, key: Address): void {
    this.#set.push({ fromRound, key });
  }

  of(round: number): Address {
    return this.#set.filter((one) => one.fromRound <= round).at(-1)?.key ?? ZERO_ADDRESS;
  }
}

test("every order that was open is evidence, whatever keys come and go", () => {
  const seen = { entered: 0, raced: 0, cancelled: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 40 }), (steps) => {
      const world = ownersWorld();
      const keys = new KeysOnChain();
      const set = (key: Address) => {
        keys.add(world.nextRound() + 1, key);
        note(setKey(world, key));
      };
      const note = (events: readonly ExchangeEvent[]) => {
        for (const one of events) {
          if (one.what === "orderCancelled" && one.reason === "tradingKey") seen.cancelled++;
          if (one.what !== "orderRested" || one.owner !== OWNER.address) continue;
          const kept = world.state.clients
            .get(one.owner)
            ?.rounds.get(one.round)
            ?.orders.get(one.id);
          if (kept === undefined) throw new Error("an order rests that nobody knows");
          expect(isOrderSignedBy(nobleCurve, DOMAIN, kept, keys.of(one.round))).toBe(true);
          seen.entered++;
        }
      };
      const passRound = () => note(world.toQuarter(world.round + 1, 2));

      let id = 0;
      passRound();
      for (const one of steps) {
        if (one.do === "set") set(one.key);
        else if (one.do === "pass") passRound();
        else {
          const round = world.round + (one.isNext ? 1 : 0);
          const signed = sign(ask(round, ++id), one.by);
          // Intake lets nothing else through.
          if (!isOrderSignedBy(nobleCurve, DOMAIN, signed, keys.of(round))) continue;
          if (one.race !== null) set(one.race);
          if (one.race !== null && one.late) passRound();
          const { refusal, events } = world.apply({ kind: "placeOrder", ...signed });
          if (refusal?.code === "BadSignature") {
            expect(isOrderSignedBy(nobleCurve, DOMAIN, signed, keys.of(round))).toBe(false);
            seen.raced++;
          }
          note(events);
        }
      }
    }),
    { numRuns: 25, seed: 20_260_102 },
  );
  for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(5);
}, 120_000);
