/**
 * The balance tree beside that of the baseline: CPU of a build, of a change of 1 % of the leaves,
 * of a proof from memory; and the bytes of four rounds.
 * `node --expose-gc bench/trees.ts [leaves...]`
 */
import { toAddress } from "../src/base/address.ts";
import { type Leaf, SumTree } from "../src/protocol/sumTree.ts";
import { cpuMs, inTurns, type Line, textOf } from "./measure.ts";
import { olderBuild } from "./older.ts";

const PROOFS = 20_000;
/** From so many leaves on nothing is done once before it is measured: a run takes seconds. */
const MANY_LEAVES = 500_000;
const ROUNDS = 4;
/** Runs of what takes milliseconds: V8 compiles it during the first ones. */
const SHORT_RUNS = 15;

function leavesOf(count: number): Leaf[] {
  return Array.from({ length: count }, (_, i) => ({
    client: toAddress(`0x${(0xace0000 + i).toString(16).padStart(40, "0")}`),
    balance: BigInt(i) * 10n ** 18n,
  }));
}

/** 1 % of the leaves, spread over the tree, with a new balance. */
function changeSome(tree: SumTree, leaves: readonly Leaf[], turn: number): void {
  for (let i = 0; i < leaves.length / 100; i++) {
    const at = (i * 7_919 + turn * 104_729) % leaves.length;
    tree.set(at, { client: (leaves[at] as Leaf).client, balance: BigInt(turn + 1) * 10n ** 18n });
  }
}

function heldBytes(): number {
  // The bytes of arrays that were dropped are given back when the next collection begins.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Bytes of a tree and of those of the rounds before, each 1 % changed. */
function bytesOfRounds(Tree: typeof SumTree, leaves: readonly Leaf[]): number {
  const before = heldBytes();
  const tree = Tree.build(leaves);
  const kept = [];
  for (let round = 0; round < ROUNDS; round++) {
    changeSome(tree, leaves, round);
    kept.push(tree.freeze());
  }
  const bytes = heldBytes() - before;
  if (kept.some((one) => one.leafCount !== tree.leafCount)) throw new Error("trees were lost");
  return bytes;
}

/** Each line as soon as it is measured. */
export async function* treeLines(counts: readonly number[]): AsyncGenerator<Line> {
  const older = olderBuild();
  try {
    const Older = (await older.load("src/protocol/sumTree.ts")).SumTree as typeof SumTree;
    for (const count of counts) yield* compare(Older, count);
  } finally {
    older.remove();
  }
}

async function* compare(Older: typeof SumTree, count: number): AsyncGenerator<Line> {
  const leaves = leavesOf(count);
  const label = `${count.toLocaleString("en")} leaves`;
  const both = (side: (Tree: typeof SumTree) => () => number) => [side(Older), side(SumTree)];
  const warm = count < MANY_LEAVES;
  const line = async (what: string, unit: string, sides: (() => number)[], runs?: number) => {
    const { medians, ratios } = await inTurns(sides, { warm: warm && runs !== 1, runs });
    const [before, now] = medians.map((value) => `${Number(value.toPrecision(3))} ${unit}`);
    return {
      what: `${label}: ${what}`,
      before: before as string,
      now: now as string,
      ratio: ratios[1] as number,
    };
  };
  yield await line(
    "build",
    "ms",
    both((Tree) => () => cpuMs(() => Tree.build(leaves).root())),
  );
  const trees = new Map([Older, SumTree].map((Tree) => [Tree, Tree.build(leaves)]));
  let turn = 0;
  const tree = (Tree: typeof SumTree) => trees.get(Tree) as SumTree;
  const update = (Tree: typeof SumTree) => () => {
    turn++;
    return cpuMs(() => {
      changeSome(tree(Tree), leaves, turn);
      tree(Tree).root();
    });
  };
  yield await line("1 % changed", "ms", both(update), SHORT_RUNS);
  const prove = (Tree: typeof SumTree) => () => {
    const ms = cpuMs(() => {
      for (let i = 0; i < PROOFS; i++) tree(Tree).prove((i * 7_919) % count);
    });
    return (1000 * ms) / PROOFS;
  };
  yield await line("a proof", "µs", both(prove), SHORT_RUNS);
  const bytes = (Tree: typeof SumTree) => () => bytesOfRounds(Tree, leaves) / 1e6;
  // Bytes are the same in every run.
  yield await line("four rounds, 1 % changed in each", "MB", both(bytes), 1);
}

if (import.meta.main) {
  const counts = process.argv.slice(2).map(Number);
  const lines = treeLines(counts.length > 0 ? counts : [100_000, 1_000_000]);
  for await (const line of lines) console.log(textOf(line));
}
