/**
 * The client through which the chain is asked: viem's, with the questions that are asked here and
 * no others. Its `createPublicClient` brings names, signatures and two more curves with it, a third of
 * what a browser would load of us.
 */
import {
  type Client,
  createClient,
  hexToBigInt,
  numberToHex,
  type PublicActions,
  type Transport,
} from "viem";
import * as actions from "viem/actions";
import type { Address, Hex } from "../base/hex.ts";

const QUESTIONS = {
  call: actions.call,
  estimateFeesPerGas: actions.estimateFeesPerGas,
  estimateMaxPriorityFeePerGas: actions.estimateMaxPriorityFeePerGas,
  getBalance: actions.getBalance,
  getBlock: actions.getBlock,
  getBlockNumber: actions.getBlockNumber,
  getChainId: actions.getChainId,
  getCode: actions.getCode,
  getContractEvents: actions.getContractEvents,
  getGasPrice: actions.getGasPrice,
  getLogs: actions.getLogs,
  getTransaction: actions.getTransaction,
  getTransactionCount: actions.getTransactionCount,
  getTransactionReceipt: actions.getTransactionReceipt,
  readContract: actions.readContract,
  sendRawTransaction: actions.sendRawTransaction,
} as const;
type Action = (client: never, given: never) => unknown;

/** A call that is tried, and the block on which: the newest unless told. */
export interface TriedCall {
  readonly account: Address;
  /** Absent: a contract is created. */
  readonly to?: Address | undefined;
  readonly data?: Hex;
  /** Wei. */
  readonly value?: bigint;
  readonly blockNumber?: bigint;
  readonly blockTag?: "latest" | "pending";
}

export interface ChainQuestions extends Pick<PublicActions<Transport>, keyof typeof QUESTIONS> {
  /** Units of gas. Throws the endpoint's refusal where the call reverts. */
  estimateGas(call: TriedCall): Promise<bigint>;
}
export type AnyChainClient<T extends Transport = Transport> = Client<T> & ChainQuestions;

/** Does not yet talk to anybody. */
export function createChainClient<T extends Transport>(transport: T): AnyChainClient<T> {
  const client = createClient({ transport, cacheTime: 0 });
  const bound = Object.entries(QUESTIONS).map(([name, action]) => {
    return [name, (given: never) => (action as Action)(client as never, given)] as const;
  });
  const questions = Object.fromEntries(bound) as unknown as Omit<ChainQuestions, "estimateGas">;
  return Object.assign(client, questions, {
    estimateGas: (call: TriedCall) => estimateGas(client, call),
  });
}

/** viem's own recovers signatures, of lists that nothing here sends. */
async function estimateGas(client: Client, call: TriedCall): Promise<bigint> {
  const { account: from, to, data, value, blockNumber, blockTag } = call;
  const tried = {
    from,
    ...(to !== undefined && { to }),
    ...(data !== undefined && { data }),
    ...(value !== undefined && { value: numberToHex(value) }),
  };
  const block = blockNumber === undefined ? blockTag : numberToHex(blockNumber);
  const params = block === undefined ? [tried] : [tried, block];
  const gas = await client.request({ method: "eth_estimateGas", params } as never);
  return hexToBigInt(gas as Hex);
}
