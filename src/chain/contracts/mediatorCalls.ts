/** Calldata of every write to the Mediator, from the protocol's shapes. */
import { encodeFunctionData } from "viem";
import { ZERO_ADDRESS } from "../../base/address.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { INTENT_CODE } from "../../protocol/messages.ts";
import type {
  Amount,
  BalanceProof,
  Cover,
  Order,
  Round,
  Signature,
  SignedFill,
  SignedOrder,
  SignedStatement,
  TokenRoot,
} from "../../protocol/units.ts";
import { mediatorAbi } from "../abi/mediator.ts";

const abi = mediatorAbi;

/** An order and all that was executed of it. */
export interface ExecutedOrder extends SignedOrder {
  readonly sold: Amount;
  readonly bought: Amount;
}

/** By what the client has standing: its proofs, or a deposit of an earlier round. */
export type Standing =
  | { readonly kind: "proofs"; readonly proofs: readonly BalanceProof[] }
  | { readonly kind: "deposit"; readonly token: Address; readonly round: Round };

/** A watchtower's permission; see `hashDisputeDelegation`. */
export interface SignedDelegation {
  readonly untilRound: Round;
  /** 65 bytes r ‖ s ‖ v, or what the client's contract accepts. */
  readonly signature: Hex;
}

export function encodeListToken(token: Address): Hex {
  return encodeFunctionData({ abi, functionName: "listToken", args: [token] });
}

export function encodeSetTradingKey(key: Address): Hex {
  return encodeFunctionData({ abi, functionName: "setTradingKey", args: [key] });
}

export function encodeDeposit(token: Address, amount: Amount): Hex {
  return encodeFunctionData({ abi, functionName: "deposit", args: [token, amount] });
}

/** `statements`: countersigned, of this round and the one before, ascending (section 10). */
export function encodeInitiateWithdrawal(
  token: Address,
  amount: Amount,
  recipient: Address,
  proof: BalanceProof,
  statements: readonly SignedStatement[] = [],
): Hex {
  const args = [token, amount, recipient, abiProof(proof), statements.map(abiStatement)] as const;
  return encodeFunctionData({ abi, functionName: "initiateWithdrawal", args });
}

/**
 * `statements`: signed by the client, of the request's round and the one before, ascending;
 * `covers`: what the request presented, in the order of its `StatementPresented` logs.
 */
export function encodeCancelWithdrawal(
  client: Address,
  token: Address,
  orders: readonly SignedOrder[],
  statements: readonly SignedStatement[] = [],
  covers: readonly Cover[] = [],
): Hex {
  const args = [
    client,
    token,
    orders.map(abiOrder),
    statements.map(abiStatement),
    covers.map(abiCover),
  ] as const;
  return encodeFunctionData({ abi, functionName: "cancelWithdrawal", args });
}

export function encodeConfirmWithdrawal(client: Address, token: Address): Hex {
  return encodeFunctionData({ abi, functionName: "confirmWithdrawal", args: [client, token] });
}

export function encodeCommit(
  roots: readonly TokenRoot[],
  attestations: readonly Signature[] = [],
): Hex {
  const args = [
    roots.map(({ token, node, total, leafCount }) => ({
      token,
      node,
      total,
      leafCount: BigInt(leafCount),
    })),
    attestations.map(abiSignature),
  ] as const;
  return encodeFunctionData({ abi, functionName: "commit", args });
}

/**
 * `fills` in any order; the contract takes them ascending by order hash. `statement`:
 * countersigned, of the disputed round.
 */
export function encodeOpenDispute(
  client: Address,
  standing: Standing,
  fills: readonly SignedFill[],
  delegation?: SignedDelegation,
  statement?: SignedStatement,
): Hex {
  const ascending = [...fills].sort((a, b) => (a.fill.orderHash < b.fill.orderHash ? -1 : 1));
  const args = [
    client,
    standing.kind === "proofs" ? standing.proofs.map(abiProof) : [],
    standing.kind === "deposit"
      ? { token: standing.token, round: BigInt(standing.round) }
      : { token: ZERO_ADDRESS, round: 0n },
    ascending.map(({ fill, signature }) => ({
      orderHash: fill.orderHash,
      sold: fill.sold,
      bought: fill.bought,
      sequence: fill.sequence,
      signature: abiSignature(signature),
    })),
    {
      untilRound: BigInt(delegation?.untilRound ?? 0),
      signature: delegation?.signature ?? ("0x" as Hex),
    },
    statement === undefined ? [] : [abiStatement(statement)],
  ] as const;
  return encodeFunctionData({ abi, functionName: "openDispute", args });
}

/** `statement`: the one that the dispute is to be closed with, signed by the client. */
export function encodeProveExecutions(
  client: Address,
  round: Round,
  restart: boolean,
  executions: readonly ExecutedOrder[],
  statement?: SignedStatement,
): Hex {
  const args = [
    client,
    BigInt(round),
    restart,
    executions.map(abiExecution),
    statement === undefined ? [] : [abiStatement(statement)],
  ] as const;
  return encodeFunctionData({ abi, functionName: "proveExecutions", args });
}

/**
 * `executions`: those that no `proveExecutions` of the sender accounted for. `statement`: signed by
 * the client; `cover`: what the client's own covers, where it presented one.
 */
export function encodeCloseDispute(
  client: Address,
  round: Round,
  answer: {
    readonly executions: readonly ExecutedOrder[];
    readonly openingBalances: readonly Amount[];
    readonly openings: readonly BalanceProof[];
    readonly closings: readonly BalanceProof[];
    readonly statement?: SignedStatement;
    readonly cover?: Cover;
  },
): Hex {
  const args = [
    client,
    BigInt(round),
    {
      executions: answer.executions.map(abiExecution),
      openingBalances: answer.openingBalances,
      openings: answer.openings.map(abiProof),
      closings: answer.closings.map(abiProof),
      statements: answer.statement === undefined ? [] : [abiStatement(answer.statement)],
      covers: answer.cover === undefined ? [] : [abiCover(answer.cover)],
    },
  ] as const;
  return encodeFunctionData({ abi, functionName: "closeDispute", args });
}

export function encodeClaimBonds(to: Address): Hex {
  return encodeFunctionData({ abi, functionName: "claimBonds", args: [to] });
}

export function encodeRecoverBalance(client: Address, token: Address, proof: BalanceProof): Hex {
  const args = [client, token, abiProof(proof)] as const;
  return encodeFunctionData({ abi, functionName: "recoverBalance", args });
}

export function encodeRecoverDeposits(client: Address, token: Address): Hex {
  return encodeFunctionData({ abi, functionName: "recoverDeposits", args: [client, token] });
}

export function encodeRefundBond(client: Address, round: Round): Hex {
  return encodeFunctionData({ abi, functionName: "refundBond", args: [client, BigInt(round)] });
}

/** The call for a request that the halt made void. */
export function encodeRefundWithdrawalBond(client: Address, token: Address): Hex {
  return encodeFunctionData({ abi, functionName: "refundWithdrawalBond", args: [client, token] });
}

/** The call for a request that is payable, and whose recipient the token does not pay. */
export function encodeRedirectWithdrawal(token: Address, recipient: Address): Hex {
  return encodeFunctionData({ abi, functionName: "redirectWithdrawal", args: [token, recipient] });
}

function abiOrder({ order, signature }: SignedOrder) {
  return { ...abiOrderFields(order), signature: abiSignature(signature) };
}

function abiExecution(execution: ExecutedOrder) {
  return { order: abiOrder(execution), sold: execution.sold, bought: execution.bought };
}

function abiOrderFields(order: Order) {
  return {
    round: BigInt(order.round),
    id: order.id,
    sellToken: order.sellToken,
    sellAmount: order.sellAmount,
    buyToken: order.buyToken,
    buyAmount: order.buyAmount,
    intent: INTENT_CODE[order.intent],
  };
}

function abiStatement({ statement, signature }: SignedStatement) {
  const { tokens, sold, bought } = statement;
  return { ...abiCover(statement), tokens, sold, bought, signature: abiSignature(signature) };
}

function abiCover({ round, watermark, except }: Cover) {
  return { round: BigInt(round), watermark, except };
}

function abiSignature({ r, vs, path }: Signature) {
  return { r, vs, path };
}

function abiProof({ balance, index, leafCount, siblings }: BalanceProof) {
  return { balance, index: BigInt(index), leafCount: BigInt(leafCount), siblings };
}
