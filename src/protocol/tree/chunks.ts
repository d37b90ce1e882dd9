/**
 * Nodes of one height in chunks, which trees share until one of them writes. Chunks that nobody has
 * any more are used again: a new buffer for each that a round changes would have V8 collect the
 * whole heap in one turn of the event loop, seconds with a million clients.
 */
import { assert } from "../../base/errors.ts";
import { NODE_BYTES } from "../../base/keccak.ts";

export const CHUNK_NODES = 64;
const CHUNK_WORDS = (CHUNK_NODES * NODE_BYTES) / 4;
/** Most chunks that one buffer holds: 3 MiB. */
const SLAB_CHUNKS = 1024;

export interface Chunk {
  readonly words: Int32Array<ArrayBuffer>;
  /** Levels that have it. Whoever is the only one may write. */
  holders: number;
}

/** The chunks of a tree and of all that was forked from it. */
export class ChunkPool {
  readonly #free: Chunk[] = [];
  #made = 0;

  /** A chunk of the caller's own. What its words hold is not said. */
  take(): Chunk {
    if (this.#free.length === 0) this.#makeSome();
    const chunk = this.#free.pop();
    assert(chunk !== undefined, "a pool made no chunk.");
    chunk.holders = 1;
    return chunk;
  }

  /** One of its holders has it no more. */
  leave(chunk: Chunk): void {
    assert(chunk.holders > 0, "a chunk was given back more often than it was taken.");
    chunk.holders -= 1;
    if (chunk.holders === 0) this.#free.push(chunk);
  }

  /** As many as there are, so that a small tree takes little. */
  #makeSome(): void {
    const count = Math.max(1, Math.min(this.#made, SLAB_CHUNKS));
    const slab = new Int32Array(count * CHUNK_WORDS);
    for (let i = 0; i < count; i++) {
      const words = slab.subarray(i * CHUNK_WORDS, (i + 1) * CHUNK_WORDS);
      this.#free.push({ words, holders: 0 });
    }
    this.#made += count;
  }
}
