/** The health check of duties: whether the operator pays its debts to the chain in time. */
import { quarterSize } from "../../protocol/rounds.ts";
import type { Schedule } from "../../protocol/units.ts";
import { DUTY_KINDS, dutyName } from "../duties/duties.ts";
import { nearest, type ScheduledDuty } from "../duties/schedule.ts";
import { type Check, FAILS_AT_ONCE, type Reading } from "../health/check.ts";
import type { Levels } from "../health/level.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export interface DutiesOptions {
  readonly deadlineLeftQuarters: Levels;
  readonly schedule: Schedule;
  /** Undefined while they are not known: before it has caught up. */
  readonly duties: () => readonly ScheduledDuty[] | undefined;
  readonly metrics: Metrics;
}

export function dutiesCheck(options: DutiesOptions): Check {
  const { metrics } = options;
  return {
    name: "duties",
    probe: () => {
      const open = options.duties();
      // The result found before stands; journalLag and haltDistance watch meanwhile.
      if (open === undefined) return [];
      for (const kind of DUTY_KINDS) {
        const ofKind = open.filter(({ id }) => id.kind === kind);
        const left = nearest(ofKind)?.blocksLeft ?? Number.POSITIVE_INFINITY;
        metrics.set("open_duties", ofKind.length, { kind });
        metrics.set("duty_left_blocks", left, { kind });
      }
      const late = open.filter(({ inTime }) => !inTime);
      metrics.set("late_duties", late.length);
      const next = nearest(open);
      const left = next?.blocksLeft ?? Number.POSITIVE_INFINITY;
      const detail = next === undefined ? "no duty is open" : inWords(next);
      const lateness = late.map(inWords).join("; ") || "every duty can still be done in time";
      return [
        deadlineReading(options, left / quarterSize(options.schedule), detail),
        answerableReading(late.length === 0 ? 0 : 1, lateness),
      ];
    },
  };
}

function deadlineReading(
  { deadlineLeftQuarters: levels }: DutiesOptions,
  value: number,
  detail: string,
): Reading {
  return {
    check: "deadline",
    levels,
    value,
    detail,
    hint: "See /health/duties and the log: the last problem, the key's balance, fees, endpoints.",
  };
}

function answerableReading(value: number, detail: string): Reading {
  return {
    check: "answerable",
    levels: FAILS_AT_ONCE,
    value,
    detail,
    hint:
      "The Mediator will halt. Keep this operator up, so that clients get their proofs; tell them " +
      "to recover, and keep storage and logs.",
  };
}

/** A duty with its deadline, as a clause. */
export function inWords({ id, deadlineBlock, blocksLeft, blocksNeeded }: ScheduledDuty): string {
  const left = `${blocksLeft} blocks left and ${blocksNeeded} needed`;
  return `${dutyName(id)} by block ${deadlineBlock}, ${left}`;
}
