/** The steps that the page shows lead to the commitment exactly where the verifier says so. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toAddress } from "../../../src/base/address.ts";
import { rootCommitment, SumTree, verifyProof } from "../../../src/protocol/sumTree.ts";
import { proofPath } from "./proofPath.ts";

const clientOf = (index: number) => toAddress(`0x${(index + 1).toString(16).padStart(40, "0")}`);
const balances = fc.array(fc.bigInt(0n, 2n ** 100n), { minLength: 1, maxLength: 40 });

describe("the path of a proof", () => {
  it("the path ends at the commitment for every leaf of every tree, with the whole total", () => {
    fc.assert(
      fc.property(balances, fc.nat(), (all, pick) => {
        const tree = SumTree.build(all.map((balance, i) => ({ client: clientOf(i), balance })));
        const index = pick % all.length;
        const committed = rootCommitment(tree.root());
        const path = proofPath(committed, clientOf(index), tree.prove(index));
        expect(path.isTrue).toBe(true);
        expect(path.root).toMatchObject({ hash: tree.root().node, sum: tree.total });
        expect(path.steps.at(-1)?.parent.hash ?? path.leaf.hash).toBe(tree.root().node);
      }),
    );
  });

  it("the path is false for another balance, client or commitment, as the verifier says", () => {
    fc.assert(
      fc.property(balances, fc.nat(), (all, pick) => {
        const tree = SumTree.build(all.map((balance, i) => ({ client: clientOf(i), balance })));
        const index = pick % all.length;
        const proof = tree.prove(index);
        const committed = rootCommitment(tree.root());
        const more = { ...proof, balance: proof.balance + 1n };
        expect(verifyProof(committed, clientOf(index), more).ok).toBe(false);
        expect(proofPath(committed, clientOf(index), more).isTrue).toBe(false);
        expect(proofPath(committed, clientOf(index + 1), proof).isTrue).toBe(false);
        expect(proofPath(`0x${"11".repeat(32)}`, clientOf(index), proof).isTrue).toBe(false);
      }),
    );
  });
});
