/**
 * Carries out the duties of this moment, one after the other, each as often as it takes within
 * bounds. What is already on chain is not sent: the chain is read first, every time.
 */

import { QuarterdeckError, unreachable } from "../base/errors.ts";
import type { Address, Hex } from "../base/hex.ts";
import {
  type ExecutedOrder,
  encodeCancelWithdrawal,
  encodeCloseDispute,
  encodeCommit,
  encodeProveExecutions,
} from "../chain/calls.ts";
import { ContractRefused, DeadlineMissed } from "../chain/errors.ts";
import type { MediatorReader } from "../chain/mediator.ts";
import type { Submitter } from "../chain/send.ts";
import type { State } from "../exchange/state.ts";
import { type DisputeAnswerView, proof } from "../exchange/views.ts";
import type { BalanceProof, BlockNumber } from "../protocol/units.ts";
import { readChainView } from "./chainView.ts";
import { type Duty, duties, questions } from "./duties.ts";
import type { Log } from "./log.ts";

export interface DutyRunnerOptions {
  readonly state: State;
  readonly reader: MediatorReader;
  readonly submitter: Submitter;
  readonly log: Log;
  /** Tries of one duty before the process must end. */
  readonly maxTries: number;
  /** Told of each duty carried out. */
  readonly onDone?: (duty: Duty, gasUsed: bigint) => void;
}

/**
 * Executions in one proveExecutions: below 100 kB of calldata and half the gas of a transaction.
 */
const EXECUTIONS_PER_CALL = 150;
/** Executions in one closeDispute, beside up to 64 proofs. */
const EXECUTIONS_AT_CLOSE = 50;

/**
 * Who goes first where several wait: a commit waits for cancellations anyway, and whatever else the
 * key sends (claims of a slot, bonds) has 0.
 */
const PRIORITY: Readonly<Record<Duty["kind"], number>> = {
  cancelWithdrawal: 3,
  closeDispute: 2,
  commit: 1,
};

interface Failure {
  tries: number;
  readonly since: BlockNumber;
}

/** A duty could not be carried out however often it was tried. The process must end. */
export class DutyFailed extends QuarterdeckError {
  override readonly name = "DutyFailed";

  constructor(what: string, failure: Failure, head: BlockNumber, deadline: number, cause: Error) {
    super({
      code: "DutyFailed",
      message:
        `${what} failed ${failure.tries} times since block ${failure.since}; at block ${head} ` +
        `${deadline - head} blocks are left until its deadline. Last: ${cause.message}`,
      mend: "Look at the last error, mend it, and start the operator again: it goes on from there.",
      cause,
    });
  }
}

export class DutyRunner {
  readonly #options: DutyRunnerOptions;
  readonly #failures = new Map<string, Failure>();

  constructor(options: DutyRunnerOptions) {
    this.#options = options;
  }

  /**
   * Does what is due as of block `head`. Throws `DutyFailed` when a duty failed too often, and
   * `RpcUnavailable` when the chain cannot be read.
   */
  async run(head: BlockNumber): Promise<void> {
    const { state, reader } = this.#options;
    const view = await readChainView(reader, head, questions(state));
    for (const duty of duties(state, view)) {
      try {
        const gasUsed = await this.#carryOut(duty);
        this.#failures.delete(nameOf(duty));
        this.#options.log.info(`${duty.kind}Sent`, { ...subjectOf(duty), block: head, gasUsed });
        this.#options.onDone?.(duty, gasUsed);
      } catch (error) {
        this.#failed(duty, head, error instanceof Error ? error : new Error(String(error)));
        // A later duty may hang on this one; all are looked at again with the next block.
        return;
      }
    }
  }

  #failed(duty: Duty, head: BlockNumber, error: Error): void {
    const { log, maxTries } = this.#options;
    if (error instanceof DeadlineMissed) {
      log.error("deadlineMissed", { ...subjectOf(duty), block: head, problem: error });
      return;
    }
    if (error instanceof ContractRefused && error.errorName === "NotOperator") {
      log.info("notOurTurn", { ...subjectOf(duty), block: head });
      return;
    }
    const failure = this.#failures.get(nameOf(duty)) ?? { tries: 0, since: head };
    failure.tries += 1;
    this.#failures.set(nameOf(duty), failure);
    const blocksLeft = duty.deadlineBlock - head;
    log.warn(`${duty.kind}Failed`, { ...subjectOf(duty), ...failure, blocksLeft, problem: error });
    if (failure.tries < maxTries) return;
    throw new DutyFailed(nameOf(duty), failure, head, duty.deadlineBlock, error);
  }

  async #carryOut(duty: Duty): Promise<bigint> {
    const { deadlineBlock } = duty;
    switch (duty.kind) {
      case "cancelWithdrawal": {
        const { client, token, orders } = duty.evidence;
        const data = encodeCancelWithdrawal(client, token, orders);
        return this.#send(duty.kind, nameOf(duty), data, deadlineBlock);
      }
      case "closeDispute":
        return this.#closeDispute(duty.answer, deadlineBlock);
      case "commit":
        return this.#send(duty.kind, nameOf(duty), encodeCommit(duty.roots), deadlineBlock);
      default:
        return unreachable(duty);
    }
  }

  async #closeDispute(answer: DisputeAnswerView, deadlineBlock: BlockNumber): Promise<bigint> {
    const { client, round } = answer;
    const what = `closeDispute of ${client} in round ${round}`;
    const proven = await this.#proveExecutions(answer, deadlineBlock);
    const { state } = this.#options;
    const tokens = answer.tokens.map(({ token }) => token);
    const data = encodeCloseDispute(client, round, {
      executions: answer.executions.slice(proven.count),
      openingBalances: answer.openingsPresented
        ? answer.tokens.slice(0, answer.openingTokens.length).map(({ opening }) => opening)
        : [],
      openings: answer.openingsPresented
        ? []
        : proofsOf(state, client, answer.openingTokens, answer.disputedRound),
      closings: proofsOf(state, client, tokens, round),
    });
    return proven.gasUsed + (await this.#send("closeDispute", what, data, deadlineBlock));
  }

  /**
   * Proves executions until closing has room for the rest; `count` of them are proven then. Goes on
   * where an earlier call of ours ended, if that is a prefix of what is to be proven.
   */
  async #proveExecutions(
    answer: DisputeAnswerView,
    deadlineBlock: BlockNumber,
  ): Promise<{ readonly count: number; readonly gasUsed: bigint }> {
    const { client, round } = answer;
    const { reader, submitter } = this.#options;
    const executions: readonly ExecutedOrder[] = answer.executions;
    const done = await reader.accumulation(client, round, submitter.address);
    const last = executions[done.orders - 1];
    const isPrefix = done.orders === 0 || last?.order.id === done.lastId;
    let from = isPrefix ? done.orders : 0;
    let restart = !isPrefix;
    let gasUsed = 0n;
    while (executions.length - from > EXECUTIONS_AT_CLOSE || restart) {
      const part = executions.slice(from, from + EXECUTIONS_PER_CALL);
      const data = encodeProveExecutions(client, round, restart, part);
      const what = `proveExecutions of ${client} in round ${round} from ${from}`;
      gasUsed += await this.#send("closeDispute", what, data, deadlineBlock);
      from += part.length;
      restart = false;
    }
    return { count: from, gasUsed };
  }

  async #send(
    kind: Duty["kind"],
    what: string,
    data: Hex,
    deadlineBlock: BlockNumber,
  ): Promise<bigint> {
    const { submitter, reader } = this.#options;
    const to = reader.mediator;
    const priority = PRIORITY[kind];
    const mined = await submitter.send({ what, to, data, deadlineBlock, priority });
    return mined.gasUsed;
  }
}

/** One for each token; none at all for a client that had no leaf in that round. */
function proofsOf(
  state: State,
  client: Address,
  tokens: readonly Address[],
  round: number,
): BalanceProof[] {
  return tokens
    .map((token) => proof(state, client, token, round))
    .filter((one) => one !== undefined);
}

function nameOf(duty: Duty): string {
  switch (duty.kind) {
    case "cancelWithdrawal":
      return `cancelWithdrawal of ${duty.evidence.client} in ${duty.evidence.token}`;
    case "closeDispute":
      return `closeDispute of ${duty.answer.client} in round ${duty.answer.round}`;
    case "commit":
      return `commit of round ${duty.round}`;
  }
}

function subjectOf(duty: Duty): Record<string, unknown> {
  switch (duty.kind) {
    case "cancelWithdrawal": {
      const { client, token, round, amount } = duty.evidence;
      return { client, token, round, amount, deadlineBlock: duty.deadlineBlock };
    }
    case "closeDispute": {
      const { client, round } = duty.answer;
      return { client, round, deadlineBlock: duty.deadlineBlock };
    }
    case "commit":
      return { round: duty.round, tokens: duty.roots.length, deadlineBlock: duty.deadlineBlock };
  }
}
