/**
 * How far the Mediator is from its halt, by the contract itself: true also while the machine is
 * still catching up, or wrong.
 */
import type { ChainClock } from "../../chain/contracts/mediator.ts";
import { quarterSize } from "../../protocol/rounds.ts";
import type { BlockNumber, Schedule } from "../../protocol/units.ts";
import { type Check, FAILS_AT_ONCE, problemOf, type Reading } from "../health/check.ts";
import type { Levels } from "../health/level.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export interface HaltOptions {
  readonly deadlineLeftQuarters: Levels;
  readonly schedule: Schedule;
  readonly readClock: () => Promise<ChainClock>;
  readonly metrics: Metrics;
}

export interface HaltCheck extends Check {
  /** First block in which the Mediator is HALTED if nothing more is done, as of the last poll. */
  haltBlock(): BlockNumber | undefined;
}

export function haltCheck(options: HaltOptions): HaltCheck {
  const { deadlineLeftQuarters: levels, schedule, metrics } = options;
  let haltBlock: BlockNumber | undefined;
  const distance = (value: number | undefined, detail: string): Reading => ({
    check: "haltDistance",
    levels,
    value,
    detail,
    hint: "See /health/duties; if this operator is behind, any registered one can act at the end.",
  });
  const halted = (value: number | undefined, detail: string): Reading => ({
    check: "halted",
    levels: FAILS_AT_ONCE,
    value,
    detail,
    hint: "Keep this operator up, so that clients get their proofs; tell them to recover.",
  });
  return {
    name: "halt",
    haltBlock: () => haltBlock,
    probe: async () => {
      let clock: ChainClock;
      try {
        clock = await options.readClock();
      } catch (error) {
        const detail = `cannot be read: ${problemOf(error)}`;
        return [distance(undefined, detail), halted(undefined, detail)];
      }
      haltBlock = clock.haltBlock;
      const left = (haltBlock ?? Number.POSITIVE_INFINITY) - clock.block;
      metrics.set("halt_left_blocks", left);
      if (clock.halted) {
        const detail = `HALTED since block ${haltBlock}`;
        // There is no deadline left to come near to.
        return [distance(Number.POSITIVE_INFINITY, detail), halted(1, detail)];
      }
      const inWords = haltBlock === undefined ? "nothing is owed" : `${left} blocks to the halt`;
      return [
        distance(left / quarterSize(schedule), `${inWords}, at block ${clock.block}`),
        halted(0, "the Mediator is not HALTED"),
      ];
    },
  };
}
