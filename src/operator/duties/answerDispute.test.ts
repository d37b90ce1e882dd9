/** Which calls an answer takes, and which answers are not sent at all. */
import { describe, expect, it } from "vitest";
import { encodeCloseDispute } from "../../chain/contracts/mediatorCalls.ts";
import { ALICE, BASE, QUOTE } from "../../exchange/world.testkit.ts";
import { ORDER_PATH_LENGTH, TX_BYTES_CAP } from "../../protocol/limits.ts";
import {
  EXECUTIONS_AT_CLOSE,
  EXECUTIONS_PER_CALL,
  executionsAtClose,
  transactionsToAnswer,
} from "./answerDispute.ts";

it("an answer takes one more transaction for each batch that closeDispute cannot hold", () => {
  const most = EXECUTIONS_AT_CLOSE;
  expect(transactionsToAnswer(0)).toBe(1);
  expect(transactionsToAnswer(most)).toBe(1);
  expect(transactionsToAnswer(most + 1)).toBe(2);
  expect(transactionsToAnswer(most + EXECUTIONS_PER_CALL)).toBe(2);
  expect(transactionsToAnswer(most + EXECUTIONS_PER_CALL + 1)).toBe(3);
});

describe("a closeDispute with executions", () => {
  const word = `0x${"ff".repeat(32)}` as const;
  const order = {
    owner: ALICE,
    round: 1,
    id: 7n,
    sellToken: BASE,
    sellAmount: 1n,
    buyToken: QUOTE,
    buyAmount: 1n,
    intent: "sellAll" as const,
  };
  const signature = { r: word, vs: word, path: Array(ORDER_PATH_LENGTH).fill(word) };
  const execution = { order, signature, sold: 1n, bought: 1n };

  function bytesOf(proofs: number, depth: number, executions: number): number {
    const siblings = Array(depth).fill({ hash: word, sum: 1n });
    const proof = { balance: 1n, index: 0, leafCount: 2 ** depth, siblings };
    const data = encodeCloseDispute(ALICE, 2, {
      executions: Array(executions).fill(execution),
      openingBalances: [],
      openings: Array(proofs).fill(proof),
      closings: Array(proofs).fill(proof),
    });
    return (data.length - 2) / 2;
  }

  it.each([
    [2, 10],
    [16, 20],
    [32, 20],
    [32, 22],
    [32, 26],
  ])("a closeDispute fits one transaction with %i tokens in trees of depth %i", (tokens, depth) => {
    const count = executionsAtClose(bytesOf(tokens, depth, 0));
    expect(bytesOf(tokens, depth, count)).toBeLessThan(TX_BYTES_CAP - 512);
    // No room is left unused where it is short.
    const more = bytesOf(tokens, depth, count + 1);
    expect(count === EXECUTIONS_AT_CLOSE || more > TX_BYTES_CAP - 1024).toBe(true);
  });
});
