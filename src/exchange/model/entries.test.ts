import fc from "fast-check";
import { expect, test } from "vitest";
import { Alarm } from "../../base/errors.ts";
import { DEFAULT_TERMS } from "../../protocol/trading/terms.ts";
import { DecodeError } from "../form/codec.ts";
import { ALICE, BASE, BOB, GENESIS, limitOrder, QUOTE, SIGNATURE } from "../world.testkit.ts";
import { entries } from "./entries.testkit.ts";
import { decodeEntry, type Entry, encodeEntry } from "./entries.ts";

const { blocks, placeOrder, cancelOrder } = entries;

/** With and without a time, as versions 2 and 1 have it; only the former may have terms. */
const entry = fc
  .tuple(fc.oneof(blocks, placeOrder, cancelOrder), fc.boolean())
  .map(([one, isTimed]): Entry => {
    if (isTimed) return one;
    const { timeMs: _time, ...timeless } = one;
    if (timeless.kind !== "placeOrder") return timeless;
    const { terms: _terms, ...plain } = timeless;
    return plain;
  });

const text = (record: Uint8Array) => new TextDecoder().decode(record);
const record = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));

test("an entry that is written reads back, and writes the same again", () => {
  fc.assert(
    fc.property(entry, (one) => {
      const written = encodeEntry(one);
      const read = decodeEntry(written);
      expect(read).toEqual(one);
      expect(text(encodeEntry(read))).toBe(text(written));
    }),
  );
  expect(decodeEntry(encodeEntry(GENESIS))).toEqual(GENESIS);
});

test("bigints are decimal strings, and the version comes first", () => {
  const order = limitOrder(ALICE, 3, 7, "bid", 2, 50);
  const written = text(encodeEntry({ kind: "placeOrder", order, signature: SIGNATURE }));
  expect(written.startsWith('{"version":1,"kind":"placeOrder","order":{"owner":"0x')).toBe(true);
  expect(written).toContain('"id":"7","sellToken"');
});

const cancel = { version: 1, kind: "cancelOrder", owner: BOB, round: 1, id: "5" };
const signed = { ...cancel, signature: SIGNATURE };

test.each([
  ["version", { ...signed, version: 4 }],
  ["timeMs", { ...signed, version: 2 }],
  ["timeMs", { ...signed, timeMs: 5 }],
  ["timeMs", { ...signed, version: 2, timeMs: -1 }],
  ["version", { kind: "cancelOrder" }],
  ["kind", { version: 1, kind: "stopTheWorld" }],
  ["kind", { version: 1, kind: "toString" }],
  ["signature", cancel],
  ["why", { ...signed, why: "because" }],
  ["round", { ...signed, round: "1" }],
  ["round", { ...signed, round: -1 }],
  ["round", { ...signed, round: 1.5 }],
  ["id", { ...signed, id: 5 }],
  ["id", { ...signed, id: "05" }],
  ["id", { ...signed, id: "18446744073709551616" }],
  ["owner", { ...signed, owner: BASE.toLowerCase() }],
  ["owner", { ...signed, owner: "0x12" }],
  ["signature.r", { ...signed, signature: { ...SIGNATURE, r: "0x" } }],
  ["signature.path.1", { ...signed, signature: { ...SIGNATURE, path: [SIGNATURE.r, 3] } }],
  ["to.hash", { version: 1, kind: "blocks", to: { number: 1, hash: "0xAB" }, logs: [] }],
  ["logs.0.kind", { version: 1, kind: "blocks", to: { number: 1, hash: SIGNATURE.r }, logs: [{}] }],
])("a wrong %s is named", (field, json) => {
  expect(() => decodeEntry(record(json))).toThrow(DecodeError);
  expect(() => decodeEntry(record(json))).toThrow(expect.objectContaining({ field }));
});

/** As operators wrote them before orders had terms, and records times. */
const OLD_RECORDS = [
  `{"version":1,"kind":"cancelOrder","owner":"${BOB}","round":1,"id":"5","signature":` +
    `${JSON.stringify(SIGNATURE)}}`,
  `{"version":1,"kind":"placeOrder","order":{"owner":"${ALICE}","round":3,"id":"7","sellToken":` +
    `"${QUOTE}","sellAmount":"100","buyToken":"${BASE}","buyAmount":"20","intent":"buyAll"},` +
    `"signature":${JSON.stringify(SIGNATURE)}}`,
];

test.each(OLD_RECORDS)("a record of version 1 is read, and written as it was: %s", (old) => {
  const read = decodeEntry(new TextEncoder().encode(old));
  expect(read.timeMs).toBeUndefined();
  expect(text(encodeEntry(read))).toBe(old);
});

test("a record has its time, and an order its terms, or says that it has none", () => {
  const order = limitOrder(ALICE, 3, 7, "bid", 2, 50);
  const placed = { kind: "placeOrder", order, signature: SIGNATURE, timeMs: 12 } as const;
  expect(text(encodeEntry(placed))).toMatch(/^\{"version":2,"timeMs":12,"kind":"placeOrder",/);
  expect(text(encodeEntry(placed))).toMatch(/,"terms":null\}$/);
  const signed = { ...DEFAULT_TERMS, tag: "mm-1", signature: SIGNATURE };
  const withTerms = { ...placed, terms: signed };
  expect(decodeEntry(encodeEntry(withTerms))).toEqual(withTerms);
  const { timeMs: _, ...untimed } = withTerms;
  expect(() => encodeEntry(untimed)).toThrow(Alarm);
});

test.each(["", "{", "[]", "null", "7"])("%j is no entry", (json) => {
  expect(() => decodeEntry(new TextEncoder().encode(json))).toThrow(DecodeError);
});
