/** Calldata that creates the contracts, and the addresses of those. */
import { encodeDeployData, encodeFunctionData, getContractAddress } from "viem";
import { toAddress } from "../../base/address.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { mediatorAbi } from "../abi/mediator.ts";
import { mutableOperatorManagerAbi } from "../abi/mutableOperatorManager.ts";
import { roundRobinOperatorManagerAbi } from "../abi/roundRobinOperatorManager.ts";
import { mediatorBytecode } from "../bytecode/mediator.ts";
import { mutableOperatorManagerBytecode } from "../bytecode/mutableOperatorManager.ts";
import { roundRobinOperatorManagerBytecode } from "../bytecode/roundRobinOperatorManager.ts";
import type { ApprovedOperator } from "./roundRobinManager.ts";

/** A manager with one operator. */
export function encodeDeploySingleManager(owner: Address, operator: ApprovedOperator): Hex {
  return encodeDeployData({
    abi: mutableOperatorManagerAbi,
    bytecode: mutableOperatorManagerBytecode,
    args: [owner, operator.address, operator.name, operator.endpoint],
  });
}

/** A manager whose operators rotate by slots; blocks of the first slot, and of each other. */
export function encodeDeployTurnsManager(
  owner: Address,
  genesisBlocks: number,
  slotBlocks: number,
): Hex {
  return encodeDeployData({
    abi: roundRobinOperatorManagerAbi,
    bytecode: roundRobinOperatorManagerBytecode,
    args: [owner, genesisBlocks, slotBlocks],
  });
}

export interface MediatorSettings {
  readonly manager: Address;
  /** Blocks. */
  readonly roundSize: number;
  /** Wei. */
  readonly disputeBond: bigint;
  /** Wei. */
  readonly withdrawalBond: bigint;
  readonly owner: Address;
}

export function encodeDeployMediator(settings: MediatorSettings): Hex {
  const { manager, roundSize, disputeBond, withdrawalBond, owner } = settings;
  return encodeDeployData({
    abi: mediatorAbi,
    bytecode: mediatorBytecode,
    args: [manager, BigInt(roundSize), disputeBond, withdrawalBond, owner],
  });
}

/** Of a Mediator or a manager: the new owner has to accept it. */
export function encodeTransferOwnership(owner: Address): Hex {
  const functionName = "transferOwnership";
  return encodeFunctionData({ abi: mediatorAbi, functionName, args: [owner] });
}

/** Where `from` creates a contract with the transaction of this nonce. */
export function contractAddress(from: Address, nonce: number): Address {
  return toAddress(getContractAddress({ from, nonce: BigInt(nonce) }));
}
