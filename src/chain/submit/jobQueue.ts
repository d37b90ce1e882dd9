/** The calls that callers wait for, in order of arrival, and how each of them ends. */
import { TransactionLost } from "../rpc/errors.ts";
import { type Call, isSameCall, type Job, type Mined, unwanted } from "./call.ts";
import type { Settled } from "./settled.ts";

/**
 * Times that a call is sent again because its transaction was mined and reverted: state can move
 * between estimate and block so that more gas is needed, as where a round begins.
 */
const MOST_REVERTS = 2;

export class JobQueue {
  readonly #jobs: Job[] = [];

  /** The calls that are not settled. */
  get jobs(): readonly Job[] {
    return this.#jobs;
  }

  /** Resolves or rejects when the call is settled. */
  add(call: Call): Promise<Mined> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ call, reverts: 0, settled: false, isNoOp: false, resolve, reject });
    });
  }

  /** A reverted call that would pass now stays in the queue, a few times. */
  settle({ job, outcome }: Settled): void {
    if (outcome === "reverted") {
      job.reverts += 1;
      if (job.reverts <= MOST_REVERTS) return;
      const why = "it was mined and reverted, again and again";
      this.fail(job, new TransactionLost(job.call.what, why));
    } else if (outcome instanceof Error) {
      this.fail(job, outcome);
    } else {
      this.#remove(job);
      job.resolve(outcome);
    }
  }

  fail(job: Job, error: unknown): void {
    this.#remove(job);
    job.reject(error);
  }

  /** Fails those of `jobs` that are not settled. */
  failAll(error: (job: Job) => unknown, jobs: readonly Job[] = [...this.#jobs]): void {
    for (const job of jobs) if (!job.settled) this.fail(job, error(job));
  }

  /**
   * Callers may withdraw a call; a version of it that is broadcast may still be mined. `isKept`:
   * whether a job waits all the same, for a receipt that may be there.
   */
  dropUnwanted(isKept: (job: Job) => boolean = () => false): void {
    this.failAll(
      ({ call }) => unwanted(call),
      this.#jobs.filter((job) => job.call.signal?.aborted && !isKept(job)),
    );
  }

  /**
   * The job whose caller waits for what `job` did. A caller that gave up on a call, or saw it
   * undone, and sent it again has it done once. A caller that wants the call once more, and just
   * then, cannot be told apart: duties never do. `isBroadcast`: whether a version of a job is under
   * some nonce.
   */
  waitingFor(job: Job, isBroadcast: (one: Job) => boolean): Job {
    const isWanted = (one: Job) => !one.call.signal?.aborted;
    if (!job.settled && isWanted(job)) return job;
    const isRepeat = (one: Job) => isWanted(one) && isSameCall(one, job) && !isBroadcast(one);
    return this.#jobs.find(isRepeat) ?? job;
  }

  #remove(job: Job): void {
    job.settled = true;
    const place = this.#jobs.indexOf(job);
    if (place >= 0) this.#jobs.splice(place, 1);
  }
}
