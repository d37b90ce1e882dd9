/**
 * A proof step by step, from the leaf to what the Mediator stores, each hash computed here
 * (docs/protocol.md section 3). The verdict is that of the library's own verifier.
 */
import { viewOf, writeUint128 } from "../../../src/base/bytes.ts";
import { type Address, bytesToHex, type Hex, writeHex } from "../../../src/base/hex.ts";
import { keccak256 } from "../../../src/base/keccak.ts";
import { rootCommitment, verifyProof } from "../../../src/protocol/sumTree.ts";
import type { Amount, BalanceProof } from "../../../src/protocol/units.ts";

export interface PathNode {
  readonly hash: Hex;
  /** Base units below this node. */
  readonly sum: Amount;
}

export interface PathStep {
  /** From the leaf up: 1 is the level above it. */
  readonly level: number;
  readonly left: PathNode;
  readonly right: PathNode;
  /** The child on the way from the leaf. */
  readonly own: "left" | "right";
  readonly parent: PathNode;
}

export interface ProofPath {
  readonly leaf: PathNode;
  readonly steps: readonly PathStep[];
  readonly root: PathNode & { readonly leafCount: number };
  /** keccak256(root, total, leaves): the Mediator's word, if the proof is true. */
  readonly computed: Hex;
  readonly committed: Hex;
  readonly isTrue: boolean;
}

export function proofPath(committed: Hex, client: Address, proof: BalanceProof): ProofPath {
  const leaf = { hash: leafHash(client, proof.balance), sum: proof.balance };
  const steps: PathStep[] = [];
  let node: PathNode = leaf;
  let used = 0;
  let at = proof.index;
  let level = 0;
  for (let width = proof.leafCount; width > 1; width = Math.ceil(width / 2)) {
    level += 1;
    const isPromoted = at % 2 === 0 && at + 1 === width;
    const sibling = isPromoted ? undefined : proof.siblings[used++];
    if (sibling !== undefined) {
      const own = at % 2 === 1 ? "right" : "left";
      const [left, right] = own === "right" ? [sibling, node] : [node, sibling];
      const parent = { hash: nodeHash(left, right), sum: left.sum + right.sum };
      steps.push({ level, left, right, own, parent });
      node = parent;
    }
    at = Math.floor(at / 2);
  }
  const { leafCount } = proof;
  const computed = rootCommitment({ node: node.hash, total: node.sum, leafCount });
  const isTrue = computed === committed && verifyProof(committed, client, proof).ok;
  return { leaf, steps, root: { ...node, leafCount }, computed, committed, isTrue };
}

function leafHash(client: Address, balance: Amount): Hex {
  const bytes = new Uint8Array(1 + 20 + 16);
  writeHex(bytes, 1, client, 20);
  writeUint128(viewOf(bytes), 21, balance);
  return bytesToHex(keccak256(bytes));
}

function nodeHash(left: PathNode, right: PathNode): Hex {
  const bytes = new Uint8Array(1 + 4 * 32);
  const view = viewOf(bytes);
  bytes[0] = 1;
  writeHex(bytes, 1, left.hash, 32);
  writeUint128(view, 1 + 48, left.sum);
  writeHex(bytes, 65, right.hash, 32);
  writeUint128(view, 65 + 48, right.sum);
  return bytesToHex(keccak256(bytes));
}
