/** The bloom of a block's header: which addresses and topics its logs may hold. */
import { type Hex, hexToBytes } from "../../base/hex.ts";
import { keccak256 } from "../../base/keccak.ts";

const BLOOM_BYTES = 256;
const BITS = 8 * BLOOM_BYTES;
/** Each value sets three bits, by the first three pairs of bytes of its hash. */
const PAIRS = [0, 2, 4] as const;

export class LogsBloom {
  readonly #bytes: Uint8Array;

  /** Undefined where `text` is no bloom, or one with all bits set, which tells nothing. */
  static parse(text: unknown): LogsBloom | undefined {
    if (typeof text !== "string" || text.length !== 2 + 2 * BLOOM_BYTES) return undefined;
    if (!/^0x[0-9a-fA-F]*$/.test(text) || /^0xf*$/i.test(text)) return undefined;
    return new LogsBloom(hexToBytes(text as Hex));
  }

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** True for a bloom that holds no log at all. */
  get isEmpty(): boolean {
    return this.#bytes.every((byte) => byte === 0);
  }

  /** False: no log of the block has `value` as its address or as a topic. */
  mayHold(value: Hex): boolean {
    const hash = keccak256(hexToBytes(value));
    return PAIRS.every((at) => {
      const bit = (((hash[at] as number) << 8) | (hash[at + 1] as number)) % BITS;
      const byte = this.#bytes[BLOOM_BYTES - 1 - (bit >> 3)] as number;
      return (byte & (1 << (bit & 7))) !== 0;
    });
  }
}
