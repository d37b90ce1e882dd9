import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Alarm } from "../../base/errors.ts";
import type { Hex } from "../../base/hex.ts";
import type { ChainLog } from "../../protocol/chainLog.ts";
import { DecodeError } from "../form/codec.ts";
import { ALICE, GENESIS, limitOrder, SIGNATURE } from "../world.testkit.ts";
import { entries, logs } from "./entries.testkit.ts";
import { decodeEntry, type Entry, encodeEntry, isBinary } from "./entries.ts";
import { BINARY_VERSION, decodeBinary, encodeBinary } from "./entryBytes.ts";

const entry = fc.oneof(...Object.values(entries));

/** Equal in every field, and in which fields there are. */
function expectSame(found: Entry, wanted: Entry): void {
  expect(found).toEqual(wanted);
  expect(Object.keys(found).sort()).toEqual(Object.keys(wanted).sort());
}

describe.each(Object.entries(entries))("%s", (_, arbitrary) => {
  test("an entry reads back as it was written, by bytes as by JSON", () => {
    fc.assert(
      fc.property(arbitrary as fc.Arbitrary<Entry>, (one) => {
        const record = encodeBinary(one);
        expect(record[0]).toBe(BINARY_VERSION);
        expectSame(decodeEntry(record), one);
        expect(decodeEntry(record)).toEqual(decodeEntry(encodeEntry(one)));
        expect(encodeBinary(decodeEntry(record))).toEqual(record);
        expect(record.length).toBeLessThan(encodeEntry(one).length);
      }),
      { numRuns: 300 },
    );
  });

  test("a record is refused where it is cut off or goes on", () => {
    fc.assert(
      fc.property(arbitrary as fc.Arbitrary<Entry>, fc.nat(), fc.nat(255), (one, cut, more) => {
        const record = encodeBinary(one);
        expect(() => decodeEntry(record.subarray(0, 1 + (cut % (record.length - 1))))).toThrow(
          DecodeError,
        );
        expect(() => decodeEntry(Uint8Array.from([...record, more]))).toThrow(DecodeError);
      }),
    );
  });
});

test("every log of the chain reads back", () => {
  for (const arbitrary of Object.values(logs)) {
    fc.assert(
      fc.property(arbitrary as fc.Arbitrary<ChainLog>, (log) => {
        const to = { number: 1, hash: SIGNATURE.r };
        const one: Entry = { kind: "blocks", to, logs: [log], timeMs: 1 };
        expectSame(decodeBinary(encodeBinary(one)), one);
      }),
    );
  }
});

test("altered bytes are another entry in its own form, or refused: nothing between", () => {
  let refused = 0;
  const change = fc.record({ at: fc.nat(), to: fc.nat(255) });
  fc.assert(
    fc.property(entry, fc.array(change, { minLength: 1, maxLength: 3 }), (one, changes) => {
      const record = encodeBinary(one);
      for (const { at, to } of changes) record[1 + (at % (record.length - 1))] = to;
      let read: Entry;
      try {
        read = decodeEntry(record);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
        refused++;
        return;
      }
      expect(encodeBinary(read)).toEqual(record);
    }),
    { numRuns: 3000 },
  );
  expect(refused).toBeGreaterThan(100);
});

test("no bytes at all are read as anything but an entry or a DecodeError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(8), (rest, of) => {
      const record = Uint8Array.from([BINARY_VERSION, of, ...rest]);
      try {
        expect(encodeBinary(decodeEntry(record))).toEqual(record);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }),
    { numRuns: 3000 },
  );
});

const PLACED = { kind: "placeOrder", order: limitOrder(ALICE, 3, 7, "bid", 2, 50) } as const;

test("a record of a later release is refused by its version", () => {
  const record = encodeBinary({ ...PLACED, signature: SIGNATURE, timeMs: 5 });
  expect(isBinary(record)).toBe(true);
  record[0] = 5;
  expect(() => decodeEntry(record)).toThrow(
    /^Cannot read a record: version is 5, and this release reads 1 to 4\. /,
  );
});

test.each([
  ["a time that is missing", { ...PLACED, signature: SIGNATURE }],
  ["an amount below 0", { ...PLACED, order: { ...PLACED.order, buyAmount: -1n } }],
  ["an amount beyond 128 bits", { ...PLACED, order: { ...PLACED.order, buyAmount: 1n << 128n } }],
  ["an id beyond 64 bits", { ...PLACED, order: { ...PLACED.order, id: 1n << 64n } }],
  ["a round that is none", { ...PLACED, order: { ...PLACED.order, round: 1.5 } }],
  ["an address without its checksum", { ...PLACED, order: { ...PLACED.order, owner: "0xab" } }],
  ["a word that is too short", { ...PLACED, signature: { ...SIGNATURE, r: "0x12" } }],
])("%s is written by nobody", (what, wrong) => {
  const timed = what.startsWith("a time") ? {} : { timeMs: 5 };
  const whole = { signature: SIGNATURE, ...wrong, ...timed } as Entry;
  expect(() => encodeBinary(whole)).toThrow(Alarm);
});

test("the genesis and an order, byte for byte", () => {
  const record = encodeBinary({ ...PLACED, signature: SIGNATURE, timeMs: 300 });
  const { owner, sellToken, buyToken } = PLACED.order;
  const raw = (hex: Hex) => hex.slice(2).toLowerCase();
  expect(Buffer.from(record).toString("hex")).toBe(
    [
      "0402ac02",
      raw(owner),
      "03",
      "0107",
      raw(sellToken),
      written(PLACED.order.sellAmount),
      raw(buyToken),
      written(PLACED.order.buyAmount),
      "00",
      "00",
      raw(SIGNATURE.r),
      raw(SIGNATURE.vs),
      "00",
    ].join(""),
  );
  expect(encodeBinary({ ...GENESIS, kind: "genesis", timeMs: 0 }).subarray(0, 3)).toEqual(
    Uint8Array.from([4, 0, 0]),
  );
});

function written(amount: bigint): string {
  const digits = amount.toString(16);
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  return `${(even.length / 2).toString(16).padStart(2, "0")}${even}`;
}
