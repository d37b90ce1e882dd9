/**
 * The trees with which the next round opens, made little by little, so that its first block waits
 * for none of it. None of this is state: what a query, an entry or a snapshot gives is the same
 * whether it was done, in part or not at all; only the time differs.
 */
import { assert } from "../../base/errors.ts";
import type { Leaf, SumTree } from "../../protocol/sumTree.ts";
import { totalOf } from "../model/funds.ts";
import type { State, Token } from "../model/state.ts";

/** From so many on, leaves are written before the round ends. */
const MANY_LEAVES = 512;
/** Up to so many changed leaves, a tree is hashed when its round ends: a millisecond. */
const FEW_LEAVES = 128;

/**
 * Does about `limit` hashes, or writes as many leaves, of what the trees still need; says whether
 * there was nothing to do.
 */
export function prepareTrees(state: State, limit: number): boolean {
  for (const { tree } of state.tokens.values()) {
    if (tree.isHashed) continue;
    if (limit > 0) tree.hashSome(limit);
    return false;
  }
  for (const token of state.tokens.values()) {
    if (leavesLeft(state, token) < MANY_LEAVES) continue;
    if (limit > 0) writeAhead(state, token, limit);
    return false;
  }
  return true;
}

/** The tree of all balances as they are now; the token's own from here on. */
export function finishTree(state: State, token: Token): SumTree {
  writeAhead(state, token, Number.POSITIVE_INFINITY);
  const { ahead } = token;
  assert(ahead !== undefined, "no tree was written.");
  token.tree = ahead.tree;
  token.ahead = undefined;
  token.changed = new Set();
  if (token.tree.unhashedLeaves <= FEW_LEAVES) token.tree.hashSome(Number.POSITIVE_INFINITY);
  return token.tree;
}

function leavesLeft(state: State, { tree, ahead, changed }: Token): number {
  const { leafCount } = ahead?.tree ?? tree;
  return Math.max(changed.size, state.clientList.length - leafCount);
}

function writeAhead(state: State, token: Token, limit: number): void {
  const ahead = token.ahead ?? { tree: token.tree.fork(), written: new Set<number>() };
  token.ahead = ahead;
  const { tree, written } = ahead;
  let left = limit;
  for (; left > 0 && tree.leafCount < state.clientList.length; left--) {
    tree.append(leafOf(state, token, tree.leafCount));
  }
  for (const index of token.changed) {
    if (left-- <= 0) return;
    tree.set(index, leafOf(state, token, index));
    token.changed.delete(index);
    written.add(index);
  }
}

function leafOf(state: State, { address }: Token, index: number): Leaf {
  const client = state.clientList[index];
  assert(client !== undefined, () => `no client has leaf ${index}.`);
  return { client: client.address, balance: totalOf(client, address) };
}
