/** The terms with which a simulated contract is deployed, and its form of refusal. */
import type { Address } from "../../src/base/hex.ts";
import type { Domain, Schedule } from "../../src/protocol/units.ts";

/** A revert with one of the contract's typed errors. */
export class Revert extends Error {
  readonly errorName: string;
  readonly args: readonly unknown[];

  constructor(errorName: string, ...args: readonly unknown[]) {
    super(`${errorName}(${args.map(String).join(", ")})`);
    this.errorName = errorName;
    this.args = args;
  }
}

/** When slots begin, and how long they are, in blocks. */
export interface SlotTerms {
  /** First block of slot 1: slot 0, Genesis, lasts until then, and is nobody's. */
  readonly anchorBlock: number;
  readonly size: number;
}

export interface Terms {
  readonly domain: Domain;
  readonly schedule: Schedule;
  /** Approved, in the order of the manager's list. */
  readonly operators: readonly Address[];
  /** Undefined: the manager knows no slots, and one operator. */
  readonly slots: SlotTerms | undefined;
}
