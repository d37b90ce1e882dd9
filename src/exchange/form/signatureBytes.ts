/**
 * Signatures of orders as bytes: as text they would be most of the memory that an order takes. They
 * lie in blocks, one behind the other; a block is given back once no order is left that is in it.
 */
import { bytesToHex } from "../../base/hex.ts";
import { MAX_PATH_LENGTH } from "../../protocol/limits.ts";
import type { Signature } from "../../protocol/units.ts";
import { writeDigits } from "./byteForm.ts";

const BLOCK_BYTES = 32_768;
const WORD_BYTES = 32;

export class SignatureBlock {
  readonly #bytes = new Uint8Array(BLOCK_BYTES);
  #used = 0;

  /** Whether a signature with so long a path still fits. */
  hasRoom(pathLength: number): boolean {
    return this.#used + bytesOf(pathLength) <= BLOCK_BYTES;
  }

  /**
   * Keeps a signature for which there is room and gives its place. Undefined, with nothing kept,
   * where bytes cannot say it: a digit is in upper case, as the sender wrote it.
   */
  add({ r, vs, path }: Signature): number | undefined {
    const place = this.#used;
    const bytes = this.#bytes;
    let at = place;
    bytes[at++] = path.length;
    if (!writeDigits(bytes, at, r)) return undefined;
    at += WORD_BYTES;
    if (!writeDigits(bytes, at, vs)) return undefined;
    at += WORD_BYTES;
    for (const step of path) {
      if (!writeDigits(bytes, at, step)) return undefined;
      at += WORD_BYTES;
    }
    this.#used = at;
    return place;
  }

  /** The signature kept at a place that `add` gave. */
  at(place: number): Signature {
    const word = (index: number) => {
      const from = place + 1 + index * WORD_BYTES;
      return bytesToHex(this.#bytes.subarray(from, from + WORD_BYTES));
    };
    const pathLength = this.#bytes[place] as number;
    return {
      r: word(0),
      vs: word(1),
      path: Array.from({ length: pathLength }, (_, step) => word(2 + step)),
    };
  }
}

/** Bytes of a signature: the length of its path, then its words. */
function bytesOf(pathLength: number): number {
  return 1 + WORD_BYTES * (2 + pathLength);
}

let newest = new SignatureBlock();

/** A block with room for the signature, the newest while it has some; none for an overlong one. */
export function blockFor({ path }: Signature): SignatureBlock | undefined {
  if (path.length > MAX_PATH_LENGTH) return undefined;
  if (!newest.hasRoom(path.length)) newest = new SignatureBlock();
  return newest;
}
