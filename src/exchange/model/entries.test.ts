import fc from "fast-check";
import { expect, test } from "vitest";
import { toAddress } from "../../base/address.ts";
import { UINT64_MAX, UINT128_MAX } from "../../base/bytes.ts";
import { Alarm } from "../../base/errors.ts";
import { bytesToHex } from "../../base/hex.ts";
import type { ChainLog } from "../../protocol/chainLog.ts";
import {
  DEFAULT_TERMS,
  SELF_TRADES,
  type SignedTerms,
  TIMES_IN_FORCE,
} from "../../protocol/trading/terms.ts";
import type { Intent, Signature } from "../../protocol/units.ts";
import { DecodeError } from "../form/codec.ts";
import { ALICE, BASE, BOB, GENESIS, limitOrder, QUOTE, SIGNATURE } from "../world.testkit.ts";
import { decodeEntry, type Entry, encodeEntry } from "./entries.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hash = bytes(32).map(bytesToHex);
const address = bytes(20).map((raw) => toAddress(bytesToHex(raw)));
const amount = fc.bigInt({ min: 0n, max: UINT128_MAX });
const id = fc.bigInt({ min: 0n, max: UINT64_MAX });
const count = fc.nat();
const signature: fc.Arbitrary<Signature> = fc.record({
  r: hash,
  vs: hash,
  path: fc.array(hash, { maxLength: 3 }),
});
const place = { block: count, blockHash: hash, logIndex: count, transactionHash: hash };
const round = count;
const client = address;
const token = address;
const kind = <K extends string>(name: K) => fc.constant(name);

const log: fc.Arbitrary<ChainLog> = fc.oneof(
  fc.record({ kind: kind("tokenListed"), token, round, ...place }),
  fc.record({ kind: kind("deposited"), client, token, amount, round, ...place }),
  fc.record({
    kind: kind("withdrawalInitiated"),
    client,
    token,
    amount,
    opening: amount,
    recipient: address,
    round,
    ...place,
  }),
  fc.record({ kind: kind("withdrawalCancelled"), client, token, amount, round, ...place }),
  fc.record({
    kind: kind("withdrawalConfirmed"),
    client,
    token,
    amount,
    recipient: address,
    round,
    ...place,
  }),
  fc.record({
    kind: kind("committed"),
    round,
    token,
    node: hash,
    total: amount,
    leafCount: count,
    ...place,
  }),
  fc.record({ kind: kind("tradingKeySet"), client, fromRound: round, key: address, ...place }),
  fc.record({
    kind: kind("disputeOpened"),
    client,
    round,
    opener: address,
    mustProveOpenings: fc.boolean(),
    openingsPresented: fc.boolean(),
    presented: count,
    ...place,
  }),
  fc.record({ kind: kind("disputeClosed"), client, round, operator: address, ...place }),
);

const terms: fc.Arbitrary<SignedTerms> = fc.record({
  timeInForce: fc.constantFrom(...TIMES_IN_FORCE),
  goodTillBlock: fc.option(count),
  selfTrade: fc.constantFrom(...SELF_TRADES),
  tag: fc.option(fc.stringMatching(/^[\x20-\x7e]{1,36}$/)),
  signature,
});

const timeless: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({
    kind: kind("blocks"),
    to: fc.record({ number: count, hash }),
    logs: fc.array(log, { maxLength: 4 }),
  }),
  fc.record({
    kind: kind("placeOrder"),
    order: fc.record({
      owner: address,
      round,
      id,
      sellToken: token,
      sellAmount: amount,
      buyToken: token,
      buyAmount: amount,
      intent: fc.constantFrom<Intent>("buyAll", "sellAll"),
    }),
    signature,
  }),
  fc.record({ kind: kind("cancelOrder"), owner: address, round, id, signature }),
);

/** With and without a time, as versions 2 and 1 have it; only the former may have terms. */
const entry = fc
  .tuple(timeless, fc.option(count), fc.option(terms))
  .map(([one, timeMs, signed]): Entry => {
    if (timeMs === null) return one;
    const hasTerms = one.kind === "placeOrder" && signed !== null;
    return { ...one, ...(hasTerms && { terms: signed }), timeMs };
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
