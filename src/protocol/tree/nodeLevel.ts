/** The parts of a SumTree: nodes of one height, and the places that wait to be hashed. */
import { ADDRESS_BYTES } from "../../base/address.ts";
import { readUint128, viewOf, writeUint128 } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";
import { bytesToHex, type Hex, writeHex } from "../../base/hex.ts";
import { LEAF_BYTES, NODE_BYTES } from "../../base/keccak.ts";
import type { Amount, Leaf, Sibling } from "../units.ts";
import { CHUNK_NODES, type Chunk, type ChunkPool } from "./chunks.ts";

const HASH_BYTES = 32;
const HASH_WORDS = HASH_BYTES / 4;
export const NODE_WORDS = NODE_BYTES / 4;
export const LEAF_WORDS = LEAF_BYTES / 4;
const CLIENT_WORDS = ADDRESS_BYTES / 4;
/** Levels of up to so many nodes keep the siblings that proofs asked for. */
const KEPT_SIBLINGS = 8192;

/** A leaf on its way into a level. */
const leafBytes = new Uint8Array(LEAF_BYTES);
const leafView = viewOf(leafBytes);
const leafWords = new Int32Array(leafBytes.buffer);

/** A node that is being read: views of its own for each would cost more than the reading. */
const readWords = new Int32Array(NODE_WORDS);
const readHash = new Uint8Array(readWords.buffer, 0, HASH_BYTES);
const readView = new DataView(readWords.buffer);

/** All nodes of one height, in chunks that levels share until one of them writes. */
export class NodeLevel {
  width = 0;
  readonly #pool: ChunkPool;
  #chunks: Chunk[] = [];
  #siblings: (Sibling | undefined)[] = [];

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  sibling(index: number): Sibling {
    if (this.width > KEPT_SIBLINGS) return this.#makeSibling(index);
    if (index >= this.#siblings.length) this.#growSiblings();
    const made = this.#siblings[index] ?? this.#makeSibling(index);
    this.#siblings[index] = made;
    return made;
  }

  /** At full length: V8 makes a hash table, which is slow, of an array that is filled far apart. */
  #growSiblings(): void {
    const grown = new Array<Sibling | undefined>(this.width);
    for (let i = 0; i < this.#siblings.length; i++) grown[i] = this.#siblings[i];
    this.#siblings = grown;
  }

  #makeSibling(index: number): Sibling {
    this.copyTo(readWords, 0, index, 1);
    return { hash: bytesToHex(readHash), sum: readUint128(readView, HASH_BYTES) };
  }

  hashAt(index: number): Hex {
    return this.#makeSibling(index).hash;
  }

  sumAt(index: number): Amount {
    const chunk = this.#chunk(index);
    const from = wordOf(index);
    for (let i = HASH_WORDS; i < NODE_WORDS; i++) readWords[i] = chunk[from + i] as number;
    return readUint128(readView, HASH_BYTES);
  }

  /** Copies `count` nodes from `index` on to the word `at` of `target`. */
  copyTo(target: Int32Array, at: number, index: number, count: number): void {
    for (let done = 0; done < count; ) {
      const part = partOf(index + done, count - done);
      const from = wordOf(index + done);
      copyWords(target, at + done * NODE_WORDS, this.#chunk(index + done), from, part);
      done += part;
    }
  }

  /** Takes `count` nodes from `index` on from the word `at` of `source`. */
  write(index: number, count: number, source: Int32Array, at: number): void {
    for (let done = 0; done < count; ) {
      const part = partOf(index + done, count - done);
      const to = wordOf(index + done);
      copyWords(this.#ownChunk(index + done), to, source, at + done * NODE_WORDS, part);
      done += part;
    }
    this.width = Math.max(this.width, index + count);
    const kept = Math.min(index + count, this.#siblings.length);
    for (let i = index; i < kept; i++) this.#siblings[i] = undefined;
  }

  /** Writes a leaf that is not hashed yet: its client is where its hash will be. */
  writeUnhashed(index: number, { client, balance }: Leaf): void {
    writeHex(leafBytes, 0, client, ADDRESS_BYTES);
    writeUint128(leafView, ADDRESS_BYTES, balance);
    const chunk = this.#ownChunk(index);
    const to = wordOf(index);
    for (let i = 0; i < CLIENT_WORDS; i++) chunk[to + i] = leafWords[i] as number;
    for (let i = CLIENT_WORDS; i < LEAF_WORDS; i++) {
      chunk[to + i + NODE_WORDS - LEAF_WORDS] = leafWords[i] as number;
    }
    if (index >= this.width) this.width = index + 1;
  }

  /** Copies what an unhashed leaf is made of to the word `at` of `target`. */
  copyUnhashed(target: Int32Array, at: number, index: number): void {
    const chunk = this.#chunk(index);
    const from = wordOf(index);
    for (let i = 0; i < CLIENT_WORDS; i++) target[at + i] = chunk[from + i] as number;
    for (let i = CLIENT_WORDS; i < LEAF_WORDS; i++) {
      target[at + i] = chunk[from + i + NODE_WORDS - LEAF_WORDS] as number;
    }
  }

  /** A level with the same nodes, of which neither side sees what the other writes from now on. */
  fork(): NodeLevel {
    const twin = new NodeLevel(this.#pool);
    twin.width = this.width;
    twin.#chunks = this.#chunks.slice();
    for (const chunk of twin.#chunks) chunk.holders += 1;
    return twin;
  }

  /** Gives its chunks back; the level has no nodes from here on. */
  release(): void {
    for (const chunk of this.#chunks) this.#pool.leave(chunk);
    this.#chunks = [];
    this.width = 0;
  }

  #chunk(index: number): Int32Array<ArrayBuffer> {
    const chunk = this.#chunks[Math.floor(index / CHUNK_NODES)];
    assert(chunk !== undefined, () => `node ${index} of a level of ${this.width}.`);
    return chunk.words;
  }

  #ownChunk(index: number): Int32Array<ArrayBuffer> {
    const place = Math.floor(index / CHUNK_NODES);
    const chunk = this.#chunks[place];
    if (chunk?.holders === 1) return chunk.words;
    const own = this.#pool.take();
    this.#chunks[place] = own;
    if (chunk === undefined) return own.words;
    own.words.set(chunk.words);
    this.#pool.leave(chunk);
    return own.words;
  }
}

function wordOf(index: number): number {
  return (index % CHUNK_NODES) * NODE_WORDS;
}

/** How many of `count` nodes from `index` on are in the same chunk. */
function partOf(index: number, count: number): number {
  return Math.min(count, CHUNK_NODES - (index % CHUNK_NODES));
}

/** From so many nodes on, a copy of them all at once is faster than word by word. */
const MANY_NODES = 8;

function copyWords(
  target: Int32Array,
  to: number,
  source: Int32Array,
  from: number,
  nodes: number,
): void {
  const words = nodes * NODE_WORDS;
  if (nodes >= MANY_NODES) target.set(source.subarray(from, from + words), to);
  else for (let i = 0; i < words; i++) target[to + i] = source[from + i] as number;
}

/** How many places, from that at `start` on, follow one on the other. */
export function runLength(places: readonly number[], start: number): number {
  const first = places[start] as number;
  let count = 1;
  while (places[start + count] === first + count) count++;
  return count;
}

/** Places of one level that wait, each once, as bits: in their order a batch is near each other. */
export class WaitList {
  size = 0;
  #marks = new Uint32Array(2);
  /** No word before it has a mark. */
  #first = 0;

  add(place: number): void {
    const word = place >>> 5;
    if (word >= this.#marks.length) {
      const grown = new Uint32Array(2 * word);
      grown.set(this.#marks);
      this.#marks = grown;
    }
    const marks = this.#marks[word] as number;
    const bit = 1 << (place & 31);
    if ((marks & bit) !== 0) return;
    this.#marks[word] = marks | bit;
    this.size += 1;
    if (word < this.#first) this.#first = word;
  }

  /** Takes the lowest places off, at most `count`, in ascending order. */
  take(count: number): number[] {
    const taken: number[] = [];
    const most = Math.min(count, this.size);
    for (let word = this.#first; taken.length < most; word++) {
      this.#first = word;
      let marks = this.#marks[word] as number;
      for (; marks !== 0 && taken.length < most; marks &= marks - 1) {
        taken.push((word << 5) + 31 - Math.clz32(marks & -marks));
      }
      this.#marks[word] = marks;
    }
    this.size -= taken.length;
    return taken;
  }
}
