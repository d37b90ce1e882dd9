/** The alert of an operator that cannot go on: reason, since when, blocks left, hint. */
import { messageOf, QuarterdeckError } from "../../base/errors.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { dutyName } from "../duties/duties.ts";
import type { ScheduledDuty } from "../duties/schedule.ts";
import type { Alert } from "./shapes.ts";

/** Where the operator stood when it ended. */
export interface Situation {
  /** Newest block that it heard of. */
  readonly head: BlockNumber;
  /** Last block that the journal holds. */
  readonly block: BlockNumber;
  /** Block at which the failure began; undefined when it came at once. */
  readonly sinceBlock: BlockNumber | undefined;
  /** The open duty with the nearest deadline. */
  readonly nextDuty: ScheduledDuty | undefined;
  /** First block in which the Mediator is HALTED if nothing more is done. */
  readonly haltBlock: BlockNumber | undefined;
}

/** `situation` is undefined for an operator that never got going. */
export function shutdownAlertOf(error: unknown, situation: Situation | undefined): Alert {
  const known = error instanceof QuarterdeckError;
  const problem = messageOf(error);
  return {
    id: "operatorStopped",
    severity: "failed",
    detail: known ? withoutHint(problem, error.hint) : problem,
    hint: known ? error.hint : "Look at the log's last lines; start the operator again.",
    fields: situation === undefined ? {} : fieldsOf(situation),
  };
}

/** The same for a terminal, as one line each. */
export function situationLines(situation: Situation | undefined): string[] {
  if (situation === undefined) return [];
  return Object.entries(fieldsOf(situation)).map(([name, value]) => `  ${name}: ${value}`);
}

function fieldsOf({ head, block, sinceBlock, nextDuty, haltBlock }: Situation) {
  const fields: Record<string, string | number> = { head, block };
  fields["sinceBlock"] = sinceBlock ?? head;
  if (nextDuty !== undefined) {
    fields["nextDuty"] = dutyName(nextDuty.id);
    fields["deadlineBlock"] = nextDuty.deadlineBlock;
    fields["blocksLeft"] = nextDuty.blocksLeft;
  }
  if (haltBlock !== undefined) {
    fields["haltBlock"] = haltBlock;
    fields["blocksUntilHalt"] = haltBlock - head;
  }
  return fields;
}

function withoutHint(message: string, hint: string): string {
  return message.endsWith(hint) ? message.slice(0, -hint.length).trimEnd() : message;
}
