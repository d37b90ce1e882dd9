import fc from "fast-check";
import { encodeAbiParameters, hashDomain, hashStruct, hashTypedData, keccak256 } from "viem";
import { expect, test } from "vitest";
import { checksumAddress } from "../base/address.ts";
import { Alarm } from "../base/errors.ts";
import { type Address, bytesToHex, type Hex } from "../base/hex.ts";
import {
  digest,
  domainSeparator,
  hashBatch,
  hashCancelAfter,
  hashCancelAll,
  hashCancelOrder,
  hashCommit,
  hashDisputeDelegation,
  hashEvidenceDelivery,
  hashFill,
  hashOperatorApplication,
  hashOperatorIdentity,
  hashOrder,
  hashOrderTerms,
  hashPublishedBalances,
  hashSession,
  hashStatement,
  INTENT_CODE,
  MESSAGE_TYPES,
  type MessageName,
  orderHash,
  rootsHash,
} from "./messages.ts";
import {
  SELF_TRADE_CODE,
  SELF_TRADES,
  TIME_IN_FORCE_CODE,
  TIMES_IN_FORCE,
} from "./trading/terms.ts";
import type { Domain, Intent, Order } from "./units.ts";

const address: fc.Arbitrary<Address> = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map(checksumAddress);
const bytes32: fc.Arbitrary<Hex> = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytesToHex);
const uint64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const uint128 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const domains: fc.Arbitrary<Domain> = fc.record({
  chainId: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  mediator: address,
});
const orders: fc.Arbitrary<Order> = fc.record({
  owner: address,
  round: count,
  id: uint64,
  sellToken: address,
  sellAmount: uint128,
  buyToken: address,
  buyAmount: uint128,
  intent: fc.constantFrom<Intent>("buyAll", "sellAll"),
});

function viemDomain(domain: Domain) {
  return {
    name: "Quarterdeck",
    version: "1",
    chainId: domain.chainId,
    verifyingContract: domain.mediator,
  } as const;
}

/** Counts as the bigints that viem wants for uint64. */
function widened(message: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(message).map(([name, value]) => [
      name,
      name !== "intent" && typeof value === "number" ? BigInt(value) : value,
    ]),
  );
}

function expectHashesAsViem(name: MessageName, domain: Domain, message: object, own: Uint8Array) {
  const data = widened(message);
  const types = MESSAGE_TYPES as never;
  const primaryType = name as never;
  expect(bytesToHex(own)).toBe(hashStruct({ data: data as never, primaryType, types }));
  const typed = { domain: viemDomain(domain), types, primaryType: name, message: data } as never;
  expect(bytesToHex(digest(domain, own))).toBe(hashTypedData(typed));
}

test("the type strings are the protocol's, letter by letter", () => {
  const text = (name: MessageName) =>
    `${name}(${MESSAGE_TYPES[name].map((field) => `${field.type} ${field.name}`).join(",")})`;
  expect((Object.keys(MESSAGE_TYPES) as MessageName[]).map(text)).toEqual([
    "Order(address owner,uint64 round,uint64 id,address sellToken,uint128 sellAmount,address buyToken,uint128 buyAmount,uint8 intent)",
    "Fill(bytes32 orderHash,address owner,uint64 round,uint128 sold,uint128 bought,uint64 sequence)",
    "Statement(address client,uint64 round,uint64 watermark,uint64[] except,address[] tokens,uint128[] sold,uint128[] bought)",
    "Commit(uint64 round,bytes32 rootsHash)",
    "DisputeDelegation(address client,address delegate,uint64 untilRound)",
    "Batch(bytes32 root)",
    "CancelOrder(address owner,uint64 round,uint64 id)",
    "OrderTerms(bytes32 orderHash,uint8 timeInForce,uint64 goodTillBlock,uint8 selfTrade,string tag)",
    "CancelAll(address owner,uint64 round,uint64 nonce)",
    "CancelAfter(address owner,uint64 round,uint64 nonce,uint64 block,uint64 graceBlocks)",
    "Session(address client,uint64 validUntil)",
    "OperatorApplication(address operator,string name,string endpoint,uint64 date)",
    "OperatorIdentity(address operator,string endpoint,bytes32 challenge)",
    "EvidenceDelivery(address client,address tower,bytes32 contentHash)",
    "PublishedBalances(uint64 round,bytes32 rootsHash)",
  ]);
});

test("the domain separator is viem's", () => {
  fc.assert(
    fc.property(domains, (domain) => {
      const types = {
        EIP712Domain: [
          { name: "name", type: "string" },
          { name: "version", type: "string" },
          { name: "chainId", type: "uint256" },
          { name: "verifyingContract", type: "address" },
        ],
      };
      const theirs = hashDomain({ domain: viemDomain(domain) as never, types });
      expect(bytesToHex(domainSeparator(domain))).toBe(theirs);
      expect(domainSeparator(domain)).toBe(domainSeparator(domain));
    }),
  );
});

test("Order", () => {
  fc.assert(
    fc.property(domains, orders, (domain, order) => {
      const data = { ...order, intent: INTENT_CODE[order.intent] };
      expectHashesAsViem("Order", domain, data, hashOrder(order));
      expect(orderHash(order)).toBe(bytesToHex(hashOrder(order)));
    }),
  );
});

test("Fill", () => {
  const fills = fc.record({
    orderHash: bytes32,
    owner: address,
    round: count,
    sold: uint128,
    bought: uint128,
    sequence: uint64,
  });
  fc.assert(
    fc.property(domains, fills, (domain, fill) => {
      expectHashesAsViem("Fill", domain, fill, hashFill(fill));
    }),
  );
});

test("Commit, DisputeDelegation, Batch, CancelOrder and Session", () => {
  fc.assert(
    fc.property(domains, address, address, count, uint64, bytes32, (domain, a, b, n, id, hash) => {
      const commit = { round: n, rootsHash: hash };
      expectHashesAsViem("Commit", domain, commit, hashCommit(commit));
      expectHashesAsViem("PublishedBalances", domain, commit, hashPublishedBalances(commit));
      expect(hashPublishedBalances(commit)).not.toEqual(hashCommit(commit));
      const delivery = { client: a, tower: b, contentHash: hash };
      expectHashesAsViem("EvidenceDelivery", domain, delivery, hashEvidenceDelivery(delivery));
      const delegation = { client: a, delegate: b, untilRound: n };
      expectHashesAsViem(
        "DisputeDelegation",
        domain,
        delegation,
        hashDisputeDelegation(delegation),
      );
      const cancel = { owner: a, round: n, id };
      expectHashesAsViem("CancelOrder", domain, cancel, hashCancelOrder(cancel));
      const session = { client: a, validUntil: n };
      expectHashesAsViem("Session", domain, session, hashSession(session));
      expectHashesAsViem(
        "Batch",
        domain,
        { root: hash },
        hashBatch(Buffer.from(hash.slice(2), "hex")),
      );
    }),
  );
});

test("OrderTerms, CancelAll and CancelAfter", () => {
  const terms = fc.record({
    orderHash: bytes32,
    timeInForce: fc.constantFrom(...TIMES_IN_FORCE),
    goodTillBlock: fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
    selfTrade: fc.constantFrom(...SELF_TRADES),
    tag: fc.option(fc.stringMatching(/^[\x20-\x7e]{1,36}$/)),
  });
  fc.assert(
    fc.property(domains, terms, address, count, uint64, (domain, one, owner, n, nonce) => {
      const written = {
        orderHash: one.orderHash,
        timeInForce: BigInt(TIME_IN_FORCE_CODE[one.timeInForce]),
        goodTillBlock: one.goodTillBlock ?? 0,
        selfTrade: BigInt(SELF_TRADE_CODE[one.selfTrade]),
        tag: one.tag ?? "",
      };
      expectHashesAsViem("OrderTerms", domain, written, hashOrderTerms(one));
      const all = { owner, round: n, nonce };
      expectHashesAsViem("CancelAll", domain, all, hashCancelAll(all));
      const after = { ...all, block: n, graceBlocks: 7 };
      expectHashesAsViem("CancelAfter", domain, after, hashCancelAfter(after));
    }),
  );
});

test("rootsHash is the hash of the ABI encoding, without roots too", () => {
  const root = fc.record({
    token: address,
    node: bytes32,
    total: uint128,
    leafCount: count,
  });
  const parameter = {
    type: "tuple[]",
    components: [
      { name: "token", type: "address" },
      { name: "node", type: "bytes32" },
      { name: "total", type: "uint128" },
      { name: "leafCount", type: "uint64" },
    ],
  } as const;
  fc.assert(
    fc.property(fc.array(root, { maxLength: 5 }), (roots) => {
      const wide = roots.map((each) => ({ ...each, leafCount: BigInt(each.leafCount) }));
      expect(rootsHash(roots)).toBe(keccak256(encodeAbiParameters([parameter], [wide])));
    }),
  );
});

test("an order of another case hashes the same, a changed field does not", () => {
  const [order] = fc.sample(orders, { numRuns: 1, seed: 7 }) as [Order];
  const same = { ...order, owner: order.owner.toLowerCase() as Address };
  expect(orderHash(same)).toBe(orderHash(order));
  expect(orderHash({ ...order, id: order.id ^ 1n })).not.toBe(orderHash(order));
  expect(orderHash({ ...order, round: order.round - 1 })).not.toBe(orderHash(order));
});

test("fields out of range throw instead of being cut, and leave nothing behind", () => {
  const [order] = fc.sample(orders, { numRuns: 1, seed: 8 }) as [Order];
  const before = orderHash(order);
  for (const wrong of [
    { id: 1n << 64n },
    { id: -1n },
    { sellAmount: 1n << 128n },
    { buyAmount: -1n },
    { round: -1 },
    { round: 1.5 },
    { intent: "buy" as Intent },
  ]) {
    expect(() => hashOrder({ ...order, ...wrong })).toThrow(Alarm);
  }
  expect(() => hashOrder({ ...order, owner: "0x12" })).toThrow(TypeError);
  expect(() => digest({ chainId: 1, mediator: order.owner }, new Uint8Array(31))).toThrow(Alarm);
  expect(orderHash(order)).toBe(before);
});

test("OperatorApplication", () => {
  const applications = fc.record({
    operator: address,
    name: fc.string({ unit: "grapheme" }),
    endpoint: fc.webUrl(),
    date: count,
  });
  fc.assert(
    fc.property(domains, applications, (domain, message) => {
      const own = hashOperatorApplication(message);
      expectHashesAsViem("OperatorApplication", domain, message, own);
    }),
  );
});

test("OperatorIdentity", () => {
  const identities = fc.record({ operator: address, endpoint: fc.webUrl(), challenge: bytes32 });
  fc.assert(
    fc.property(domains, identities, (domain, message) => {
      expectHashesAsViem("OperatorIdentity", domain, message, hashOperatorIdentity(message));
    }),
  );
});

test("a statement is hashed as viem does, empty arrays included", () => {
  const some = <T>(element: fc.Arbitrary<T>) => fc.array(element, { maxLength: 5 });
  const statements = fc.record({
    client: address,
    round: count,
    watermark: uint64,
    except: some(uint64),
    tokens: some(address),
    sold: some(uint128),
    bought: some(uint128),
  });
  fc.assert(
    fc.property(domains, statements, (domain, statement) => {
      expectHashesAsViem("Statement", domain, statement, hashStatement(statement));
    }),
  );
});
