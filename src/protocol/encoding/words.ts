/** Words of the ABI encoding, 32 bytes each, as EIP-712 hashes them. */
import { ADDRESS_BYTES } from "../../base/address.ts";
import { viewOf, writeUint128 } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";
import { type Address, type Hex, writeHex } from "../../base/hex.ts";
import { keccak256 } from "../../base/keccak.ts";

/** Bytes of a word. */
export const WORD = 32;

/**
 * The encoding of one message, laid out once: the type hash and one word per field. Every call
 * writes every field, so nothing remains of the call before.
 */
export class Words {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(first: Uint8Array, fields: number) {
    this.bytes = new Uint8Array(WORD * (1 + fields));
    this.bytes.set(first);
    this.view = viewOf(this.bytes);
  }

  address(index: number, value: Address): this {
    writeHex(this.bytes, WORD * index + WORD - ADDRESS_BYTES, value, ADDRESS_BYTES);
    return this;
  }

  hash(index: number, value: Hex): this {
    writeHex(this.bytes, WORD * index, value, WORD);
    return this;
  }

  bytes32(index: number, value: Uint8Array): this {
    assert(value.length === WORD, () => `a bytes32 of ${value.length} bytes.`);
    this.bytes.set(value, WORD * index);
    return this;
  }

  /** Any unsigned type up to uint128; the field's own type bounds it further by `bits`. */
  uint(index: number, value: bigint, bits: 64 | 128): this {
    assert(bits === 128 || value >> 64n === 0n, () => `${value} is not a uint64.`);
    writeUint128(this.view, WORD * (index + 1) - 16, value);
    return this;
  }

  /** A round, a block, a count: any safe integer from 0 on. */
  count(index: number, value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, () => `${value} is no count.`);
    this.view.setUint32(WORD * (index + 1) - 8, Math.floor(value / 2 ** 32));
    this.view.setUint32(WORD * (index + 1) - 4, value >>> 0);
    return this;
  }

  keccak(): Uint8Array {
    return keccak256(this.bytes);
  }
}
