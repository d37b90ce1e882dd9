import fc from "fast-check";
import { expect, test } from "vitest";
import { bytesToHex, type Hex, hexToBytes, isHex, writeHex } from "./hex.ts";

test("bytes survive the way to hex and back, in either case of digits", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const hex = bytesToHex(bytes);
      expect(hex).toBe(`0x${Buffer.from(bytes).toString("hex")}`);
      expect(hexToBytes(hex)).toEqual(bytes);
      expect(hexToBytes(`0x${hex.slice(2).toUpperCase()}`)).toEqual(bytes);
    }),
  );
});

test.each(["", "0", "0x0", "0xg0", "0x0g", "12", "x012", "0X12", "0x12 ", "0x1é", "0x１2"])(
  "%j is no hex",
  (text) => {
    expect(isHex(text)).toBe(false);
    expect(() => hexToBytes(text as Hex)).toThrow(TypeError);
  },
);

test("isHex holds to the length asked for", () => {
  expect(isHex("0x")).toBe(true);
  expect(isHex("0x1234", 2)).toBe(true);
  expect(isHex("0x1234", 3)).toBe(false);
  expect(isHex(undefined)).toBe(false);
});

test("writeHex writes its bytes and no others, and refuses another length", () => {
  const target = new Uint8Array(5);
  writeHex(target, 1, "0xabcdef", 3);
  expect([...target]).toEqual([0, 0xab, 0xcd, 0xef, 0]);
  expect(() => writeHex(target, 0, "0xabcd", 3)).toThrow("3 whole bytes: 0xabcd");
});

test("one character that is no digit is found at every place, whatever was read before", () => {
  const digits = "9".repeat(200);
  const other = fc.string({ unit: "binary", minLength: 1, maxLength: 2 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 90 }), fc.nat(), other, (byteLength, at, strange) => {
      fc.pre(!/^[0-9a-fA-F]*$/.test(strange));
      const place = 2 + (at % (2 * byteLength - strange.length + 1));
      const sound = `0x${digits.slice(0, 2 * byteLength)}`;
      const text = sound.slice(0, place) + strange + sound.slice(place + strange.length);
      expect(hexToBytes(sound as Hex)).toEqual(new Uint8Array(byteLength).fill(0x99));
      expect(() => hexToBytes(text as Hex)).toThrow(TypeError);
    }),
    { numRuns: 2000 },
  );
});

test("an overlong text is shown cut", () => {
  expect(() => hexToBytes(`0x${"z".repeat(1000)}`)).toThrow(/^.{100,250}…$/);
});
