import { scrypt } from "hash-wasm";

/**
 * scrypt in WebAssembly, `length` bytes of it, for costs that OpenSSL refuses: with r = 1 it wants
 * n below 2^16, as the RFC does, and widespread keystores have n = 2^18. Blocks for as long as it
 * takes (seconds).
 */
export function portableScrypt(
  password: Uint8Array,
  salt: Uint8Array,
  { n, r, p }: { readonly n: number; readonly r: number; readonly p: number },
  length: number,
): Promise<Uint8Array> {
  return scrypt({
    password,
    salt,
    costFactor: n,
    blockSize: r,
    parallelism: p,
    hashLength: length,
    outputType: "binary",
  });
}
