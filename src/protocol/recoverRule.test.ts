import fc from "fast-check";
import { expect, test } from "vitest";
import { isVoid, recoverable, recoveryPlan } from "./recoverRule.ts";
import type { Quarter } from "./units.ts";
import { confirmable } from "./withdrawalRule.ts";

test.each([
  [1, undefined, [0, 1]],
  [2, undefined, [0, 1, 2]],
  [3, 1, [1, 2, 3]],
  [9, 7, [7, 8, 9]],
])("halted at %i: balances of commit %o, deposits of %o", (halt, commitRound, depositRounds) => {
  expect(recoveryPlan(halt)).toEqual({ commitRound, depositRounds });
});

test("requests of rounds up to h-3 stay, later ones are void", () => {
  expect(isVoid(6, 9)).toBe(false);
  expect(isVoid(7, 9)).toBe(true);
  expect(isVoid(9, 9)).toBe(true);
});

test("balance, deposits and withdrawal are separate sums", () => {
  const deposits = new Map([
    [6, 1n],
    [7, 10n],
    [9, 100n],
  ]);
  const request = { round: 6, amount: 5n };
  expect(recoverable(9, { opening: 1000n, deposits, request })).toEqual({
    balance: 1000n,
    deposits: 110n,
    withdrawal: 5n,
  });
  expect(
    recoverable(9, { opening: 1000n, deposits, request: { round: 7, amount: 5n } }),
  ).toMatchObject({
    withdrawal: 0n,
  });
  expect(
    recoverable(2, { opening: 1000n, deposits: new Map([[0, 3n]]), request: undefined }),
  ).toEqual({
    balance: 0n,
    deposits: 3n,
    withdrawal: 0n,
  });
});

interface Account {
  balance: bigint;
  /** Balance in each round's commit. */
  readonly openings: bigint[];
  readonly deposits: Map<number, bigint>;
  request: { round: number; amount: bigint } | undefined;
}

const CLIENTS = 3;
type Deed = { client: number; kind: "deposit" | "request" | "trade" | "confirm"; part: number };
const deeds: fc.Arbitrary<Deed[][]> = fc.array(
  fc.array(
    fc.record({
      client: fc.nat({ max: CLIENTS - 1 }),
      kind: fc.constantFrom("deposit", "request", "trade", "confirm"),
      part: fc.nat({ max: 100 }),
    }),
    { maxLength: 6 },
  ),
  { minLength: 2, maxLength: 48, size: "max" },
);

test("a halt in any round pays out exactly what the Mediator holds", () => {
  fc.assert(
    fc.property(deeds, (quarters) => {
      const accounts: Account[] = Array.from({ length: CLIENTS }, () => ({
        balance: 0n,
        openings: [],
        deposits: new Map(),
        request: undefined,
      }));
      let held = 0n;
      // The boundary of the halt is (h, quarter 1): whole rounds before, quarter 0 of round h.
      const haltRound = Math.floor((quarters.length - 1) / 4) + 1;
      for (let at = 0; at <= 4 * haltRound; at++) {
        const round = Math.floor(at / 4);
        const quarter = (at % 4) as Quarter;
        if (quarter === 0) for (const each of accounts) each.openings[round] = each.balance;
        for (const { client, kind, part } of quarters[at] ?? []) {
          const account = accounts[client] as Account;
          held += act(account, accounts, kind, part, { block: 0, round, quarter });
        }
      }
      const { commitRound } = recoveryPlan(haltRound);
      const owed = accounts.map(({ openings, deposits, request }) =>
        recoverable(haltRound, {
          opening: openings[commitRound ?? 0] as bigint,
          deposits,
          request,
        }),
      );
      const total = owed.reduce(
        (sum, each) => sum + each.balance + each.deposits + each.withdrawal,
        0n,
      );
      expect(total).toBe(held);
    }),
    { numRuns: 300 },
  );
});

/** Does one deed of an honest exchange, and gives the change of what the Mediator holds. */
function act(
  account: Account,
  accounts: readonly Account[],
  kind: Deed["kind"],
  part: number,
  moment: { block: number; round: number; quarter: Quarter },
): bigint {
  const { round } = moment;
  if (kind === "deposit") {
    const amount = BigInt(part);
    account.deposits.set(round, (account.deposits.get(round) ?? 0n) + amount);
    account.balance += amount;
    return amount;
  }
  if (kind === "trade") {
    const amount = (account.balance * BigInt(part)) / 100n;
    account.balance -= amount;
    (accounts[part % CLIENTS] as Account).balance += amount;
    return 0n;
  }
  if (kind === "request") {
    const opening = round >= 2 ? (account.openings[round - 1] as bigint) : 0n;
    const limit = opening < account.balance ? opening : account.balance;
    const amount = (limit * BigInt(part)) / 100n;
    if (account.request !== undefined || amount === 0n) return 0n;
    account.request = { round, amount };
    account.balance -= amount;
    return 0n;
  }
  const { request } = account;
  if (request === undefined || !confirmable(request.round, moment)) return 0n;
  account.request = undefined;
  return -request.amount;
}
