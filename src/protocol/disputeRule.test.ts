import fc from "fast-check";
import { expect, test } from "vitest";
import type { Address, Hex } from "../base/hex.ts";
import {
  checkAnswer,
  checkPresented,
  closingRescueWindow,
  closingWindow,
  type DisputeAnswer,
  disputeHaltBlock,
  type Execution,
  type PresentedFill,
  standingOf,
} from "./disputeRule.ts";
import { orderHash } from "./messages.ts";
import { checkAdvance, checkExecution, type Executed, NOTHING_EXECUTED } from "./orderRule.ts";
import { firstBlockOf, lastBlockOf, momentOf } from "./rounds.ts";
import { covers, sumUp } from "./statementRule.ts";
import type { Intent, Order, Quarter, Schedule, Statement } from "./units.ts";

const client: Address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const TOKENS = [
  "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
  "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
  "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
] as const satisfies readonly Address[];
const ROUND = 6;

/** One order's life: its terms, the executions one after another, and which one was presented. */
interface Life {
  readonly order: Order;
  readonly states: readonly Executed[];
  readonly presented: Executed | undefined;
}

const lives: fc.Arbitrary<Life[]> = fc
  .array(
    fc.record({
      sell: fc.nat({ max: 2 }),
      shift: fc.integer({ min: 1, max: 2 }),
      lots: fc.integer({ min: 1, max: 50 }),
      price: fc.integer({ min: 1, max: 20 }),
      intent: fc.constantFrom<Intent>("buyAll", "sellAll"),
      steps: fc.array(
        fc.record({ lots: fc.integer({ min: 1, max: 20 }), better: fc.nat({ max: 19 }) }),
        { maxLength: 4 },
      ),
      presented: fc.nat({ max: 4 }),
    }),
    { maxLength: 8 },
  )
  .map((all) =>
    all.map(({ sell, shift, lots, price, intent, steps, presented }, index) => {
      const order: Order = {
        owner: client,
        round: ROUND,
        id: BigInt(10 * index),
        sellToken: TOKENS[sell] as Address,
        sellAmount: BigInt(lots * price),
        buyToken: TOKENS[(sell + shift) % 3] as Address,
        buyAmount: BigInt(lots),
        intent,
      };
      const states: Executed[] = [];
      let at = NOTHING_EXECUTED;
      for (const step of steps) {
        const paid = BigInt(step.lots * Math.max(0, price - step.better));
        const next = { sold: at.sold + paid, bought: at.bought + BigInt(step.lots) };
        if (checkAdvance(order, at, next) !== undefined) continue;
        states.push(next);
        at = next;
      }
      return { order, states, presented: states[presented] };
    }),
  );

const accounts = fc.array(
  fc.record({
    opening: fc.bigInt({ min: 10_000n, max: 1_000_000n }),
    deposits: fc.bigInt({ min: 0n, max: 1_000n }),
    requested: fc.bigInt({ min: 0n, max: 1_000n }),
  }),
  { minLength: 3, maxLength: 3 },
);

const last = (life: Life): Executed => life.states.at(-1) ?? NOTHING_EXECUTED;

const honest: fc.Arbitrary<DisputeAnswer> = fc.tuple(lives, accounts).map(([all, figures]) => ({
  client,
  disputedRound: ROUND,
  tokens: TOKENS.map((token, i) => {
    const { opening, deposits, requested } = figures[i] as (typeof figures)[number];
    let closing = opening + deposits - requested;
    for (const life of all) {
      if (life.order.sellToken === token) closing -= last(life).sold;
      if (life.order.buyToken === token) closing += last(life).bought;
    }
    return { token, opening, deposits, requested, closing };
  }),
  presented: all.flatMap((life) =>
    life.presented === undefined ? [] : [{ orderHash: orderHash(life.order), ...life.presented }],
  ),
  executions: all
    .filter((life) => life.states.length > 0)
    .map((life) => ({ order: life.order, ...last(life) })),
}));

test("an honest operator can always close", () => {
  fc.assert(
    fc.property(honest, (answer) => {
      expect(checkAnswer(answer)).toBeUndefined();
    }),
  );
});

const faultOf = (answer: DisputeAnswer) => checkAnswer(answer)?.fault;

function withExecution(
  answer: DisputeAnswer,
  at: number,
  change: Partial<Execution>,
): DisputeAnswer {
  const executions = answer.executions.map((each, i) => (i === at ? { ...each, ...change } : each));
  return { ...answer, executions };
}

test("a balance one unit off, in any token and direction, does not close", () => {
  const cases = fc.tuple(honest, fc.nat({ max: 2 }), fc.constantFrom(-1n, 1n));
  fc.assert(
    fc.property(cases, ([answer, at, off]) => {
      const tokens = answer.tokens.map((each, i) =>
        i === at ? { ...each, closing: each.closing + off } : each,
      );
      expect(checkAnswer({ ...answer, tokens })).toEqual({
        fault: "BalanceMismatch",
        token: TOKENS[at],
        expected: (answer.tokens[at] as { closing: bigint }).closing,
        proven: (tokens[at] as { closing: bigint }).closing,
      });
    }),
  );
});

test("a presented fill that is left out does not close, whatever the balances say", () => {
  fc.assert(
    fc.property(honest, fc.nat(), (answer, pick) => {
      fc.pre(answer.presented.length > 0);
      const left = answer.presented[pick % answer.presented.length] as PresentedFill;
      const executions = answer.executions.filter(
        ({ order }) => orderHash(order) !== left.orderHash,
      );
      expect(checkAnswer({ ...answer, executions })).toEqual({
        fault: "FillsNotCovered",
        covered: answer.presented.length - 1,
        presented: answer.presented.length,
      });
    }),
  );
});

test("an answer of less than the client holds a signature on is stale", () => {
  fc.assert(
    fc.property(
      honest,
      fc.nat(),
      fc.constantFrom("sold" as const, "bought" as const),
      (answer, pick, part) => {
        const at = pick % Math.max(1, answer.executions.length);
        const execution = answer.executions[at];
        fc.pre(execution !== undefined);
        const hash = orderHash((execution as Execution).order);
        const signed = {
          orderHash: hash,
          ...NOTHING_EXECUTED,
          sold: (execution as Execution).sold,
          bought: (execution as Execution).bought,
        };
        const more = { ...signed, [part]: signed[part] + 1n };
        const presented = [...answer.presented.filter((fill) => fill.orderHash !== hash), more];
        expect(checkAnswer({ ...answer, presented })).toMatchObject({
          fault: "StaleExecution",
          why: { fault: "WentBack" },
        });
      },
    ),
  );
});

test("no answer takes more from the client than its orders allow", () => {
  fc.assert(
    fc.property(
      honest,
      fc.nat(),
      fc.bigInt({ min: 1n, max: 1_000_000n }),
      (answer, pick, extra) => {
        fc.pre(answer.executions.length > 0);
        const at = pick % answer.executions.length;
        const execution = answer.executions[at] as Execution;
        const sold = execution.sold + extra;
        const { order } = execution;
        // The operator moves the balance too, so that only the order's terms can stop it.
        const tokens = answer.tokens.map((each) =>
          each.token === order.sellToken ? { ...each, closing: each.closing - extra } : each,
        );
        const fault = faultOf({ ...withExecution(answer, at, { sold }), tokens });
        if (checkExecution(order, sold, execution.bought) !== undefined) {
          expect(fault).toBe("ExecutionOutsideOrder");
        } else {
          expect([undefined, "StaleExecution"]).toContain(fault);
        }
      },
    ),
  );
});

const order: Order = {
  owner: client,
  round: ROUND,
  id: 5n,
  sellToken: TOKENS[0],
  sellAmount: 300n,
  buyToken: TOKENS[1],
  buyAmount: 100n,
  intent: "buyAll",
};
const account = (token: Address, opening: bigint, closing: bigint) => ({
  token,
  opening,
  deposits: 0n,
  requested: 0n,
  closing,
});
const answer: DisputeAnswer = {
  client,
  disputedRound: ROUND,
  tokens: [account(TOKENS[0], 1000n, 850n), account(TOKENS[1], 0n, 50n)],
  presented: [{ orderHash: orderHash(order), sold: 60n, bought: 20n }],
  executions: [{ order, sold: 150n, bought: 50n }],
};

test("a later fill covers an earlier one that was presented", () => {
  expect(checkAnswer(answer)).toBeUndefined();
});

test.each<[string, Partial<Order>]>([
  ["another's", { owner: TOKENS[2] }],
  ["of the round before", { round: ROUND - 1 }],
  ["of the round of the dispute", { round: ROUND + 1 }],
  ["that buys nothing, at which no price would be too high", { buyAmount: 0n }],
  ["of one token", { buyToken: TOKENS[0] }],
])("an order %s is refused", (_, change) => {
  const wrong = withExecution(answer, 0, { order: { ...order, ...change } });
  expect(faultOf(wrong)).toBe("WrongOrder");
});

test("ids ascend strictly: no order counts twice", () => {
  const [execution] = answer.executions as [Execution];
  const twice = { ...answer, executions: [execution, execution] };
  expect(checkAnswer(twice)).toEqual({ fault: "WrongOrder", round: ROUND, id: 5n });
  const lower = { ...execution, order: { ...order, id: 4n } };
  expect(faultOf({ ...answer, executions: [execution, lower] })).toBe("WrongOrder");
});

test("a token that is not in the round's commit is refused", () => {
  const wrong = withExecution(answer, 0, { order: { ...order, buyToken: TOKENS[2] } });
  expect(checkAnswer(wrong)).toEqual({ fault: "TokenNotInRound", token: TOKENS[2], id: 5n });
});

test("room in one order never covers another", () => {
  const second = { ...order, id: 6n, sellAmount: 1000n };
  const executions = [
    { order, sold: 301n, bought: 100n },
    { order: second, sold: 0n, bought: 0n },
  ];
  expect(checkAnswer({ ...answer, executions })).toMatchObject({
    fault: "ExecutionOutsideOrder",
    id: 5n,
  });
});

test("executions added since the presented fill keep the price by themselves", () => {
  const cheap = [{ orderHash: orderHash(order), sold: 10n, bought: 45n }];
  expect(checkAnswer({ ...answer, presented: cheap })).toMatchObject({
    fault: "StaleExecution",
    why: { fault: "PriceExceeded" },
  });
});

test("a client that lost more than it had is shown a negative figure", () => {
  const tokens = [account(TOKENS[0], 100n, 0n), account(TOKENS[1], 0n, 50n)];
  expect(checkAnswer({ ...answer, tokens })).toMatchObject({ expected: -50n, proven: 0n });
});

test("standing: proofs of every token, or a deposit that is not of this round", () => {
  const proofs = (given: number, tokens: number) =>
    standingOf(7, { ground: "openings", proofs: given, tokens });
  expect(proofs(2, 2)).toEqual({ openingsPresented: true, mustProveOpenings: false });
  expect(proofs(1, 2)).toEqual({ fault: "ProofCount" });
  expect(proofs(0, 0)).toEqual({ fault: "NoStanding" });
  const deposit = (round: number) => standingOf(7, { ground: "deposit", round });
  expect(deposit(7)).toEqual({ fault: "NoStanding" });
  expect(deposit(6)).toEqual({ openingsPresented: false, mustProveOpenings: false });
  expect(deposit(5)).toEqual({ openingsPresented: false, mustProveOpenings: true });
  expect(deposit(0)).toEqual({ openingsPresented: false, mustProveOpenings: true });
});

test("fills are presented ascending, each once, none empty", () => {
  const fill = (hash: Hex, sold = 1n, bought = 1n) => ({ orderHash: hash, sold, bought });
  expect(checkPresented([])).toBeUndefined();
  expect(checkPresented([fill("0x0a"), fill("0x0b")])).toBeUndefined();
  expect(checkPresented([fill("0x0a"), fill("0x0a")])).toEqual({
    fault: "FillNotAscending",
    orderHash: "0x0a",
  });
  expect(checkPresented([fill("0x0b"), fill("0x0a")])).toMatchObject({ fault: "FillNotAscending" });
  expect(checkPresented([fill("0x0a", 0n)])).toMatchObject({ fault: "EmptyFill" });
  expect(checkPresented([fill("0x0a", 1n, 0n)])).toEqual({ fault: "EmptyFill", orderHash: "0x0a" });
});

test("a dispute is answered by the end of the next quarter, in any case before it halts", () => {
  const schedule: Schedule = { genesisBlock: 100, roundSize: 64 };
  fc.assert(
    fc.property(fc.integer({ min: 164, max: 5_000 }), (openedBlock) => {
      const { round, quarter } = momentOf(schedule, openedBlock);
      const window = closingWindow(schedule, openedBlock);
      expect(window.firstBlock).toBe(openedBlock);
      const next = firstBlockOf(schedule, round, quarter) + 16;
      expect(window.lastBlock).toBe(next + 15);
      expect(window.lastBlock).toBeLessThan(disputeHaltBlock(schedule, round));
      expect(closingRescueWindow(schedule, openedBlock)).toEqual({
        firstBlock: window.lastBlock - 3,
        lastBlock: window.lastBlock,
      });
    }),
  );
});

test("a dispute of the last quarter is answered until the block before the halt", () => {
  const schedule: Schedule = { genesisBlock: 100, roundSize: 32 };
  const opened = lastBlockOf(schedule, 4, 3 as Quarter);
  expect(closingWindow(schedule, opened).lastBlock + 1).toBe(disputeHaltBlock(schedule, 4));
});

/** The same answer, with the orders below a watermark drawn summed up, less some that stay out. */
const stated = fc
  .tuple(honest, fc.nat({ max: 8 }), fc.subarray([0n, 10n, 20n, 30n, 40n, 50n, 60n, 70n]))
  .map(([answer, count, ids]) => {
    const watermark = BigInt(10 * count) + 1n;
    const except = ids.filter((id) => id < watermark);
    const cover = { round: ROUND, watermark, except };
    const statement = sumUp(client, cover, answer.executions);
    const shown = new Set(answer.presented.map((fill) => fill.orderHash));
    const executions = answer.executions.filter(
      ({ order }) => !covers(cover, order.id) || shown.has(orderHash(order)),
    );
    return { answer: { ...answer, statement, executions, presentedCover: cover }, cover };
  });

test("an honest operator can close with a statement that covers what was presented", () => {
  fc.assert(
    fc.property(stated, ({ answer }) => {
      expect(checkAnswer(answer)).toBeUndefined();
    }),
  );
});

test("a dishonest one cannot close on other sums, on less, or on an order counted twice", () => {
  fc.assert(
    fc.property(stated, fc.nat({ max: 2 }), ({ answer, cover }, at) => {
      const { statement } = answer;
      const [token] = statement.tokens;
      if (token !== undefined) {
        const sold = statement.sold.map((amount, i) => (i === 0 ? amount + 1n : amount));
        const other = checkAnswer({ ...answer, statement: { ...statement, sold } });
        expect(other).toMatchObject({ fault: "BalanceMismatch", token });
      }
      const later = { ...cover, watermark: cover.watermark + 1n };
      expect(checkAnswer({ ...answer, presentedCover: later })).toMatchObject({
        fault: "NotCovered",
      });
      const { statement: _, ...without } = answer;
      expect(checkAnswer(without)).toMatchObject({ fault: "NotCovered" });
      const hidden = answer.executions.filter(({ order }) => covers(cover, order.id));
      const again = hidden[at];
      if (again === undefined) return;
      // Shown, and not presented.
      const presented = answer.presented.filter((one) => one.orderHash !== orderHash(again.order));
      expect(checkAnswer({ ...answer, presented })).toMatchObject({
        fault: "WrongOrder",
        id: again.order.id,
      });
    }),
  );
});

test("a statement is the client's, of the disputed round, and in its one form", () => {
  const [some] = fc.sample(stated, { numRuns: 1, seed: 7 });
  const { answer } = some as typeof stated extends fc.Arbitrary<infer T> ? T : never;
  const wrong = { fault: "WrongStatement" };
  const { statement } = answer;
  const alone = { ...answer, presentedCover: undefined as never, statement };
  const check = (change: Partial<Statement>) =>
    checkAnswer({ ...alone, statement: { ...statement, ...change } });
  expect(check({ client: TOKENS[0] })).toMatchObject(wrong);
  expect(check({ round: ROUND - 1 })).toMatchObject(wrong);
  expect(check({ watermark: 0n, except: [] })).toMatchObject(wrong);
  expect(check({ except: [statement.watermark] })).toMatchObject(wrong);
  expect(check({ tokens: [client], sold: [0n], bought: [0n] })).toEqual({
    fault: "TokenNotInRound",
    token: client,
  });
});
