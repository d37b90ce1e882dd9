/** The Mediator as nodes see it: calldata in, encoded answers, events and errors out. */
import {
  decodeFunctionData,
  decodeFunctionResult,
  encodeAbiParameters,
  encodeErrorResult,
  encodeEventTopics,
  encodeFunctionResult,
  erc20Abi,
  toFunctionSelector,
} from "viem";
import { toAddress, ZERO_ADDRESS } from "../../src/base/address.ts";
import type { Address, Hex } from "../../src/base/hex.ts";
import { mediatorAbi } from "../../src/chain/abi/mediator.ts";
import { operatorManagerAbi } from "../../src/chain/abi/operatorManager.ts";
import { roundRobinOperatorManagerAbi } from "../../src/chain/abi/roundRobinOperatorManager.ts";
import type { Execution } from "../../src/protocol/disputeRule.ts";
import type {
  BalanceProof,
  Cover,
  SignedOrder,
  SignedStatement,
} from "../../src/protocol/units.ts";
import { Mediator } from "./mediator.ts";
import {
  copyState,
  type Emitted,
  type Env,
  keyOf,
  type MediatorState,
  NO_FLOW,
} from "./mediatorState.ts";
import { answerOfManager, claimFor } from "./slots.ts";
import { Revert, type Terms } from "./terms.ts";

type MediatorCall = ReturnType<typeof decodeFunctionData<typeof mediatorAbi>>;
type AbiItem = (typeof mediatorAbi)[number];
type AbiFunction = Extract<AbiItem, { type: "function" }>;

/** A lookup by selector: the library's own hashes every function of the interface at each call. */
const BY_SELECTOR = new Map<string, readonly unknown[]>(
  [...mediatorAbi, ...operatorManagerAbi, ...roundRobinOperatorManagerAbi, ...erc20Abi]
    .filter((item) => item.type === "function")
    .map((item) => [toFunctionSelector(item as AbiFunction), [item]]),
);

/** The call with its arguments; undefined where no contract of ours has such a function. */
export function decodeCall(data: Hex): { abi: readonly unknown[]; call: MediatorCall } | undefined {
  const abi = BY_SELECTOR.get(data.slice(0, 10)) as typeof mediatorAbi | undefined;
  return abi === undefined ? undefined : { abi, call: decodeFunctionData({ abi, data }) };
}

export interface Executed {
  readonly state: MediatorState;
  readonly logs: readonly RawLog[];
}

export interface RawLog {
  readonly topics: readonly Hex[];
  readonly data: Hex;
  readonly emitted: Emitted;
}

/** Runs a transaction to the Mediator on a copy of `state`. Throws `Revert`. */
export function execute(state: MediatorState, terms: Terms, env: Env, data: Hex): Executed {
  // A key's transaction to itself, which does nothing.
  if (data === "0x") return { state, logs: [] };
  const decoded = decodeCall(data);
  if (decoded === undefined) throw new Revert("unknown function");
  const mediator = new Mediator(copyState(state), terms, env);
  const { functionName, args } = decoded.call as { functionName: string; args?: unknown };
  if (functionName === "claimFor") {
    const [slot] = args as [bigint];
    mediator.state.claims = claimFor(terms, state.claims, env, slot);
    return { state: mediator.state, logs: [] };
  }
  dispatch(mediator, env.sender, decoded.call);
  return { state: mediator.state, logs: mediator.emitted.map(encodeLog) };
}

function dispatch(mediator: Mediator, sender: Address, call: MediatorCall): void {
  switch (call.functionName) {
    case "listToken":
      return mediator.listToken(toAddress(call.args[0]));
    case "setTradingKey":
      return mediator.setTradingKey(toAddress(call.args[0]));
    case "deposit":
      return mediator.deposit(toAddress(call.args[0]), call.args[1]);
    case "initiateWithdrawal": {
      const [token, amount, recipient, proof, statements] = call.args;
      const to = toAddress(recipient);
      const signed = statements.map((one) => statementOf(sender, one));
      return mediator.initiateWithdrawal(toAddress(token), amount, to, proofOf(proof), signed);
    }
    case "cancelWithdrawal": {
      const [client, token, orders, statements, covers] = call.args;
      const owner = toAddress(client);
      return mediator.cancelWithdrawal(
        owner,
        toAddress(token),
        orders.map((order) => orderOf(owner, order)),
        statements.map((one) => statementOf(owner, one)),
        covers.map(coverOf),
      );
    }
    case "confirmWithdrawal":
      return mediator.confirmWithdrawal(toAddress(call.args[0]), toAddress(call.args[1]));
    case "commit":
      return mediator.commit(
        call.args[0].map((root) => ({
          ...root,
          token: toAddress(root.token),
          leafCount: Number(root.leafCount),
        })),
      );
    default:
      return dispatchDispute(mediator, call);
  }
}

function dispatchDispute(mediator: Mediator, call: MediatorCall): void {
  switch (call.functionName) {
    case "openDispute": {
      const [client, proofs, deposit, fills, , statements] = call.args;
      const owner = toAddress(client);
      const round = Number(mediator.round) - 1;
      return mediator.openDispute(
        owner,
        proofs.map(proofOf),
        { token: toAddress(deposit.token), round: Number(deposit.round) },
        fills.map(({ signature, ...fill }) => ({ fill: { ...fill, owner, round }, signature })),
        statements.map((one) => statementOf(owner, one)),
      );
    }
    case "proveExecutions": {
      const [client, round, restart, executions, statements] = call.args;
      const owner = toAddress(client);
      return mediator.proveExecutions(
        owner,
        Number(round),
        restart,
        executions.map((one) => executionOf(owner, one)),
        statements.map((one) => statementOf(owner, one))[0],
      );
    }
    case "closeDispute": {
      const [client, round, answered] = call.args;
      const { executions, openingBalances, openings, closings, statements, covers } = answered;
      const owner = toAddress(client);
      return mediator.closeDispute(
        owner,
        Number(round),
        executions.map((one) => executionOf(owner, one)),
        openingBalances,
        openings.map(proofOf),
        closings.map(proofOf),
        statements.map((one) => statementOf(owner, one))[0],
        covers.map(coverOf),
      );
    }
    default:
      throw new Revert(`no transaction to ${call.functionName}`);
  }
}

type AbiProof = Extract<MediatorCall, { functionName: "recoverBalance" }>["args"][2];
type AbiExecution = Extract<MediatorCall, { functionName: "proveExecutions" }>["args"][3][number];
type AbiCancel = Extract<MediatorCall, { functionName: "cancelWithdrawal" }>["args"];
type AbiOrder = Extract<MediatorCall, { functionName: "cancelWithdrawal" }>["args"][2][number];

function proofOf({ balance, index, leafCount, siblings }: AbiProof): BalanceProof {
  return { balance, index: Number(index), leafCount: Number(leafCount), siblings };
}

function orderOf(owner: Address, { signature, ...fields }: AbiOrder): SignedOrder {
  const order = {
    ...fields,
    owner,
    round: Number(fields.round),
    sellToken: toAddress(fields.sellToken),
    buyToken: toAddress(fields.buyToken),
    intent: fields.intent === 0 ? ("buyAll" as const) : ("sellAll" as const),
  };
  return { order, signature };
}

function statementOf(
  client: Address,
  { signature, tokens, sold, bought, ...cover }: AbiCancel[3][number],
): SignedStatement {
  const statement = { client, ...coverOf(cover), tokens: tokens.map(toAddress), sold, bought };
  return { statement, signature };
}

function coverOf({ round, watermark, except }: AbiCancel[4][number]): Cover {
  return { round: Number(round), watermark, except };
}

function executionOf(
  owner: Address,
  { order, sold, bought }: AbiExecution,
): Execution & SignedOrder {
  return { ...orderOf(owner, order), sold, bought };
}

/** The answer of a view of the exchange's contracts. Throws `Revert`. */
export function view(state: MediatorState, terms: Terms, env: Env, data: Hex): Hex {
  const decoded = decodeCall(data);
  if (decoded === undefined) throw new Revert("unknown function");
  const { abi, call } = decoded;
  const mediator = new Mediator(state, terms, env);
  const result = answer(mediator, terms, env, call);
  return encodeFunctionResult({
    abi: abi as typeof mediatorAbi,
    functionName: call.functionName as "flows",
    result: result as never,
  });
}

/** The result of a call as if all duties were done. */
export function asDone(data: Hex, result: Hex): Hex {
  const functionName = decodeCall(data)?.call.functionName;
  const encode = (name: "commitment" | "withdrawal" | "dispute", shown: unknown) =>
    encodeFunctionResult({ abi: mediatorAbi, functionName: name, result: shown as never });
  switch (functionName) {
    case "commitment":
      return encode(functionName, `0x${"d0".repeat(32)}`);
    case "withdrawal":
      return encode(functionName, {
        recipient: ZERO_ADDRESS,
        round: 0n,
        bound: false,
        amount: 0n,
        opening: 0n,
      });
    case "dispute": {
      const dispute = decodeFunctionResult({ abi: mediatorAbi, functionName, data: result });
      return encode(functionName, { ...dispute, open: false });
    }
    default:
      return result;
  }
}

/** Characters of an address as text: other words are hashes. */
const ADDRESS_LENGTH = 42;

function answer(mediator: Mediator, terms: Terms, env: Env, call: MediatorCall): unknown {
  const { state } = mediator;
  const { functionName } = call;
  const args = (call.args ?? []) as readonly (string & bigint)[];
  const [first = "", second = "", third = ""] = args.map((arg) =>
    typeof arg === "string" && String(arg).length === ADDRESS_LENGTH ? toAddress(arg) : arg,
  );
  switch (functionName) {
    case "manager":
      return MANAGER;
    case "genesisBlock":
      return BigInt(terms.schedule.genesisBlock);
    case "roundSize":
      return BigInt(terms.schedule.roundSize);
    case "disputeBond":
    case "withdrawalBond":
      return 0n;
    case "commitment":
      return state.commitments.get(keyOf(second, first)) ?? NO_HASH;
    case "withdrawal": {
      const found = state.requests.get(keyOf(first, second));
      if (found === undefined) {
        return { recipient: ZERO_ADDRESS, round: 0n, bound: false, amount: 0n, opening: 0n };
      }
      const { presented, ...request } = found;
      return { ...request, round: BigInt(found.round), bound: presented.length > 0 };
    }
    case "dispute": {
      const found = state.disputes.get(keyOf(first, second));
      return {
        openedBlock: BigInt(found?.openedBlock ?? 0),
        presented: found?.presented.length ?? 0,
        open: found?.open ?? false,
        mustProveOpenings: found?.mustProveOpenings ?? false,
        bound: found?.cover !== undefined,
        openingsHash: NO_HASH,
        delegate: ZERO_ADDRESS,
      };
    }
    case "presentedFill": {
      const { presented } = state.disputes.get(keyOf(first, second)) ?? { presented: [] };
      const fill = presented.find(({ orderHash }) => orderHash === third);
      return [fill?.sold ?? 0n, fill?.bought ?? 0n];
    }
    case "accumulation": {
      const [, , , hash] = args;
      const beside = hash === NO_HASH ? "" : String(hash);
      const proven = state.proven.get(keyOf(first, second, third, beside)) ?? [];
      const lastId = proven.at(-1)?.order.id ?? 0n;
      return { attempt: 0n, lastId, orders: proven.length, covered: 0 };
    }
    case "flows": {
      return state.flows.get(keyOf(first, second)) ?? NO_FLOW;
    }
    case "expectedTotal":
      return mediator.expectedTotal(first as Address);
    case "tokenSet":
      return mediator.tokenSet(Number(first));
    default:
      return (
        answerOfClock(mediator, functionName) ??
        answerOfOthers(terms, state, env, functionName, first)
      );
  }
}

/** What the contract says where no block is meant. */
const NEVER = 2n ** 64n - 1n;

/** Of time and what is owed; undefined: another view is asked for. */
function answerOfClock(mediator: Mediator, functionName: string): unknown {
  switch (functionName) {
    case "halted":
      return mediator.halted();
    case "haltBlock":
      return BigInt(mediator.haltBlock() ?? NEVER);
    case "committedRound":
      return BigInt(mediator.state.completedRound);
    case "currentRound":
      return BigInt(mediator.frozen().round);
    case "currentQuarter":
      return mediator.frozen().quarter;
    default:
      return undefined;
  }
}

/** Of the manager, and of the tokens, which are all alike. */
function answerOfOthers(
  terms: Terms,
  { claims }: MediatorState,
  env: Env,
  functionName: string,
  first: unknown,
): unknown {
  switch (functionName) {
    case "symbol":
      return "SIM";
    case "decimals":
      return 18;
    default:
      return answerOfManager(terms, claims, env, functionName, first);
  }
}

export const MANAGER = toAddress(`0x${"4d".repeat(20)}`);
const NO_HASH: Hex = `0x${"00".repeat(32)}`;

function encodeLog(emitted: Emitted): RawLog {
  const event = mediatorAbi.find(
    (item) => item.type === "event" && item.name === emitted.eventName,
  ) as Extract<AbiItem, { type: "event" }>;
  const topics = encodeEventTopics({
    abi: [event],
    eventName: event.name,
    args: emitted.args as never,
  }) as Hex[];
  const open = event.inputs.filter((input) => !input.indexed);
  const values = open.map(({ name }) => emitted.args[name as string]);
  return { topics, data: encodeAbiParameters(open as never, values as never), emitted };
}

const ERRORS = [...mediatorAbi, ...roundRobinOperatorManagerAbi].filter(
  (item) => item.type === "error",
);

/** As a node sends it with its answer to a call that reverts. */
export function encodeRevert({ errorName, args }: Revert): Hex {
  const known = ERRORS.some((item) => item.name === errorName);
  if (!known) return "0x";
  return encodeErrorResult({
    abi: ERRORS as unknown as typeof mediatorAbi,
    errorName: errorName as "Halted",
    args: args as never,
  });
}
