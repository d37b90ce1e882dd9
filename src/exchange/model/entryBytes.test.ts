import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toAddress } from "../../base/address.ts";
import { UINT64_MAX, UINT128_MAX } from "../../base/bytes.ts";
import { Alarm } from "../../base/errors.ts";
import { bytesToHex, type Hex } from "../../base/hex.ts";
import type { ChainLog, ChainLogKind } from "../../protocol/chainLog.ts";
import { SELF_TRADES, type SignedTerms, TIMES_IN_FORCE } from "../../protocol/trading/terms.ts";
import type { CountersignedStatement, Order, Signature } from "../../protocol/units.ts";
import { DecodeError } from "../form/codec.ts";
import { ALICE, GENESIS, limitOrder, SIGNATURE } from "../world.testkit.ts";
import { decodeEntry, type Entry, encodeEntry, isBinary } from "./entries.ts";
import { BINARY_VERSION, decodeBinary, encodeBinary } from "./entryBytes.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
/** Small ones, and those of every length up to the largest. */
const uint = (max: bigint) =>
  fc.oneof(
    fc.bigInt({ min: 0n, max }),
    fc.tuple(fc.bigInt({ min: 0n, max }), fc.nat(127)).map(([value, by]) => value >> BigInt(by)),
    fc.constantFrom(0n, 1n, (1n << 48n) - 1n, 1n << 48n, 1n << 53n, max),
  );
const amount = uint(UINT128_MAX);
const id = uint(UINT64_MAX);
const count = fc.oneof(
  fc.nat(),
  fc.maxSafeNat(),
  fc.constantFrom(0, 127, 128, 16_383, 16_384, 2 ** 32, Number.MAX_SAFE_INTEGER),
);
const hash = bytes(32).map(bytesToHex);
const address = bytes(20).map((raw) => toAddress(bytesToHex(raw)));
/** As a client may have signed it: digits of either case are kept. */
const word = fc
  .tuple(hash, fc.boolean())
  .map(([hex, isUpper]): Hex => (isUpper ? `0x${hex.slice(2).toUpperCase()}` : hex));
const signature: fc.Arbitrary<Signature> = fc.record({
  r: fc.oneof({ weight: 5, arbitrary: hash }, word),
  vs: fc.oneof({ weight: 5, arbitrary: hash }, word),
  path: fc.array(fc.oneof({ weight: 5, arbitrary: hash }, word), { maxLength: 3 }),
});
const place = { block: count, blockHash: hash, logIndex: count, transactionHash: hash };
const kind = <K extends string>(name: K) => fc.constant(name);
const client = address;
const token = address;
const round = count;

const logs: { readonly [K in ChainLogKind]: fc.Arbitrary<Extract<ChainLog, { kind: K }>> } = {
  tokenListed: fc.record({ kind: kind("tokenListed"), token, round, ...place }),
  deposited: fc.record({ kind: kind("deposited"), client, token, amount, round, ...place }),
  withdrawalInitiated: fc.record({
    kind: kind("withdrawalInitiated"),
    client,
    token,
    amount,
    opening: amount,
    recipient: address,
    round,
    ...place,
  }),
  withdrawalCancelled: fc.record({
    kind: kind("withdrawalCancelled"),
    client,
    token,
    amount,
    round,
    ...place,
  }),
  withdrawalConfirmed: fc.record({
    kind: kind("withdrawalConfirmed"),
    client,
    token,
    amount,
    recipient: address,
    round,
    ...place,
  }),
  committed: fc.record({
    kind: kind("committed"),
    round,
    token,
    node: hash,
    total: amount,
    leafCount: count,
    ...place,
  }),
  tradingKeySet: fc.record({
    kind: kind("tradingKeySet"),
    client,
    fromRound: round,
    key: address,
    ...place,
  }),
  disputeOpened: fc.record({
    kind: kind("disputeOpened"),
    client,
    round,
    opener: address,
    mustProveOpenings: fc.boolean(),
    openingsPresented: fc.boolean(),
    presented: count,
    ...place,
  }),
  statementPresented: fc.record({
    kind: kind("statementPresented"),
    client,
    token,
    round,
    statementRound: round,
    watermark: id,
    except: fc.array(id, { maxLength: 3 }),
    ...place,
  }),
  disputeClosed: fc.record({
    kind: kind("disputeClosed"),
    client,
    round,
    operator: address,
    ...place,
  }),
};

const order: fc.Arbitrary<Order> = fc.record({
  owner: address,
  round,
  id,
  sellToken: token,
  sellAmount: amount,
  buyToken: token,
  buyAmount: amount,
  intent: fc.constantFrom("buyAll", "sellAll"),
});
const terms: fc.Arbitrary<SignedTerms> = fc.record({
  timeInForce: fc.constantFrom(...TIMES_IN_FORCE),
  goodTillBlock: fc.option(count),
  selfTrade: fc.constantFrom(...SELF_TRADES),
  tag: fc.option(fc.stringMatching(/^[\x20-\x7e]{1,36}$/)),
  signature,
});
const placed = fc
  .tuple(order, signature, fc.option(terms))
  .map(([one, signed, some]) => ({ order: one, signature: signed, ...(some && { terms: some }) }));
const amounts = fc.array(amount, { maxLength: 3 });
const countersigned: fc.Arbitrary<CountersignedStatement> = fc.record({
  statement: fc.record({
    client,
    round,
    watermark: id,
    except: fc.array(id, { maxLength: 3 }),
    tokens: fc.array(address, { maxLength: 3 }),
    sold: amounts,
    bought: amounts,
  }),
  signature,
  countersignature: signature,
});
const command = { owner: address, round, nonce: id, timeMs: count };

const entries: { readonly [K in Entry["kind"]]: fc.Arbitrary<Extract<Entry, { kind: K }>> } = {
  genesis: fc.record({
    kind: kind("genesis"),
    chainId: count,
    mediator: address,
    schedule: fc.record({ genesisBlock: count, roundSize: count }),
    confirmations: count,
    markets: fc.array(fc.record({ base: token, quote: token, lot: amount, tick: amount }), {
      maxLength: 3,
    }),
    limits: fc.record({ ordersPerClientAndRound: count }),
    timeMs: count,
  }),
  blocks: fc.record({
    kind: kind("blocks"),
    to: fc.record({ number: count, hash }),
    logs: fc.array(fc.oneof(...Object.values(logs)), { maxLength: 4 }),
    timeMs: count,
  }),
  placeOrder: fc
    .tuple(placed, count)
    .map(([one, timeMs]) => ({ kind: "placeOrder" as const, ...one, timeMs })),
  cancelOrder: fc.record({
    kind: kind("cancelOrder"),
    owner: address,
    round,
    id,
    signature,
    timeMs: count,
  }),
  replaceOrder: fc
    .tuple(placed, fc.record({ owner: address, round, id }), signature, count)
    .map(([one, cancel, cancelSignature, timeMs]) => {
      return { kind: "replaceOrder" as const, cancel, cancelSignature, ...one, timeMs };
    }),
  cancelAll: fc.record({ kind: kind("cancelAll"), ...command, signature }),
  cancelAfter: fc.record({
    kind: kind("cancelAfter"),
    ...command,
    block: count,
    graceBlocks: count,
    signature,
  }),
  keepAlive: fc.record({
    kind: kind("keepAlive"),
    clients: fc.array(address, { maxLength: 4 }),
    timeMs: count,
  }),
  countersign: fc
    .tuple(countersigned, count)
    .map(([one, timeMs]) => ({ kind: "countersign" as const, ...one, timeMs })),
};
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
