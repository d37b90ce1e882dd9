import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UINT64_MAX, UINT128_MAX } from "../base/bytes.ts";
import type { Address } from "../base/hex.ts";
import { MAX_STATEMENT_EXCEPT } from "./limits.ts";
import { checkStatement, covers, coversAll, netSold, sumUp } from "./statementRule.ts";
import type { Cover, Order, Statement } from "./units.ts";

const client: Address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const A: Address = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65";
const B: Address = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
const C: Address = "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720";

const good: Statement = {
  client,
  round: 3,
  watermark: 10n,
  except: [2n, 7n],
  tokens: [A, B, C],
  sold: [1n, 0n, UINT128_MAX],
  bought: [0n, 5n, 2n],
};

describe("the one form of a statement", () => {
  it("a statement is taken in its one form, from the emptiest to the largest", () => {
    expect(checkStatement(good)).toBeUndefined();
    expect(checkStatement({ ...good, tokens: [], sold: [], bought: [] })).toBeUndefined();
    const except = Array.from({ length: MAX_STATEMENT_EXCEPT }, (_, i) => BigInt(i));
    expect(checkStatement({ ...good, watermark: UINT64_MAX, except })).toBeUndefined();
  });

  it.each<[string, Partial<Statement>, string]>([
    ["no watermark", { watermark: 0n, except: [] }, "watermark"],
    ["a watermark beyond uint64", { watermark: UINT64_MAX + 1n }, "watermark"],
    ["an id at the watermark", { except: [10n] }, "except"],
    ["an id twice", { except: [2n, 2n] }, "except"],
    ["descending ids", { except: [7n, 2n] }, "except"],
    ["a negative id", { except: [-1n] }, "except"],
    [
      "33 ids",
      { watermark: 99n, except: Array.from({ length: 33 }, (_, i) => BigInt(i)) },
      "except",
    ],
    ["a token twice", { tokens: [A, B, B] }, "tokens"],
    ["descending tokens", { tokens: [B, A, C] }, "tokens"],
    ["tokens in the order of their text", { tokens: [A, C, B] }, "tokens"],
    ["a sum too few", { sold: [1n, 2n] }, "sums"],
    ["a sum too many", { bought: [1n, 2n, 3n, 4n] }, "sums"],
    ["a sum beyond uint128", { sold: [1n, 2n, UINT128_MAX + 1n] }, "sums"],
    ["a negative sum", { sold: [1n, -2n, 0n] }, "sums"],
  ])("a statement with %s is refused", (_, change, fault) => {
    expect(checkStatement({ ...good, ...change })).toBe(fault);
  });
});

const someCover: fc.Arbitrary<Cover> = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.uniqueArray(fc.nat({ max: 11 }), { maxLength: 6 }))
  .map(([watermark, ids]) => ({
    round: 3,
    watermark: BigInt(watermark),
    except: ids
      .filter((id) => id < watermark)
      .sort((a, b) => a - b)
      .map(BigInt),
  }));

describe("what a statement covers", () => {
  const ids = Array.from({ length: 14 }, (_, i) => BigInt(i));

  it("a statement covers another if and only if it covers each id of it", () => {
    fc.assert(
      fc.property(someCover, someCover, (a, b) => {
        const each = ids.every((id) => !covers(b, id) || covers(a, id));
        // A longer watermark whose ids are all left out covers no less.
        const all = coversAll(a, b);
        if (all) expect(each).toBe(true);
        if (each && a.watermark >= b.watermark) expect(all).toBe(true);
      }),
    );
  });

  it("a statement covers itself, and what its covered statements cover", () => {
    fc.assert(
      fc.property(someCover, someCover, someCover, (a, b, c) => {
        expect(coversAll(a, a)).toBe(true);
        if (coversAll(a, b) && coversAll(b, c)) expect(coversAll(a, c)).toBe(true);
      }),
    );
  });

  it("a statement covers nothing of another round", () => {
    expect(coversAll({ ...good, round: 4 }, good)).toBe(false);
  });

  it("a statement is told apart by what it leaves out, not by the watermark alone", () => {
    const older = { round: 3, watermark: 3n, except: [2n] };
    const newer = { round: 3, watermark: 3n, except: [] };
    expect(coversAll(older, newer)).toBe(false);
    expect(coversAll(newer, older)).toBe(true);
  });
});

describe("the sums of a statement", () => {
  const order = (id: bigint, change: Partial<Order> = {}): Order => ({
    owner: client,
    round: 3,
    id,
    sellToken: C,
    sellAmount: 9n,
    buyToken: A,
    buyAmount: 9n,
    intent: "sellAll",
    ...change,
  });
  const cover: Cover = { round: 3, watermark: 10n, except: [4n] };

  it("the sums are those of the client's covered orders of the round, each token once", () => {
    const executed = [
      { order: order(1n), sold: 5n, bought: 6n },
      { order: order(2n, { sellToken: A, buyToken: B }), sold: 2n, bought: 3n },
      { order: order(4n), sold: 100n, bought: 100n },
      { order: order(10n), sold: 100n, bought: 100n },
      { order: order(3n, { owner: B }), sold: 100n, bought: 100n },
      { order: order(3n, { round: 2 }), sold: 100n, bought: 100n },
    ];
    const statement = sumUp(client, cover, executed);
    expect(statement).toEqual({
      client,
      ...cover,
      tokens: [A, B, C],
      sold: [2n, 0n, 5n],
      bought: [6n, 3n, 0n],
    });
    expect(checkStatement(statement)).toBeUndefined();
    expect([A, B, C, client].map((token) => netSold(statement, token))).toEqual([-4n, -3n, 5n, 0n]);
  });

  it("the sums name no token of which nothing was executed", () => {
    const executed = [{ order: order(1n), sold: 0n, bought: 0n }];
    expect(sumUp(client, cover, executed)).toMatchObject({ tokens: [], sold: [], bought: [] });
  });
});
