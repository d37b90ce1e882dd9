import fc from "fast-check";
import { privateKeyToAccount } from "viem/accounts";
import { expect, test } from "vitest";
import { publicKeyToAddress } from "./address.ts";
import { nobleCurve } from "./curve.ts";
import { Alarm } from "./errors.ts";
import { bytesToHex, hexToBytes } from "./hex.ts";

const key = hexToBytes("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

test("a signature recovers to the signer's key, and its s is low", () => {
  fc.assert(
    fc.property(bytes32, fc.bigInt({ min: 1n, max: order - 1n }), (digest, secret) => {
      const privateKey = hexToBytes(`0x${secret.toString(16).padStart(64, "0")}`);
      const { r, s, yParity } = nobleCurve.sign(digest, privateKey);
      expect(nobleCurve.recover(digest, r, s, yParity)).toEqual(nobleCurve.publicKey(privateKey));
      expect(BigInt(bytesToHex(s)) <= order / 2n).toBe(true);
    }),
    { numRuns: 25 },
  );
});

test("the signer signs the digest itself, as viem does", async () => {
  const digest = new Uint8Array(32).fill(7);
  const account = privateKeyToAccount(bytesToHex(key));
  const theirs = await account.sign({ hash: bytesToHex(digest) });
  const { r, s, yParity } = nobleCurve.sign(digest, key);
  expect(`${bytesToHex(r)}${bytesToHex(s).slice(2)}${(27 + yParity).toString(16)}`).toBe(theirs);
  expect(publicKeyToAddress(nobleCurve.publicKey(key))).toBe(account.address);
});

test("words that no key can sign recover to nobody", () => {
  const digest = new Uint8Array(32).fill(7);
  const { r, s, yParity } = nobleCurve.sign(digest, key);
  const zero = new Uint8Array(32);
  const above = new Uint8Array(32).fill(0xff);
  for (const [wrongR, wrongS] of [
    [zero, s],
    [r, zero],
    [above, s],
    [r, above],
  ] as const) {
    expect(nobleCurve.recover(digest, wrongR, wrongS, yParity)).toBeUndefined();
  }
});

test("the other parity is another key, or none", () => {
  const digest = new Uint8Array(32).fill(7);
  const { r, s, yParity } = nobleCurve.sign(digest, key);
  const other = nobleCurve.recover(digest, r, s, yParity === 0 ? 1 : 0);
  expect(other).not.toEqual(nobleCurve.publicKey(key));
});

test("a digest of another length is an Alarm", () => {
  const word = new Uint8Array(32).fill(1);
  expect(() => nobleCurve.sign(new Uint8Array(31), key)).toThrow(Alarm);
  expect(() => nobleCurve.recover(new Uint8Array(33), word, word, 0)).toThrow(Alarm);
  expect(() => nobleCurve.recover(word, word.subarray(1), word, 0)).toThrow(Alarm);
});
