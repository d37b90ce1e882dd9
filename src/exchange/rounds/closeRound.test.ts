/** What the machine keeps of past rounds, and that it keeps no more: its memory must not grow. */
import { expect, test } from "vitest";
import { ALICE, BASE, limitOrder, QUOTE, tradingWorld } from "../world.testkit.ts";

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
