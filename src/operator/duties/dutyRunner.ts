/**
 * Carries out the duties of this moment side by side, each as often as it takes within bounds: one
 * that waits holds up no other. A duty that is already done on chain is not sent: the chain is read
 * first, every time.
 */

import { unreachable } from "../../base/errors.ts";
import { bytesToHex, type Hex } from "../../base/hex.ts";
import type { Fields, Log } from "../../base/log.ts";
import type { MediatorReader } from "../../chain/contracts/mediator.ts";
import { encodeCancelWithdrawal, encodeCommit } from "../../chain/contracts/mediatorCalls.ts";
import { ContractRefused, DeadlineMissed, RpcUnavailable } from "../../chain/rpc/errors.ts";
import type { Mined, Submitter } from "../../chain/submit/submitter.ts";
import type { State } from "../../exchange/model/state.ts";
import { type DisputeAnswerView, withdrawals } from "../../exchange/queries/views.ts";
import { hashStatement } from "../../protocol/messages.ts";
import { momentOf } from "../../protocol/rounds.ts";
import { MAX_MINED_AHEAD_BLOCKS } from "../../protocol/tolerances.ts";
import type { BlockNumber, Signature } from "../../protocol/units.ts";
import { answerCalls, requireAnswerCloses } from "./answerDispute.ts";
import { requireEvidenceHolds } from "./cancelEvidence.ts";
import { readChainView } from "./chainView.ts";
import { AttestationsMissing } from "./commitQuorum.ts";
import { claimsOfDuty, DoneClaims } from "./doneClaims.ts";
import {
  type ChainView,
  type CommitDuty,
  type Duty,
  type DutyId,
  dutyId,
  dutyName,
  type Questions,
  questions,
  sendableDuties,
} from "./duties.ts";
import { withPresented } from "./presentedFills.ts";
import { afterFailure, DutyFailed, type DutyFailure } from "./retry.ts";
import type { SourceRotation } from "./sourceRotation.ts";

export interface DutyRunnerOptions {
  readonly state: State;
  /** The newest block that endpoints bear out, and the newest that any of them named. */
  readonly head: { readonly number: BlockNumber; readonly newest: BlockNumber };
  readonly reader: MediatorReader;
  readonly submitter: Submitter;
  readonly log: Log;
  /** The endpoint that is asked first while a duty is late; without it, the healthiest is. */
  readonly rotation?: SourceRotation;
  /** Tries of one duty before the process must end. */
  readonly maxTries: number;
  /** Whether a transaction sent at `head` for a duty with that deadline is allowed. */
  readonly mayAct?: (head: BlockNumber, deadlineBlock: BlockNumber) => boolean;
  /**
   * The attestations that a commit is sent with; none unless given. Throws `AttestationsMissing`
   * when it must wait for others, which is no failed try.
   */
  readonly attestations?: (duty: CommitDuty) => Promise<readonly Signature[]>;
  /** Once it is aborted, what fails counts as failed no more. */
  readonly signal?: AbortSignal;
  /** Called when the chain was read; `view` is new then. */
  readonly onView?: () => void;
  /** Called for each duty carried out. */
  readonly onDone?: (duty: Duty) => void;
  /** Called for each transaction mined for a duty, also when the duty takes more of them. */
  readonly onMined?: (kind: Duty["kind"], mined: Mined) => void;
}

/**
 * The order of duties that are due alike. Every other call of the key (claims of a slot, bonds) has
 * 0.
 */
const PRIORITY: Readonly<Record<Duty["kind"], number>> = {
  cancelWithdrawal: 3,
  closeDispute: 2,
  commit: 1,
};

/**
 * Blocks for which nothing is sent after a start, at most, while blocks are heard of that not all
 * endpoints have: one of those may hold what a former process sent.
 */
const MOST_UNSEEN_BLOCKS = 4;
/** Blocks before a deadline in which that is no reason to wait. */
const NEAR_DEADLINE_BLOCKS = 2 * MOST_UNSEEN_BLOCKS;

/** Blocks for which it is kept when a transaction was mined for a duty. */
const MINED_BLOCKS = 64;

/** A duty that was begun. `ended` does not reject. */
interface UnderWay {
  readonly duty: Duty;
  readonly giveUp: AbortController;
  readonly ended: Promise<void>;
}

export class DutyRunner {
  readonly #options: DutyRunnerOptions;
  readonly #failures = new Map<string, DutyFailure>();
  /** Said once to be too late. */
  readonly #missed = new Set<string>();
  readonly #underWay = new Map<string, UnderWay>();
  readonly #gaveUp = Promise.withResolvers<never>();
  readonly #done = new DoneClaims();
  /** The block of the last transaction for each claim that a duty is done. */
  readonly #minedFor = new Map<string, BlockNumber>();
  #view: ChainView | undefined;
  /** The first block as of which the transactions of a former process are seen. */
  #seenFrom: BlockNumber | undefined;

  constructor(options: DutyRunnerOptions) {
    this.#options = options;
    this.#gaveUp.promise.catch(() => {});
  }

  /** Rejects with `DutyFailed` when a duty failed too often. */
  get failure(): Promise<never> {
    return this.#gaveUp.promise;
  }

  /** The facts of the chain as last read; undefined before that. */
  get view(): ChainView | undefined {
    return this.#view;
  }

  /** Undefined for a duty that was not tried, or succeeded. */
  failureOf(id: DutyId): DutyFailure | undefined {
    return this.#failures.get(dutyName(id));
  }

  /**
   * Begins what is due as of the head and not under way, and does not wait for it. Throws
   * `RpcUnavailable` when the chain cannot be read.
   */
  async run(): Promise<void> {
    const { state } = this.#options;
    const { number: head, newest } = this.#options.head;
    this.#seenFrom ??= Math.min(newest, head + MOST_UNSEEN_BLOCKS);
    // A duty that ends while the chain is read may not show there yet.
    const before = new Set(this.#underWay.keys());
    const asked = questions(state);
    const shown = await this.#readView(asked, head);
    const { view, refuted } = this.#done.hold(
      state,
      shown,
      asked,
      (claim) => this.#minedFor.get(claim) ?? 0,
    );
    this.#view = view;
    for (const [claim, block] of this.#minedFor) {
      if (block < head - MINED_BLOCKS) this.#minedFor.delete(claim);
    }
    if (refuted.length > 0) this.#options.log.warn("notDone", { block: head, claims: refuted });
    this.#options.onView?.();
    const due = sendableDuties(state, this.#view);
    await this.#options.rotation?.look(head, due);
    this.#forgetOthers(new Set(due.map(nameOf)));
    this.giveUpCancellations();
    // Independent of each other: a duty that waits for another is not sendable before that landed.
    for (const duty of due) {
      const name = nameOf(duty);
      if (before.has(name) || this.#underWay.has(name)) continue;
      if (this.#isLate(duty, head) || this.#backsOff(duty, head)) continue;
      if (this.#mayBeDone(duty, head)) continue;
      if (this.#options.mayAct?.(head, duty.deadlineBlock) === false) continue;
      const giveUp = new AbortController();
      const ended = this.#do(duty, head, giveUp.signal);
      this.#underWay.set(name, { duty, giveUp, ended });
    }
  }

  /**
   * Throws `RpcUnavailable`. No view of the Mediator's reverts: where an endpoint says so, of a block
   * after `head`, that one may be made up.
   */
  async #readView(asked: Questions, head: BlockNumber): Promise<ChainView> {
    const { reader, log, rotation } = this.#options;
    const read = (block: BlockNumber) =>
      readChainView(reader, block, asked).catch(async (error: unknown) => {
        if (!(error instanceof ContractRefused)) throw error;
        if (block > head) return undefined;
        log.warn("viewsRefused", { block, problem: error });
        // Duties cannot wait until that endpoint is believed no more.
        await rotation?.failed(head, head);
        throw new RpcUnavailable("for what is done", error);
      });
    return ((await read(this.#newest(head))) ?? (await read(head))) as ChainView;
  }

  /** Right after a start: a former process may have done it in a block that is not seen yet. */
  #mayBeDone({ deadlineBlock }: Duty, head: BlockNumber): boolean {
    return head < (this.#seenFrom ?? 0) && head < deadlineBlock - NEAR_DEADLINE_BLOCKS;
  }

  /**
   * Once the journal has a request as cancelled its client may make another just like it, which
   * nobody has refused: what is not mined by then must not be sent for that one. To be called once
   * blocks were applied.
   */
  giveUpCancellations(): void {
    const isAny = [...this.#underWay.values()].some(({ duty }) => duty.kind === "cancelWithdrawal");
    if (!isAny) return;
    const refused = withdrawals(this.#options.state, { state: "refused" });
    for (const { duty, giveUp } of this.#underWay.values()) {
      if (duty.kind !== "cancelWithdrawal") continue;
      const { client, token, round } = duty.evidence;
      const isRefused = refused.some(
        (one) => one.client === client && one.token === token && one.round === round,
      );
      if (!isRefused) giveUp.abort();
    }
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) {
      await Promise.all([...this.#underWay.values()].map(({ ended }) => ended));
    }
  }

  async #do(duty: Duty, since: BlockNumber, signal: AbortSignal): Promise<void> {
    try {
      const gasUsed = await this.#carryOut(duty, signal);
      const mined = this.#newest(this.#options.head.number);
      for (const claim of claimsOfDuty(duty)) this.#minedFor.set(claim, mined);
      this.#failures.delete(nameOf(duty));
      this.#say("info", `${duty.kind}Sent`, duty, { gasUsed });
      this.#options.onDone?.(duty);
    } catch (error) {
      if (signal.aborted) return;
      const problem = error instanceof Error ? error : new Error(String(error));
      const failed = this.#failed(duty, since, problem);
      if (failed !== undefined) this.#gaveUp.reject(failed);
    } finally {
      this.#underWay.delete(nameOf(duty));
    }
  }

  /** Never read an older block than one that contains a transaction of ours. */
  #newest(head: BlockNumber): BlockNumber {
    const { newestMined } = this.#options.submitter;
    return newestMined > head + MAX_MINED_AHEAD_BLOCKS ? head : Math.max(head, newestMined);
  }

  /** A duty that is owed no more needs no memory of how it failed. */
  #forgetOthers(due: ReadonlySet<string>): void {
    for (const name of this.#failures.keys()) if (!due.has(name)) this.#failures.delete(name);
    for (const name of this.#missed) if (!due.has(name)) this.#missed.delete(name);
  }

  /** No block can take it any more: trying would only fail, and ending the process help nobody. */
  #isLate(duty: Duty, head: BlockNumber): boolean {
    if (head < duty.deadlineBlock) return false;
    if (!this.#missed.has(nameOf(duty))) {
      this.#missed.add(nameOf(duty));
      const { problem } = this.#failures.get(nameOf(duty)) ?? {};
      this.#say("error", "deadlineMissed", duty, problem === undefined ? {} : { problem });
    }
    return true;
  }

  #backsOff(duty: Duty, head: BlockNumber): boolean {
    return head < (this.#failures.get(nameOf(duty))?.retryAtBlock ?? 0);
  }

  /** The error to end with when that was once too often. `begun`: the head when the duty began. */
  #failed(duty: Duty, begun: BlockNumber, problem: Error): DutyFailed | undefined {
    const head = this.#options.head.number;
    const { deadlineBlock } = duty;
    const waits = problem instanceof AttestationsMissing;
    const refused = problem instanceof ContractRefused && problem.errorName === "NotOperator";
    // The quorum is higher than an endpoint said: others must attest before it passes.
    const lacks = problem instanceof ContractRefused && problem.errorName === "QuorumMissed";
    const counts = !waits && !refused && !lacks && this.#options.signal?.aborted !== true;
    const failed = { problem, begun, head, deadlineBlock, counts };
    const failure = afterFailure(this.#failures.get(nameOf(duty)), failed);
    this.#failures.set(nameOf(duty), failure);
    if (refused) this.#say("info", "notOurSlot", duty, {});
    // The log names the missing operators where the attestations are read.
    if (!counts) return undefined;
    void this.#options.rotation?.failed(head, begun);
    this.#say("warn", `${duty.kind}Failed`, duty, { ...failure });
    const isLast = failure.tries >= this.#options.maxTries;
    if (problem instanceof DeadlineMissed || !isLast) return undefined;
    return new DutyFailed(nameOf(duty), failure, head, deadlineBlock);
  }

  #say(level: "info" | "warn" | "error", event: string, duty: Duty, more: Fields) {
    const { log, state } = this.#options;
    const block = this.#options.head.number;
    const { round, quarter } = momentOf(state.genesis.schedule, block);
    const { deadlineBlock } = duty;
    const left = { deadlineBlock, blocksLeft: deadlineBlock - block };
    log[level](event, { block, round, quarter, ...subjectOf(duty), ...left, ...more });
  }

  async #carryOut(duty: Duty, signal: AbortSignal): Promise<bigint> {
    const { deadlineBlock } = duty;
    switch (duty.kind) {
      case "cancelWithdrawal": {
        const { client, token, orders, statements, presented } = duty.evidence;
        requireEvidenceHolds(duty.evidence);
        const data = encodeCancelWithdrawal(client, token, orders, statements, presented);
        return this.#send(duty.kind, nameOf(duty), data, deadlineBlock, signal);
      }
      case "closeDispute":
        return this.#closeDispute(duty.answer, deadlineBlock);
      case "commit": {
        const attestations = await this.#options.attestations?.(duty);
        const data = encodeCommit(duty.roots, attestations);
        return this.#send(duty.kind, nameOf(duty), data, deadlineBlock);
      }
      default:
        return unreachable(duty);
    }
  }

  /** Checked before anything is sent: a wrong answer costs gas and closes nothing. */
  async #closeDispute(answer: DisputeAnswerView, deadlineBlock: BlockNumber): Promise<bigint> {
    const { client, round } = answer;
    const { state, reader, submitter } = this.#options;
    const at = reader.at(this.#newest(this.#view?.head ?? 0));
    const { complete, presented } = await withPresented(state, at, answer);
    requireAnswerCloses(complete, presented);
    const { statement } = answer;
    const beside = statement && bytesToHex(hashStatement(statement));
    const accumulated = await at.accumulation(client, round, submitter.address, beside);
    let gasUsed = 0n;
    for (const { what, data } of answerCalls(state, complete, accumulated)) {
      gasUsed += await this.#send("closeDispute", what, data, deadlineBlock);
    }
    return gasUsed;
  }

  async #send(
    kind: Duty["kind"],
    what: string,
    data: Hex,
    deadlineBlock: BlockNumber,
    signal?: AbortSignal,
  ): Promise<bigint> {
    const { submitter, reader } = this.#options;
    const to = reader.mediator;
    const priority = PRIORITY[kind];
    const mined = await submitter.send({
      what,
      to,
      data,
      deadlineBlock,
      priority,
      ...(signal && { signal }),
    });
    this.#options.onMined?.(kind, mined);
    return mined.gasUsed;
  }
}

function nameOf(duty: Duty): string {
  return dutyName(dutyId(duty));
}

function subjectOf(duty: Duty): Fields {
  switch (duty.kind) {
    case "cancelWithdrawal": {
      const { client, token, round, amount } = duty.evidence;
      return { client, token, requestRound: round, amount };
    }
    case "closeDispute":
      return { client: duty.answer.client, disputeRound: duty.answer.round };
    case "commit":
      return { commitRound: duty.round, tokens: duty.roots.length };
  }
}
