/** Changes of the operators' list, and what is known when one is planned. */
import type { Address, Hex } from "../base/hex.ts";
import type { ChainClock } from "../chain/contracts/mediator.ts";
import {
  type ApprovedOperator,
  encodeAddOperator,
  encodeRemoveOperator,
  encodeSetCommitQuorum,
  encodeSetSlotSize,
  type SlotView,
} from "../chain/contracts/roundRobinManager.ts";
import type { DisputeRecord } from "../chain/follow/pastEvents.ts";
import type { Schedule } from "../protocol/units.ts";

export type Change =
  | { readonly kind: "add"; readonly operator: ApprovedOperator }
  | { readonly kind: "remove"; readonly address: Address }
  | { readonly kind: "slotSize"; readonly blocks: number }
  | { readonly kind: "quorum"; readonly quorum: number }
  /** Maintenance for its own sake. */
  | { readonly kind: "hold"; readonly blocks: number };

/** All as of about the same block. */
export interface Facts {
  readonly schedule: Schedule;
  readonly clock: ChainClock;
  readonly slots: SlotView;
  readonly quorum: number;
  /** Disputes whose window is not past. */
  readonly disputes: readonly DisputeRecord[];
  /** The operators that could carry out duties now: approved ones, and the one to be added. */
  readonly living: ReadonlySet<Address>;
  readonly owner: Address;
  /** Wei; undefined: another account pays for the calls. */
  readonly ownerBalance: bigint | undefined;
  /** Wei for a unit of gas that is mined soon. */
  readonly gasPrice: bigint;
}

/** Whether the chain shows the change, and nobody in maintenance. */
export function isDone(change: Change, slots: SlotView, quorum: number): boolean {
  if (slots.inMaintenance) return false;
  const found = (address: Address) => slots.operators.find((one) => one.address === address);
  switch (change.kind) {
    case "add": {
      const { address, name, endpoint } = change.operator;
      const added = found(address);
      return added?.name === name && added.endpoint === endpoint;
    }
    case "remove":
      return found(change.address) === undefined;
    case "slotSize":
      return slots.slotSize === change.blocks;
    case "quorum":
      return quorum === change.quorum;
    case "hold":
      return true;
  }
}

/** Calldata of the transaction in the middle; undefined where there is none. */
export function dataOf(change: Change): Hex | undefined {
  switch (change.kind) {
    case "add":
      return encodeAddOperator(change.operator);
    case "remove":
      return encodeRemoveOperator(change.address);
    case "slotSize":
      return encodeSetSlotSize(change.blocks);
    case "quorum":
      return encodeSetCommitQuorum(change.quorum);
    case "hold":
      return undefined;
  }
}

/** The change in words, for logs and errors. */
export function nameOf(change: Change): string {
  switch (change.kind) {
    case "add":
      return `adding ${change.operator.address}`;
    case "remove":
      return `removing ${change.address}`;
    case "slotSize":
      return `setting slots of ${change.blocks} blocks`;
    case "quorum":
      return `setting a quorum of ${change.quorum}`;
    case "hold":
      return `maintenance of ${change.blocks} blocks`;
  }
}
