/**
 * Values as bytes, for binary records: each value has one form and each form one value, so that
 * what reads back writes the same bytes again. Reading throws a `DecodeError` that names the field.
 *
 *   count    whole number below 2^53, seven bits a byte, lowest first; the high bit: more follow
 *   uint     count of bytes, then those, highest first, without leading zeros
 *   address  20 bytes
 *   hash     32 bytes
 *   text     count of characters, then those in ASCII
 *   list     count of items, then those
 */
import { ADDRESS_BYTES, checksumAddress, parseAddress } from "../../base/address.ts";
import { UINT64_MAX, UINT128_MAX, viewOf } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { DecodeError } from "./codec.ts";

const HASH_BYTES = 32;
const UINT64_BYTES = 8;
const UINT128_BYTES = 16;
const SMALL = 1n << 48n;
/** Seven bits a byte hold 53 bits in as many. */
const MOST_COUNT_BYTES = 8;

/** Addresses of which text and bytes are remembered: a checksum costs a hash. */
const KNOWN_ADDRESSES = 65_536;
const bytesByAddress = new Map<Address, Uint8Array>();
const addressByBytes = new Map<string, Address>();

/** Takes values one after the other from `begin` on; `finish` gives the bytes. */
export class ByteWriter {
  #bytes = new Uint8Array(1024);
  #view = viewOf(this.#bytes);
  #at = 0;

  /** The remains of an entry that could not be written are gone. */
  begin(): void {
    this.#at = 0;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = value;
  }

  bool(value: boolean): void {
    this.byte(value ? 1 : 0);
  }

  count(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, () => `${value} is no count.`);
    this.#reserve(MOST_COUNT_BYTES);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
  }

  uint64(value: bigint): void {
    assert(value >= 0n && value <= UINT64_MAX, () => `${value} is not a uint64.`);
    this.#uint(value);
  }

  uint128(value: bigint): void {
    assert(value >= 0n && value <= UINT128_MAX, () => `${value} is not a uint128.`);
    this.#uint(value);
  }

  #uint(value: bigint): void {
    this.#reserve(1 + UINT128_BYTES);
    const start = this.#at + 1;
    if (value < SMALL) {
      this.#small(Number(value));
      return;
    }
    // The whole width behind the place, and then its last bytes to where they belong.
    this.#view.setBigUint64(start, value >> 64n);
    this.#view.setBigUint64(start + UINT64_BYTES, value & UINT64_MAX);
    let first = start;
    const end = start + UINT128_BYTES;
    while (first < end && this.#bytes[first] === 0) first++;
    this.#bytes.copyWithin(start, first, end);
    this.#bytes[this.#at] = end - first;
    this.#at = start + end - first;
  }

  /** A uint below 2^48. */
  #small(value: number): void {
    let length = 0;
    for (let rest = value; rest >= 1; rest /= 256) length++;
    this.#bytes[this.#at] = length;
    let rest = value;
    for (let at = this.#at + length; at > this.#at; at--) {
      this.#bytes[at] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    this.#at += 1 + length;
  }

  address(value: Address): void {
    this.bytes(bytesByAddress.get(value) ?? learnAddress(value));
  }

  /** In lower-case digits. */
  hash(value: Hex): void {
    const written = this.tryHash(value);
    assert(written, () => `${value} is no hash of 32 bytes in lower-case digits.`);
  }

  /** As `hash`; false, with nothing written, where it is none or has a digit in upper case. */
  tryHash(value: Hex): boolean {
    this.#reserve(HASH_BYTES);
    if (!writeDigits(this.#bytes, this.#at, value)) return false;
    this.#at += HASH_BYTES;
    return true;
  }

  /** Takes back what `attempt` wrote unless that returns true; returns the same. */
  trying(attempt: () => boolean): boolean {
    const start = this.#at;
    const done = attempt();
    if (!done) this.#at = start;
    return done;
  }

  /** 32 bytes as 64 digits of either case; see `Signature` in entryBytes.ts. */
  digits(value: Hex): void {
    const digits = value.slice(2);
    assert(value.startsWith("0x") && WORD.test(digits), () => `${value} is no word of 32 bytes.`);
    this.text(digits);
  }

  /** Of ASCII characters. */
  text(value: string): void {
    this.count(value.length);
    this.#reserve(value.length);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      assert(code < 0x80, () => `${value} is not ASCII.`);
      this.#bytes[this.#at++] = code;
    }
  }

  list<T>(items: readonly T[], write: (item: T) => void): void {
    this.count(items.length);
    for (const item of items) write(item);
  }

  /** As they are: how many is known from elsewhere. */
  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at + more));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }
}

/** Whether `hex` is a word of 32 bytes in lower-case digits. */
export function isLowerWord(hex: Hex): boolean {
  return writeDigits(scratch, 0, hex);
}

/** Writes 32 bytes; false, with bytes of no meaning, where `hex` is not 32 in lower-case digits. */
export function writeDigits(target: Uint8Array, offset: number, hex: Hex): boolean {
  if (hex.length !== 2 + 2 * HASH_BYTES || hex.charCodeAt(1) !== 0x78) return false;
  if (hex.charCodeAt(0) !== 0x30) return false;
  characters.write(hex);
  // Negative as soon as one is.
  let all = 0;
  for (let i = 0; i < HASH_BYTES; i++) {
    const byte = BYTES[pairs[1 + i] as number] as number;
    all |= byte;
    target[offset + i] = byte;
  }
  return all >= 0;
}

const DIGITS = "0123456789abcdef";
/** The two digits of each byte as ASCII characters, the first in the low half. */
const PAIRS = Uint16Array.from({ length: 256 }, (_, byte) => {
  return DIGITS.charCodeAt(byte >> 4) | (DIGITS.charCodeAt(byte & 15) << 8);
});
/** The byte of each such pair; -1: that is none. */
const BYTES = new Int16Array(1 << 16).fill(-1);
PAIRS.forEach((pair, byte) => {
  BYTES[pair] = byte;
});
assert(
  new Uint8Array(Uint16Array.of(1).buffer)[0] === 1,
  "this machine stores the high byte first: hashes could not be read by pairs of bytes.",
);
/** A word's characters in UTF-8, of three bytes at most each, and the same two by two. */
const characters = Buffer.alloc(3 * (2 + 2 * HASH_BYTES));
const pairs = new Uint16Array(characters.buffer, characters.byteOffset);
const scratch = new Uint8Array(HASH_BYTES);

/** Reads values one after the other from `bytes`, and refuses every form but the one written. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Throws where bytes are left. */
  end(): void {
    if (this.#at < this.#bytes.length) throw new DecodeError("the end", "is followed by more");
  }

  byte(field: string): number {
    if (this.#at >= this.#bytes.length) throw new DecodeError(field, "is missing");
    return this.#bytes[this.#at++] as number;
  }

  bool(field: string): boolean {
    const byte = this.byte(field);
    if (byte > 1) throw new DecodeError(field, "is neither true nor false");
    return byte === 1;
  }

  /** One of `values`, by its place among them. */
  oneOf<T>(values: readonly T[], field: string): T {
    const value = values[this.byte(field)];
    if (value === undefined) throw new DecodeError(field, `is none of ${values.join(", ")}`);
    return value;
  }

  count(field: string): number {
    let byte = this.byte(field);
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let unit = 0x80;
    for (let read = 1; byte >= 0x80 && read < MOST_COUNT_BYTES; read++, unit *= 0x80) {
      byte = this.byte(field);
      value += (byte & 0x7f) * unit;
    }
    if (byte === 0 || byte >= 0x80 || value > Number.MAX_SAFE_INTEGER) {
      throw new DecodeError(field, "is no whole number from 0 on in its shortest form");
    }
    return value;
  }

  uint64(field: string): bigint {
    return this.#uint(UINT64_BYTES, field);
  }

  uint128(field: string): bigint {
    return this.#uint(UINT128_BYTES, field);
  }

  #uint(most: number, field: string): bigint {
    const length = this.byte(field);
    if (length > most) throw new DecodeError(field, `has ${length} bytes of ${most}`);
    const first = this.#take(length, field);
    if (length > 0 && this.#bytes[first] === 0) {
      throw new DecodeError(field, "is not in its shortest form");
    }
    // The odd bytes first, and then six at a time: few steps with bigints.
    const end = first + length;
    let at = first + (length % 6 || 6);
    let value = BigInt(this.#number(first, Math.min(at, end)));
    for (; at < end; at += 6) value = (value << 48n) | BigInt(this.#number(at, at + 6));
    return value;
  }

  /** Of at most six bytes. */
  #number(from: number, to: number): number {
    let high = 0;
    let low = 0;
    const middle = Math.max(from, to - 3);
    for (let at = from; at < middle; at++) high = (high << 8) | (this.#bytes[at] as number);
    for (let at = middle; at < to; at++) low = (low << 8) | (this.#bytes[at] as number);
    return high * 0x1000000 + low;
  }

  address(field: string): Address {
    const at = this.#take(ADDRESS_BYTES, field);
    const key = keyOf(this.#bytes, at);
    return addressByBytes.get(key) ?? learnBytes(key, this.#bytes.slice(at, at + ADDRESS_BYTES));
  }

  hash(field: string): Hex {
    const at = this.#take(HASH_BYTES, field);
    for (let i = 0; i < HASH_BYTES; i++) {
      const pair = PAIRS[this.#bytes[at + i] as number] as number;
      word[2 + 2 * i] = pair & 0xff;
      word[3 + 2 * i] = pair >> 8;
    }
    return word.toString("latin1") as Hex;
  }

  /** That many, as they lie there: not to be changed. */
  bytes(length: number, field: string): Uint8Array {
    const at = this.#take(length, field);
    return this.#bytes.subarray(at, at + length);
  }

  /** 32 bytes as 64 digits, of which one at least is in upper case where `mixed` says so. */
  digits(field: string): Hex {
    const digits = this.text(field);
    if (!WORD.test(digits)) throw new DecodeError(field, "is no word of 32 bytes");
    return `0x${digits}`;
  }

  text(field: string): string {
    const length = this.count(field);
    const at = this.#take(length, field);
    for (let i = at; i < at + length; i++) {
      if ((this.#bytes[i] as number) >= 0x80) throw new DecodeError(field, "is not ASCII");
    }
    return ASCII.decode(this.#bytes.subarray(at, at + length));
  }

  list<T>(read: (field: string) => T, field: string): T[] {
    return this.times(this.count(field), read, field);
  }

  /** That many items. */
  times<T>(length: number, read: (field: string) => T, field: string): T[] {
    // Each item takes a byte at least: a damaged count asks for no more memory than there is.
    if (length > this.#bytes.length - this.#at) throw new DecodeError(field, "is missing items");
    const items: T[] = [];
    for (let i = 0; i < length; i++) items.push(read(`${field}.${i}`));
    return items;
  }

  /** Where the next `length` bytes begin. */
  #take(length: number, field: string): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw new DecodeError(field, "is cut off");
    this.#at = at + length;
    return at;
  }
}

const ASCII = new TextDecoder("latin1");
const WORD = /^[0-9a-fA-F]{64}$/;
/** "0x" and 64 digits. */
const word = Buffer.from(`0x${"0".repeat(2 * HASH_BYTES)}`, "latin1");

/** The bytes as a string of half as many characters. */
function keyOf(bytes: Uint8Array, at: number): string {
  const two = (i: number) => (bytes[at + i] as number) | ((bytes[at + i + 1] as number) << 8);
  return String.fromCharCode(
    two(0),
    two(2),
    two(4),
    two(6),
    two(8),
    two(10),
    two(12),
    two(14),
    two(16),
    two(18),
  );
}

function learnBytes(key: string, bytes: Uint8Array): Address {
  const address = checksumAddress(bytes);
  remember(key, address, bytes);
  return address;
}

function learnAddress(address: Address): Uint8Array {
  const outcome = parseAddress(address);
  assert(outcome.ok && outcome.value === address, () => `${address} is no checksummed address.`);
  const bytes = new Uint8Array(ADDRESS_BYTES);
  for (let i = 0; i < ADDRESS_BYTES; i++) {
    bytes[i] = Number.parseInt(address.slice(2 + 2 * i, 4 + 2 * i), 16);
  }
  remember(keyOf(bytes, 0), address, bytes);
  return bytes;
}

function remember(key: string, address: Address, bytes: Uint8Array): void {
  if (addressByBytes.size >= KNOWN_ADDRESSES) {
    addressByBytes.clear();
    bytesByAddress.clear();
  }
  addressByBytes.set(key, address);
  bytesByAddress.set(address, bytes);
}
