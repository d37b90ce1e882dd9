import { assert } from "./errors.ts";
import { type Address, bytesToHex, type Hex, isHex } from "./hex.ts";
import { keccak256 } from "./keccak.ts";
import { type Parsed, parsed, parsedOrThrow, unparsable } from "./parsed.ts";

export const ADDRESS_BYTES = 20;

/** Nobody's address. */
export const ZERO_ADDRESS: Address = "0x0000000000000000000000000000000000000000";

/** A checksum costs a hash, and the same addresses come again and again: each is made once. */
const REMEMBERED_ADDRESSES = 65_536;
/** By their lower-case form, and by their own. */
const checksummed = new Map<string, Address>();

/**
 * Reads an address: lower-case digits are checksummed, mixed case must carry the EIP-55 checksum,
 * because a wrong one is a mistyped address.
 */
export function parseAddress(text: string): Parsed<Address> {
  const known = checksummed.get(text);
  if (known !== undefined) return parsed(known);
  if (!isHex(text, ADDRESS_BYTES)) {
    return unparsable(
      `${JSON.stringify(text.slice(0, 80))} is not an address.`,
      "Give 0x and 40 hexadecimal digits.",
    );
  }
  const right = checksumAddress(text);
  if (text === right || text === text.toLowerCase()) return parsed(right);
  return unparsable(
    `${text} has a wrong checksum.`,
    `Compare it digit by digit with ${right}; write it that way if no digit differs.`,
  );
}

/** The address in `text`; throws a `QuarterdeckError` with code `BadInput` where there is none. */
export function toAddress(text: string): Address {
  return parsedOrThrow(parseAddress(text), "an address");
}

/** EIP-55 form of 20 bytes or of 0x and 40 digits in any case. */
export function checksumAddress(address: string | Uint8Array): Address {
  const lower = typeof address === "string" ? address.toLowerCase() : bytesToHex(address);
  const known = checksummed.get(lower);
  if (known !== undefined) return known;
  assert(isHex(lower, ADDRESS_BYTES), () => `${lower} is not an address of 20 bytes.`);
  const text = withChecksum(lower);
  if (checksummed.size >= 2 * REMEMBERED_ADDRESSES) checksummed.clear();
  checksummed.set(lower, text).set(text, text);
  return text;
}

function withChecksum(lower: Hex): Address {
  const digits = lower.slice(2);
  for (let i = 0; i < ascii.length; i++) ascii[i] = digits.charCodeAt(i);
  const hash = keccak256(ascii);
  let text = "0x";
  for (let i = 0; i < digits.length; i++) {
    const byte = hash[i >> 1] as number;
    const nibble = i % 2 === 0 ? byte >> 4 : byte & 0x0f;
    const digit = digits[i] as string;
    text += nibble >= 8 ? digit.toUpperCase() : digit;
  }
  return text as Address;
}

const ascii = new Uint8Array(2 * ADDRESS_BYTES);

/** The account of an uncompressed public key (64 bytes, x ‖ y). */
export function publicKeyToAddress(publicKey: Uint8Array): Address {
  assert(publicKey.length === 64, () => `a public key has 64 bytes, not ${publicKey.length}.`);
  return checksumAddress(keccak256(publicKey).subarray(12));
}
