/**
 * Statements: what one covers, when one covers all of another, and the one form that each has
 * (docs/protocol.md section 10). Twin of contracts/src/libraries/StatementRule.sol. Signatures are
 * a matter of their own (signatures.ts).
 */
import type { Address } from "../base/hex.ts";
import { MAX_STATEMENT_EXCEPT } from "./limits.ts";
import type { Executed } from "./orderRule.ts";
import type { Amount, Cover, Order, Round, Statement } from "./units.ts";

const MAX_UINT64 = 2n ** 64n - 1n;
const MAX_UINT128 = 2n ** 128n - 1n;

/** Why a statement is none. Each means that nobody may sign it, and no Mediator takes it. */
export type StatementFault =
  /** Zero, or no uint64. */
  | "watermark"
  /** More than `MAX_STATEMENT_EXCEPT`, not ascending, or not below the watermark. */
  | "except"
  /** Not ascending, or a token twice. */
  | "tokens"
  /** Not one sold and one bought for each token, or no uint128. */
  | "sums";

/** The fault in the form of a statement; undefined if there is none. */
export function checkStatement(statement: Statement): StatementFault | undefined {
  const { watermark, except, tokens, sold, bought } = statement;
  if (watermark <= 0n || watermark > MAX_UINT64) return "watermark";
  const inOrder = except.every((id, i) => id >= 0n && (i === 0 || id > (except[i - 1] as bigint)));
  const last = except.at(-1);
  if (except.length > MAX_STATEMENT_EXCEPT || !inOrder) return "except";
  if (last !== undefined && last >= watermark) return "except";
  const numbers = tokens.map(BigInt);
  if (!numbers.every((token, i) => i === 0 || token > (numbers[i - 1] as bigint))) return "tokens";
  const isAmount = (amount: Amount) => amount >= 0n && amount <= MAX_UINT128;
  if (sold.length !== tokens.length || bought.length !== tokens.length) return "sums";
  return sold.every(isAmount) && bought.every(isAmount) ? undefined : "sums";
}

/** Whether the client's order with this id, of the cover's round, is summed up. */
export function covers(cover: Cover, id: bigint): boolean {
  return id < cover.watermark && !cover.except.includes(id);
}

/** Whether `cover` covers every order that `other`, of any client's same round, covers. */
export function coversAll(cover: Cover, other: Cover): boolean {
  if (cover.round !== other.round || cover.watermark < other.watermark) return false;
  return cover.except.every((id) => id >= other.watermark || other.except.includes(id));
}

/** Whether both say the same of the same orders. */
export function isSameStatement(a: Statement, b: Statement): boolean {
  const lists = [
    [a.except, b.except],
    [a.tokens, b.tokens],
    [a.sold, b.sold],
    [a.bought, b.bought],
  ] as const;
  const isSameCover = a.client === b.client && a.round === b.round && a.watermark === b.watermark;
  return isSameCover && lists.every(([one, other]) => one.join() === other.join());
}

/** Only what it covers of a statement: what binds whoever answers. */
export function coverOf({ round, watermark, except }: Cover): Cover {
  return { round, watermark, except };
}

/** The amount of a token sold less the amount bought, base units; may be negative. */
export function netSold(statement: Statement, token: Address): bigint {
  const at = statement.tokens.indexOf(token);
  if (at < 0) return 0n;
  return (statement.sold[at] as Amount) - (statement.bought[at] as Amount);
}

/**
 * The statement about those of `executed` that `cover` covers, in the one form in which operators
 * countersign it: a token for each that was sold or bought, and none else. A token of another
 * round, with sums of zero, would be refused by the Mediator, and no operator could answer with it.
 * `before`: a statement about other orders of them, whose sums are added.
 */
export function sumUp(
  client: Address,
  cover: Cover,
  executed: Iterable<Executed & { readonly order: Order }>,
  before?: Statement,
): Statement {
  const sums = new Map<Address, { sold: Amount; bought: Amount }>();
  for (const [i, token] of before?.tokens.entries() ?? []) {
    sums.set(token, { sold: before?.sold[i] as Amount, bought: before?.bought[i] as Amount });
  }
  const sumOf = (token: Address) => {
    const sum = sums.get(token) ?? { sold: 0n, bought: 0n };
    sums.set(token, sum);
    return sum;
  };
  for (const { order, sold, bought } of executed) {
    if (!isOf(order, client, cover.round) || !covers(cover, order.id)) continue;
    if (sold > 0n) sumOf(order.sellToken).sold += sold;
    if (bought > 0n) sumOf(order.buyToken).bought += bought;
  }
  const tokens = [...sums.keys()].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
  return {
    client,
    ...coverOf(cover),
    tokens,
    sold: tokens.map((token) => sumOf(token).sold),
    bought: tokens.map((token) => sumOf(token).bought),
  };
}

function isOf(order: Order, client: Address, round: Round): boolean {
  return order.owner === client && order.round === round;
}
