import fc from "fast-check";
import { getAddress } from "viem";
import { expect, test } from "vitest";
import { checksumAddress, parseAddress, publicKeyToAddress, toAddress } from "./address.ts";
import { Alarm, QuarterdeckError } from "./errors.ts";
import { bytesToHex } from "./hex.ts";

const bytes20 = fc.uint8Array({ minLength: 20, maxLength: 20 });

test("checksums are viem's, from bytes, lower and upper case", () => {
  fc.assert(
    fc.property(bytes20, (bytes) => {
      const lower = bytesToHex(bytes);
      const right = getAddress(lower);
      expect(checksumAddress(bytes)).toBe(right);
      expect(checksumAddress(`0x${lower.slice(2).toUpperCase()}`)).toBe(right);
      expect(parseAddress(lower)).toEqual({ ok: true, value: right });
      expect(parseAddress(right)).toEqual({ ok: true, value: right });
    }),
  );
});

test("one letter in the wrong case is refused, and the right address named", () => {
  const right = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
  const outcome = parseAddress("0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
  expect(outcome).toMatchObject({ ok: false, hint: expect.stringContaining(right) });
});

test("upper case throughout is a wrong checksum too", () => {
  expect(parseAddress(`0x${"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed".toUpperCase()}`).ok).toBe(
    false,
  );
});

test.each([
  "",
  "0x",
  "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
  `0x${"0".repeat(39)}`,
  "vitalik.eth",
])("%j is no address", (text) => {
  expect(parseAddress(text)).toMatchObject({ ok: false, hint: expect.stringContaining("40") });
});

test("toAddress throws what parseAddress refuses", () => {
  expect(toAddress(`0x${"00".repeat(20)}`)).toBe(`0x${"00".repeat(20)}`);
  expect(() => toAddress("0x12")).toThrow(QuarterdeckError);
  expect(() => toAddress("0x12")).toThrow(/Cannot read an address: "0x12".*40 hexadecimal digits/);
});

test("a checksum is refused to what is no address or key", () => {
  expect(() => checksumAddress(new Uint8Array(19))).toThrow(Alarm);
  expect(() => publicKeyToAddress(new Uint8Array(65))).toThrow(Alarm);
});
