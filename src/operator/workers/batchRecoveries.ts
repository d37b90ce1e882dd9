/**
 * The questions who signed the messages of one request, as `recoveryOf` puts each by itself: what
 * messages under one signature share is made once.
 */
import { bytesToHex, type Hex, hexToBytes, isHex } from "../../base/hex.ts";
import { MAX_PATH_LENGTH } from "../../protocol/limits.ts";
import { digest, hashBatch } from "../../protocol/messages.ts";
import {
  type CompactSignature,
  decodeSignature,
  leafOf,
  nodeOver,
  type Recovery,
  recoveryOf,
} from "../../protocol/signatures.ts";
import type { Domain, Signature } from "../../protocol/units.ts";

/** A node on the way to a root: the steps from it on, and the digest over the root. */
interface Passed {
  readonly path: readonly Hex[];
  readonly height: number;
  readonly digest: Uint8Array;
}

export class BatchRecoveries {
  readonly #domain: Domain;
  /** By the node's text. */
  readonly #passed = new Map<Hex, Passed>();
  #words: CompactSignature | undefined;
  #decoded: ReturnType<typeof decodeSignature>;

  constructor(domain: Domain) {
    this.#domain = domain;
  }

  /** Undefined where nobody can have signed it. Never throws. */
  of(structHash: Uint8Array, signature: Signature): Recovery | undefined {
    const { path } = signature;
    if (path.length === 0) return recoveryOf(this.#domain, structHash, signature);
    if (path.length > MAX_PATH_LENGTH) return undefined;
    const ecdsa = this.#decode(signature);
    const signed = ecdsa === undefined ? undefined : this.#digestOf(leafOf(structHash), path);
    return ecdsa === undefined || signed === undefined ? undefined : { ...ecdsa, digest: signed };
  }

  #decode({ r, vs }: CompactSignature): ReturnType<typeof decodeSignature> {
    if (this.#words?.r === r && this.#words.vs === vs) return this.#decoded;
    this.#words = { r, vs };
    this.#decoded = decodeSignature(this.#words);
    return this.#decoded;
  }

  /** Undefined where a step is none. */
  #digestOf(leaf: Uint8Array, path: readonly Hex[]): Uint8Array | undefined {
    const names: Hex[] = [];
    let node = leaf;
    let found: Passed | undefined;
    for (let height = 0; height < path.length && found === undefined; height++) {
      const step = path[height] as Hex;
      if (!isHex(step, 32)) return undefined;
      node = nodeOver(node, hexToBytes(step));
      const name = bytesToHex(node);
      const passed = this.#passed.get(name);
      if (passed !== undefined && isSameWay(passed, path, height + 1)) found = passed;
      else names.push(name);
    }
    const signed = found?.digest ?? digest(this.#domain, hashBatch(node));
    for (const [at, name] of names.entries()) {
      this.#passed.set(name, { path, height: at + 1, digest: signed });
    }
    return signed;
  }
}

function isSameWay(passed: Passed, path: readonly Hex[], height: number): boolean {
  if (passed.height !== height || passed.path.length !== path.length) return false;
  for (let at = height; at < path.length; at++) if (passed.path[at] !== path[at]) return false;
  return true;
}
