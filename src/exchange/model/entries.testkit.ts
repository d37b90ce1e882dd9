/** Entries of every kind, for properties of their forms. */
import fc from "fast-check";
import { toAddress } from "../../base/address.ts";
import { UINT64_MAX, UINT128_MAX } from "../../base/bytes.ts";
import { bytesToHex, type Hex } from "../../base/hex.ts";
import type { ChainLog, ChainLogKind } from "../../protocol/chainLog.ts";
import { SELF_TRADES, type SignedTerms, TIMES_IN_FORCE } from "../../protocol/trading/terms.ts";
import type { CountersignedStatement, Order, Signature } from "../../protocol/units.ts";
import type { Entry } from "./entries.ts";

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

/** Of each kind of log. */
export const logs: { readonly [K in ChainLogKind]: fc.Arbitrary<Extract<ChainLog, { kind: K }>> } =
  {
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

/** Of each kind of entry, with the time that its record has. */
export const entries: { readonly [K in Entry["kind"]]: fc.Arbitrary<Extract<Entry, { kind: K }>> } =
  {
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
