import fc from "fast-check";
import { parseTransaction } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { expect, test } from "vitest";
import { nobleCurve } from "../base/curve.ts";
import { type Address, bytesToHex, type Hex, hexToBytes } from "../base/hex.ts";
import { hashFill } from "../protocol/messages.ts";
import { recoverSigner, signMessage } from "../protocol/signatures.ts";
import type { Domain, Fill } from "../protocol/units.ts";
import { type KeyHolder, localSigner, SignerUnavailable, signerOf } from "./signer.ts";

const KEY: Hex = `0x${"4c".repeat(32)}`;
const TO: Address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const domain: Domain = { chainId: 31337, mediator: "0x5FbDB2315678afecb367f032d93F642f64180aa3" };

const uint = (bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });
const transactions = fc.record({
  chainId: fc.integer({ min: 1, max: 2 ** 40 }),
  nonce: fc.integer({ min: 0, max: 2 ** 40 }),
  gas: uint(40),
  to: fc.constantFrom(TO, undefined),
  data: fc.uint8Array({ maxLength: 200 }).map(bytesToHex),
  value: uint(90),
  maxFeePerGas: uint(60).map((fee) => fee + (1n << 61n)),
  maxPriorityFeePerGas: uint(60),
});

test("a transaction is signed as viem signs it", async () => {
  const ours = localSigner(KEY);
  const theirs = privateKeyToAccount(KEY);
  expect(ours.address).toBe(theirs.address);
  await fc.assert(
    fc.asyncProperty(transactions, async ({ to, ...rest }) => {
      const raw = await ours.signTransaction({ ...rest, ...(to && { to }) });
      const wanted = await theirs.signTransaction({ type: "eip1559", ...rest, to: to ?? null });
      expect(raw).toBe(wanted);
      expect(parseTransaction(raw).nonce ?? 0).toBe(rest.nonce);
    }),
    { numRuns: 40 },
  );
});

test("a message is signed as the protocol signs it, always alike", async () => {
  const signer = localSigner(KEY);
  await fc.assert(
    fc.asyncProperty(uint(128), uint(128), uint(64), async (sold, bought, sequence) => {
      const fill: Fill = { orderHash: KEY, owner: TO, round: 7, sold, bought, sequence };
      const signature = await signer.signMessage(domain, hashFill(fill));
      expect(signature).toEqual(signMessage(nobleCurve, domain, hashFill(fill), hexToBytes(KEY)));
      expect(recoverSigner(nobleCurve, domain, hashFill(fill), signature)).toBe(signer.address);
    }),
    { numRuns: 40 },
  );
});

test("a preimage that a holder is given stays as it was while others are signed", async () => {
  const seen: Uint8Array[] = [];
  const holder: KeyHolder = {
    address: TO,
    sign: async (preimage) => {
      seen.push(preimage);
      throw new SignerUnavailable("Asleep.", "Wake it.");
    },
  };
  const signer = signerOf(holder);
  const hashes = [1, 2].map((byte) => new Uint8Array(32).fill(byte));
  const outcomes = await Promise.allSettled(hashes.map((hash) => signer.signMessage(domain, hash)));
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(seen.map((preimage) => bytesToHex(preimage.slice(34)))).toEqual(hashes.map(bytesToHex));
  expect(seen.every((preimage) => preimage[0] === 0x19 && preimage[1] === 0x01)).toBe(true);
});
