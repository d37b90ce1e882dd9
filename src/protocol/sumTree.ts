/**
 * The balance tree of one token in one round: a Merkle-sum tree (docs/protocol.md section 3).
 * Every node
 * hashes both its children's sums, so no two clients can be promised the same money. An odd last
 * node is promoted unchanged. Twin of contracts/src/libraries/SumTree.sol, which verifies.
 */
import { ADDRESS_BYTES } from "../base/address.ts";
import { readUint128, UINT128_MAX, viewOf, writeUint128 } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import { type Address, bytesToHex, type Hex, isHex, writeHex } from "../base/hex.ts";
import { keccak256 } from "../base/keccak.ts";
import type { Amount, BalanceProof, Sibling, TreeRoot } from "./units.ts";

/** One client's balance of the token, in base units. */
export interface Leaf {
  readonly client: Address;
  readonly balance: Amount;
}

/** The root of a tree without leaves. */
export const EMPTY_ROOT: TreeRoot = {
  node: "0x0000000000000000000000000000000000000000000000000000000000000000",
  total: 0n,
  leafCount: 0,
};

/** A tree that does not change any more. */
export interface FrozenSumTree {
  readonly leafCount: number;
  root(): TreeRoot;
  /** Throws an `Alarm` where there is no such leaf. */
  balanceOf(index: number): Amount;
  /** Proof of the leaf at `index`; throws an `Alarm` where there is none. O(log n). */
  prove(index: number): BalanceProof;
}

/** Bytes of a stored node: its hash and its sum, a word each, as its parent hashes them. */
const NODE_BYTES = 64;
const CHUNK_NODES = 64;
const CHUNK_BYTES = CHUNK_NODES * NODE_BYTES;

const pairBytes = new Uint8Array(1 + 2 * NODE_BYTES);
pairBytes[0] = 0x01;

/** All nodes of one height, in chunks that levels share until one of them writes. */
class NodeLevel {
  width = 0;
  #chunks: Uint8Array[] = [];
  /** Whether a chunk is this level's alone. */
  #owned: boolean[] = [];

  hashAt(index: number): Uint8Array {
    const offset = offsetOf(index);
    return this.#chunk(index).subarray(offset, offset + 32);
  }

  sumAt(index: number): Amount {
    const offset = offsetOf(index);
    return readUint128(viewOf(this.#chunk(index)), offset + NODE_BYTES - 16);
  }

  /** Hash of the node above nodes 2 * parent and 2 * parent + 1; a chunk never splits a pair. */
  hashPair(parent: number): Uint8Array {
    const offset = offsetOf(2 * parent);
    pairBytes.set(this.#chunk(2 * parent).subarray(offset, offset + 2 * NODE_BYTES), 1);
    return keccak256(pairBytes);
  }

  write(index: number, hash: Uint8Array, sum: Amount): void {
    const chunk = this.#ownChunk(Math.floor(index / CHUNK_NODES));
    const offset = offsetOf(index);
    chunk.set(hash, offset);
    writeUint128(viewOf(chunk), offset + NODE_BYTES - 16, sum);
    if (index >= this.width) this.width = index + 1;
  }

  /** A level with the same nodes, of which neither side sees what the other writes from now on. */
  fork(): NodeLevel {
    const twin = new NodeLevel();
    twin.width = this.width;
    twin.#chunks = this.#chunks.slice();
    twin.#owned = this.#chunks.map(() => false);
    this.#owned.fill(false);
    return twin;
  }

  #chunk(index: number): Uint8Array {
    const chunk = this.#chunks[Math.floor(index / CHUNK_NODES)];
    assert(chunk !== undefined, () => `node ${index} of a level of ${this.width}.`);
    return chunk;
  }

  #ownChunk(place: number): Uint8Array {
    const chunk = this.#chunks[place];
    if (chunk !== undefined && this.#owned[place] === true) return chunk;
    const own = chunk?.slice() ?? new Uint8Array(CHUNK_BYTES);
    this.#chunks[place] = own;
    this.#owned[place] = true;
    return own;
  }
}

function offsetOf(index: number): number {
  return (index % CHUNK_NODES) * NODE_BYTES;
}

/**
 * A tree that grows and changes. Changes are only noted; the next root, proof or freeze hashes each
 * node above them once: k changes between two roots of n leaves cost at most
 * min(n, k * log n) hashes. 64 bytes a node: 12.8 MB for 100,000 clients.
 */
export class SumTree implements FrozenSumTree {
  #levels: NodeLevel[] = [new NodeLevel()];
  /** Leaves changed since the nodes above them were hashed. */
  #changed = new Set<number>();

  /** The tree of `leaves` in their order. About 2n hashes. */
  static build(leaves: Iterable<Leaf>): SumTree {
    const tree = new SumTree();
    for (const leaf of leaves) tree.append(leaf);
    tree.#rehash();
    return tree;
  }

  get leafCount(): number {
    return this.#leaves.width;
  }

  get #leaves(): NodeLevel {
    return this.#levels[0] as NodeLevel;
  }

  /** Adds a leaf behind the last and gives its index. */
  append(leaf: Leaf): number {
    const index = this.#leaves.width;
    this.#write(index, leaf);
    return index;
  }

  /** Replaces the leaf at `index`, which must exist; the client must be the one it was made for. */
  set(index: number, leaf: Leaf): void {
    this.#assertIndex(index);
    this.#write(index, leaf);
  }

  balanceOf(index: number): Amount {
    this.#assertIndex(index);
    return this.#leaves.sumAt(index);
  }

  /** Throws an `Alarm` when the balances exceed 2^128 - 1 in all. */
  root(): TreeRoot {
    this.#rehash();
    if (this.leafCount === 0) return EMPTY_ROOT;
    const top = this.#levels[this.#levels.length - 1] as NodeLevel;
    return { node: bytesToHex(top.hashAt(0)), total: top.sumAt(0), leafCount: this.leafCount };
  }

  prove(index: number): BalanceProof {
    this.#assertIndex(index);
    this.#rehash();
    const siblings: Sibling[] = [];
    this.#levels.forEach((level, height) => {
      const sibling = (index >>> height) ^ 1;
      if (sibling >= level.width) return;
      siblings.push({ hash: bytesToHex(level.hashAt(sibling)), sum: level.sumAt(sibling) });
    });
    return { balance: this.balanceOf(index), index, leafCount: this.leafCount, siblings };
  }

  /**
   * This tree as it stands, for ever: proofs of a closed round while the live tree goes on. Costs
   * one pointer per 64 nodes now, and a copy of 4 kB for each such chunk in which either side
   * changes later: an untouched part of the tree is held once, however many rounds are frozen.
   */
  freeze(): FrozenSumTree {
    return this.fork();
  }

  /** A tree with the same leaves: neither side sees what the other changes. Costs as `freeze`. */
  fork(): SumTree {
    this.#rehash();
    const twin = new SumTree();
    twin.#levels = this.#levels.map((level) => level.fork());
    return twin;
  }

  #write(index: number, leaf: Leaf): void {
    this.#leaves.write(index, leafHash(leaf.client, leaf.balance), leaf.balance);
    this.#changed.add(index);
  }

  #assertIndex(index: number): void {
    const exists = Number.isInteger(index) && index >= 0 && index < this.leafCount;
    assert(exists, () => `no leaf ${index} in a tree of ${this.leafCount}.`);
  }

  /** Brings every node above a changed leaf up to date, each once, level by level. */
  #rehash(): void {
    let changed: Iterable<number> = this.#changed;
    if (this.#changed.size === 0) return;
    for (let height = 0; ; height++) {
      const below = this.#levels[height] as NodeLevel;
      if (below.width === 1) break;
      const above = this.#levels[height + 1] ?? new NodeLevel();
      this.#levels[height + 1] = above;
      changed = rehashParents(below, above, changed);
    }
    this.#changed.clear();
  }
}

/** Writes the parents of the `changed` nodes of `below`, and gives the parents' places. */
function rehashParents(
  below: NodeLevel,
  above: NodeLevel,
  changed: Iterable<number>,
): Iterable<number> {
  const parents = new Set<number>();
  for (const index of changed) parents.add(index >>> 1);
  for (const parent of parents) {
    const left = 2 * parent;
    if (left + 1 === below.width) {
      above.write(parent, below.hashAt(left), below.sumAt(left));
      continue;
    }
    const sum = below.sumAt(left) + below.sumAt(left + 1);
    assert(sum <= UINT128_MAX, "the balances of a token exceed 2^128 - 1 in all.");
    above.write(parent, below.hashPair(parent), sum);
  }
  return parents;
}

const leafBytes = new Uint8Array(1 + ADDRESS_BYTES + 16);
const leafView = viewOf(leafBytes);

function leafHash(client: Address, balance: Amount): Uint8Array {
  writeHex(leafBytes, 1, client, ADDRESS_BYTES);
  writeUint128(leafView, 1 + ADDRESS_BYTES, balance);
  return keccak256(leafBytes);
}

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
  const node = new Uint8Array(NODE_BYTES);
  const nodeView = viewOf(node);
  const sibling = new Uint8Array(NODE_BYTES);
  const siblingView = viewOf(sibling);
  node.set(leafHash(client, proof.balance));
  let total = proof.balance;
  let used = 0;
  let at = proof.index;
  for (let width = proof.leafCount; width > 1; width = half(width + 1), at = half(at)) {
    if (isPromoted(at, width)) continue;
    const { hash, sum } = proof.siblings[used++] as Sibling;
    writeUint128(nodeView, NODE_BYTES - 16, total);
    writeHex(sibling, 0, hash, 32);
    writeUint128(siblingView, NODE_BYTES - 16, sum);
    const isRight = at % 2 === 1;
    pairBytes.set(isRight ? sibling : node, 1);
    pairBytes.set(isRight ? node : sibling, 1 + NODE_BYTES);
    node.set(keccak256(pairBytes));
    total += sum;
    if (total > UINT128_MAX) return undefined;
  }
  return { node: bytesToHex(node.subarray(0, 32)), total, leafCount: proof.leafCount };
}

function isPromoted(index: number, width: number): boolean {
  return index % 2 === 0 && index === width - 1;
}

function half(value: number): number {
  return Math.floor(value / 2);
}

function isUint128(value: Amount): boolean {
  return value >= 0n && value <= UINT128_MAX;
}
