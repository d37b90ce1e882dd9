/** Signatures of contract wallets (ERC-1271): what one counts as signed, it says itself. */
import { encodeFunctionData } from "viem";
import { type Address, bytesToHex, type Hex } from "../../base/hex.ts";
import { ContractRefused } from "../rpc/errors.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";

const abi = [
  {
    type: "function",
    name: "isValidSignature",
    stateMutability: "view",
    inputs: [
      { name: "hash", type: "bytes32" },
      { name: "signature", type: "bytes" },
    ],
    outputs: [{ name: "magicValue", type: "bytes4" }],
  },
] as const;
/** The selector of `isValidSignature` in a word, which means yes. */
const VALID = `0x1626ba7e${"0".repeat(56)}`;
/** Hexadecimal digits of a word, with `0x`. */
const WORD_LENGTH = 66;

/**
 * Whether the contract at `account` counts `signature` as its own of `digest` (32 bytes) now: it may
 * change its mind. False where no contract is. Throws `RpcUnavailable`.
 */
export async function isSignedByContract(
  client: ChainClient,
  account: Address,
  digest: Uint8Array,
  signature: Hex,
): Promise<boolean> {
  const args = [bytesToHex(digest), signature] as const;
  const data = encodeFunctionData({ abi, functionName: "isValidSignature", args });
  try {
    // An account without code answers nothing.
    const answer = await ask("a contract wallet's word", () => client.call({ to: account, data }));
    return answer.data?.slice(0, WORD_LENGTH) === VALID;
  } catch (error) {
    if (error instanceof ContractRefused) return false;
    throw error;
  }
}
