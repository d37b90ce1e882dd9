/** Questions of many messages at once against the same, put one by one. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Hex } from "../../base/hex.ts";
import { hexToBytes } from "../../base/hex.ts";
import { keccak256 } from "../../base/keccak.ts";
import { loadCurve } from "../../keys/nativeCurve.ts";
import { MAX_PATH_LENGTH } from "../../protocol/limits.ts";
import { recoveryOf, signBatch, signMessage } from "../../protocol/signatures.ts";
import type { Domain, Signature } from "../../protocol/units.ts";
import { BatchRecoveries } from "./batchRecoveries.ts";

const { curve } = loadCurve();
const KEY = hexToBytes(`0x${"4c".repeat(32)}`);
const domain: Domain = { chainId: 31337, mediator: "0x5FbDB2315678afecb367f032d93F642f64180aa3" };
const hashes = Array.from({ length: 40 }, (_, n) => keccak256(Uint8Array.of(n)));

const CHANGES: Readonly<Record<string, (signature: Signature, at: number) => Signature>> = {
  none: (signature) => signature,
  none2: (signature) => signature,
  none3: (signature) => signature,
  "a step in upper case": (signature, at) =>
    withStep(signature, at, (step) => `0x${step.slice(2).toUpperCase()}`),
  "another step": (signature, at) => withStep(signature, at, () => `0x${"0a".repeat(32)}`),
  "a step that is none": (signature, at) => withStep(signature, at, () => "0xzz"),
  "a step less": (signature) => ({ ...signature, path: signature.path.slice(1) }),
  "a step twice": (signature) => ({ ...signature, path: [...signature.path, ...signature.path] }),
  "too many steps": (signature) => {
    const step = `0x${"0b".repeat(32)}` as const;
    return { ...signature, path: Array.from({ length: MAX_PATH_LENGTH + 1 }, () => step) };
  },
  "a high s": (signature) => ({ ...signature, vs: `0x${"7f".repeat(32)}` }),
  "words that are none": (signature) => ({ ...signature, r: "0x12" }),
};

function withStep(signature: Signature, at: number, change: (step: Hex) => Hex): Signature {
  const path = signature.path.map((step, n) =>
    n === at % signature.path.length ? change(step) : step,
  );
  return { ...signature, path };
}

test("messages under shared signatures are asked about as each would be by itself", () => {
  const message = fc.record({
    batch: fc.nat({ max: 2 }),
    place: fc.nat({ max: 19 }),
    change: fc.constantFrom(...Object.keys(CHANGES)),
    at: fc.nat({ max: 8 }),
    /** Of another message than the signature's. */
    isForeign: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  });
  const sizes = [20, 5, 1];
  const batches = sizes.map((size, n) => {
    const signed = hashes.slice(n, n + size);
    return size === 1
      ? [signMessage(curve, domain, signed[0] as Uint8Array, KEY)]
      : signBatch(curve, domain, signed, KEY);
  });
  let answered = 0;
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 24 }), (messages) => {
      const many = new BatchRecoveries(domain);
      for (const { batch, place, change, at, isForeign } of messages) {
        const one = place % (sizes[batch] as number);
        const structHash = hashes[batch + one + (isForeign ? 1 : 0)] as Uint8Array;
        const signature = CHANGES[change]?.(batches[batch]?.[one] as Signature, at) as Signature;
        const alone = recoveryOf(domain, structHash, signature);
        expect(many.of(structHash, signature)).toEqual(alone);
        if (alone !== undefined) answered++;
      }
    }),
    { numRuns: 300 },
  );
  expect(answered).toBeGreaterThan(1000);
});
