/**
 * Carries out a plan. Whatever happens after maintenance may have been entered, it ends only when
 * the chain shows that it was left, or after many tries with the one command that leaves it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, QuarterdeckError } from "../base/errors.ts";
import {
  encodeSetMaintenance,
  type SlotReader,
  type Turns,
} from "../chain/contracts/roundRobinManager.ts";
import { ContractRefused } from "../chain/rpc/errors.ts";
import { ask, type ChainClient } from "../chain/rpc/rpc.ts";
import type { Call, CallSubmitter, Mined } from "../chain/submit/submitter.ts";
import type { BlockNumber } from "../protocol/units.ts";
import type { Plan, Step } from "./plan.ts";

export interface Context {
  readonly client: ChainClient;
  readonly reader: SlotReader;
  /** Of the owner's key, and not told to stop by what `interrupted` is. */
  readonly submitter: CallSubmitter;
  /** Milliseconds between two polls of the chain. */
  readonly pollMs: number;
  /** Tries of leaving, with growing pauses. */
  readonly tries: number;
  /** No further step is begun, and maintenance is left. */
  readonly interrupted: AbortSignal;
  /** Lines for whoever watches. */
  readonly tell: (line: string) => void;
  /** The command line that leaves maintenance, for when this could not. */
  readonly leaveCommand: string;
}

const MAX_PAUSE_MS = 15_000;
/** Blocks that a transaction which must be mined is priced for. */
const SOON_BLOCKS = 3;

/**
 * Resolves once the change is made and maintenance left, with the turns as they are then. Throws
 * `StillInMaintenance`, and else, out of maintenance, `Interrupted` or why a step failed.
 */
export async function carryOut(hands: Context, plan: Plan): Promise<Turns> {
  const outcome = await steps(hands, plan).then(
    () => ({ failed: false as const }),
    (error: unknown) => ({ failed: true as const, error }),
  );
  if (outcome.failed) hands.tell(`! ${messageOf(outcome.error)}`);
  const turns = await leave(hands, outcome.failed && !(outcome.error instanceof ContractRefused));
  if (outcome.failed) throw outcome.error;
  return turns;
}

async function steps(hands: Context, plan: Plan): Promise<void> {
  const { enter, alter, holdBlocks, leaveFrom, pace } = plan;
  requireGoingOn(hands);
  // It is never abandoned half-way: whether it was entered must be known.
  const entered =
    enter === undefined ? undefined : await send(hands, await within(hands, enter, pace));
  requireGoingOn(hands);
  if (alter !== undefined) {
    await unlessInterrupted(hands, send(hands, await within(hands, alter, pace)));
  }
  const from = entered?.block ?? (await headOf(hands));
  const until = Math.min(from + holdBlocks, leaveFrom);
  while ((await headOf(hands)) < until) {
    requireGoingOn(hands);
    await sleep(hands.pollMs);
  }
}

/** What takes longer than planned keeps nobody in maintenance, even where deadlines are far. */
async function within(hands: Context, step: Step, pace: number): Promise<Step> {
  const deadlineBlock = Math.min(step.deadlineBlock, (await headOf(hands)) + pace);
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
 * next nonce, and could enter it after we looked.
 */
export async function leave(hands: Context, unsettled: boolean): Promise<Turns> {
  let mayFollow = unsettled;
  let seen: BlockNumber = 0;
  let problem: unknown;
  for (let tries = 1; tries <= hands.tries; ) {
    try {
      const turns = await turnsFrom(hands, seen);
      if (turns.inMaintenance) {
        seen = (await send(hands, await leaving(hands), 1)).block;
        mayFollow = false;
      } else if (mayFollow) {
        seen = await displace(hands);
        mayFollow = false;
      } else {
        return turns;
      }
    } catch (error) {
      problem = error;
      // One that was refused was not sent: somebody else left it, as the next poll says.
      mayFollow ||= !(error instanceof ContractRefused);
      hands.tell(`! leaving maintenance, try ${tries} of ${hands.tries}: ${messageOf(error)}`);
      await sleep(Math.min(MAX_PAUSE_MS, hands.pollMs * 2 ** (tries - 1)));
      tries += 1;
    }
  }
  throw new QuarterdeckError({
    code: "StillInMaintenance",
    message:
      `THE MANAGER ${hands.reader.manager} MAY STILL BE IN MAINTENANCE, in which nobody may act ` +
      `for the exchange: ${messageOf(problem)}`,
    hint: `Leave it as soon as you can: ${hands.leaveCommand}`,
    cause: problem,
  });
}

/** Priced as urgent whenever it is sent. */
async function leaving(hands: Context): Promise<Step> {
  const deadlineBlock = (await headOf(hands)) + SOON_BLOCKS * hands.tries;
  const data = encodeSetMaintenance(false);
  return { what: "leaving maintenance", data, deadlineBlock };
}

/** Uses up the next nonce, so that nothing of ours waits any more. Gives the block. */
async function displace(hands: Context): Promise<BlockNumber> {
  const { submitter, tell } = hands;
  const what = "displacing what may still wait";
  const deadlineBlock = (await headOf(hands)) + SOON_BLOCKS * hands.tries;
  const mined = await submitter.send({ what, to: submitter.address, data: "0x", deadlineBlock });
  tell(`${what}: mined in block ${mined.block}`);
  return mined.block;
}

/** As of `block` or later: endpoints lag behind each other. Throws when none gets there. */
async function turnsFrom({ reader, pollMs, tries }: Context, block: BlockNumber): Promise<Turns> {
  for (let poll = 0; poll < tries; poll++) {
    const turns = await reader.turns();
    if (turns.block >= block) return turns;
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

/** What was begun goes on by itself; a transaction of it is replaced by a more urgent one. */
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
