/**
 * Signatures of orders as bytes: as text they would be most of the memory that an order takes. They
 * lie in blocks, one behind the other; a block is given back once no order is left that is in it.
 */
import { bytesToHex } from "../../base/hex.ts";
import { MAX_PATH_LENGTH } from "../../protocol/limits.ts";
import type { Signature } from "../../protocol/units.ts";
import { writeDigits } from "./byteForm.ts";

const BLOCK_BYTES = 1 << 18;
const WORD_BYTES = 32;

/** The words of a signature as bytes, 32 of each: r, vs, and the path. */
export type SignatureWords = Uint8Array;

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
  add(signature: Signature | SignatureWords): number | undefined {
    return signature instanceof Uint8Array ? this.#addWords(signature) : this.#addText(signature);
  }

  #addWords(words: SignatureWords): number {
    const place = this.#used;
    this.#bytes[place] = pathLengthOf(words);
    this.#bytes.set(words, place + 1);
    this.#used = place + 1 + words.length;
    return place;
  }

  #addText({ r, vs, path }: Signature): number | undefined {
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

  /** The same as words: not to be changed. */
  wordsAt(place: number): SignatureWords {
    return this.#bytes.subarray(place + 1, place + bytesOf(this.#bytes[place] as number));
  }
}

/** Bytes of a signature: the length of its path, then its words. */
function bytesOf(pathLength: number): number {
  return 1 + wordsLength(pathLength);
}

let newest = new SignatureBlock();

/** A block with room for the signature, the newest while it has some; none for an overlong one. */
export function blockFor(signature: Signature | SignatureWords): SignatureBlock | undefined {
  const pathLength =
    signature instanceof Uint8Array ? pathLengthOf(signature) : signature.path.length;
  if (pathLength > MAX_PATH_LENGTH) return undefined;
  if (!newest.hasRoom(pathLength)) newest = new SignatureBlock();
  return newest;
}

export function pathLengthOf(words: SignatureWords): number {
  return words.length / WORD_BYTES - 2;
}

/** Bytes of the words of a signature with so long a path. */
export function wordsLength(pathLength: number): number {
  return WORD_BYTES * (2 + pathLength);
}
