import { describe, expect, it } from "vitest";
import { toAddress } from "../../base/address.ts";
import type { MediatorReader } from "../../chain/contracts/mediator.ts";
import { readChainView } from "./chainView.ts";

const CLIENT = toAddress(`0x${"c1".repeat(20)}`);
const TOKEN = toAddress(`0x${"70".repeat(20)}`);

function readerWith(round: number, amount: bigint): MediatorReader {
  const found = { round, amount, opening: 100n, recipient: CLIENT };
  const reader = { withdrawal: async () => found, at: () => reader };
  return reader as unknown as MediatorReader;
}

describe("readChainView", () => {
  const refused = { client: CLIENT, token: TOKEN, round: 2, amount: 60n };
  const questions = { requests: [refused], commitments: [], disputes: [] };

  it("readChainView finds the request that is to be cancelled", async () => {
    const view = await readChainView(readerWith(2, 60n), 200, questions);
    expect(view.isRequestActive(refused)).toBe(true);
  });

  it("readChainView takes no later request of the round for the cancelled one", async () => {
    const view = await readChainView(readerWith(2, 5n), 200, questions);
    expect(view.isRequestActive(refused)).toBe(false);
  });

  it("readChainView takes no request of another round for the one to be cancelled", async () => {
    const view = await readChainView(readerWith(3, 60n), 200, questions);
    expect(view.isRequestActive(refused)).toBe(false);
  });
});
