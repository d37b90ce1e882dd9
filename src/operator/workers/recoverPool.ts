/**
 * Recovers the accounts behind signatures in threads of their own: it is the dearest computation of
 * an order. What is asked within one tick is shared out among the threads. A thread that is lost
 * costs nothing but speed: its questions are answered here, and so are all once no thread is left.
 */
import { Worker } from "node:worker_threads";
import type { Curve } from "../../base/curve.ts";
import { messageOf } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import { type Recovery, recoverAccount } from "../../protocol/signatures.ts";
import { packRecoveries, type RecoverAnswer, type RecoverRequest } from "./recoverMessages.ts";

export interface RecoverPoolOptions {
  /** 0: everything is recovered on the caller's thread. */
  readonly threads: number;
  /** For what is recovered on the caller's thread. */
  readonly curve: Curve;
  /** Called when a thread ended by itself, with the reason and how many are left. */
  readonly onLost?: (problem: string, left: number) => void;
  /** The threads' module; for tests. */
  readonly module?: URL;
}

/** Fewer are recovered here, without the wait for a thread, where no others are under way. */
const LEAST_SHARE = 4;
/** Most of one message: what is recovered goes on while the thread recovers more. */
const MAX_SHARE = 32;
/** The thread's module, as it is written or as it is built. */
const WORKER = new URL(
  import.meta.url.endsWith(".ts") ? "./recoverWorker.ts" : "./recoverWorker.js",
  import.meta.url,
);

type Accounts = readonly (Address | undefined)[];

/** Recoveries that belong together, and who waits for them. */
interface Question {
  readonly recoveries: readonly Recovery[];
  readonly answered: (accounts: Accounts) => void;
}

class Thread {
  readonly worker: Worker;
  readonly asked = new Map<number, Question>();
  #lastId = 0;
  #pending = 0;

  constructor(module: URL, answered: (question: Question, accounts: Accounts) => void) {
    this.worker = new Worker(module, { name: "recover" });
    this.worker.unref();
    this.worker.on("message", ({ id, accounts }: RecoverAnswer) => {
      const question = this.asked.get(id);
      this.asked.delete(id);
      this.#pending -= accounts.length;
      if (question !== undefined) answered(question, accounts);
    });
  }

  /** Recoveries that it was asked for and has not answered. */
  get pending(): number {
    return this.#pending;
  }

  ask(question: Question): void {
    const id = ++this.#lastId;
    this.asked.set(id, question);
    this.#pending += question.recoveries.length;
    const packed = packRecoveries(question.recoveries);
    this.worker.postMessage({ id, packed } satisfies RecoverRequest, [packed.buffer]);
  }
}

export class RecoverPool {
  readonly #options: RecoverPoolOptions;
  /** Undefined before the first time that there is enough to share. */
  #threads: Thread[] | undefined;
  #waiting: Question[] = [];
  #isScheduled = false;
  #isClosed = false;
  #pending = 0;

  constructor(options: RecoverPoolOptions) {
    this.#options = options;
  }

  /** Recoveries that are asked for and not answered. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Calls `answered`, which must not throw, with the accounts in the order of the recoveries; never
   * before this returns.
   */
  recoverAll(recoveries: readonly Recovery[], answered: (accounts: Accounts) => void): void {
    this.#pending += recoveries.length;
    this.#waiting.push({ recoveries, answered });
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // Behind all that came in this tick.
    setImmediate(() => this.#share());
  }

  /** Ends the threads. What is still asked for is answered here. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const threads = this.#threads?.splice(0) ?? [];
    for (const thread of threads) this.#answerInPlaceOf(thread);
    await Promise.all(threads.map(({ worker }) => worker.terminate()));
  }

  #start({ threads, module = WORKER }: RecoverPoolOptions): Thread[] {
    return Array.from({ length: threads }, () => {
      const thread = new Thread(module, (question, found) => this.#answer(question, found));
      thread.worker.on("error", (error) => this.#lose(thread, messageOf(error)));
      thread.worker.on("exit", (code) => this.#lose(thread, `it ended with ${code}`));
      return thread;
    });
  }

  #lose(thread: Thread, problem: string): void {
    const threads = this.#threads ?? [];
    const at = threads.indexOf(thread);
    if (at === -1) return;
    threads.splice(at, 1);
    this.#answerInPlaceOf(thread);
    this.#options.onLost?.(problem, threads.length);
  }

  #share(): void {
    this.#isScheduled = false;
    const questions = this.#waiting;
    this.#waiting = [];
    const count = questions.reduce((sum, { recoveries }) => sum + recoveries.length, 0);
    const isAlone = count < LEAST_SHARE && this.#pending === count;
    const threads = this.#isClosed || isAlone ? [] : this.#running();
    if (threads.length === 0) {
      this.#answerHere(questions);
      return;
    }
    const most = Math.min(MAX_SHARE, Math.ceil(count / threads.length));
    for (const part of partsOf(questions, most)) {
      threads.reduce((a, b) => (b.pending < a.pending ? b : a)).ask(part);
    }
  }

  #running(): readonly Thread[] {
    this.#threads ??= this.#start(this.#options);
    return this.#threads;
  }

  /** Answers here all that the thread is asked for. */
  #answerInPlaceOf({ asked }: Thread): void {
    const questions = [...asked.values()];
    asked.clear();
    this.#answerHere(questions);
  }

  #answerHere(questions: readonly Question[]): void {
    const { curve } = this.#options;
    for (const question of questions) {
      this.#answer(
        question,
        question.recoveries.map((one) => recoverAccount(curve, one)),
      );
    }
  }

  #answer({ recoveries, answered }: Question, accounts: Accounts): void {
    this.#pending -= recoveries.length;
    answered(accounts);
  }
}

/** The same in questions of about `most` recoveries, each of whole ones. */
function* partsOf(questions: readonly Question[], most: number): Generator<Question> {
  let part: Question[] = [];
  let size = 0;
  for (const question of questions) {
    part.push(question);
    size += question.recoveries.length;
    if (size < most) continue;
    yield merged(part);
    part = [];
    size = 0;
  }
  if (part.length > 0) yield merged(part);
}

function merged(questions: readonly Question[]): Question {
  return {
    recoveries: questions.flatMap(({ recoveries }) => recoveries),
    answered: (accounts) => {
      let at = 0;
      for (const { recoveries, answered } of questions) {
        answered(accounts.slice(at, at + recoveries.length));
        at += recoveries.length;
      }
    },
  };
}
