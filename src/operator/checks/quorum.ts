/** Whether commits find as many operators as the manager asks for, and whether these agree. */
import { quarterSize } from "../../protocol/rounds.ts";
import type { BlockNumber, Schedule } from "../../protocol/units.ts";
import type { CommitQuorum } from "../duties/commitQuorum.ts";
import { type Check, FAILS_AT_ONCE, problemOf, type Reading } from "../health/check.ts";
import type { Levels } from "../health/level.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export interface QuorumCheckOptions {
  readonly deadlineLeftQuarters: Levels;
  readonly schedule: Schedule;
  readonly readQuorum: () => Promise<number>;
  /** True if there is a database in which operators find each other's attestations. */
  readonly isShared: boolean;
  readonly quorum: Pick<CommitQuorum, "wait" | "divergences">;
  readonly head: () => BlockNumber;
  readonly metrics: Metrics;
}

export function quorumCheck(options: QuorumCheckOptions): Check {
  const { metrics, quorum } = options;
  return {
    name: "quorum",
    probe: async () => {
      const { wait, divergences } = quorum;
      const missing = wait === undefined ? 0 : wait.quorum - wait.attested.length;
      metrics.set("attestations_missing", missing);
      metrics.set("roots_diverged", divergences.length);
      return [await quorumReading(options), divergenceReading(options)];
    },
  };
}

async function quorumReading(options: QuorumCheckOptions): Promise<Reading> {
  const { deadlineLeftQuarters: levels, isShared, metrics, quorum, schedule } = options;
  const reading = (value: number | undefined, detail: string, hint: string): Reading => ({
    check: "commitQuorum",
    levels,
    value,
    detail,
    hint,
  });
  let needed: number;
  try {
    needed = await options.readQuorum();
  } catch (error) {
    return reading(undefined, `cannot be read: ${problemOf(error)}`, "Check the endpoints.");
  }
  metrics.set("commit_quorum", needed);
  const takes = needed === 1 ? "a commit takes 1 operator" : `a commit takes ${needed} operators`;
  if (needed > 1 && !isShared) {
    // The time left does not matter: no other operator can find this one.
    return reading(0, `${takes}, and this one shares no database with others`, ALONE_HINT);
  }
  const { wait } = quorum;
  if (wait === undefined) {
    return reading(Number.POSITIVE_INFINITY, `${takes}, and none is waited for`, MISSING_HINT);
  }
  const { round, attested, missing, deadlineBlock, problem } = wait;
  const left = deadlineBlock - options.head();
  const whose = missing.length === 0 ? "" : `, without ${missing.join(", ")}`;
  const why = problem === undefined ? "" : ` (${problemOf(problem)})`;
  const stands = `commit of round ${round} has ${attested.length} of ${needed} operators${whose}`;
  const detail = `${stands}, ${left} blocks left${why}`;
  return reading(left / quarterSize(schedule), detail, MISSING_HINT);
}

/** The remedy for an operator that stands alone where commits take several. */
export const ALONE_HINT =
  "Give it the others' `database` and a `publicUrl`, or have the manager's owner set the quorum " +
  "to 1: quarterdeck operators quorum 1.";
const MISSING_HINT =
  "Start the missing operators, on the same database and release, or have the manager's owner " +
  "lower the quorum: the Mediator halts without the commit.";

function divergenceReading({ quorum }: QuorumCheckOptions): Reading {
  const found = quorum.divergences;
  const each = found.map(
    ({ round, operator, rootsHash, ownRootsHash }) =>
      `${operator} attests ${rootsHash} for round ${round}, and our journal gives ${ownRootsHash}`,
  );
  return {
    check: "attestedRoots",
    levels: FAILS_AT_ONCE,
    value: Math.min(1, found.length),
    detail: each.join("; ") || "nobody attests other roots than ours",
    hint:
      "One of the two has another journal, another release, or a stolen key: find out which before " +
      "the deadline, and stop it; `quarterdeck journal verify` and `export` compare journals.",
  };
}
