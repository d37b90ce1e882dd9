/** The outcome of a job whose transaction was mined. */
import type { BlockNumber } from "../../protocol/units.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import type { Call, Job, Mined } from "./call.ts";
import type { MinedVersion } from "./nextSlot.ts";
import type { NonceSlot } from "./nonceSlot.ts";
import { minedAs, readReceipt } from "./receipts.ts";

export interface Settled {
  readonly job: Job;
  readonly version: MinedVersion;
  /** `reverted`: the call passes now, so that it can be sent again. */
  readonly outcome: Mined | Error | "reverted";
}

export interface SettledOptions {
  /** Whether the account had used the slot's nonce by the block that a receipt names. */
  readonly isUsedBy: (block: BlockNumber) => Promise<boolean>;
  /** Called with the block that holds a version, before any other read. */
  readonly onBlock: (block: BlockNumber) => void;
  /** Throws the reason why a reverted call still reverts. */
  readonly simulate: (call: Call) => Promise<unknown>;
}

/** Undefined while none of the slot's versions is known to be mined, or its nonce is not used. */
export async function settledOf(
  slot: NonceSlot,
  client: ChainClient,
  { isUsedBy, onBlock, simulate }: SettledOptions,
): Promise<Settled | undefined> {
  for (const { hash, raw, job } of slot.versions) {
    const receipt = await readReceipt(client, hash, raw, slot.pollsAfterUse > 0);
    if (receipt === undefined) continue;
    const isKnown = slot.lastMined?.block === receipt.blockHash;
    // Made up, or of another block: what is sent on top of it would be sent twice.
    if (!isKnown && !(await isUsedBy(receipt.block))) continue;
    onBlock(receipt.block);
    const rest = { job, version: { hash, block: receipt.blockHash } };
    if (receipt.isSuccess) return { ...rest, outcome: minedAs(hash, receipt) };
    // The state changed between simulation and block; a new simulation says how.
    const outcome = await simulate(job.call).then(
      () => "reverted" as const,
      (error: Error) => error,
    );
    return { ...rest, outcome };
  }
  return undefined;
}
