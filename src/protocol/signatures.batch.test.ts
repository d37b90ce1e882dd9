import fc from "fast-check";
import { concat, keccak256 } from "viem";
import { expect, test } from "vitest";
import { Alarm } from "../base/errors.ts";
import { bytesToHex, type Hex } from "../base/hex.ts";
import { batchRootOf, buildBatch } from "./signatures.ts";

const structHash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const batches = fc.array(structHash, { minLength: 2, maxLength: 40 });

/** The root by the definition, on text: what the tree of bytes is compared with. */
function plainRoot(structHashes: readonly Hex[]): Hex {
  let level = structHashes.map((hash) => keccak256(concat(["0x00", hash])));
  while (level.length > 1) {
    level = level.flatMap((left, i) => {
      if (i % 2 === 1) return [];
      const right = level[i + 1];
      if (right === undefined) return [left];
      return [keccak256(concat(left < right ? ["0x01", left, right] : ["0x01", right, left]))];
    });
  }
  return level[0] as Hex;
}

test("the root is that of the definition, and every path leads to it", () => {
  fc.assert(
    fc.property(batches, (structHashes) => {
      const batch = buildBatch(structHashes);
      expect(bytesToHex(batch.root)).toBe(plainRoot(structHashes.map(bytesToHex)));
      structHashes.forEach((hash, index) => {
        const path = batch.pathOf(index);
        expect(path.length).toBeGreaterThan(0);
        expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(structHashes.length)));
        expect(batchRootOf(hash, path)).toEqual(batch.root);
      });
    }),
  );
});

test("a message that is not in the batch has no path to its root", () => {
  fc.assert(
    fc.property(batches, structHash, fc.nat(), (structHashes, stranger, at) => {
      fc.pre(!structHashes.some((hash) => bytesToHex(hash) === bytesToHex(stranger)));
      const batch = buildBatch(structHashes);
      const path = batch.pathOf(at % structHashes.length);
      expect(batchRootOf(stranger, path)).not.toEqual(batch.root);
    }),
  );
});

test("an inner node is not taken for a message", () => {
  const hashes = [1, 2, 3, 4].map((byte) => new Uint8Array(32).fill(byte));
  const batch = buildBatch(hashes);
  const upper = batch.pathOf(0).slice(1);
  const inner = buildBatch(hashes.slice(0, 2)).root;
  expect(batchRootOf(inner, upper)).not.toEqual(batch.root);
});

test("a batch of fewer than two messages is none, and no path is beside them", () => {
  const one = new Uint8Array(32);
  expect(() => buildBatch([])).toThrow(Alarm);
  expect(() => buildBatch([one])).toThrow(Alarm);
  expect(() => buildBatch([one, one]).pathOf(2)).toThrow(Alarm);
  expect(() => buildBatch([one, new Uint8Array(31)])).toThrow(Alarm);
});
