import fc from "fast-check";
import { expect, test } from "vitest";
import type { Hex } from "../../base/hex.ts";
import { MAX_PATH_LENGTH } from "../../protocol/limits.ts";
import { blockFor, type SignatureBlock, wordsLength } from "./signatureBytes.ts";

const word = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes): Hex => `0x${Buffer.from(bytes).toString("hex")}`);
const signature = fc.record({
  r: word,
  vs: word,
  path: fc.array(word, { maxLength: MAX_PATH_LENGTH }),
});

test("signatures come back as they were, in whatever block they lie", () => {
  fc.assert(
    fc.property(fc.array(signature, { minLength: 1, maxLength: 200 }), (signatures) => {
      const places = signatures.map((one) => {
        const block = blockFor(one) as SignatureBlock;
        return { block, place: block.add(one) as number };
      });
      expect(places.map(({ block, place }) => block.at(place))).toEqual(signatures);
    }),
    { numRuns: 50 },
  );
});

test("words that a block gives are kept by another as the signature that they are", () => {
  fc.assert(
    fc.property(fc.array(signature, { minLength: 1, maxLength: 20 }), (signatures) => {
      for (const one of signatures) {
        const block = blockFor(one) as SignatureBlock;
        const words = block.wordsAt(block.add(one) as number);
        expect(words).toHaveLength(wordsLength(one.path.length));
        const other = blockFor(words) as SignatureBlock;
        expect(other.at(other.add(words) as number)).toEqual(one);
      }
    }),
    { numRuns: 50 },
  );
});

test("one that bytes cannot say is not kept, and takes no room", () => {
  const of = (digit: string): Hex => `0x${digit.repeat(64)}`;
  const sound = { r: of("a"), vs: of("b"), path: [of("c")] };
  const block = blockFor(sound) as SignatureBlock;
  const first = block.add(sound) as number;
  expect(block.add({ ...sound, r: of("A") })).toBeUndefined();
  expect(block.add({ ...sound, vs: of("B") })).toBeUndefined();
  expect(block.add({ ...sound, path: [of("c"), of("C")] })).toBeUndefined();
  expect(block.add({ ...sound, r: of("\u0161") })).toBeUndefined();
  expect(block.add({ ...sound, vs: "0xab" })).toBeUndefined();
  const size = (block.add(sound) as number) - first;
  expect(size).toBe(1 + 3 * 32);
  expect(block.at(first)).toEqual(sound);
});

test("a path beyond what the protocol takes has no block", () => {
  const path = Array.from({ length: MAX_PATH_LENGTH + 1 }, (): Hex => `0x${"1".repeat(64)}`);
  const [r, vs] = path as [Hex, Hex];
  expect(blockFor({ r, vs, path })).toBeUndefined();
  expect(blockFor({ r, vs, path: path.slice(1) })).toBeDefined();
});
