/** Typed reads and calls of a RoundRobinOperatorManager (docs/protocol.md section 8). */
import { decodeEventLog, encodeFunctionData, type Log } from "viem";
import { toAddress, ZERO_ADDRESS } from "../../base/address.ts";
import type { Address, Hex } from "../../base/hex.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { roundRobinOperatorManagerAbi as abi } from "../abi/roundRobinOperatorManager.ts";
import { ContractRefused, RpcUnavailable } from "../rpc/errors.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";

/** Index of a slot: 0 is Genesis. */
export type Slot = number;

/** Approved by the manager's owner. */
export interface ApprovedOperator {
  readonly address: Address;
  readonly name: string;
  readonly endpoint: string;
}

/** The holder of the slot at one block, and the known facts of the next slot. */
export interface SlotView {
  readonly block: BlockNumber;
  readonly inMaintenance: boolean;
  readonly slot: Slot;
  readonly firstBlock: BlockNumber;
  /** Undefined in maintenance: the slot stands still. */
  readonly lastBlock: BlockNumber | undefined;
  /** Blocks of the slots that follow. */
  readonly slotSize: number;
  /** Approved operators, in the order of the list. */
  readonly operators: readonly ApprovedOperator[];
  /** The operator that may act; undefined: none, outside the rescue window. */
  readonly operator: Address | undefined;
  /** The operator that claimed the next slot. */
  readonly claimed: readonly Address[];
  /** The operator selected for the next slot if no other claims it. */
  readonly forecast: Address | undefined;
}

/** A manager's log that moves its slots. */
export type SlotLog =
  /** `operator` is available for `slot`. */
  | {
      readonly kind: "claimed";
      readonly block: BlockNumber;
      readonly operator: Address;
      readonly slot: Slot;
    }
  /** Maintenance began or ended: slots before have another clock, and maybe another list. */
  | { readonly kind: "maintenance"; readonly block: BlockNumber }
  /** The claims that `operator` sent before are void. */
  | { readonly kind: "removed"; readonly block: BlockNumber; readonly operator: Address };

const FOREVER = 2n ** 64n - 1n;
/** The most operators that a manager takes. */
const MOST_OPERATORS = 88n;

/** Reads of one manager. Each throws `RpcUnavailable`. */
export class SlotReader {
  readonly manager: Address;
  readonly #client: ChainClient;

  constructor(client: ChainClient, manager: Address) {
    this.#client = client;
    this.manager = manager;
  }

  /** Whether the manager has slots at all: a manager without slots has one operator. */
  async hasSlots(): Promise<boolean> {
    try {
      await this.#read((at) => this.#client.readContract({ ...at, functionName: "slotInfo" }));
      return true;
    } catch (error) {
      if (error instanceof ContractRefused) return false;
      throw error;
    }
  }

  /** All of one block. Work grows with the number of operators. */
  async slots(): Promise<SlotView> {
    const blockNumber = await ask("its head", () => this.#client.getBlockNumber());
    const operators = await this.#operators(blockNumber);
    const [isSet, [index, first, last, size], [, next], forecast] = await this.#read((at) =>
      Promise.all([
        this.#client.readContract({ ...at, blockNumber, functionName: "inMaintenance" }),
        this.#client.readContract({ ...at, blockNumber, functionName: "slotInfo" }),
        this.#client.readContract({ ...at, blockNumber, functionName: "claims" }),
        this.#client.readContract({ ...at, blockNumber, functionName: "forecast" }),
      ]),
    );
    const holder = isSet ? undefined : await this.#holder(blockNumber);
    return {
      block: Number(blockNumber),
      inMaintenance: holder === undefined,
      slot: Number(index),
      firstBlock: Number(first),
      lastBlock: last === FOREVER ? undefined : Number(last),
      slotSize: size,
      operators,
      operator: holder && somebody(holder),
      claimed: operators.filter((_, i) => (next >> BigInt(i)) & 1n).map(({ address }) => address),
      forecast: somebody(forecast),
    };
  }

  /**
   * The holder of the slot; undefined in maintenance. A node that takes in the block just now may
   * show in one call that it began, and not yet in another.
   */
  async #holder(blockNumber: bigint): Promise<Address | undefined> {
    try {
      return await this.#read((at) =>
        this.#client.readContract({ ...at, blockNumber, functionName: "operator" }),
      );
    } catch (error) {
      if (error instanceof ContractRefused && error.errorName === "InMaintenance") return undefined;
      throw error;
    }
  }

  /** The account that may change the list. */
  async owner(): Promise<Address> {
    const owner = await this.#read((at) =>
      this.#client.readContract({ ...at, functionName: "owner" }),
    );
    return toAddress(owner);
  }

  async #operators(blockNumber: bigint): Promise<ApprovedOperator[]> {
    const count = await this.#read((at) =>
      this.#client.readContract({ ...at, blockNumber, functionName: "count" }),
    );
    if (count > MOST_OPERATORS) {
      throw new RpcUnavailable("for the operators' slots", new Error(`${count} operators`));
    }
    const indexes = Array.from({ length: Number(count) }, (_, i) => BigInt(i));
    const found = await this.#read((at) =>
      Promise.all(
        indexes.map((index) =>
          this.#client.readContract({
            ...at,
            blockNumber,
            functionName: "operatorAt",
            args: [index],
          }),
        ),
      ),
    );
    return found.map(([address, name, endpoint]) => ({
      address: toAddress(address),
      name,
      endpoint,
    }));
  }

  #read<T>(question: (at: { address: Address; abi: typeof abi }) => Promise<T>): Promise<T> {
    return ask("the operators' slots", () => question({ address: this.manager, abi }));
  }
}

function somebody(address: Hex): Address | undefined {
  return address === ZERO_ADDRESS ? undefined : toAddress(address);
}

/** Undefined for events that do not move slots. The log must be mined. */
export function decodeSlotLog(log: Log): SlotLog | undefined {
  const [topic, ...rest] = log.topics;
  if (topic === undefined) return undefined;
  const event = decodeEventLog({ abi, topics: [topic, ...rest], data: log.data });
  const block = Number(log.blockNumber);
  if (event.eventName === "MaintenanceSet") return { kind: "maintenance", block };
  if (event.eventName !== "Claimed" && event.eventName !== "OperatorRemoved") return undefined;
  const operator = toAddress(event.args.operator);
  if (event.eventName === "OperatorRemoved") return { kind: "removed", block, operator };
  return { kind: "claimed", block, operator, slot: Number(event.args.slot) };
}

/** Reverts unless `slot` is the next one. */
export function encodeClaimFor(slot: Slot): Hex {
  return encodeFunctionData({ abi, functionName: "claimFor", args: [BigInt(slot)] });
}

export function encodeSetMaintenance(maintenance: boolean): Hex {
  return encodeFunctionData({ abi, functionName: "setMaintenance", args: [maintenance] });
}

export function encodeAddOperator({ name, address, endpoint }: ApprovedOperator): Hex {
  const args = [name, address, endpoint] as const;
  return encodeFunctionData({ abi, functionName: "addOperator", args });
}

export function encodeRemoveOperator(address: Address): Hex {
  return encodeFunctionData({ abi, functionName: "removeOperator", args: [address] });
}

/** `blocks`: at least 1. */
export function encodeSetSlotSize(blocks: number): Hex {
  return encodeFunctionData({ abi, functionName: "setSlotSize", args: [blocks] });
}

export function encodeSetCommitQuorum(quorum: number): Hex {
  return encodeFunctionData({ abi, functionName: "setCommitQuorum", args: [BigInt(quorum)] });
}
