/**
 * The way of a client's write from its message to its answer. Each stage has a queue with a bound,
 * and says so when that is full; each keeps the order of arrival.
 *
 * | stage      | where it is                      | most in its queue           | when full   |
 * |------------|----------------------------------|-----------------------------|-------------|
 * | 1 parse    | server: http, streamConnection   | MAX_UNANSWERED of a stream  | is not read |
 * | 2 verify   | signatureVerifier, recoverPool   | MAX_VERIFYING               | Overloaded  |
 * | 3 sequence | `WriteRequest.admit`, router     | MAX_WAITING entries         | Overloaded  |
 * | 4 journal  | sequencer, journal               | MAX_BATCH entries a flush   | 3 waits     |
 * | 5 match    | sequencer, exchange/apply        | those of the flush          | 3 waits     |
 * | 6 sign     | fillSigner                       | those of the flush          | 3 waits     |
 * | 7 publish  | `WriteRequest.answer`, server    | unread bytes of a stream    | is closed   |
 *
 * Nothing is acknowledged before its record is durable: stage 7 begins with outcomes that stage 5
 * gives, and that begins when stage 4 is done. A connection is answered in the order in which it
 * asked. At shutdown what stage 3 has taken is written and answered, and all before it is refused.
 */
import type { Entry } from "../../exchange/model/entries.ts";
import type { Outcome } from "../../exchange/model/outcome.ts";
import { type Refusal, refuse } from "../../protocol/refusals.ts";
import type { WriteRouter } from "../sequencing/writeRouter.ts";
import type { SignatureVerifier, SignedMessage, Signers } from "../workers/signatureVerifier.ts";
import type { Answered } from "./operatorApi.ts";

/** One request of a client, of one write or several. */
export interface WriteRequest<T> {
  /** The messages whose signers `admit` is given. */
  readonly messages: readonly SignedMessage[];
  /**
   * The entries to be written, one after the other; or an answer, where there are none. Called in
   * the order in which requests came, and written in the order of the calls.
   */
  readonly admit: (signers: Signers) => readonly Entry[] | Answered<T>;
  /** `outcomes`: durable, one for each entry, in their order. */
  readonly answer: (outcomes: readonly Outcome[]) => Answered<T> | Promise<Answered<T>>;
}

export interface PipelineOptions {
  readonly verifier: Pick<SignatureVerifier, "verify" | "isOverloaded">;
  readonly router: Pick<WriteRouter, "isOpen" | "leader" | "submitAll">;
  /** Why no orders are taken now, if so. */
  readonly notReady: () => string | undefined;
}

/** The two ends of the promise that a request is given. */
interface Told<T> {
  readonly resolve: (answer: Answered<T> | Promise<Answered<T>>) => void;
  readonly reject: (error: unknown) => void;
}

export class OrderPipeline {
  readonly #verifier: PipelineOptions["verifier"];
  readonly #router: PipelineOptions["router"];
  readonly #notReady: PipelineOptions["notReady"];

  constructor({ verifier, router, notReady }: PipelineOptions) {
    this.#verifier = verifier;
    this.#router = router;
    this.#notReady = notReady;
  }

  /**
   * Resolves with the answer to a request that stage 1 has read. Rejects when the node is failing;
   * whether the entries were kept shows after a restart.
   */
  run<T>(request: WriteRequest<T>): Promise<Answered<T>> {
    return this.#begin(request.messages, (signers, told) => this.#sequence(request, signers, told));
  }

  /**
   * Stage 2 alone, for what has more to do before it is sequenced: `next` is given the signers
   * after all earlier requests were given theirs, unless this operator does not take writes.
   */
  verified<T>(
    messages: readonly SignedMessage[],
    next: (signers: Signers) => Promise<Answered<T>> | Answered<T>,
  ): Promise<Answered<T>> {
    return this.#begin(messages, (signers, { resolve }) => resolve(next(signers)));
  }

  /** One promise for the whole way of a request: each costs as much as a stage's own work. */
  #begin<T>(
    messages: readonly SignedMessage[],
    next: (signers: Signers, told: Told<T>) => void,
  ): Promise<Answered<T>> {
    const refusal = this.closed() ?? this.#overloaded();
    if (refusal !== undefined) return Promise.resolve({ ok: false, refusal });
    return new Promise((resolve, reject) => {
      const told: Told<T> = { resolve, reject };
      // 2 verify: in threads; calls back in the order of arrival.
      this.#verifier.verify(messages, (signers) => {
        try {
          // Another operator may lead by now, whose state knows newer trading keys.
          const closed = this.closed();
          if (closed !== undefined) return resolve({ ok: false, refusal: closed });
          next(signers, told);
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Why nothing is taken: what this operator knows may trail, such as a new trading key. */
  closed(): Refusal | undefined {
    const { isOpen, leader } = this.#router;
    if (!isOpen) return refuse("NotLeader", { leader });
    const waitingFor = this.#notReady();
    return waitingFor === undefined ? undefined : refuse("NotReady", { waitingFor });
  }

  /** Up to the first wait in one tick, so that no request that came later is before this one. */
  #sequence<T>(
    { admit, answer }: WriteRequest<T>,
    signers: Signers,
    { resolve, reject }: Told<T>,
  ): void {
    // 3 sequence
    const admitted = admit(signers);
    if ("ok" in admitted) return resolve(admitted);
    // 4 journal, 5 match
    this.#router.submitAll(admitted, {
      resolve: (outcomes) => {
        try {
          // 6 sign, 7 publish
          resolve(refusedByAll(outcomes) ?? answer(outcomes));
        } catch (error) {
          reject(error);
        }
      },
      reject,
    });
  }

  #overloaded(): Refusal | undefined {
    if (!this.#verifier.isOverloaded) return undefined;
    return refuse("Overloaded", { retryAfterMs: 1000 });
  }
}

/** Nothing was looked at where this operator does not lead any more. */
function refusedByAll(outcomes: readonly Outcome[]): Answered<never> | undefined {
  for (const { refusal } of outcomes) {
    if (refusal?.code === "NotLeader") return { ok: false, refusal };
  }
  return undefined;
}
