/**
 * Limits with their reasons and the relations between them, which are asserted when this file is
 * loaded. Gas and bytes are those of one transaction on current Ethereum.
 */
import { assert } from "../base/errors.ts";

/** Tokens that a Mediator lists at most: each costs a proof in every dispute (section 4). */
export const MAX_TOKENS = 32;

/**
 * Steps that a batch signature's path has at most: 65,536 messages. Longer paths are nobody's
 * signature to us, so that neither side can fill a dispute's transaction with them.
 */
export const MAX_PATH_LENGTH = 16;

/**
 * Orders of one client in one round. One openDispute must be able to present their fills (section
 * 6), and one cancelWithdrawal all of two rounds: a client could otherwise overdraw by so many tiny
 * orders that no transaction holds the evidence, and so halt an honest operator. The second binds
 * harder: 256, which the first allows, is too many. See `evidenceOrders`.
 */
export const ORDERS_PER_CLIENT_AND_ROUND = 100;

/**
 * Orders of one client and round that are kept, whatever became of them: each takes about 400 bytes
 * of memory for three rounds, so that one client takes some 25 MB at most.
 */
export const PLACEMENTS_PER_CLIENT_AND_ROUND = 20_000;

/** Orders of one client that are taken at one block of the exchange's clock. */
export const PLACEMENTS_PER_CLIENT_AND_BLOCK = 500;

/** Path length of the batches in which a client may sign orders: 16 orders. Bounds the evidence. */
export const ORDER_PATH_LENGTH = 4;

/** Path length of the fills that an operator signs by default: batches of 8 fills. */
export const FILL_PATH_LENGTH = 3;

/** Ids that a statement leaves out below its watermark: orders that still rest (section 10). */
export const MAX_STATEMENT_EXCEPT = 32;

/** Gas of one transaction (EIP-7825). */
export const TX_GAS_CAP = 2 ** 24;

/** Bytes of one transaction that nodes pass on. */
export const TX_BYTES_CAP = 131_072;

/** Bytes of a signed transaction around its calldata, at most: fees, nonce, target, signature. */
const TX_ENVELOPE_BYTES = 512;

const WORD = 32;
const SELECTOR_BYTES = 4;

/** The parts of an openDispute call. */
export interface DisputeShape {
  /** Tokens of the disputed round: one proof each. */
  readonly tokens: number;
  /** Siblings in each proof: see `treeDepth`. */
  readonly depth: number;
  /** Fills presented. */
  readonly fills: number;
  /** Steps of each fill's batch path, 0 where it is signed by itself; of the statement's too. */
  readonly pathLength: number;
  /** Whether a statement is presented, at its largest; false where not given. */
  readonly statement?: boolean;
}

/** Siblings that a proof has at most in a tree of `leafCount` leaves. */
export function treeDepth(leafCount: number): number {
  assert(Number.isSafeInteger(leafCount) && leafCount >= 0, () => `${leafCount} leaves.`);
  let depth = 0;
  for (let width = leafCount; width > 1; width = Math.ceil(width / 2)) depth++;
  return depth;
}

/** Words of one Cover in an array: offset, round, watermark, offset, length and ids of `except`. */
const COVER_WORDS = 5 + MAX_STATEMENT_EXCEPT;

/**
 * Words of one Statement in an array, at its largest: offset; round, watermark and five offsets;
 * four arrays with their lengths; r, vs, offset and length of the signature's path.
 */
function statementWords(tokens: number, pathLength: number): number {
  return 1 + 7 + 4 + MAX_STATEMENT_EXCEPT + 3 * tokens + 4 + pathLength;
}

// openDispute(client, proofs, depositRef, fills, delegation, statements), ABI-encoded.
const HEAD_WORDS = 7;
const DELEGATION_WORDS = 6;
const LENGTH_WORDS = 3;
/** Offset, balance, index, leaf count, offset and length of the siblings. */
const PROOF_WORDS = 6;
const SIBLING_WORDS = 2;
/** Offset, order hash, sold, bought, sequence, offset; r, vs, offset and length of the path. */
const FILL_WORDS = 10;

/** Bytes of calldata that openDispute takes, with a delegation of 65 bytes of signature. */
export function openDisputeBytes(shape: DisputeShape): number {
  const proofs = shape.tokens * (PROOF_WORDS + SIBLING_WORDS * shape.depth);
  const fills = shape.fills * (FILL_WORDS + shape.pathLength);
  const statement = shape.statement === true ? statementWords(shape.tokens, shape.pathLength) : 0;
  const fixed = HEAD_WORDS + LENGTH_WORDS + DELEGATION_WORDS;
  return SELECTOR_BYTES + WORD * (fixed + proofs + fills + statement);
}

/**
 * Upper bounds of what openDispute spends beside its calldata, in gas; the contracts' gas tests
 * hold the contract to them. A fill: one new storage word, one recovery, one question to the
 * manager whether its signer was an operator, hashing and memory.
 */
export const OPEN_DISPUTE_GAS = {
  base: 250_000,
  token: 10_000,
  sibling: 1_000,
  fill: 40_000,
  pathStep: 500,
  statement: 80_000,
} as const;

/** Gas of a byte of calldata that is not zero, the most expensive kind. */
const CALLDATA_BYTE_GAS = 16;

/** Gas that openDispute takes at most. */
export function openDisputeGas(shape: DisputeShape): number {
  const { base, token, sibling, fill, pathStep, statement } = OPEN_DISPUTE_GAS;
  return (
    base +
    (shape.statement === true ? statement : 0) +
    CALLDATA_BYTE_GAS * openDisputeBytes(shape) +
    shape.tokens * (token + sibling * shape.depth) +
    shape.fills * (fill + pathStep * shape.pathLength)
  );
}

/**
 * How many fills one openDispute can present in an exchange with that many tokens, proofs of
 * `depth` siblings and batch paths of `pathLength`: the limit of orders per client and round must
 * not be above it.
 */
export function disputableOrders(tokens: number, depth: number, pathLength: number): number {
  // Beside the statement that covers all other orders.
  const empty: DisputeShape = { tokens, depth, fills: 0, pathLength, statement: true };
  const one: DisputeShape = { ...empty, fills: 1 };
  const bytesLeft = TX_BYTES_CAP - TX_ENVELOPE_BYTES - openDisputeBytes(empty);
  const gasLeft = TX_GAS_CAP - openDisputeGas(empty);
  const byBytes = Math.floor(bytesLeft / (openDisputeBytes(one) - openDisputeBytes(empty)));
  const byGas = Math.floor(gasLeft / (openDisputeGas(one) - openDisputeGas(empty)));
  return Math.max(0, Math.min(byBytes, byGas));
}

// cancelWithdrawal(client, token, orders, statements, covers), ABI-encoded.
const EVIDENCE_HEAD_WORDS = 8;
/** Offset; seven fields and the signature's offset; r, vs, offset and length of the path. */
const ORDER_WORDS = 13;

/** Rounds whose orders count as evidence: that of the request and the one before. */
const EVIDENCE_ROUNDS = 2;

/**
 * Bytes of calldata of a cancelWithdrawal with `orders` orders as evidence, and `statements` of at
 * most as many rounds, each at its largest with all tokens, against one presented of each.
 */
export function cancelWithdrawalBytes(orders: number, pathLength: number, statements = 0): number {
  const words = statements * (statementWords(MAX_TOKENS, pathLength) + COVER_WORDS);
  return (
    SELECTOR_BYTES + WORD * (EVIDENCE_HEAD_WORDS + words + orders * (ORDER_WORDS + pathLength))
  );
}

/**
 * How many orders fit into one cancelWithdrawal as evidence, beside a statement of each round.
 * Bytes bind long before gas does.
 */
export function evidenceOrders(pathLength: number): number {
  const empty = cancelWithdrawalBytes(0, pathLength, EVIDENCE_ROUNDS);
  const left = TX_BYTES_CAP - TX_ENVELOPE_BYTES - empty;
  return Math.floor(left / (WORD * (ORDER_WORDS + pathLength)));
}

/** The exchange for which the defaults are made: a million clients, sixteen tokens. */
export const DEFAULT_SHAPE = { tokens: 16, depth: treeDepth(1_000_000) } as const;

assert(
  disputableOrders(DEFAULT_SHAPE.tokens, DEFAULT_SHAPE.depth, FILL_PATH_LENGTH) >=
    ORDERS_PER_CLIENT_AND_ROUND,
  "a dispute over the default number of orders does not fit one transaction.",
);
assert(
  disputableOrders(MAX_TOKENS, treeDepth(100_000), 0) >= ORDERS_PER_CLIENT_AND_ROUND,
  "with every token listed, a dispute over singly signed fills does not fit one transaction.",
);
assert(
  evidenceOrders(ORDER_PATH_LENGTH) >= EVIDENCE_ROUNDS * ORDERS_PER_CLIENT_AND_ROUND,
  "the evidence against an overdrawn withdrawal does not fit one transaction.",
);
assert(
  ORDERS_PER_CLIENT_AND_ROUND <= PLACEMENTS_PER_CLIENT_AND_BLOCK &&
    PLACEMENTS_PER_CLIENT_AND_BLOCK <= PLACEMENTS_PER_CLIENT_AND_ROUND,
  "journals written before there were these bounds could be refused by them.",
);
assert(
  ORDER_PATH_LENGTH <= MAX_PATH_LENGTH,
  "clients may sign orders in batches that nobody accepts.",
);
assert(
  FILL_PATH_LENGTH <= MAX_PATH_LENGTH,
  "operators sign fills by default in batches that nobody accepts.",
);

/*
 * The least useful bonds (docs/security.md, "Bonds"): a flood of disputes or requests pays for its
 * answers where each bond covers the dearest of them. The figures bound what contracts/test/gas
 * measured, with orders signed in batches of 16; the contracts' gas tests hold the same ones.
 */

/** Gas of answers at most, beside what grows with tokens, levels of the tree and orders. */
const CLOSE_DISPUTE_GAS = { base: 65_000, token: 20_000, tokenAndLevel: 3_850, execution: 23_000 };
const CANCEL_WITHDRAWAL_GAS = { base: 45_000, order: 16_000 };

/** An exchange, as far as the cost of its answers depends on it. */
export interface BondShape {
  readonly tokens: number;
  /** Levels of the balance tree: `treeDepth` of the clients that it may come to have. */
  readonly levels: number;
  /** Orders that may be evidence of a client and round; the default limit where not given. */
  readonly orders?: number;
}

export interface Bonds {
  /** Wei. */
  readonly disputeBond: bigint;
  readonly withdrawalBond: bigint;
}

/** In wei, at `feePerGas` wei: the highest at which the operator would still answer. */
export function leastBonds(shape: BondShape, feePerGas: bigint): Bonds {
  const { tokens, levels, orders = ORDERS_PER_CLIENT_AND_ROUND } = shape;
  const isCount = (count: number) => Number.isSafeInteger(count) && count >= 0;
  assert([tokens, levels, orders].every(isCount), "a bond for no exchange.");
  const { base, token, tokenAndLevel, execution } = CLOSE_DISPUTE_GAS;
  const close = base + tokens * (token + tokenAndLevel * levels) + execution * orders;
  const cancel =
    CANCEL_WITHDRAWAL_GAS.base + CANCEL_WITHDRAWAL_GAS.order * EVIDENCE_ROUNDS * orders;
  return { disputeBond: feePerGas * BigInt(close), withdrawalBond: feePerGas * BigInt(cancel) };
}
