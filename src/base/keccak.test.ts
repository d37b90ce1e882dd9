import { keccak_256 } from "@noble/hashes/sha3.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { bytesToHex } from "./hex.ts";
import { keccak256 } from "./keccak.ts";

test("the hash of nothing is the well-known one", () => {
  expect(bytesToHex(keccak256(new Uint8Array(0)))).toBe(
    "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
  );
});

test("hashes as noble does, whatever was hashed before", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
      expect(keccak256(bytes)).toEqual(keccak_256(bytes));
    }),
  );
});

test("takes part of a larger array, and gives bytes of its own", () => {
  const whole = Uint8Array.of(1, 2, 3, 4);
  const first = keccak256(whole.subarray(1, 3));
  const kept = first.slice();
  keccak256(whole);
  expect(first).toEqual(kept);
  expect(first).toEqual(keccak_256(Uint8Array.of(2, 3)));
});
