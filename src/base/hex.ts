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

const BYTE_TO_HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** `bytes` in lower-case digits. */
export function bytesToHex(bytes: Uint8Array): Hex {
  let text = "0x";
  for (let i = 0; i < bytes.length; i++) text += BYTE_TO_HEX[bytes[i] as number];
  return text as Hex;
}

const NOT_A_DIGIT = 0xff;
/** Value of each ASCII character as a hexadecimal digit. */
const DIGIT_OF = new Uint8Array(128).fill(NOT_A_DIGIT);
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

/**
 * Writes the `byteLength` bytes of `hex` into `target` at `offset`, without an array between.
 * Throws a `TypeError` when `hex` has another length or is not hex.
 */
export function writeHex(target: Uint8Array, offset: number, hex: Hex, byteLength: number): void {
  const prefixed = hex.charCodeAt(0) === 0x30 && hex.charCodeAt(1) === 0x78;
  if (!prefixed || hex.length !== 2 + 2 * byteLength) throw notHex(hex, byteLength);
  for (let i = 0, at = 2; i < byteLength; i++, at += 2) {
    const high = DIGIT_OF[hex.charCodeAt(at)] ?? NOT_A_DIGIT;
    const low = DIGIT_OF[hex.charCodeAt(at + 1)] ?? NOT_A_DIGIT;
    if (high === NOT_A_DIGIT || low === NOT_A_DIGIT) throw notHex(hex, byteLength);
    target[offset + i] = (high << 4) | low;
  }
}

function notHex(text: string, byteLength: number): TypeError {
  const shown = text.length > 140 ? `${text.slice(0, 140)}…` : text;
  return new TypeError(`not a 0x-prefixed hex string of ${byteLength} whole bytes: ${shown}`);
}
