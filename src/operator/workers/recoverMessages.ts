/** The messages between the operator's thread and its recovering threads. */
import type { Address } from "../../base/hex.ts";
import type { Recovery } from "../../protocol/signatures.ts";

export interface RecoverRequest {
  readonly id: number;
  /** See `packRecoveries`. */
  readonly packed: Uint8Array<ArrayBuffer>;
}

export interface RecoverAnswer {
  readonly id: number;
  /** In the order of the request. */
  readonly accounts: readonly (Address | undefined)[];
}

const WORD = 32;
/** Digest, r, s, and a byte for the parity. */
const RECOVERY_BYTES = 3 * WORD + 1;

/** One run of bytes, which a thread hands over without a copy. */
export function packRecoveries(recoveries: readonly Recovery[]): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(recoveries.length * RECOVERY_BYTES);
  recoveries.forEach(({ digest, r, s, yParity }, at) => {
    const start = at * RECOVERY_BYTES;
    packed.set(digest, start);
    packed.set(r, start + WORD);
    packed.set(s, start + 2 * WORD);
    packed[start + 3 * WORD] = yParity;
  });
  return packed;
}

export function unpackRecoveries(packed: Uint8Array): Recovery[] {
  const count = packed.length / RECOVERY_BYTES;
  return Array.from({ length: count }, (_, at) => {
    const word = (place: number) => {
      const start = at * RECOVERY_BYTES + place * WORD;
      return packed.subarray(start, start + WORD);
    };
    const yParity = packed[at * RECOVERY_BYTES + 3 * WORD] === 1 ? 1 : 0;
    return { digest: word(0), r: word(1), s: word(2), yParity };
  });
}
