import fc from "fast-check";
import { concat, keccak256, pad, toHex } from "viem";
import { expect, test } from "vitest";
import { checksumAddress } from "../base/address.ts";
import { Alarm } from "../base/errors.ts";
import type { Address, Hex } from "../base/hex.ts";
import {
  EMPTY_ROOT,
  type FrozenSumTree,
  type Leaf,
  rootCommitment,
  SumTree,
  verifyProof,
} from "./sumTree.ts";
import type { BalanceProof, Sibling, TreeRoot } from "./units.ts";

const MAX = (1n << 128n) - 1n;
/** The last ones are of more than one batch. */
const COUNTS = [0, 1, 2, 3, 5, 4, 8, 64, 128, 9, 65, 129, 1024, 1025, 2051];

const clientOf = (index: number): Address =>
  checksumAddress(pad(toHex(index + 1), { size: 20 }) as Hex);
const leavesOf = (balances: readonly bigint[]): Leaf[] =>
  balances.map((balance, index) => ({ client: clientOf(index), balance }));
const leaves = (count: number): Leaf[] =>
  leavesOf(Array.from({ length: count }, (_, i) => BigInt(i * i) + 1n));

interface PlainNode {
  readonly hash: Hex;
  readonly sum: bigint;
}

const word = (value: bigint | number): Hex => pad(toHex(value), { size: 32 });
const plainLeaf = ({ client, balance }: Leaf): PlainNode => ({
  hash: keccak256(concat(["0x00", client, pad(toHex(balance), { size: 16 })])),
  sum: balance,
});
const plainParent = (left: PlainNode, right: PlainNode): PlainNode => ({
  hash: keccak256(concat(["0x01", left.hash, word(left.sum), right.hash, word(right.sum)])),
  sum: left.sum + right.sum,
});

/** The root by the definition, on text: what the tree of bytes is compared with. */
function plainRoot(all: readonly Leaf[]): TreeRoot {
  if (all.length === 0) return { node: word(0), total: 0n, leafCount: 0 };
  let level = all.map(plainLeaf);
  while (level.length > 1) {
    level = level.flatMap((left, i) => {
      if (i % 2 === 1) return [];
      const right = level[i + 1];
      return [right === undefined ? left : plainParent(left, right)];
    });
  }
  const [top] = level as [PlainNode];
  return { node: top.hash, total: top.sum, leafCount: all.length };
}

const plainCommitment = (root: TreeRoot): Hex =>
  keccak256(concat([root.node, word(root.total), word(root.leafCount)]));

function expectProvesAll(tree: FrozenSumTree, all: readonly Leaf[]): void {
  const root = tree.root();
  all.forEach(({ client, balance }, index) => {
    const proof = tree.prove(index);
    expect(proof.balance).toBe(balance);
    expect(verifyProof(root, client, proof)).toEqual({ ok: true, root });
    expect(verifyProof(rootCommitment(root), client, proof)).toEqual({ ok: true, root });
  });
}

test.each(COUNTS)(
  "%i leaves: the root is that of the definition, and every leaf is proven",
  (count) => {
    const all = leaves(count);
    const tree = SumTree.build(all);
    expect(tree.root()).toEqual(plainRoot(all));
    expect(rootCommitment(tree.root())).toBe(plainCommitment(plainRoot(all)));
    expect(tree.leafCount).toBe(count);
    expectProvesAll(tree, all);
  },
);

test("the tree without leaves has a commitment, and proves nothing", () => {
  const tree = SumTree.build([]);
  expect(tree.root()).toBe(EMPTY_ROOT);
  expect(() => tree.prove(0)).toThrow(Alarm);
  const proof: BalanceProof = { balance: 0n, index: 0, leafCount: 0, siblings: [] };
  expect(verifyProof(EMPTY_ROOT, clientOf(0), proof)).toMatchObject({ fault: "IndexOutOfRange" });
});

type Step =
  | { do: "append" | "set"; at: number; balance: bigint }
  | { do: "hash"; limit: number }
  | { do: "release"; at: number }
  | { do: "root" | "freeze" };
const balance = fc.bigInt({ min: 0n, max: MAX >> 10n });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant("append" as const), at: fc.nat(), balance }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("set" as const), at: fc.nat(), balance }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("hash" as const),
        limit: fc.integer({ min: 1, max: 9 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("release" as const), at: fc.nat() }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constantFrom("root" as const, "freeze" as const) }),
    },
  ),
  { maxLength: 200, size: "max" },
);

test("a tree that grows and changes is the tree built at once, and frozen trees stay", () => {
  fc.assert(
    fc.property(steps, (script) => {
      const tree = SumTree.build([]);
      const model: Leaf[] = [];
      const frozen: { tree: FrozenSumTree; model: Leaf[] }[] = [];
      for (const step of script) {
        if (step.do === "append") {
          const leaf = { client: clientOf(model.length), balance: step.balance };
          expect(tree.append(leaf)).toBe(model.length);
          model.push(leaf);
        } else if (step.do === "set" && model.length > 0) {
          const index = step.at % model.length;
          model[index] = { client: clientOf(index), balance: step.balance };
          tree.set(index, model[index] as Leaf);
        } else if (step.do === "hash") {
          expect(tree.hashSome(step.limit)).toBe(tree.isHashed);
          expect(tree.total).toBe(model.reduce((sum, leaf) => sum + leaf.balance, 0n));
        } else if (step.do === "root") {
          expect(tree.root()).toEqual(plainRoot(model));
        } else if (step.do === "freeze") {
          frozen.push({ tree: tree.freeze(), model: model.slice() });
        } else if (step.do === "release" && frozen.length > 0) {
          frozen.splice(step.at % frozen.length, 1)[0]?.tree.release();
        }
      }
      expectProvesAll(tree, model);
      for (const past of frozen) {
        expect(past.tree.root()).toEqual(plainRoot(past.model));
        expectProvesAll(past.tree, past.model);
      }
    }),
    { numRuns: 40 },
  );
});

test("a frozen tree shares nothing that the live one writes, beyond the first chunk too", () => {
  const all = leaves(300);
  const tree = SumTree.build(all);
  const before = tree.root();
  const frozen = tree.freeze();
  tree.set(0, { client: clientOf(0), balance: 7n });
  tree.set(299, { client: clientOf(299), balance: 7n });
  const second = tree.freeze();
  tree.append({ client: clientOf(300), balance: 9n });
  expect(frozen.root()).toEqual(before);
  expect(second.root()).toEqual(
    plainRoot(
      leaves(300)
        .with(0, { client: clientOf(0), balance: 7n })
        .with(299, { client: clientOf(299), balance: 7n }),
    ),
  );
  expect(tree.root()).not.toEqual(second.root());
  expectProvesAll(frozen, all);
});

test("a tree that was released is asked no more, and others take its chunks unharmed", () => {
  const tree = SumTree.build(leaves(300));
  const all = leaves(300);
  const kept: { frozen: FrozenSumTree; model: Leaf[] }[] = [];
  for (let round = 0; round < 6; round++) {
    const frozen = tree.freeze();
    kept.push({ frozen, model: all.slice() });
    for (let i = round; i < 300; i += 7) {
      all[i] = { client: clientOf(i), balance: BigInt(1000 * round + i) };
      tree.set(i, all[i] as Leaf);
    }
    expect(tree.root()).toEqual(plainRoot(all));
    const oldest = kept.length > 2 ? kept.shift() : undefined;
    oldest?.frozen.release();
    for (const ask of ["root", "balanceOf", "prove", "release"] as const) {
      if (oldest === undefined) continue;
      if (ask === "release") expect(() => oldest.frozen.release()).not.toThrow();
      else expect(() => oldest.frozen[ask](0)).toThrow(Alarm);
    }
    for (const { frozen: one, model } of kept) expectProvesAll(one, model);
  }
});

test("a tree hashed in slices, while it goes on changing, is the tree built at once", () => {
  const all = leaves(5000);
  const tree = SumTree.build([]);
  all.forEach((leaf, index) => {
    tree.append(leaf);
    if (index % 700 === 0) tree.hashSome(300);
  });
  let slices = 0;
  while (!tree.hashSome(1000)) {
    slices++;
    const at = (slices * 997) % 5000;
    all[at] = { client: clientOf(at), balance: BigInt(slices) };
    if (slices < 8) tree.set(at, all[at] as Leaf);
    else all[at] = { client: clientOf(at), balance: tree.balanceOf(at) };
  }
  expect(slices).toBeGreaterThan(4);
  expect(tree.root()).toEqual(plainRoot(all));
  for (const index of [0, 997, 2048, 4999]) {
    const { client } = all[index] as Leaf;
    expect(verifyProof(tree.root(), client, tree.prove(index)).ok).toBe(true);
  }
});

test("a balance is read back, and leaves that are not there are an Alarm", () => {
  const tree = SumTree.build(leaves(3));
  expect(tree.balanceOf(2)).toBe(5n);
  for (const index of [3, -1, 0.5]) {
    expect(() => tree.balanceOf(index)).toThrow(Alarm);
    expect(() => tree.prove(index)).toThrow(Alarm);
    expect(() => tree.set(index, { client: clientOf(0), balance: 0n })).toThrow(Alarm);
  }
});

test("balances beyond 2^128 - 1 in all are an Alarm, each time one asks, until mended", () => {
  const tree = SumTree.build(leavesOf([MAX, 0n, 0n]));
  expect(tree.root().total).toBe(MAX);
  tree.set(2, { client: clientOf(2), balance: 1n });
  expect(() => tree.root()).toThrow(/exceed 2\^128/);
  expect(() => tree.prove(0)).toThrow(Alarm);
  tree.set(2, { client: clientOf(2), balance: 0n });
  expect(tree.root()).toEqual(plainRoot(leavesOf([MAX, 0n, 0n])));
  expect(() => tree.set(1, { client: clientOf(1), balance: -1n })).toThrow(Alarm);
  expect(() => tree.set(1, { client: clientOf(1), balance: MAX + 1n })).toThrow(Alarm);
  for (const balance of [-1n, MAX + 1n]) {
    expect(() => tree.append({ client: clientOf(3), balance })).toThrow(Alarm);
    expect(() => SumTree.build(leavesOf([5n, balance]))).toThrow(/is not a uint128/);
  }
  expect(() => SumTree.build(leavesOf([MAX, 1n]))).toThrow(/exceed 2\^128/);
});

function withSibling(proof: BalanceProof, at: number, change: Partial<Sibling>): BalanceProof {
  const siblings = proof.siblings.map((each, i) => (i === at ? { ...each, ...change } : each));
  return { ...proof, siblings };
}

const flip = (hash: Hex): Hex => word(BigInt(hash) ^ 1n);

test.each(COUNTS.filter((count) => count > 0))(
  "%i leaves: no changed proof is accepted",
  (count) => {
    const all = leaves(count);
    const tree = SumTree.build(all);
    const root = tree.root();
    all.forEach(({ client }, index) => {
      const proof = tree.prove(index);
      const extra = { hash: word(1), sum: 0n };
      const forged: BalanceProof[] = [
        { ...proof, balance: proof.balance + 1n },
        { ...proof, balance: proof.balance - 1n },
        { ...proof, index: index + 1 },
        { ...proof, index: index - 1 },
        { ...proof, leafCount: count + 1 },
        { ...proof, leafCount: count - 1 },
        { ...proof, leafCount: 2 * count },
        { ...proof, siblings: [...proof.siblings, extra] },
        ...proof.siblings.flatMap(({ hash, sum }, at) => [
          withSibling(proof, at, { hash: flip(hash) }),
          withSibling(proof, at, { sum: sum + 1n }),
          withSibling(proof, at, { sum: sum - 1n }),
        ]),
      ];
      if (count > 1) forged.push({ ...proof, siblings: proof.siblings.slice(0, -1) });
      for (const forgery of forged) expect(verifyProof(root, client, forgery).ok).toBe(false);
      expect(verifyProof(root, clientOf(index + 1), proof).ok).toBe(false);
    });
  },
);

test("money moved from a leaf to its neighbour keeps the total, and is seen", () => {
  const tree = SumTree.build(leavesOf([60n, 40n]));
  const proof = tree.prove(0);
  const richer = withSibling({ ...proof, balance: 61n }, 0, { sum: 39n });
  expect(verifyProof(tree.root(), clientOf(0), richer)).toMatchObject({
    fault: "CommitmentDiffers",
  });
});

test("two clients cannot be shown the same money", () => {
  // Nodes that hash only the total, as the 2019 reference has them: 100 promised twice, held once.
  const [alice, bob] = leavesOf([100n, 100n]).map((leaf) => ({ leaf, node: plainLeaf(leaf) }));
  if (alice === undefined || bob === undefined) throw new Error("two leaves");
  const weakParent = (left: PlainNode, right: PlainNode) =>
    keccak256(concat(["0x01", left.hash, right.hash, word(left.sum + right.sum)]));
  const forAlice = weakParent(alice.node, { ...bob.node, sum: 0n });
  const forBob = weakParent({ ...alice.node, sum: 0n }, bob.node);
  expect(forAlice).toBe(forBob);

  // Ours: whichever of the two the operator commits, and the weak one too, the other's proof fails.
  const proofOf = (index: number, neighbour: PlainNode): BalanceProof => ({
    balance: 100n,
    index,
    leafCount: 2,
    siblings: [{ hash: neighbour.hash, sum: 0n }],
  });
  const shown = [
    { client: alice.leaf.client, proof: proofOf(0, bob.node) },
    { client: bob.leaf.client, proof: proofOf(1, alice.node) },
  ];
  const committable = [
    plainParent(alice.node, { ...bob.node, sum: 0n }),
    plainParent({ ...alice.node, sum: 0n }, bob.node),
    { hash: forAlice, sum: 100n },
  ];
  const accepted = committable.map(({ hash, sum }) => {
    const root: TreeRoot = { node: hash, total: sum, leafCount: 2 };
    return shown.filter(({ client, proof }) => verifyProof(root, client, proof).ok).length;
  });
  expect(accepted).toEqual([1, 1, 0]);
});

test("a refused proof is answered with its exact reason", () => {
  const tree = SumTree.build(leaves(5));
  const root = tree.root();
  const proof = tree.prove(1);
  const fault = (change: Partial<BalanceProof>, committed: Hex | TreeRoot = root) =>
    verifyProof(committed, clientOf(1), { ...proof, ...change });
  expect(fault({}, word(0))).toEqual({ ok: false, fault: "NotCommitted" });
  expect(fault({ balance: -1n })).toMatchObject({ fault: "BalanceOutOfRange", balance: -1n });
  expect(fault({ balance: MAX + 1n })).toMatchObject({ fault: "BalanceOutOfRange" });
  expect(fault({ index: 5 })).toMatchObject({ fault: "IndexOutOfRange", index: 5, leafCount: 5 });
  expect(fault({ index: 0.5 })).toMatchObject({ fault: "IndexOutOfRange" });
  expect(fault({ leafCount: Number.NaN })).toMatchObject({ fault: "IndexOutOfRange" });
  expect(fault({ siblings: [] })).toMatchObject({
    fault: "WrongSiblingCount",
    given: 0,
    needed: 3,
  });
  expect(verifyProof(root, clientOf(1), withSibling(proof, 1, { hash: "0x12" }))).toMatchObject({
    fault: "BadSibling",
    position: 1,
  });
  expect(verifyProof(root, clientOf(1), withSibling(proof, 2, { sum: -1n }))).toMatchObject({
    fault: "BadSibling",
    position: 2,
  });
  expect(verifyProof(root, clientOf(1), withSibling(proof, 0, { sum: MAX }))).toMatchObject({
    fault: "SumTooLarge",
  });
  expect(fault({ balance: 5n })).toMatchObject({
    fault: "CommitmentDiffers",
    committed: rootCommitment(root),
  });
});

test("a commitment in upper case digits is the same", () => {
  const tree = SumTree.build(leaves(2));
  const shouted = `0x${rootCommitment(tree.root()).slice(2).toUpperCase()}` as Hex;
  expect(verifyProof(shouted, clientOf(0), tree.prove(0)).ok).toBe(true);
});

/** Where a proof leads by the definition, with index and width in exact arithmetic. */
function plainClimb(client: Address, proof: BalanceProof): TreeRoot {
  let node = plainLeaf({ client, balance: proof.balance });
  let index = BigInt(proof.index);
  const siblings = proof.siblings.map(({ hash, sum }) => ({ hash, sum }));
  for (let width = BigInt(proof.leafCount); width > 1n; width = (width + 1n) >> 1n, index >>= 1n) {
    if (index % 2n === 0n && index === width - 1n) continue;
    const sibling = siblings.shift() as PlainNode;
    node = index % 2n === 1n ? plainParent(sibling, node) : plainParent(node, sibling);
  }
  return { node: node.hash, total: node.sum, leafCount: proof.leafCount };
}

test("trees of any size are climbed alike, far beyond 32 bits of index", () => {
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => toHex(bytes));
  const sibling = fc.record({ hash, sum: fc.bigInt({ min: 0n, max: MAX >> 7n }) });
  const proofs = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).chain((leafCount) =>
    fc.record({
      leafCount: fc.constant(leafCount),
      index: fc.oneof(fc.integer({ min: 0, max: leafCount - 1 }), fc.constant(leafCount - 1)),
      balance: fc.bigInt({ min: 0n, max: MAX >> 7n }),
      pool: fc.array(sibling, { minLength: 53, maxLength: 53 }),
    }),
  );
  fc.assert(
    fc.property(proofs, ({ pool, ...rest }) => {
      const bare = verifyProof(word(1), clientOf(0), { ...rest, siblings: pool });
      const needed = !bare.ok && bare.fault === "WrongSiblingCount" ? bare.needed : pool.length;
      const proof = { ...rest, siblings: pool.slice(0, needed) };
      const root = plainClimb(clientOf(0), proof);
      expect(verifyProof(root, clientOf(0), proof)).toEqual({ ok: true, root });
    }),
    { numRuns: 50 },
  );
});
