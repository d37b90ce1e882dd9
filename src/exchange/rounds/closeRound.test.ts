/** What the machine keeps of past rounds, and that it keeps no more: its memory must not grow. */
import { expect, test } from "vitest";
import { Alarm } from "../../base/errors.ts";
import { ALICE, BASE, limitOrder, QUOTE, tradingWorld } from "../world.testkit.ts";

test("a tree that is kept no more is released, and those that are kept are whole", () => {
  const world = tradingWorld();
  world.toQuarter(1, 2);
  const first = world.state.tokens.get(BASE)?.frozen.get(1);
  const kept = () => [...(world.state.tokens.get(BASE)?.frozen.values() ?? [])];
  for (let round = 2; round <= 4; round++) {
    world.toQuarter(round, 2);
    expect(() => first?.root()).not.toThrow();
  }
  world.toQuarter(5, 2);
  expect(first).toBeDefined();
  expect(() => first?.root()).toThrow(Alarm);
  for (const tree of kept()) expect(tree.prove(0).balance).toBe(tree.balanceOf(0));
});

test("past rounds keep what the chain can ask about, and not one round more", () => {
  const world = tradingWorld();
  for (let round = 1; round <= 7; round++) {
    world.toQuarter(round, 2);
    world.deposit(ALICE, BASE, 3n).deposit(ALICE, QUOTE, 3n).mine();
    world.place(limitOrder(ALICE, round, 1, "ask", 1, 5));

    const upTo = (behind: number, first: number) => {
      const oldest = Math.max(first, round - behind);
      return Array.from({ length: round - oldest + 1 }, (_, i) => oldest + i);
    };
    for (const token of world.state.tokens.values()) {
      // Opening balances are frozen from the round after the first deposits on.
      expect(sorted(token.frozen), `trees in ${round}`).toEqual(upTo(3, 1));
      expect(sorted(token.flows), `sums in ${round}`).toEqual(upTo(2, 0));
    }
    const client = world.state.clients.get(ALICE);
    expect(sorted(client?.rounds ?? new Map()), `orders in ${round}`).toEqual(upTo(2, 0));
  }
});

function sorted(rounds: ReadonlyMap<number, unknown>): number[] {
  return [...rounds.keys()].sort((a, b) => a - b);
}
