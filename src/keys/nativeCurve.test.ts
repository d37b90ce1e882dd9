import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nobleCurve } from "../base/curve.ts";
import { loadCurve } from "./nativeCurve.ts";

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const privateKey = fc.bigInt({ min: 1n, max: 2n ** 255n }).map((key) => {
  const bytes = new Uint8Array(32);
  for (let i = 31, rest = key; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
});

describe("the native curve", () => {
  const { curve, fallbackBecause } = loadCurve();

  it("the native curve is loaded where the package ships its binding", () => {
    expect(fallbackBecause).toBeUndefined();
  });

  it("the native curve signs, recovers and derives keys as the oracle does", () => {
    fc.assert(
      fc.property(bytes32, privateKey, (digest, key) => {
        const signature = curve.sign(digest, key);
        expect(signature).toEqual(nobleCurve.sign(digest, key));
        const publicKey = curve.publicKey(key);
        expect(publicKey).toEqual(nobleCurve.publicKey(key));
        const recovered = curve.recover(digest, signature.r, signature.s, signature.yParity);
        expect(recovered).toEqual(publicKey);
      }),
      { numRuns: 50 },
    );
  });

  it("the native curve recovers what the oracle recovers from arbitrary words", () => {
    fc.assert(
      fc.property(
        bytes32,
        bytes32,
        bytes32,
        fc.constantFrom(0 as const, 1 as const),
        (d, r, s, y) => {
          expect(curve.recover(d, r, s, y)).toEqual(nobleCurve.recover(d, r, s, y));
        },
      ),
      { numRuns: 100 },
    );
  });
});
