/** A fault is a fault: what nobody owes is said as such, and what is owed is never excused. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Address, Hex } from "../base/hex.ts";
import { orderHash } from "../protocol/messages.ts";
import { rootCommitment, SumTree } from "../protocol/sumTree.ts";
import type { Order } from "../protocol/units.ts";
import {
  type AuditedToken,
  type AuditSituation,
  audit,
  checkFill,
  EVERYTHING_DUE,
} from "./audit.ts";

const WETH = "0x5FbDB2315678afecb367f032d93F642f64180aa3" as Address;
const USDC = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512" as Address;
const CLIENT = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" as Address;
const OTHER = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC" as Address;
const HASH: Hex = `0x${"ab".repeat(32)}`;
const signature = { r: HASH, vs: HASH, path: [] };
const ROUND = 5;

/** The client's leaf of `balance` in a tree with another's. */
function committed(balance: bigint) {
  const tree = SumTree.build([
    { client: OTHER, balance: 77n },
    { client: CLIENT, balance },
  ]);
  return { commitment: rootCommitment(tree.root()), proof: tree.prove(1) };
}

function token(changes: Partial<AuditedToken> & { readonly balance?: bigint } = {}): AuditedToken {
  const { balance = 100n, ...rest } = changes;
  return {
    token: USDC,
    ...committed(balance),
    opening: 100n,
    deposits: 0n,
    requested: 0n,
    ...rest,
  };
}

function order(sold: bigint, bought: bigint) {
  const terms: Order = {
    owner: CLIENT,
    round: ROUND - 1,
    id: 1n,
    intent: "sellAll",
    sellToken: WETH,
    sellAmount: 10n,
    buyToken: USDC,
    buyAmount: 20n,
  };
  const hash = orderHash(terms);
  const fill = { orderHash: hash, owner: CLIENT, round: ROUND - 1, sold, bought, sequence: 3n };
  return { orderHash: hash, signed: { order: terms, signature }, fill: { fill, signature } };
}

function look(
  one: AuditedToken,
  situation: Partial<AuditSituation> = {},
  orders = [] as ReturnType<typeof order>[],
) {
  return audit(CLIENT, ROUND, [one], orders, { ...EVERYTHING_DUE, ...situation });
}

const kindsOf = (some: readonly { readonly kind: string }[]) => some.map(({ kind }) => kind);

it("a balance that follows is well, and proven", () => {
  const report = look(token({ deposits: 30n, requested: 10n, balance: 120n }));
  expect(report).toEqual({
    round: ROUND,
    faults: [],
    pending: [],
    balances: [{ token: USDC, balance: 120n }],
  });
  expect(look(token({ balance: 120n }), {}, [order(10n, 20n)]).faults).toEqual([]);
});

it("every other balance is a fault, by any amount", () => {
  const amounts = fc.bigInt({ min: 0n, max: 2n ** 100n });
  fc.assert(
    fc.property(amounts, amounts, amounts, amounts, (opening, deposits, requested, balance) => {
      const expected = opening + deposits - requested;
      const { faults, pending } = look(token({ opening, deposits, requested, balance }));
      expect(pending).toEqual([]);
      const wrong = { kind: "wrongBalance", token: USDC, expected, proven: balance };
      expect(faults).toEqual(balance === expected ? [] : [wrong]);
    }),
  );
});

describe("what is missing", () => {
  const noCommit = token({ commitment: undefined });
  const noProof = token({ proof: undefined });
  const noOpening = token({ opening: undefined });

  it.each<[string, AuditedToken, Partial<AuditSituation>, string[], string[]]>([
    ["a commit that is due", noCommit, {}, ["notCommitted"], []],
    ["a commit that may still come", noCommit, { isCommitDue: false }, [], ["notDueYet"]],
    ["a proof", noProof, {}, ["noProof"], []],
    ["a proof in the round of the deposit", noProof, { provableFrom: 6 }, [], ["noLeafYet"]],
    ["a proof for who never deposited", noProof, { provableFrom: undefined }, [], ["noLeafYet"]],
    ["a proof of its first opening", noProof, { provableFrom: 5 }, ["noProof"], []],
    ["a proof, asked late", noProof, { isLate: true }, [], ["tooLate"]],
    ["the opening", noOpening, {}, ["noOpening"], []],
    ["the opening, asked late", noOpening, { isLate: true }, [], ["tooLate"]],
    ["an opening that never was", noOpening, { provableFrom: 5 }, ["wrongBalance"], []],
    ["fills", token({ balance: 120n }), { hasFills: false }, ["noFills"], []],
    [
      "fills, asked late",
      token({ balance: 9n }),
      { hasFills: false, isLate: true },
      [],
      ["tooLate"],
    ],
    ["nothing, though it is late", token({ balance: 9n }), { isLate: true }, ["wrongBalance"], []],
  ])("%s", (_what, one, situation, faults, pending) => {
    const report = look(one, situation);
    expect(kindsOf(report.faults)).toEqual(faults);
    expect(kindsOf(report.pending)).toEqual(pending);
  });

  it("a positive contradiction is a fault, however late and whatever is missing", () => {
    const lie = { ...committed(100n), proof: committed(101n).proof };
    const situations = fc.record({
      provableFrom: fc.option(fc.nat(9), { nil: undefined }),
      isCommitDue: fc.boolean(),
      isLate: fc.boolean(),
      hasFills: fc.boolean(),
    });
    fc.assert(
      fc.property(situations, (situation) => {
        expect(kindsOf(look(token(lie), situation).faults)).toEqual(["badProof"]);
        const broken = [order(10n, 19n)];
        expect(kindsOf(look(token(), situation, broken).faults)).toContain("badFill");
      }),
    );
  });
});

it("a fill must keep the order's price from what was known on, and never go back", () => {
  const known = order(5n, 12n);
  const to = (sold: bigint, bought: bigint) => order(sold, bought).fill;
  expect(checkFill(known, to(10n, 22n))).toBeUndefined();
  expect(checkFill(known, to(4n, 12n))).toBe("WentBack");
  // A good early price pays for no bad late one.
  expect(checkFill(known, to(10n, 20n))).toBe("PriceExceeded");
  expect(checkFill({ ...known, fill: undefined }, to(10n, 20n))).toBeUndefined();
});
