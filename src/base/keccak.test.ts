import { keccak_256 } from "@noble/hashes/sha3.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { concatBytes, readUint128, UINT128_MAX, viewOf, writeUint128 } from "./bytes.ts";
import { bytesToHex } from "./hex.ts";
import { keccak256, LEAF_BYTES, MAX_NODES, NODE_BYTES, nodeBench } from "./keccak.ts";

test("the hash of nothing is the well-known one", () => {
  expect(bytesToHex(keccak256(new Uint8Array(0)))).toBe(
    "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
  );
});

test("hashes are noble's, whatever was hashed before", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
      expect(keccak256(bytes)).toEqual(keccak_256(bytes));
    }),
  );
});

test("the hash takes part of a larger array, and gives bytes of its own", () => {
  const whole = Uint8Array.of(1, 2, 3, 4);
  const first = keccak256(whole.subarray(1, 3));
  const kept = first.slice();
  keccak256(whole);
  expect(first).toEqual(kept);
  expect(first).toEqual(keccak_256(Uint8Array.of(2, 3)));
});

test("messages longer than the engine's memory are hashed too", () => {
  for (const length of [135, 136, 137, 271, 272, 273, 160_000, 163_200, 500_001]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 31) >> 3);
    expect(keccak256(bytes), `${length} bytes`).toEqual(keccak_256(bytes));
  }
});

const random = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const node = (at: number) => nodeBench.output.slice(at * NODE_BYTES, (at + 1) * NODE_BYTES);

function sumOf(part: Uint8Array): bigint {
  return readUint128(viewOf(part), part.length - 16);
}

test("leaves are made as noble hashes them", () => {
  const batches = fc.array(random(LEAF_BYTES), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(batches, (batch) => {
      nodeBench.input.set(concatBytes(...batch));
      nodeBench.makeLeaves(batch.length);
      batch.forEach((leaf, at) => {
        const hash = keccak_256(concatBytes(Uint8Array.of(0), leaf));
        expect(node(at)).toEqual(concatBytes(hash, leaf.subarray(20)));
      });
    }),
  );
});

test("parents are made as noble hashes them, and sums are added with every carry", () => {
  const edge = fc.constantFrom(0n, 1n, 255n, 2n ** 64n - 1n, 2n ** 64n, UINT128_MAX);
  const sum = fc.oneof(edge, fc.bigInt({ min: 0n, max: UINT128_MAX }));
  const child = fc.tuple(random(32), sum).map(([hash, amount]) => {
    const bytes = new Uint8Array(NODE_BYTES);
    bytes.set(hash);
    writeUint128(viewOf(bytes), 32, amount);
    return bytes;
  });
  const batches = fc.array(fc.tuple(child, child), { minLength: 1, maxLength: 40 });
  const worded = (part: Uint8Array) =>
    concatBytes(part.subarray(0, 32), new Uint8Array(16), part.subarray(32));
  fc.assert(
    fc.property(batches, (batch) => {
      nodeBench.input.set(concatBytes(...batch.flat()));
      nodeBench.makeParents(batch.length);
      batch.forEach(([left, right], at) => {
        const message = concatBytes(Uint8Array.of(1), worded(left), worded(right));
        expect(node(at).subarray(0, 32)).toEqual(keccak_256(message));
        expect(sumOf(node(at))).toBe((sumOf(left) + sumOf(right)) & UINT128_MAX);
      });
    }),
  );
});

test("a full batch fits, an empty one makes nothing, and a hash between batches harms none", () => {
  const leaf = (i: number) => new Uint8Array(LEAF_BYTES).fill(i);
  for (let i = 0; i < MAX_NODES; i++) nodeBench.input.set(leaf(i), i * LEAF_BYTES);
  nodeBench.makeLeaves(MAX_NODES);
  const last = leaf(MAX_NODES - 1);
  const expected = keccak_256(concatBytes(Uint8Array.of(0), last));
  expect(node(MAX_NODES - 1)).toEqual(concatBytes(expected, last.subarray(20)));
  nodeBench.makeLeaves(0);
  expect(node(MAX_NODES - 1).subarray(0, 32)).toEqual(expected);
  expect(keccak256(last)).toEqual(keccak_256(last));
});
