import { expect, test } from "vitest";
import { nobleCurve } from "../../base/curve.ts";
import type { Address } from "../../base/hex.ts";
import { hexToBytes } from "../../base/hex.ts";
import { keccak256 } from "../../base/keccak.ts";
import {
  type Recovery,
  recoverAccount,
  signBatch,
  signMessage,
} from "../../protocol/signatures.ts";
import type { Domain } from "../../protocol/units.ts";
import {
  MAX_VERIFYING,
  SignatureVerifier,
  type SignedMessage,
  type Signers,
} from "./signatureVerifier.ts";

const KEY = hexToBytes(`0x${"4c".repeat(32)}`);
const domain: Domain = { chainId: 31337, mediator: "0x5FbDB2315678afecb367f032d93F642f64180aa3" };
const hashes = (count: number) =>
  Array.from({ length: count }, (_, n) => keccak256(Uint8Array.of(n)));
const messageOf = (structHash: Uint8Array): SignedMessage => {
  return { structHash, signature: signMessage(nobleCurve, domain, structHash, KEY) };
};

/** A pool whose answers are given by hand. */
function poolByHand() {
  const asked: { recoveries: readonly Recovery[]; answer: () => void }[] = [];
  const recoverAll = (
    recoveries: readonly Recovery[],
    answered: (accounts: readonly (Address | undefined)[]) => void,
  ) => {
    const answer = () => answered(recoveries.map((one) => recoverAccount(nobleCurve, one)));
    asked.push({ recoveries, answer });
  };
  return { asked, pool: { recoverAll, pending: 0 } };
}

function signersOf(verifier: SignatureVerifier, messages: readonly SignedMessage[]) {
  return new Promise<Signers>((resolve) => verifier.verify(messages, resolve));
}

test("a verifier is idle once the last write in line is handed on, and never before", async () => {
  const { asked, pool } = poolByHand();
  const verifier = new SignatureVerifier(pool, domain);
  const told: string[] = [];
  expect(verifier.onIdle(() => told.push("idle"))).toBe(false);
  for (const hash of hashes(2)) {
    verifier.verify([messageOf(hash)], () => told.push("handed on"));
  }
  expect(verifier.onIdle(() => told.push("replaced"))).toBe(true);
  expect(verifier.onIdle(() => told.push("idle"))).toBe(true);
  asked[0]?.answer();
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual(["handed on"]);
  asked[1]?.answer();
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual(["handed on", "handed on", "idle"]);
});

test("signers are given in the order of the calls, whichever is recovered first", async () => {
  const { asked, pool } = poolByHand();
  const verifier = new SignatureVerifier(pool, domain);
  const done: number[] = [];
  const calls = hashes(3).map((hash, n) =>
    signersOf(verifier, [messageOf(hash)]).then((signers) => {
      done.push(n);
      return signers;
    }),
  );
  asked[2]?.answer();
  asked[1]?.answer();
  await new Promise((resolve) => setImmediate(resolve));
  expect(done).toEqual([]);
  asked[0]?.answer();
  const [signer] = (await calls[0]) ?? [];
  expect(signer).toMatch(/^0x/);
  expect(await Promise.all(calls)).toEqual([[signer], [signer], [signer]]);
  expect(done).toEqual([0, 1, 2]);
});

test("a batch's signature is recovered once, and a malformed one is nobody's", async () => {
  const { asked, pool } = poolByHand();
  const verifier = new SignatureVerifier(pool, domain);
  const [first, ...batch] = hashes(5) as [Uint8Array, ...Uint8Array[]];
  const signatures = signBatch(nobleCurve, domain, batch, KEY);
  const alone = messageOf(first);
  const messages = [
    alone,
    ...batch.map((structHash, n) => ({ structHash, signature: signatures[n] as never })),
    { structHash: first, signature: { ...alone.signature, vs: `0x${"ff".repeat(32)}` as const } },
  ];
  const answer = signersOf(verifier, messages);
  expect(asked[0]?.recoveries).toHaveLength(2);
  asked[0]?.answer();
  const signers = await answer;
  expect(new Set(signers.slice(0, 5)).size).toBe(1);
  expect(signers[0]).toBeDefined();
  expect(signers[5]).toBeUndefined();
});

test("a verifier is overloaded once as many recoveries wait as are allowed", () => {
  const { pool } = poolByHand();
  const overloadedAt = (pending: number) =>
    new SignatureVerifier({ ...pool, pending }, domain).isOverloaded;
  expect([MAX_VERIFYING - 1, MAX_VERIFYING].map(overloadedAt)).toEqual([false, true]);
});

test("a verifier is overloaded by writes in line too, though nothing is recovered for them", () => {
  const { pool } = poolByHand();
  const verifier = new SignatureVerifier(pool, domain);
  const [first] = hashes(1) as [Uint8Array];
  verifier.verify([messageOf(first)], () => {});
  for (let n = 1; n < MAX_VERIFYING; n++) verifier.verify([], () => {});
  expect(verifier.isOverloaded).toBe(true);
});

test("the signer of a batch is asked for once, though its messages come one by one", async () => {
  const { asked, pool } = poolByHand();
  const verifier = new SignatureVerifier(pool, domain);
  const batch = hashes(5);
  const signatures = signBatch(nobleCurve, domain, batch.slice(0, 4), KEY);
  const one = (n: number, hash = n): SignedMessage => {
    return { structHash: batch[hash] as Uint8Array, signature: signatures[n] as never };
  };
  const [first, second] = [signersOf(verifier, [one(0)]), signersOf(verifier, [one(1)])];
  expect(asked).toHaveLength(1);
  asked[0]?.answer();
  const [signer] = await first;
  expect(await second).toEqual([signer]);
  // Another message under the same signature leads to another root: nobody's that we know.
  const foreign = signersOf(verifier, [one(2, 4)]);
  expect(asked).toHaveLength(2);
  asked[1]?.answer();
  expect(await foreign).not.toEqual([signer]);
  // It took the place of the batch: that costs a recovery, and nothing else.
  const last = signersOf(verifier, [one(3)]);
  asked[2]?.answer();
  expect(await last).toEqual([signer]);
});

test("a write that is handed on may ask again, and comes after those that are in line", async () => {
  const { asked, pool } = poolByHand();
  const verifier = new SignatureVerifier(pool, domain);
  const done: number[] = [];
  const [first, second] = hashes(2) as [Uint8Array, Uint8Array];
  verifier.verify([messageOf(first)], () => {
    done.push(1);
    verifier.verify([], () => done.push(3));
  });
  verifier.verify([messageOf(second)], () => done.push(2));
  asked[1]?.answer();
  asked[0]?.answer();
  await new Promise((resolve) => setImmediate(resolve));
  expect(done).toEqual([1, 2, 3]);
});
