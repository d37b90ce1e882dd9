/** Leading: this operator's sequencer takes final blocks and orders, until the signal stops it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../base/log.ts";
import { type ChainEvent, follow, readBlockRef } from "../../chain/follow/follow.ts";
import { RpcUnavailable } from "../../chain/rpc/errors.ts";
import { ask, type ChainClient } from "../../chain/rpc/rpc.ts";
import type { Entry } from "../../exchange/model/entries.ts";
import type { Outcome } from "../../exchange/model/outcome.ts";
import type { State } from "../../exchange/model/state.ts";
import type { Journal } from "../../journal/journal.ts";
import type { BlockRef } from "../../protocol/units.ts";
import type { OperatorConfig } from "../config/config.ts";
import type { History } from "../replay/history.ts";
import { Snapshotter, type SnapshotterOptions } from "../replay/snapshotter.ts";
import { ContractCheck } from "./contractCheck.ts";
import { BlocksRefused, Sequencer, type SequencerOptions } from "./sequencer.ts";
import type { WriteRouter } from "./writeRouter.ts";

/** The newest block, as the chain's head named it. */
export type SeenHead = Extract<ChainEvent, { kind: "head" }>;

/** The settings for following the chain. */
export interface ChainOptions {
  readonly config: OperatorConfig;
  readonly log: Log;
  readonly client: ChainClient;
  /** Called with each new head, and after final blocks were taken in without one. */
  readonly onChain: (head: SeenHead | undefined) => void;
  readonly onFailedPoll: () => void;
}

export interface LeadOptions extends ChainOptions {
  readonly state: State;
  readonly history: History;
  readonly router: WriteRouter;
  readonly onApplied: (entry: Entry, outcome: Outcome) => void;
  readonly othersComing?: NonNullable<SequencerOptions["othersComing"]>;
  readonly snapshots: Pick<SnapshotterOptions, "source" | "last" | "newest">;
}

/**
 * Settles when nothing is under way any more: after `signal` is aborted, or rejecting with what
 * made it impossible to go on.
 */
export async function lead(
  journal: Journal,
  signal: AbortSignal,
  options: LeadOptions,
): Promise<void> {
  const { state, history, router, onApplied, othersComing, snapshots, log } = options;
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  const snapshotter = new Snapshotter({ journal, ...snapshots, log });
  const sequencer = new Sequencer({
    journal,
    state,
    history,
    onApplied,
    onCommitted: () => snapshotter.offer(),
    onFailure: failure.reject,
    ...(othersComing !== undefined && { othersComing }),
  });
  const ending = new AbortController();
  router.open(sequencer, options.config.publicUrl);
  try {
    const following = followBlocks(sequencer, AbortSignal.any([signal, ending.signal]), options);
    // The first failure is reported; the other's end is no news then.
    following.catch(() => {});
    await Promise.race([following, failure.promise]);
  } finally {
    ending.abort();
    router.close(undefined);
    await sequencer.drain();
    // An append that the journal is already taking ends when the journal is closed.
    void snapshotter.stop();
  }
}

async function followBlocks(
  sequencer: Sequencer,
  signal: AbortSignal,
  { config, log, client, state, onChain, onFailedPoll }: LeadOptions,
): Promise<void> {
  const after = await withRetries(config, log, "readStart", () => startOf(client, state));
  const events = follow({
    client,
    mediator: config.mediator,
    confirmations: config.confirmations,
    after,
    pollMs: config.pollMs,
    maxTries: config.maxTries,
    signal,
    schedule: state.genesis.schedule,
    onNotice: (notice) => log.warn("endpointOdd", { notice }),
    onRetry: (problem, tries) => {
      onFailedPoll();
      log.warn("chainUnreachable", { problem, tries });
    },
  });
  const contract = new ContractCheck({ client, state, log });
  try {
    let refusal: string | undefined;
    for (;;) {
      const { value: event, done } = await events.next(refusal);
      if (done) return;
      refusal = undefined;
      if (event.kind === "final") {
        refusal = await take(sequencer, event);
        if (refusal !== undefined) continue;
        await contract.poll();
      }
      onChain(event.kind === "head" ? event : undefined);
    }
  } finally {
    // Or it would listen for new heads for ever.
    await events.return();
  }
}

/** Why the blocks could not be taken; undefined if they were. */
async function take(
  sequencer: Sequencer,
  { to, logs }: Extract<ChainEvent, { kind: "final" }>,
): Promise<string | undefined> {
  try {
    await sequencer.submit({ kind: "blocks", to, logs });
    return undefined;
  } catch (error) {
    if (error instanceof BlocksRefused) return error.problem;
    throw error;
  }
}

/** The last block that the journal holds; before the first, the one before the Mediator's own. */
async function startOf(client: ChainClient, { head, genesis }: State): Promise<BlockRef> {
  if (head !== undefined) return head;
  const before = Math.max(0, genesis.schedule.genesisBlock - 1);
  return ask("the block before the Mediator's", () => readBlockRef(client, before));
}

/** Repeats a step while no endpoint answers, with growing pauses, `maxTries` times. */
export async function withRetries<T>(
  { maxTries, pollMs }: Pick<OperatorConfig, "maxTries" | "pollMs">,
  log: Log,
  step: string,
  work: () => Promise<T>,
  mayPass: (error: unknown) => boolean = (error) => error instanceof RpcUnavailable,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!mayPass(error) || tries >= maxTries) throw error;
      log.warn("retrying", { step, tries, problem: error });
      await sleep(Math.min(15_000, pollMs * 2 ** (tries - 1)));
    }
  }
}
