/** ERC-20 tokens: what is read of them and the calls that a depositor needs. */
import { encodeFunctionData, erc20Abi } from "viem";
import type { Address, Hex } from "../../base/hex.ts";
import type { Amount } from "../../protocol/units.ts";
import { testTokenAbi } from "../abi/testToken.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";

export interface TokenFacts {
  readonly token: Address;
  readonly symbol: string;
  readonly decimals: number;
}

export async function readTokenFacts(client: ChainClient, token: Address): Promise<TokenFacts> {
  const at = { address: token, abi: erc20Abi } as const;
  const [symbol, decimals] = await ask("a token's symbol and decimals", () =>
    Promise.all([
      client.readContract({ ...at, functionName: "symbol" }),
      client.readContract({ ...at, functionName: "decimals" }),
    ]),
  );
  return { token, symbol, decimals };
}

/** Base units. */
export function readTokenBalance(
  client: ChainClient,
  token: Address,
  owner: Address,
): Promise<Amount> {
  const at = { address: token, abi: erc20Abi } as const;
  return ask("a token balance", () =>
    client.readContract({ ...at, functionName: "balanceOf", args: [owner] }),
  );
}

export function readAllowance(
  client: ChainClient,
  token: Address,
  owner: Address,
  spender: Address,
): Promise<Amount> {
  const at = { address: token, abi: erc20Abi } as const;
  return ask("an allowance", () =>
    client.readContract({ ...at, functionName: "allowance", args: [owner, spender] }),
  );
}

export function encodeApprove(spender: Address, amount: Amount): Hex {
  return encodeFunctionData({ abi: erc20Abi, functionName: "approve", args: [spender, amount] });
}

/** Function of TestToken only, which anybody may mint. */
export function encodeMint(to: Address, amount: Amount): Hex {
  return encodeFunctionData({ abi: testTokenAbi, functionName: "mint", args: [to, amount] });
}
