/** Proofs of leaves, held against the commitment of a tree: docs/protocol.md section 3. */
import { UINT128_MAX, viewOf, writeUint128 } from "../../base/bytes.ts";
import { type Address, bytesToHex, type Hex, isHex, writeHex } from "../../base/hex.ts";
import { keccak256, NODE_BYTES, nodeBench } from "../../base/keccak.ts";
import type { Amount, BalanceProof, Sibling, TreeRoot } from "../units.ts";
import { half, inputView, isUint128, writeLeaf } from "./leaves.ts";
import { NODE_WORDS } from "./nodeLevel.ts";

/** The root of a tree without leaves. */
export const EMPTY_ROOT: TreeRoot = {
  node: "0x0000000000000000000000000000000000000000000000000000000000000000",
  total: 0n,
  leafCount: 0,
};

const rootBytes = new Uint8Array(96);
const rootView = viewOf(rootBytes);

/**
 * The hash that the Mediator stores of a tree: keccak256(node ‖ total ‖ leafCount), a word each.
 */
export function rootCommitment(root: TreeRoot): Hex {
  writeHex(rootBytes, 0, root.node, 32);
  writeUint128(rootView, 48, root.total);
  writeUint128(rootView, 80, BigInt(root.leafCount));
  return bytesToHex(keccak256(rootBytes));
}

/** Why a proof does not show what it says. */
export type ProofFault =
  /** There is no commitment to prove anything against. */
  | { readonly fault: "NotCommitted" }
  | { readonly fault: "BalanceOutOfRange"; readonly balance: Amount }
  | { readonly fault: "IndexOutOfRange"; readonly index: number; readonly leafCount: number }
  | { readonly fault: "WrongSiblingCount"; readonly given: number; readonly needed: number }
  | { readonly fault: "BadSibling"; readonly position: number }
  /** The sums of the proof exceed 2^128 - 1. */
  | { readonly fault: "SumTooLarge" }
  /** The proof leads to another tree than the committed one. */
  | { readonly fault: "CommitmentDiffers"; readonly committed: Hex; readonly proven: Hex };

/** The root that a proof leads to, or why it is none. */
export type ProofOutcome =
  | { readonly ok: true; readonly root: TreeRoot }
  | ({ readonly ok: false } & ProofFault);

const NO_COMMITMENT = EMPTY_ROOT.node;

/**
 * Whether `proof` shows that `client` has `proof.balance` in the tree behind `committed`: its root,
 * or what the Mediator stores of it. Accepts exactly what the contract accepts. Any proof may be
 * given; a `client` that is no address throws a `TypeError`.
 */
export function verifyProof(
  committed: Hex | TreeRoot,
  client: Address,
  proof: BalanceProof,
): ProofOutcome {
  const commitment = typeof committed === "string" ? committed : rootCommitment(committed);
  if (commitment === NO_COMMITMENT) return { ok: false, fault: "NotCommitted" };
  const malformed = checkShape(proof);
  if (malformed !== undefined) return { ok: false, ...malformed };

  const root = climb(client, proof);
  if (root === undefined) return { ok: false, fault: "SumTooLarge" };
  const proven = rootCommitment(root);
  if (proven === commitment.toLowerCase()) return { ok: true, root };
  return { ok: false, fault: "CommitmentDiffers", committed: commitment, proven };
}

function checkShape(proof: BalanceProof): ProofFault | undefined {
  const { balance, index, leafCount, siblings } = proof;
  if (!isUint128(balance)) return { fault: "BalanceOutOfRange", balance };
  const indexed = Number.isSafeInteger(leafCount) && Number.isSafeInteger(index);
  if (!indexed || index < 0 || index >= leafCount) {
    return { fault: "IndexOutOfRange", index, leafCount };
  }
  const needed = siblingCount(index, leafCount);
  if (siblings.length !== needed) {
    return { fault: "WrongSiblingCount", given: siblings.length, needed };
  }
  const position = siblings.findIndex(({ hash, sum }) => !isHex(hash, 32) || !isUint128(sum));
  return position === -1 ? undefined : { fault: "BadSibling", position };
}

/** Siblings that the proof of leaf `index` has: one a level but where the node is promoted. */
function siblingCount(index: number, leafCount: number): number {
  let count = 0;
  for (let at = index, width = leafCount; width > 1; at = half(at), width = half(width + 1)) {
    if (!isPromoted(at, width)) count++;
  }
  return count;
}

/** The root above a well-formed proof; undefined where its sums exceed 2^128 - 1. */
function climb(client: Address, proof: BalanceProof): TreeRoot | undefined {
  const { input, outputWords } = nodeBench;
  writeLeaf(0, { client, balance: proof.balance });
  nodeBench.makeLeaves(1);
  let total = proof.balance;
  let used = 0;
  let at = proof.index;
  for (let width = proof.leafCount; width > 1; width = half(width + 1), at = half(at)) {
    if (isPromoted(at, width)) continue;
    const { hash, sum } = proof.siblings[used++] as Sibling;
    const [own, other] = at % 2 === 1 ? [NODE_BYTES, 0] : [0, NODE_BYTES];
    nodeBench.inputWords.set(outputWords.subarray(0, NODE_WORDS), own / 4);
    writeHex(input, other, hash, 32);
    writeUint128(inputView, other + 32, sum);
    nodeBench.makeParents(1);
    total += sum;
    if (total > UINT128_MAX) return undefined;
  }
  const node = bytesToHex(nodeBench.output.subarray(0, 32));
  return { node, total, leafCount: proof.leafCount };
}

function isPromoted(index: number, width: number): boolean {
  return index % 2 === 0 && index === width - 1;
}
