/** Whether what the operator owes the chain is done in time, and whether the exchange stands. */
import { quarterSize } from "../../protocol/rounds.ts";
import type { BlockNumber, Schedule } from "../../protocol/units.ts";
import { DUTY_KINDS, dutyName } from "../duties.ts";
import type { Metrics } from "../metrics.ts";
import { FAILS_AT_ONCE, type Guardian, type Reading } from "./guardian.ts";
import type { Levels } from "./level.ts";
import { nearest, type OpenDuty } from "./openDuties.ts";

export interface DutiesOptions {
  readonly deadlineLeftQuarters: Levels;
  readonly schedule: Schedule;
  readonly duties: () => readonly OpenDuty[];
  readonly head: () => BlockNumber;
  /** First block in which the Mediator is HALTED if nothing more is done. */
  readonly haltBlock: () => BlockNumber | undefined;
  readonly haltedAt: () => BlockNumber | undefined;
  readonly metrics: Metrics;
}

export function dutiesGuardian(options: DutiesOptions): Guardian {
  const { metrics } = options;
  return {
    name: "duties",
    look: () => {
      const open = options.duties();
      for (const kind of DUTY_KINDS) {
        const ofKind = open.filter(({ id }) => id.kind === kind);
        const left = nearest(ofKind)?.blocksLeft ?? Number.POSITIVE_INFINITY;
        metrics.set("open_duties", "Open duties, by kind", ofKind.length, { kind });
        metrics.set("duty_left_blocks", "Until the nearest deadline, by kind", left, { kind });
      }
      const late = open.filter(({ inTime }) => !inTime);
      const help = "Open duties that can no longer be done in time";
      metrics.set("late_duties", help, late.length);
      const haltLeft = (options.haltBlock() ?? Number.POSITIVE_INFINITY) - options.head();
      metrics.set("halt_left_blocks", "Until HALTED if nothing more is done", haltLeft);
      return [deadlineReading(options, open), answerableReading(late), haltedReading(options)];
    },
  };
}

function deadlineReading(
  { deadlineLeftQuarters: levels, schedule }: DutiesOptions,
  open: readonly OpenDuty[],
): Reading {
  const next = nearest(open);
  const left = next?.blocksLeft ?? Number.POSITIVE_INFINITY;
  return {
    ...{ check: "deadline", levels, figure: left / quarterSize(schedule) },
    detail: next === undefined ? "no duty is open" : inWords(next),
    mend: "See /health/duties and the log: the last problem, the key's balance, fees, endpoints.",
  };
}

function answerableReading(late: readonly OpenDuty[]): Reading {
  return {
    ...{ check: "answerable", levels: FAILS_AT_ONCE, figure: late.length === 0 ? 0 : 1 },
    detail:
      late.length === 0 ? "every duty can still be done in time" : late.map(inWords).join("; "),
    mend:
      "The Mediator will halt. Keep this operator up, so that clients get their proofs; tell them " +
      "to recover, and keep storage and logs.",
  };
}

function haltedReading(options: DutiesOptions): Reading {
  const at = options.haltedAt();
  return {
    ...{ check: "halted", levels: FAILS_AT_ONCE, figure: at === undefined ? 0 : 1 },
    detail: at === undefined ? "the Mediator is not HALTED" : `HALTED since block ${at}`,
    mend: "Keep this operator up, so that clients get their proofs; tell them to recover.",
  };
}

/** A duty with its deadline, as a clause. */
export function inWords({ id, deadlineBlock, blocksLeft, transactions }: OpenDuty): string {
  const needs = transactions === 1 ? "1 transaction" : `${transactions} transactions`;
  return `${dutyName(id)} by block ${deadlineBlock}, ${blocksLeft} blocks left for ${needs}`;
}
