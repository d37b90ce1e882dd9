/** A 0x-prefixed string of hexadecimal digits. */
export type Hex = `0x${string}`;

/** A 20-byte account or contract address with its EIP-55 checksum (see `parseAddress`). */
export type Address = Hex & { readonly __brand?: "Address" };

const HEX_BYTES = /^0x(?:[0-9a-fA-F]{2})*$/;

export function isHex(text: unknown, byteLength?: number): text is Hex {
  if (typeof text !== "string" || !HEX_BYTES.test(text)) return false;
  return byteLength === undefined || text.length === 2 + 2 * byteLength;
}

export function bytesToHex(bytes: Uint8Array): Hex {
  return `0x${digitsOf(bytes)}`;
}

const BYTE_TO_HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function digitsOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += BYTE_TO_HEX[byte];
  return text;
}

/** The bytes of `hex`; throws a `TypeError` when it is not a whole number of bytes. */
export function hexToBytes(hex: Hex): Uint8Array {
  if (!isHex(hex)) throw new TypeError(`not a 0x-prefixed hex string of whole bytes: ${hex}`);
  const bytes = new Uint8Array((hex.length - 2) / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Number.parseInt(hex.slice(2 + 2 * i, 4 + 2 * i), 16);
  }
  return bytes;
}
