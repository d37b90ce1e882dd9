/** The head of the chain as an operator keeps it. */
import { expect, it } from "vitest";
import type { State } from "../../exchange/model/state.ts";
import { ChainHead } from "./chainHead.ts";

it("a head from before the exchange counts as its first block: no round has it", () => {
  const genesis = { schedule: { genesisBlock: 100, roundSize: 80 }, confirmations: 2 };
  const head = new ChainHead({ genesis, head: { number: 130 } } as unknown as State);
  head.note(0);
  expect(head.number).toBe(100);
  head.note(140);
  expect(head.number).toBe(140);
});

it("blocks that are taken in from a journal say nothing of the chain before it was heard", () => {
  const genesis = { schedule: { genesisBlock: 100, roundSize: 80 }, confirmations: 2 };
  const head = new ChainHead({ genesis, head: { number: 130 } } as unknown as State);
  head.note();
  expect([head.isHeard, head.caughtUp]).toEqual([false, false]);
  head.note(131, 135);
  expect([head.isHeard, head.caughtUp, head.newest]).toEqual([true, true, 135]);
});
