/** The contract's figures against the journal's: who is asked, how often, and what counts. */
import { expect, test } from "vitest";
import { apply, begin } from "../../exchange/apply.ts";
import type { State } from "../../exchange/model/state.ts";
import { tokenSums } from "../../exchange/queries/views.ts";
import { haltBlockOf } from "../../exchange/rounds/halt.ts";
import { GENESIS, tradingWorld } from "../../exchange/world.testkit.ts";
import { collectingLog } from "../replay/journals.testkit.ts";
import { ContractCheck } from "./contractCheck.ts";

function traded(): State {
  const state = begin(GENESIS);
  for (const entry of tradingWorld().entries.slice(1)) apply(state, entry);
  return state;
}

interface Figures {
  /** Deposits that the contract counted more than the journal, in base units. */
  readonly more?: bigint;
  /** Tokens that it has listed and the journal has not. */
  readonly listed?: readonly string[];
  /** Rounds that it has committed more. */
  readonly committed?: number;
  /** A dispute that it has open and the journal has not: it halts so many blocks earlier. */
  readonly sooner?: number;
  /** It does not have the state of that block. */
  readonly pruned?: boolean;
  /** Blocks by which its head is ahead. */
  readonly ahead?: number;
}

/** Endpoints that answer as told, and how often each was asked for figures. */
function checkOf(state: State, ...told: Figures[]) {
  const asked = told.map(() => 0);
  const endpoints = told.map((figures, at) => ({
    origin: `http://node-${at}`,
    client: {
      getBlockNumber: async () => BigInt((state.head?.number ?? 0) + (figures.ahead ?? 1)),
      readContract: async (call: { functionName: string; args: [string]; blockNumber: bigint }) => {
        asked[at] = (asked[at] as number) + 1;
        expect(Number(call.blockNumber)).toBe(state.head?.number);
        const { more = 0n, listed = [], committed = 0, sooner = 0 } = figures;
        if (figures.pruned) throw new Error("missing trie node");
        if (call.functionName === "committedRound") return BigInt(state.completedRound + committed);
        if (call.functionName === "haltBlock") return BigInt((haltBlockOf(state) ?? 0) - sooner);
        if (call.functionName === "tokenSet") return [...state.tokens.keys(), ...listed];
        const sums = tokenSums(state).find(({ token }) => token === call.args[0]);
        if (sums === undefined) throw new Error(`no ${call.args[0]}`);
        const { deposits, requested, expected } = sums;
        return call.functionName === "flows" ? { deposits: deposits + more, requested } : expected;
      },
    },
  }));
  const log = collectingLog();
  const client = { transport: { endpoints: () => endpoints } } as never;
  return { check: new ContractCheck({ client, state, log }), asked, log };
}

test("figures that are the same are read once for each quarter", async () => {
  const state = traded();
  const { check, asked, log } = checkOf(state, {}, {});
  await check.poll();
  const once = asked[0] as number;
  expect(once).toBeGreaterThan(0);
  await check.poll();
  expect(asked).toEqual([once, 0]);
  state.moment = { ...state.moment, quarter: 1 };
  await check.poll();
  expect(asked).toEqual([2 * once, 0]);
  expect(log.lines).toEqual([]);
});

test("a difference at every endpoint stops it at the third poll, with both figures", async () => {
  const { check, log } = checkOf(traded(), { more: 7n }, { pruned: true }, { more: 7n });
  await check.poll();
  await check.poll();
  expect(log.lines.filter(({ event }) => event === "contractDiffers")).toHaveLength(2);
  const verdict = check.poll();
  await expect(verdict).rejects.toMatchObject({ code: "ContractDiffers" });
  await expect(verdict).rejects.toThrow(
    /As of block 100 .* deposits of 0x\w+ in round 0: 30007 in the contract, 30000 here/,
  );
});

test.each([
  [{ committed: 1 }, /last round committed: 1 in the contract, 0 here/],
  [{ sooner: 40 }, /next deadline, by commits and open disputes: \d+ in the contract, \d+ here/],
])("a commit or an open dispute that it does not know is told: %j", async (figures, words) => {
  const { check } = checkOf(traded(), figures);
  await check.poll();
  await check.poll();
  await expect(check.poll()).rejects.toThrow(words);
});

test("figures are read again once the round is committed", async () => {
  const state = traded();
  const { check, asked } = checkOf(state, {});
  await check.poll();
  const once = asked[0] as number;
  state.completedRound += 1;
  await check.poll();
  expect(asked).toEqual([2 * once]);
});

test("a token that the journal does not know is told as such", async () => {
  const { check } = checkOf(traded(), { listed: [`0x${"99".repeat(20)}`] });
  await check.poll();
  await check.poll();
  await expect(check.poll()).rejects.toThrow(/listed tokens: 0x.*0x9999/);
});

test("one endpoint with the same figures outweighs all that differ", async () => {
  const { check, log } = checkOf(traded(), { more: 7n }, {});
  for (let polls = 0; polls < 5; polls++) await check.poll();
  expect(log.lines.map(({ event }) => event)).toEqual(["endpointOdd"]);
});

test("figures that nobody has any more are no difference, and are not asked for for ever", async () => {
  const { check, asked, log } = checkOf(traded(), { pruned: true });
  for (let polls = 0; polls < 9; polls++) await check.poll();
  expect(log.lines.map(({ event }) => event)).toEqual(Array(3).fill("contractUnread"));
  const [count] = asked;
  await check.poll();
  expect(asked).toEqual([count]);
});

test("figures are compared only once the journal has caught up with the chain", async () => {
  const far = { ahead: 1000, more: 7n };
  const { check, asked } = checkOf(traded(), far);
  for (let polls = 0; polls < 5; polls++) await check.poll();
  expect(asked).toEqual([0]);
});
