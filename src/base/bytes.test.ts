import fc from "fast-check";
import { expect, test } from "vitest";
import {
  compareBytes,
  concatBytes,
  readUint128,
  UINT64_MAX,
  UINT128_MAX,
  viewOf,
  writeUint64,
  writeUint128,
} from "./bytes.ts";
import { Alarm } from "./errors.ts";

const uint128 = fc.bigInt({ min: 0n, max: UINT128_MAX });

test("a uint128 is written highest byte first, and reads back", () => {
  fc.assert(
    fc.property(uint128, (value) => {
      const bytes = new Uint8Array(18);
      writeUint128(viewOf(bytes), 1, value);
      expect(Buffer.from(bytes).toString("hex")).toBe(
        `00${value.toString(16).padStart(32, "0")}00`,
      );
      expect(readUint128(viewOf(bytes), 1)).toBe(value);
    }),
  );
});

test("numbers out of range throw instead of wrapping", () => {
  const view = viewOf(new Uint8Array(16));
  expect(() => writeUint128(view, 0, UINT128_MAX + 1n)).toThrow(Alarm);
  expect(() => writeUint128(view, 0, -1n)).toThrow(Alarm);
  expect(() => writeUint64(view, 0, UINT64_MAX + 1n)).toThrow(Alarm);
  expect(() => writeUint64(view, 0, -1n)).toThrow(Alarm);
  writeUint64(view, 8, UINT64_MAX);
  expect(readUint128(view, 0)).toBe(UINT64_MAX);
});

test("a view of a part sees that part", () => {
  const bytes = new Uint8Array(32);
  writeUint128(viewOf(bytes.subarray(16)), 0, 5n);
  expect(bytes[31]).toBe(5);
});

test("compareBytes orders as the numbers do", () => {
  fc.assert(
    fc.property(uint128, uint128, (a, b) => {
      const [left, right] = [a, b].map((value) => {
        const bytes = new Uint8Array(16);
        writeUint128(viewOf(bytes), 0, value);
        return bytes;
      }) as [Uint8Array, Uint8Array];
      expect(Math.sign(compareBytes(left, right))).toBe(a < b ? -1 : a > b ? 1 : 0);
    }),
  );
  expect(() => compareBytes(new Uint8Array(1), new Uint8Array(2))).toThrow(Alarm);
});

test("concatBytes", () => {
  expect([...concatBytes(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3))]).toEqual([
    1, 2, 3,
  ]);
});
