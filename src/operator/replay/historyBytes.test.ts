/** Histories as bytes, against themselves and against what is no history. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Hex } from "../../base/hex.ts";
import { DecodeError } from "../../exchange/form/codec.ts";
import type { Trade } from "../../exchange/model/outcome.ts";
import { ALICE, BASE, BOB, QUOTE, THIRD } from "../../exchange/world.testkit.ts";
import { decodeHistory, encodeHistory, type SavedHistory } from "./historyBytes.ts";
import type { Move } from "./ledger.ts";

const address = fc.constantFrom(ALICE, BASE, BOB, QUOTE, THIRD);
const amount = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
const count = fc.maxSafeNat();
const order = fc.record({ owner: address, round: count, id: amount });
const trade: fc.Arbitrary<Trade> = fc.record({
  sequence: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  base: address,
  quote: address,
  price: amount,
  lots: amount,
  baseAmount: amount,
  quoteAmount: amount,
  takerSide: fc.constantFrom("bid", "ask"),
  maker: order,
  taker: order,
  round: count,
  block: count,
  timeMs: count,
});
const digits = fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF"), maxLength: 64 });
const move: fc.Arbitrary<Move> = fc.record({
  record: count,
  index: count,
  timeMs: count,
  client: address,
  kind: fc.constantFrom(
    "deposit",
    "withdrawal",
    "withdrawalReturned",
    "withdrawalPaid",
    "withdrawalRefused",
  ),
  token: address,
  amount,
  round: count,
  block: fc.option(count, { nil: undefined }),
  transactionHash: fc.option(
    fc.oneof(
      digits.map((some): Hex => `0x${some.length % 2 === 0 ? some : `0${some}`}`),
      digits.map((some): Hex => `0x${some.toLowerCase().padStart(64, "0")}`),
    ),
    { nil: undefined },
  ),
});
const candle = fc.record({
  openMs: count,
  open: amount,
  high: amount,
  low: amount,
  close: amount,
  // Sums have no bound.
  baseAmount: fc.bigInt({ min: 0n, max: 1n << 200n }),
  quoteAmount: amount,
  trades: count,
});
const saved: fc.Arbitrary<SavedHistory> = fc.record({
  timeMs: count,
  trades: fc.array(trade, { maxLength: 8 }),
  moves: fc.array(move, { maxLength: 8 }),
  candles: fc.array(
    fc.tuple(fc.constant(`${BASE}/${QUOTE}`), fc.constantFrom("1m", "1d"), fc.array(candle)),
    { maxLength: 2 },
  ),
});

describe("a history as bytes", () => {
  it("a history that is written and read is the same", () => {
    fc.assert(
      fc.property(saved, (history) => {
        expect(decodeHistory(encodeHistory(history))).toEqual(history);
      }),
    );
  });

  it("a history that is cut off, or goes on, is refused", () => {
    fc.assert(
      fc.property(saved, fc.nat(), (history, at) => {
        const bytes = encodeHistory(history);
        expect(() => decodeHistory(bytes.subarray(0, at % bytes.length))).toThrow();
        expect(() => decodeHistory(Uint8Array.from([...bytes, 0]))).toThrow(DecodeError);
      }),
    );
  });

  it("a form of a later version is named", () => {
    expect(() => decodeHistory(Uint8Array.of(9))).toThrow("form is 9");
  });
});
