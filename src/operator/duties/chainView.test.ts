import { describe, expect, it } from "vitest";
import { toAddress } from "../../base/address.ts";
import type { Address } from "../../base/hex.ts";
import type { MediatorReader } from "../../chain/contracts/mediator.ts";
import { readChainView } from "./chainView.ts";

const CLIENT = toAddress(`0x${"c1".repeat(20)}`);
const TOKEN = toAddress(`0x${"70".repeat(20)}`);
const OTHER = toAddress(`0x${"71".repeat(20)}`);

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

  /** A chain that answers each reading of both tokens by the next line: who is committed. */
  function readerOf(...readings: readonly (readonly Address[])[]): MediatorReader {
    const asked = new Map<Address, number>();
    const reader = {
      at: () => reader,
      commitment: async (_: number, token: Address) => {
        const reading = asked.get(token) ?? 0;
        asked.set(token, reading + 1);
        const committed = readings[Math.min(reading, readings.length - 1)];
        return committed?.includes(token) ? `0x${"11".repeat(32)}` : undefined;
      },
    };
    return reader as unknown as MediatorReader;
  }

  const bothTokens = {
    requests: [],
    commitments: [TOKEN, OTHER].map((token) => ({ round: 2, token })),
    disputes: [],
  };

  async function committedBy(reader: MediatorReader): Promise<Address[]> {
    const view = await readChainView(reader, 200, bothTokens);
    return [TOKEN, OTHER].filter((token) => view.isCommitted(2, token));
  }

  it("readChainView takes no answers from both sides of a commit for a part of it", async () => {
    expect(await committedBy(readerOf([OTHER], [TOKEN, OTHER]))).toEqual([TOKEN, OTHER]);
    expect(await committedBy(readerOf([OTHER], [], []))).toEqual([]);
  });

  it("readChainView believes a part of a commit that two readings show", async () => {
    expect(await committedBy(readerOf([], [TOKEN], [TOKEN]))).toEqual([]);
    expect(await committedBy(readerOf([OTHER], [OTHER], []))).toEqual([OTHER]);
    expect(await committedBy(readerOf([OTHER], [TOKEN], [TOKEN], []))).toEqual([TOKEN]);
  });

  it("readChainView takes a commit of which no two readings agree for none", async () => {
    const flicker = [0, 1, 2, 3].map((n) => [n % 2 === 0 ? TOKEN : OTHER]);
    const after = [...flicker, [OTHER], [OTHER]];
    expect(await committedBy(readerOf(...after))).toEqual([]);
    expect(await committedBy(readerOf(...flicker.slice(2), [OTHER]))).toEqual([OTHER]);
  });
});
