/**
 * Carries out a plan. Once maintenance may have been entered, the run ends only when the chain
 * shows that it was left, or after many tries with the one command that leaves it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, QuarterdeckError } from "../base/errors.ts";
import {
  encodeSetMaintenance,
  type SlotReader,
  type SlotView,
} from "../chain/contracts/roundRobinManager.ts";
import { ContractRefused } from "../chain/rpc/errors.ts";
import { ask, type ChainClient } from "../chain/rpc/rpc.ts";
import type { Call, CallSubmitter, Mined } from "../chain/submit/submitter.ts";
import type { BlockNumber } from "../protocol/units.ts";
import type { Plan, Step } from "./plan.ts";

export interface Context {
  readonly client: ChainClient;
  readonly reader: SlotReader;
  /** Calls with the owner's key, which the signal of `interrupted` does not stop. */
  readonly submitter: CallSubmitter;
  /** Milliseconds between two polls of the chain. */
  readonly pollMs: number;
  /** Tries of leaving, with growing pauses. */
  readonly tries: number;
  /** No further step is begun, and maintenance is left. */
  readonly interrupted: AbortSignal;
  /** Lines for the person who watches. */
  readonly tell: (line: string) => void;
  /** The command line that leaves maintenance, for when this could not. */
  readonly leaveCommand: string;
}

const MAX_PAUSE_MS = 15_000;
/** Blocks that a transaction which must be mined is priced for. */
const SOON_BLOCKS = 3;

/**
 * Resolves once the change is made and maintenance left, with the slots as they are then. Throws
 * `StillInMaintenance`, and else, out of maintenance, `Interrupted` or why a step failed.
 */
export async function carryOut(context: Context, plan: Plan): Promise<SlotView> {
  const outcome = await steps(context, plan).then(
    () => ({ failed: false as const }),
    (error: unknown) => ({ failed: true as const, error }),
  );
  if (outcome.failed) context.tell(`! ${messageOf(outcome.error)}`);
  const slots = await leave(context, outcome.failed && !(outcome.error instanceof ContractRefused));
  if (outcome.failed) throw outcome.error;
  return slots;
}

async function steps(context: Context, plan: Plan): Promise<void> {
  const { enter, alter, holdBlocks, leaveFrom, pace } = plan;
  requireGoingOn(context);
  // This step is never abandoned half-way: whether maintenance was entered must be known.
  const entered =
    enter === undefined ? undefined : await send(context, await within(context, enter, pace));
  requireGoingOn(context);
  if (alter !== undefined) {
    await unlessInterrupted(context, send(context, await within(context, alter, pace)));
  }
  const from = entered?.block ?? (await headOf(context));
  const until = Math.min(from + holdBlocks, leaveFrom);
  while ((await headOf(context)) < until) {
    requireGoingOn(context);
    await sleep(context.pollMs);
  }
}

/** A change that takes longer than planned leaves maintenance, even where deadlines are far. */
async function within(context: Context, step: Step, pace: number): Promise<Step> {
  const deadlineBlock = Math.min(step.deadlineBlock, (await headOf(context)) + pace);
  return { ...step, deadlineBlock };
}

async function send(
  { submitter, reader, tell }: Context,
  step: Step,
  priority = 0,
): Promise<Mined> {
  const { what, data, deadlineBlock } = step;
  const call: Call = { what, to: reader.manager, data, deadlineBlock, priority };
  const mined = await submitter.send(call);
  tell(`${what}: mined in block ${mined.block}`);
  return mined;
}

/**
 * Leaves maintenance if the chain is in it. `unsettled`: a transaction may still wait under the
 * next nonce, and could enter maintenance after the poll.
 */
export async function leave(context: Context, unsettled: boolean): Promise<SlotView> {
  let mayFollow = unsettled;
  let seen: BlockNumber = 0;
  let problem: unknown;
  for (let tries = 1; tries <= context.tries; ) {
    try {
      const slots = await slotsFrom(context, seen);
      if (slots.inMaintenance) {
        seen = (await send(context, await leaving(context), 1)).block;
        mayFollow = false;
      } else if (mayFollow) {
        seen = await displace(context);
        mayFollow = false;
      } else {
        return slots;
      }
    } catch (error) {
      problem = error;
      // A refused transaction was not sent: another party left maintenance, as the next poll shows.
      mayFollow ||= !(error instanceof ContractRefused);
      context.tell(`! leaving maintenance, try ${tries} of ${context.tries}: ${messageOf(error)}`);
      await sleep(Math.min(MAX_PAUSE_MS, context.pollMs * 2 ** (tries - 1)));
      tries += 1;
    }
  }
  throw new QuarterdeckError({
    code: "StillInMaintenance",
    message:
      `THE MANAGER ${context.reader.manager} MAY STILL BE IN MAINTENANCE, in which nobody may act ` +
      `for the exchange: ${messageOf(problem)}`,
    hint: `Leave it as soon as you can: ${context.leaveCommand}`,
    cause: problem,
  });
}

/** Priced as urgent whenever it is sent. */
async function leaving(context: Context): Promise<Step> {
  const deadlineBlock = (await headOf(context)) + SOON_BLOCKS * context.tries;
  const data = encodeSetMaintenance(false);
  return { what: "leaving maintenance", data, deadlineBlock };
}

/** Uses up the next nonce, so that nothing of ours waits any more. Gives the block. */
async function displace(context: Context): Promise<BlockNumber> {
  const { submitter, tell } = context;
  const what = "displacing what may still wait";
  const deadlineBlock = (await headOf(context)) + SOON_BLOCKS * context.tries;
  const mined = await submitter.send({ what, to: submitter.address, data: "0x", deadlineBlock });
  tell(`${what}: mined in block ${mined.block}`);
  return mined.block;
}

/**
 * The slots as of `block` or later: endpoints lag behind each other. Throws when none gets there.
 */
async function slotsFrom(
  { reader, pollMs, tries }: Context,
  block: BlockNumber,
): Promise<SlotView> {
  for (let poll = 0; poll < tries; poll++) {
    const slots = await reader.slots();
    if (slots.block >= block) return slots;
    await sleep(pollMs);
  }
  throw new QuarterdeckError({
    code: "EndpointLags",
    message: `No endpoint shows block ${block}.`,
    hint: "Wait, or configure others.",
  });
}

async function headOf({ client }: Context): Promise<BlockNumber> {
  return Number(await ask("its head", () => client.getBlockNumber()));
}

function requireGoingOn({ interrupted }: Context): void {
  if (interrupted.aborted) throw interruption();
}

/** A step that was begun goes on by itself; its transaction is replaced by a more urgent one. */
function unlessInterrupted<T>({ interrupted }: Context, work: Promise<T>): Promise<T> {
  const stop = Promise.withResolvers<never>();
  const onAbort = () => stop.reject(interruption());
  interrupted.addEventListener("abort", onAbort, { once: true });
  if (interrupted.aborted) onAbort();
  return Promise.race([work, stop.promise]).finally(() => {
    interrupted.removeEventListener("abort", onAbort);
  });
}

function interruption(): QuarterdeckError {
  return new QuarterdeckError({
    code: "Interrupted",
    message: "It was interrupted.",
    hint: "See quarterdeck operators list, and run the command again.",
  });
}
