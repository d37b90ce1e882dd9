/**
 * When each health check warns and when it fails: defaults that suit a chain with blocks of 12
 * seconds, each of them to be overridden under `guards` in the configuration.
 */
import { z } from "zod";
import type { Levels } from "./level.ts";

type Pair = readonly [raise: number, clear: number];

const value = z.number();
const probes = z.number().int().min(1).max(1000);

/**
 * One check's bounds: the value at which each level begins, and the one at which it ends again.
 * `failed` of null: it never counts as failed.
 */
function levels(
  bad: Levels["bad"],
  warn: Pair,
  failed: Pair | undefined,
  [raiseAfter, clearAfter]: readonly [raiseAfter: number, clearAfter: number],
) {
  const isOrdered = (raise: number, clear: number) =>
    bad === "above" ? clear <= raise : clear >= raise;
  const direction = bad === "above" ? "at most" : "at least";
  return z
    .strictObject({
      warn: value.default(warn[0]),
      warnClear: value.default(warn[1]),
      failed: value.nullable().default(failed?.[0] ?? null),
      failedClear: value.nullable().default(failed?.[1] ?? null),
      raiseAfter: probes.default(raiseAfter),
      clearAfter: probes.default(clearAfter),
    })
    .prefault({})
    .superRefine((given, context) => {
      const issue = (path: string, message: string) =>
        context.addIssue({ code: "custom", path: [path], message });
      if (!isOrdered(given.warn, given.warnClear)) {
        issue("warnClear", `Expected ${direction} warn, ${given.warn}`);
      }
      if (given.failed === null) return;
      if (given.failedClear === null || !isOrdered(given.failed, given.failedClear)) {
        issue("failedClear", `Expected a number, ${direction} failed, ${given.failed}`);
      }
      if (!isOrdered(given.failed, given.warn)) {
        issue("failed", `Expected a number beyond warn, ${given.warn}`);
      }
      if (given.failedClear !== null && !isOrdered(given.failedClear, given.warnClear)) {
        issue("failedClear", `Expected a number beyond warnClear, ${given.warnClear}`);
      }
    })
    .transform(
      (given): Levels => ({
        bad,
        warn: { raise: given.warn, clear: given.warnClear },
        failed:
          given.failed === null || given.failedClear === null
            ? undefined
            : { raise: given.failed, clear: given.failedClear },
        raiseAfter: given.raiseAfter,
        clearAfter: given.clearAfter,
      }),
    );
}

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** Probes in a row before a level is entered, and before it is left. */
const NO_RETRY = [1, 2] as const;
const SOON = [2, 4] as const;
const LASTING = [4, 8] as const;

export const guardsSchema = z
  .strictObject({
    everyMs: z
      .number()
      .int()
      .min(50)
      .max(600_000)
      .default(15_000)
      .describe("Milliseconds between two polls of a health check"),
    memoryUsedRatio: levels("above", [0.8, 0.7], [0.95, 0.9], LASTING).describe(
      "Resident memory, of what the container or the machine allows: 0 to 1",
    ),
    heapUsedRatio: levels("above", [0.85, 0.75], [0.95, 0.9], LASTING).describe(
      "V8's heap, of its limit: 0 to 1",
    ),
    diskFreeBytes: levels("below", [2 * GIB, 3 * GIB], [256 * MIB, 512 * MIB], SOON).describe(
      "Bytes free on the disks of storage and logs",
    ),
    diskFreeInodes: levels("below", [10_000, 20_000], [1000, 2000], SOON).describe(
      "Files that still fit on them",
    ),
    diskLeftDays: levels("below", [7, 10], [1, 2], LASTING).describe(
      "Days until the disk is full, if it goes on as in the last day",
    ),
    keyLeftDays: levels("below", [14, 21], [2, 4], LASTING).describe(
      "Days until the key is empty, if it goes on paying as in the last week",
    ),
    eventLoopDelaySeconds: levels("above", [0.5, 0.25], [5, 2], SOON).describe(
      "The 99th percentile since the last poll",
    ),
    rpcLagBlocks: levels("above", [3, 1], [10, 5], SOON).describe(
      "Blocks by which the endpoint that we follow is behind the best of them",
    ),
    rpcDownEndpoints: levels("above", [1, 0], undefined, SOON).describe(
      "Endpoints that do not answer",
    ),
    chainSilenceSeconds: levels("above", [120, 60], [600, 300], NO_RETRY).describe(
      "Since the last new block",
    ),
    clockSkewSeconds: levels("above", [30, 20], [300, 120], SOON).describe(
      "Between the clock of the chain and ours, in either direction",
    ),
    journalLagBlocks: levels("above", [10, 3], [50, 20], SOON).describe(
      "Blocks that are final and not yet in the journal",
    ),
    journalWaitingEntries: levels("above", [2048, 512], [7000, 4096], SOON).describe(
      "Entries that wait to be written",
    ),
    journalFlushSeconds: levels("above", [1, 0.5], [10, 5], SOON).describe(
      "The longest flush since the last poll, also one still under way",
    ),
    deadlineLeftQuarters: levels("below", [0.5, 0.6], [0.25, 0.35], NO_RETRY).describe(
      "Until the nearest deadline of an open duty, in quarters of a round",
    ),
  })
  .prefault({});
