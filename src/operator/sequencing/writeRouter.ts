/**
 * The entry point of clients' writes: this operator's sequencer while it leads, else the leader's
 * address.
 */
import type { Entry } from "../../exchange/model/entries.ts";
import type { Outcome } from "../../exchange/model/outcome.ts";
import { refuse } from "../../protocol/refusals.ts";
import { isLeadLost } from "./leadLost.ts";
import type { Sequencer, Settled, WriterStatus } from "./sequencer.ts";

export class WriteRouter {
  #sequencer: Sequencer | undefined;
  readonly #onLeader: (url: string | undefined) => void;
  #leader: string | undefined;

  /** `onLeader` is called when another operator, or this one, takes orders from now on. */
  constructor(onLeader: (url: string | undefined) => void = () => {}) {
    this.#onLeader = onLeader;
  }

  /** Where the operator that takes orders serves; undefined while nobody is known to. */
  get leader(): string | undefined {
    return this.#leader;
  }

  /** Why nothing more is taken here, if so. */
  get failed(): Error | undefined {
    const failure = this.#sequencer?.failed;
    return isLeadLost(failure) ? undefined : failure;
  }

  /** True while this operator leads. */
  get isOpen(): boolean {
    return this.#sequencer !== undefined;
  }

  /** How the sequencer does; idle where there is none. */
  status(): WriterStatus {
    const idle = { waiting: 0, longestFlushMs: 0, sinceFlushMs: undefined };
    return this.#sequencer?.status() ?? idle;
  }

  /** From now on `sequencer` takes what arrives. */
  open(sequencer: Sequencer, leader: string | undefined): void {
    this.#sequencer = sequencer;
    this.#setLeader(leader);
  }

  /** From now on every caller is sent to `leader`, if there is one. */
  close(leader: string | undefined): void {
    this.#sequencer = undefined;
    this.#setLeader(leader);
  }

  /**
   * As `Sequencer.submit`; refused as `NotLeader` where this operator does not lead. If it lost the
   * lead meanwhile, whether the entry was kept is not known here, and the same entry sent to the
   * leader settles it: an order counts once, whatever happens.
   */
  submit(entry: Entry): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.submitAll([entry], { resolve: ([outcome]) => resolve(outcome as Outcome), reject });
    });
  }

  /** The same of several that share a flush; see `Sequencer.submitAll`. */
  submitAll(entries: readonly Entry[], settled: Settled): void {
    const elsewhere = () => settled.resolve(entries.map(() => this.#elsewhere()));
    if (this.#sequencer === undefined) return elsewhere();
    this.#sequencer.submitAll(entries, {
      resolve: settled.resolve,
      reject: (error) => (isLeadLost(error) ? elsewhere() : settled.reject(error)),
    });
  }

  #setLeader(leader: string | undefined): void {
    const changed = leader !== this.#leader;
    this.#leader = leader;
    if (changed) this.#onLeader(leader);
  }

  #elsewhere(): Outcome {
    return { refusal: refuse("NotLeader", { leader: this.#leader }), events: [] };
  }
}
