import { assert } from "./errors.ts";

export const UINT64_MAX = (1n << 64n) - 1n;
export const UINT128_MAX = (1n << 128n) - 1n;

const WORD = 64n;

/** Writes `value` (0 .. 2^64 - 1) as 8 bytes, highest first; an `Alarm` when out of range. */
export function writeUint64(view: DataView, offset: number, value: bigint): void {
  assert(value >= 0n && value <= UINT64_MAX, () => `${value} is not a uint64.`);
  view.setBigUint64(offset, value);
}

/** Writes `value` (0 .. 2^128 - 1) as 16 bytes, highest first; an `Alarm` when out of range. */
export function writeUint128(view: DataView, offset: number, value: bigint): void {
  if (value >= 0n && value <= UINT64_MAX) {
    view.setBigUint64(offset, 0n);
    view.setBigUint64(offset + 8, value);
    return;
  }
  assert(value >= 0n && value <= UINT128_MAX, () => `${value} is not a uint128.`);
  view.setBigUint64(offset, value >> WORD);
  view.setBigUint64(offset + 8, value & UINT64_MAX);
}

export function readUint128(view: DataView, offset: number): bigint {
  const high = view.getBigUint64(offset);
  const low = view.getBigUint64(offset + 8);
  // Most are small: a shift and an "or" of bigints cost more than all the reading.
  return high === 0n ? low : (high << WORD) | low;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Order of two byte strings of one length, as of the numbers they write: negative, 0, positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  assert(a.length === b.length, () => `bytes of lengths ${a.length} and ${b.length} compared.`);
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
