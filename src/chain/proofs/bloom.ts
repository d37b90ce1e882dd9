/** The bloom of a block's header: which addresses and topics its logs may hold. */
import { type Hex, hexToBytes } from "../../base/hex.ts";
import { keccak256 } from "../../base/keccak.ts";

const BLOOM_BYTES = 256;
const BITS = 8 * BLOOM_BYTES;
/** Each value sets three bits, by the first three pairs of bytes of its hash. */
const PAIRS = [0, 2, 4] as const;

/** Values whose bits are kept: each header is held against the same address and topics. */
const MOST_KEPT = 1024;
const kept = new Map<Hex, readonly number[]>();

export class LogsBloom {
  /** As it came: most blooms of a long range are asked for one value alone. */
  readonly #text: string;

  /** Undefined where `text` is no bloom, or one with all bits set, which tells nothing. */
  static parse(text: unknown): LogsBloom | undefined {
    if (typeof text !== "string" || text.length !== 2 + 2 * BLOOM_BYTES) return undefined;
    if (!/^0x[0-9a-fA-F]*$/.test(text) || /^0xf*$/i.test(text)) return undefined;
    return new LogsBloom(text);
  }

  private constructor(text: string) {
    this.#text = text;
  }

  /** True for a bloom that holds no log at all. */
  get isEmpty(): boolean {
    return /^0x0*$/.test(this.#text);
  }

  /** False: no log of the block has `value` as its address or as a topic. */
  mayHold(value: Hex): boolean {
    return bitsOf(value).every((bit) => {
      const digit = this.#text.at(-1 - (bit >> 2)) as string;
      return (Number.parseInt(digit, 16) & (1 << (bit & 3))) !== 0;
    });
  }
}

function bitsOf(value: Hex): readonly number[] {
  const known = kept.get(value);
  if (known !== undefined) return known;
  const hash = keccak256(hexToBytes(value));
  const bits = PAIRS.map((at) => (((hash[at] as number) << 8) | (hash[at + 1] as number)) % BITS);
  if (kept.size >= MOST_KEPT) kept.clear();
  kept.set(value, bits);
  return bits;
}
