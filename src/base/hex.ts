/** A 0x-prefixed string of hexadecimal digits. */
export type Hex = `0x${string}`;

/** A 20-byte account or contract address with its EIP-55 checksum (see `parseAddress`). */
export type Address = Hex & { readonly __brand?: "Address" };

const HEX_BYTES = /^0x(?:[0-9a-fA-F]{2})*$/;

/** Whether `text` is 0x and a whole number of bytes, exactly `byteLength` of them where given. */
export function isHex(text: unknown, byteLength?: number): text is Hex {
  if (typeof text !== "string" || !HEX_BYTES.test(text)) return false;
  return byteLength === undefined || text.length === 2 + 2 * byteLength;
}

const DIGITS = "0123456789abcdef";
/** The two digits of each byte as ASCII characters, the first in the low half. */
const DIGIT_PAIRS = Uint16Array.from({ length: 256 }, (_, byte) => {
  return DIGITS.charCodeAt(byte >> 4) | (DIGITS.charCodeAt(byte & 15) << 8);
});
const PREFIX = DIGITS.charCodeAt(0) | ("x".charCodeAt(0) << 8);
const ASCII = new TextDecoder("latin1");
/** Where texts of up to 127 bytes are written before they are strings. */
const shortText = new Uint16Array(128).fill(PREFIX, 0, 1);

/** Node.js writes digits natively, several times as fast; elsewhere there is none. */
const native = globalThis.Buffer?.alloc(64);

/** `bytes` in lower-case digits. */
export function bytesToHex(bytes: Uint8Array): Hex {
  const { length } = bytes;
  if (native !== undefined && length <= native.length) {
    native.set(bytes);
    return `0x${native.toString("hex", 0, length)}`;
  }
  const text =
    length < shortText.length ? shortText : new Uint16Array(length + 1).fill(PREFIX, 0, 1);
  for (let i = 0; i < length; i++) text[i + 1] = DIGIT_PAIRS[bytes[i] as number] as number;
  return ASCII.decode(new Uint8Array(text.buffer, 0, 2 * (length + 1))) as Hex;
}

const NOT_A_DIGIT = 0xff;
/** Value of each byte as the ASCII character of a hexadecimal digit. */
const DIGIT_OF = new Uint8Array(256).fill(NOT_A_DIGIT);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  DIGIT_OF[digit.charCodeAt(0)] = value;
  DIGIT_OF[digit.toUpperCase().charCodeAt(0)] = value;
}

/** The bytes of `hex`; throws a `TypeError` when it is not a whole number of bytes. */
export function hexToBytes(hex: Hex): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, hex.length - 2) >> 1);
  writeHex(bytes, 0, hex, bytes.length);
  return bytes;
}

/** Longest text whose characters are copied at once before they are read. */
const COPIED_LENGTH = 2 + 2 * 32;
/** UTF-8 takes three bytes for a character at most: all of them fit, whatever they are. */
const copied = new Uint8Array(3 * COPIED_LENGTH);
const UTF_8 = new TextEncoder();

/**
 * The characters of `text`, up to 66 of them, as bytes: those of ASCII as themselves, of others
 * only bytes above 127. Overwritten by the next call. Reading a text of that length character by
 * character takes twice as long.
 */
function asciiBytes(text: string): Uint8Array {
  UTF_8.encodeInto(text, copied);
  return copied;
}

/**
 * Writes the `byteLength` bytes of `hex` into `target` at `offset`, without an array between.
 * Throws a `TypeError` when `hex` has another length or is not hex.
 */
export function writeHex(target: Uint8Array, offset: number, hex: Hex, byteLength: number): void {
  const prefixed = hex.charCodeAt(0) === 0x30 && hex.charCodeAt(1) === 0x78;
  if (!prefixed || hex.length !== 2 + 2 * byteLength) throw notHex(hex, byteLength);
  const isHexText =
    hex.length <= COPIED_LENGTH
      ? writeCopied(target, offset, hex, byteLength)
      : writeLong(target, offset, hex, byteLength);
  if (!isHexText) throw notHex(hex, byteLength);
}

function writeCopied(target: Uint8Array, offset: number, hex: Hex, byteLength: number): boolean {
  const ascii = asciiBytes(hex);
  let values = 0;
  for (let i = 0, at = 2; i < byteLength; i++, at += 2) {
    const high = DIGIT_OF[ascii[at] as number] as number;
    const low = DIGIT_OF[ascii[at + 1] as number] as number;
    // Once at the end it is known whether all of them were digits.
    values |= high | low;
    target[offset + i] = (high << 4) | low;
  }
  return values <= 15;
}

function writeLong(target: Uint8Array, offset: number, hex: Hex, byteLength: number): boolean {
  let codes = 0;
  let values = 0;
  for (let i = 0, at = 2; i < byteLength; i++, at += 2) {
    const first = hex.charCodeAt(at);
    const second = hex.charCodeAt(at + 1);
    const high = DIGIT_OF[first & 127] as number;
    const low = DIGIT_OF[second & 127] as number;
    codes |= first | second;
    values |= high | low;
    target[offset + i] = (high << 4) | low;
  }
  return codes <= 127 && values <= 15;
}

function notHex(text: string, byteLength: number): TypeError {
  const shown = text.length > 140 ? `${text.slice(0, 140)}…` : text;
  return new TypeError(`not a 0x-prefixed hex string of ${byteLength} whole bytes: ${shown}`);
}
