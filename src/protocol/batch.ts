/**
 * Merkle trees by which one signature covers many messages (docs/protocol.md section 5). Leaf =
 * keccak256(0x00 ‖ struct hash), node = keccak256(0x01 ‖ lower ‖ higher), an odd last node is
 * promoted. Siblings are sorted, so a path needs no positions: it says that a message is in the
 * batch, not where. Twin of `Messages.signer` in the contracts.
 */
import { compareBytes } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import { bytesToHex, type Hex, hexToBytes } from "../base/hex.ts";
import { keccak256 } from "../base/keccak.ts";

export interface Batch {
  /** A hash function as `hashBatch` takes it: 32 bytes. */
  readonly root: Uint8Array;
  /** Siblings on the way from the message at `index` to the root, lowest first; never empty. */
  pathOf(index: number): readonly Hex[];
}

/**
 * The tree over the struct hashes of at least two messages: a single one would have an empty path,
 * which means that its signature is of the message itself. Work grows with their number.
 */
export function buildBatch(structHashes: readonly Uint8Array[]): Batch {
  assert(structHashes.length >= 2, "a batch has at least two messages.");
  const levels = [structHashes.map(leafHash)];
  let level = levels[0] as Uint8Array[];
  while (level.length > 1) {
    level = parentsOf(level);
    levels.push(level);
  }
  return {
    root: level[0] as Uint8Array,
    pathOf(index) {
      assert(index >= 0 && index < structHashes.length, () => `no message ${index} in the batch.`);
      return levels.flatMap((nodes, height) => {
        const sibling = nodes[(index >> height) ^ 1];
        return sibling === undefined ? [] : [bytesToHex(sibling)];
      });
    },
  };
}

/** The root to which `path` leads from a message. A `TypeError` on a step not of 32 bytes. */
export function batchRootOf(structHash: Uint8Array, path: readonly Hex[]): Uint8Array {
  return path.reduce((node, step) => nodeHash(node, hexToBytes(step)), leafHash(structHash));
}

function parentsOf(nodes: readonly Uint8Array[]): Uint8Array[] {
  const parents: Uint8Array[] = [];
  for (let i = 0; i < nodes.length; i += 2) {
    const left = nodes[i] as Uint8Array;
    const right = nodes[i + 1];
    parents.push(right === undefined ? left : nodeHash(left, right));
  }
  return parents;
}

const leafBytes = new Uint8Array(33);

function leafHash(structHash: Uint8Array): Uint8Array {
  assert(structHash.length === 32, () => `a struct hash of ${structHash.length} bytes.`);
  leafBytes[0] = 0x00;
  leafBytes.set(structHash, 1);
  return keccak256(leafBytes);
}

const nodeBytes = new Uint8Array(65);

function nodeHash(a: Uint8Array, b: Uint8Array): Uint8Array {
  const inOrder = compareBytes(a, b) < 0;
  nodeBytes[0] = 0x01;
  nodeBytes.set(inOrder ? a : b, 1);
  nodeBytes.set(inOrder ? b : a, 33);
  return keccak256(nodeBytes);
}
