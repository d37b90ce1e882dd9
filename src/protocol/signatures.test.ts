import fc from "fast-check";
import {
  compactSignatureToSignature,
  parseCompactSignature,
  serializeCompactSignature,
} from "viem";
import { privateKeyToAccount, sign } from "viem/accounts";
import { expect, test } from "vitest";
import { ZERO_ADDRESS } from "../base/address.ts";
import { nobleCurve } from "../base/curve.ts";
import { Alarm } from "../base/errors.ts";
import { type Address, bytesToHex, type Hex, hexToBytes } from "../base/hex.ts";
import { MAX_PATH_LENGTH } from "./limits.ts";
import { digest, hashOrder } from "./messages.ts";
import {
  decodeSignature,
  encodeSignature,
  isOrderSignedBy,
  lowS,
  recoverSigner,
  signBatch,
  signMessage,
  toRsv,
} from "./signatures.ts";
import type { Domain, Order, Signature } from "./units.ts";

const ownerKey = hexToBytes(`0x${"11".repeat(32)}`);
const hotKey = hexToBytes(`0x${"22".repeat(32)}`);
const owner = privateKeyToAccount(bytesToHex(ownerKey)).address as Address;
const hot = privateKeyToAccount(bytesToHex(hotKey)).address as Address;
const domain: Domain = { chainId: 31337, mediator: "0x5FbDB2315678afecb367f032d93F642f64180aa3" };
const tokenA: Address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const tokenB: Address = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";

function order(id: bigint, owned: Address = owner): Order {
  return {
    owner: owned,
    round: 7,
    id,
    sellToken: tokenA,
    sellAmount: 1000n,
    buyToken: tokenB,
    buyAmount: 3000n,
    intent: "buyAll",
  };
}

const hashes = (count: number) =>
  Array.from({ length: count }, (_, i) => hashOrder(order(BigInt(i))));
const ORDER_N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

test("one message: signed, recovered, and read by viem as the same signature", async () => {
  const structHash = hashOrder(order(1n));
  const signature = signMessage(nobleCurve, domain, structHash, ownerKey);
  expect(signature.path).toEqual([]);
  expect(recoverSigner(nobleCurve, domain, structHash, signature)).toBe(owner);

  const hash = bytesToHex(digest(domain, structHash));
  const theirs = await sign({ hash, privateKey: bytesToHex(ownerKey) });
  const text = serializeCompactSignature({ r: signature.r, yParityAndS: signature.vs });
  const read = compactSignatureToSignature(parseCompactSignature(text));
  expect(read).toMatchObject({ r: theirs.r, s: theirs.s, yParity: theirs.yParity });
  expect(toRsv(signature)).toBe(await sign({ hash, privateKey: bytesToHex(ownerKey), to: "hex" }));
});

test.each([0, 1, 2, 3, 5, 8, 9])("a batch of %i: each message has its signer", (count) => {
  const structHashes = hashes(count);
  const signatures = signBatch(nobleCurve, domain, structHashes, ownerKey);
  expect(signatures).toHaveLength(count);
  expect(new Set(signatures.map(({ vs }) => vs)).size).toBe(Math.min(count, 1));
  signatures.forEach((signature, i) => {
    const structHash = structHashes[i] as Uint8Array;
    expect(recoverSigner(nobleCurve, domain, structHash, signature)).toBe(owner);
  });
});

test("another message, domain, path or word is not the owner's signature", () => {
  const structHashes = hashes(3);
  const [first, , third] = structHashes as [Uint8Array, Uint8Array, Uint8Array];
  const [signature] = signBatch(nobleCurve, domain, structHashes, ownerKey) as [Signature];
  const isOwners = (structHash: Uint8Array, given: Signature, where = domain) =>
    recoverSigner(nobleCurve, where, structHash, given) === owner;

  expect(isOwners(first, signature)).toBe(true);
  expect(isOwners(third, signature)).toBe(false);
  expect(isOwners(first, signature, { ...domain, chainId: 1 })).toBe(false);
  expect(isOwners(first, signature, { ...domain, mediator: tokenA })).toBe(false);
  expect(isOwners(first, { ...signature, path: [] })).toBe(false);
  expect(isOwners(first, { ...signature, path: signature.path.slice(1) })).toBe(false);
  expect(isOwners(first, { ...signature, path: [...signature.path, signature.r] })).toBe(false);
  expect(isOwners(first, { ...signature, r: signature.vs })).toBe(false);
});

test("a path longer than the limit is nobody's, the longest allowed is", () => {
  const structHash = hashOrder(order(1n));
  const words = signMessage(nobleCurve, domain, structHash, ownerKey);
  const step: Hex = `0x${"ab".repeat(32)}`;
  const withPath = (length: number) => ({ ...words, path: Array<Hex>(length).fill(step) });
  const atLimit = recoverSigner(nobleCurve, domain, structHash, withPath(MAX_PATH_LENGTH));
  expect(atLimit).toMatch(/^0x/);
  const beyond = recoverSigner(nobleCurve, domain, structHash, withPath(MAX_PATH_LENGTH + 1));
  expect(beyond).toBeUndefined();
});

test("s is accepted up to half the order, and not one more", () => {
  const { r } = signMessage(nobleCurve, domain, hashOrder(order(1n)), ownerKey);
  const vs = (s: bigint): Hex => `0x${s.toString(16).padStart(64, "0")}`;
  expect(decodeSignature({ r, vs: vs(ORDER_N / 2n) })).toMatchObject({ yParity: 0 });
  expect(decodeSignature({ r, vs: vs(ORDER_N / 2n + 1n) })).toBeUndefined();
  expect(decodeSignature({ r, vs: vs((1n << 255n) | (ORDER_N / 2n)) })).toMatchObject({
    yParity: 1,
  });
  expect(decodeSignature({ r, vs: vs((1n << 255n) | (ORDER_N / 2n + 1n)) })).toBeUndefined();
});

test.each([
  { r: "0x12" as Hex },
  { vs: "0x" as Hex },
  { vs: `0x${"zz".repeat(32)}` as Hex },
  { r: `0x${"00".repeat(32)}` as Hex },
  { vs: `0x${"00".repeat(32)}` as Hex },
  { path: ["0x1234" as Hex] },
  { path: ["root" as Hex] },
])("malformed %j recovers to nobody", (wrong) => {
  const structHash = hashOrder(order(1n));
  const signature = signMessage(nobleCurve, domain, structHash, ownerKey);
  expect(recoverSigner(nobleCurve, domain, structHash, { ...signature, ...wrong })).toBeUndefined();
});

test("encode and decode undo each other, and a high s is not encoded", () => {
  for (let byte = 1; byte < 20; byte++) {
    const ecdsa = nobleCurve.sign(new Uint8Array(32).fill(byte), ownerKey);
    expect(decodeSignature(encodeSignature(ecdsa))).toEqual(ecdsa);
  }
  const ecdsa = nobleCurve.sign(new Uint8Array(32), ownerKey);
  expect(() => encodeSignature({ ...ecdsa, s: new Uint8Array(32).fill(0xff) })).toThrow(Alarm);
});

test("an order is signed by its owner or by the trading key recorded for it, nobody else", () => {
  const sold = order(1n);
  const byOwner = {
    order: sold,
    signature: signMessage(nobleCurve, domain, hashOrder(sold), ownerKey),
  };
  const byHot = {
    order: sold,
    signature: signMessage(nobleCurve, domain, hashOrder(sold), hotKey),
  };
  expect(isOrderSignedBy(nobleCurve, domain, byOwner, undefined)).toBe(true);
  expect(isOrderSignedBy(nobleCurve, domain, byOwner, hot)).toBe(true);
  expect(isOrderSignedBy(nobleCurve, domain, byHot, hot)).toBe(true);
  expect(isOrderSignedBy(nobleCurve, domain, byHot, undefined)).toBe(false);
  expect(isOrderSignedBy(nobleCurve, domain, byHot, ZERO_ADDRESS)).toBe(false);
  expect(isOrderSignedBy(nobleCurve, domain, byHot, tokenA)).toBe(false);
});

test("a malformed signature is not the zero owner's", () => {
  const nobodys = order(1n, ZERO_ADDRESS);
  const signature = { r: "0x00", vs: "0x00", path: [] } as const;
  expect(isOrderSignedBy(nobleCurve, domain, { order: nobodys, signature }, ZERO_ADDRESS)).toBe(
    false,
  );
});

test("toRsv takes only a message's own signature", () => {
  const [signature] = signBatch(nobleCurve, domain, hashes(2), ownerKey) as [Signature];
  expect(() => toRsv(signature)).toThrow(Alarm);
  expect(() => toRsv({ r: "0x", vs: "0x", path: [] })).toThrow(Alarm);
});

test("the low one of two signatures that mirror each other counts", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (message) => {
      const low = nobleCurve.sign(message, ownerKey);
      expect(lowS(low)).toEqual(low);
      const s = (ORDER_N - BigInt(bytesToHex(low.s))).toString(16).padStart(64, "0");
      const high = { ...low, s: hexToBytes(`0x${s}`), yParity: low.yParity === 0 ? 1 : 0 } as const;
      expect(nobleCurve.recover(message, high.r, high.s, high.yParity)).toEqual(
        nobleCurve.publicKey(ownerKey),
      );
      expect(lowS(high)).toEqual(low);
    }),
    { numRuns: 20 },
  );
});
