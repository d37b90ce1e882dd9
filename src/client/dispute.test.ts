/** What a client presents is what the contract's rule takes. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Hex } from "../base/hex.ts";
import type { SignedFill } from "../protocol/units.ts";
import { presentable } from "./dispute.ts";

function fill(orderHash: Hex, sold = 5n, bought = 7n): SignedFill {
  return {
    fill: { orderHash, owner: `0x${"11".repeat(20)}`, round: 1, sold, bought, sequence: 1n },
    signature: { r: `0x${"00".repeat(32)}`, s: `0x${"00".repeat(32)}`, path: [] },
  } as unknown as SignedFill;
}

const hashes = fc.uniqueArray(
  fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((bytes): Hex => `0x${Buffer.from(bytes).toString("hex")}`),
  { maxLength: 20 },
);

test("fills in any order are presented strictly ascending, each once", () => {
  fc.assert(
    fc.property(hashes, (all) => {
      const shown = presentable(all.map((hash) => fill(hash)));
      expect(shown.map((one) => one.fill.orderHash)).toEqual([...all].sort());
    }),
  );
});

test.each([
  ["an order twice", [fill("0x0b"), fill("0x0a"), fill("0x0b")], /0x0b: FillNotAscending/],
  ["a fill that sold nothing", [fill("0x0a"), fill("0x0b", 0n)], /0x0b: EmptyFill/],
  ["a fill that bought nothing", [fill("0x0a", 5n, 0n)], /0x0a: EmptyFill/],
])("evidence with %s is refused before it is sent", (_, fills, message) => {
  expect(() => presentable(fills)).toThrow(message);
});
