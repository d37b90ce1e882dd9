/**
 * Says who keeps a commit waiting: louder as its deadline comes nearer, and not with every block of
 * a quarter that may have thousands.
 */
import type { Address, Hex } from "../../base/hex.ts";
import type { Log } from "../../base/log.ts";
import { inRescueWindow, momentOf } from "../../protocol/rounds.ts";
import type { BlockNumber, Round, Schedule } from "../../protocol/units.ts";

/** A commit for which attestations are missing. */
export interface CommitWait {
  readonly round: Round;
  readonly rootsHash: Hex;
  /** Operators that must stand behind it. */
  readonly quorum: number;
  /** The operators that attest, this one included if it could sign. */
  readonly attested: readonly Address[];
  /** Approved operators that do not; empty where the list is not known. */
  readonly missing: readonly Address[];
  readonly deadlineBlock: BlockNumber;
  readonly blocksLeft: number;
  /** The problem that keeps this operator from attesting, or from reading others' attestations. */
  readonly problem: Error | undefined;
}

type Level = "info" | "warn" | "error";

const HINT =
  "start the missing operators, on the same database and release; or have the manager's owner " +
  "lower the quorum: quarterdeck operators quorum";

export class WaitLog {
  readonly #log: Log;
  readonly #schedule: Schedule;
  #wait: CommitWait | undefined;
  #said: { readonly what: string; readonly blocksLeft: number } | undefined;

  constructor(log: Log, schedule: Schedule) {
    this.#log = log;
    this.#schedule = schedule;
  }

  /** Undefined while nothing is waited for. */
  get wait(): CommitWait | undefined {
    return this.#wait;
  }

  over(): void {
    this.#wait = undefined;
    this.#said = undefined;
  }

  /** Says it when it is news, or half of the time is gone that was left when it was said last. */
  waits(wait: CommitWait, head: BlockNumber): void {
    const level = this.#levelOf(wait);
    this.#wait = wait;
    const { blocksLeft, problem } = wait;
    const what = [level, wait.round, wait.quorum, wait.missing, problem?.message].join(" ");
    if (this.#said?.what === what && 2 * blocksLeft > this.#said.blocksLeft) return;
    this.#said = { what, blocksLeft };
    const { round, rootsHash, quorum, attested, missing, deadlineBlock } = wait;
    this.#log[level]("attestationsMissing", {
      ...momentOf(this.#schedule, head),
      commitRound: round,
      rootsHash,
      quorum,
      there: attested.length,
      attested,
      missing,
      deadlineBlock,
      blocksLeft,
      ...(problem === undefined ? {} : { problem }),
      ...(level === "info" ? {} : { hint: HINT }),
    });
  }

  /**
   * The first poll at a commit always finds too few, since all operators poll at the same block. In
   * the rescue window it is an error: no other operator will come.
   */
  #levelOf({ blocksLeft, deadlineBlock, round, problem }: CommitWait): Level {
    const next = deadlineBlock - blocksLeft + 1;
    if (blocksLeft <= 0 || inRescueWindow(this.#schedule, next, deadlineBlock)) return "error";
    return this.#wait?.round === round || problem !== undefined ? "warn" : "info";
  }
}
