/** What is done ahead of a round's end must never show, and must leave the end little to do. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { apply, begin } from "../apply.ts";
import { historyOf, step } from "../corruptions.testkit.ts";
import type { State } from "../model/state.ts";
import * as views from "../queries/views.ts";
import { decodeSnapshot, encodeSnapshot } from "../snapshots/snapshot.ts";
import { stateHash } from "../snapshots/stateHash.ts";
import { BASE, clientNo, limitOrder, QUOTE, World } from "../world.testkit.ts";
import { finishTree, prepareTrees } from "./prepareTrees.ts";

function proofsOf(state: State) {
  const { round } = state.moment;
  return views.clients(state).map((client) => views.proof(state, client, BASE, round));
}

test("a state prepared at any time, by any part, is the state that was not", () => {
  const limits = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 30 });
  const histories = fc.array(step, { minLength: 5, maxLength: 60, size: "max" });
  fc.assert(
    fc.property(histories, limits, (steps, all) => {
      const [first, ...rest] = historyOf(steps);
      if (first === undefined) throw new Error("a history has a genesis");
      const [plain, prepared] = [begin(first), begin(first)];
      for (const [i, entry] of rest.entries()) {
        // Also below the number from which the operator begins: leaves are written ahead at once.
        for (const token of prepared.tokens.values()) {
          if ((all[i % all.length] as number) % 3 === 0) aheadOnly(prepared, token.address);
        }
        prepareTrees(prepared, all[i % all.length] as number);
        const outcome = apply(prepared, entry);
        const expected = apply(plain, entry);
        expect(outcome.refusal).toEqual(expected.refusal);
        expect([...(outcome.expired ?? [])]).toEqual([...(expected.expired ?? [])]);
        expect(outcome.events).toEqual(expected.events);
      }
      expect(stateHash(prepared)).toBe(stateHash(plain));
      expect(proofsOf(prepared)).toEqual(proofsOf(plain));
      const restored = decodeSnapshot([...encodeSnapshot(prepared)]);
      expect(stateHash(restored)).toBe(stateHash(plain));
      expect(proofsOf(restored)).toEqual(proofsOf(plain));
    }),
    { numRuns: 30 },
  );
});

/** Writes every leaf of the token ahead, as prepareTrees does where they are many. */
function aheadOnly(state: State, address: typeof BASE): void {
  const token = state.tokens.get(address);
  if (token === undefined) return;
  const { tree } = token;
  const changed = [...token.changed, ...(token.ahead?.written ?? [])];
  const next = finishTree(state, token);
  token.tree = tree;
  token.ahead = { tree: next, written: new Set(changed) };
}

const CLIENTS = 3000;

/** Everybody has money and an open order. */
function crowd(): World {
  const world = new World().list(BASE, QUOTE);
  world.mine();
  for (let n = 0; n < CLIENTS; n++) {
    world.deposit(clientNo(n), BASE, 100n).deposit(clientNo(n), QUOTE, 100n);
  }
  world.mine();
  for (let n = 0; n < CLIENTS; n++)
    world.place(limitOrder(clientNo(n), 0, 1, "ask", 1, 5 + 5 * (n % 50)));
  return world;
}

test("a round's end leaves hashes, orders and the past for later, however many there are", () => {
  const world = crowd();
  const { state } = world;
  while (!prepareTrees(state, 1000));
  const [base] = [...state.tokens.values()];
  expect(base?.changed.size).toBeLessThan(512);
  expect(base?.ahead?.written.size).toBeGreaterThan(CLIENTS - 512);

  const last = world.toQuarter(0, 3);
  expect(last).not.toContainEqual(expect.objectContaining({ what: "orderExpired" }));
  world.mine(7);
  const to = { number: world.block + 1, hash: `0x${"0".repeat(64)}` as const };
  const { events, expired } = world.apply({ kind: "blocks", to, logs: [] });
  expect(events.map(({ what }) => what)).toEqual(["roundClosed", "quarterBegan"]);

  // Nothing was hashed, and no order and no balance was touched.
  expect(views.areTreesHashed(state, 1)).toBe(false);
  const client = state.clients.get(clientNo(7));
  expect(client?.rounds.get(0)?.orders.get(1n)?.state).toBe("open");
  expect(client?.balances.get(BASE)?.locked).toBe(10n);
  // And yet it is all over.
  expect(views.order(state, { owner: clientNo(7), round: 0, id: 1n })?.state).toBe("expired");
  expect(views.balances(state, clientNo(7))?.[0]).toMatchObject({ total: 100n, locked: 0n });
  expect(views.book(state, { sellToken: BASE, buyToken: QUOTE }, 9)?.asks).toEqual([]);
  expect([...(expired ?? [])].length).toBe(CLIENTS);

  let slices = 0;
  while (!views.areTreesHashed(state, 1)) {
    prepareTrees(state, 1000);
    slices += 1;
  }
  // Two trees of 2 * CLIENTS hashes.
  expect(slices).toBeGreaterThanOrEqual((4 * CLIENTS) / 1000);
  expect(views.proof(state, clientNo(7), BASE, 1)?.balance).toBe(100n);
});
