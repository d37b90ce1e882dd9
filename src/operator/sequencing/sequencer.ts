/**
 * The one writer: takes what wants to become an entry, in order; proves blocks and checks orders;
 * appends a batch with one flush; applies it; and only then answers. A refused append ends the
 * node: its state is dropped, and the journal tells the next start what is true.
 */

import { QuarterdeckError } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import { apply } from "../../exchange/apply.ts";
import { checkBlocks } from "../../exchange/checkBlocks.ts";
import { checkCancel, checkOrder } from "../../exchange/matching/checkOrder.ts";
import { checkBlock, checkCommand } from "../../exchange/matching/commands.ts";
import { checkCountersign } from "../../exchange/matching/countersign.ts";
import { checkReplace } from "../../exchange/matching/replaceOrder.ts";
import type { Entry } from "../../exchange/model/entries.ts";
import type { Outcome } from "../../exchange/model/outcome.ts";
import type { State } from "../../exchange/model/state.ts";
import type { Journal } from "../../journal/journal.ts";
import { type Refusal, refuse } from "../../protocol/refusals.ts";
import { termsOf } from "../../protocol/trading/terms.ts";
import { applyInTurns, type Live } from "../replay/applyInTurns.ts";
import { encodeRecord } from "../replay/recordForm.ts";

/** `onApplied` is called before the sender of the entry gets an answer. */
export interface SequencerOptions extends Live {
  readonly journal: Journal;
  /** Called after each batch. */
  readonly onCommitted?: () => void;
  /** Called once, when the journal or the machine failed: the process must end. */
  readonly onFailure: (error: Error) => void;
  /** Milliseconds since 1970; it may go back. */
  readonly wallClock?: () => number;
  /**
   * Whether writes are on their way to here, such as those whose signers are being recovered; calls
   * `settled` later once none is, but for one given before. A flush waits for them, within
   * `GATHER_ENTRIES` and `GATHER_MS`.
   */
  readonly othersComing?: (settled: () => void) => boolean;
}

/** Most entries of one flush. */
export const MAX_BATCH = 256;
/** So many do not wait for others: a flush by itself costs what some seventy entries in it do. */
export const GATHER_ENTRIES = 128;
/** Milliseconds for which the first entry of a flush waits for others. */
const GATHER_MS = 8;
/** Most that may wait; above it orders are refused as `Overloaded`. */
export const MAX_WAITING = 8192;
const OVERLOADED = refused(refuse("Overloaded", { retryAfterMs: 1000 }));

/** The blocks cannot follow what the journal holds: nothing of them was written. */
export class BlocksRefused extends QuarterdeckError {
  override readonly name = "BlocksRefused";
  /** The fault of the blocks, as a sentence. */
  readonly problem: string;

  constructor(problem: string) {
    super({
      code: "BlocksRefused",
      message: `The blocks cannot follow those before them: ${problem}`,
      hint: "Read them again, from another endpoint.",
    });
    this.problem = problem;
  }
}

/** Entries that no client sends. */
const FROM_INSIDE: readonly Entry["kind"][] = ["blocks", "keepAlive"];

/** Entries that share a flush, and whoever waits for all of their outcomes. */
interface Group {
  readonly outcomes: Outcome[];
  /** Entries without an outcome. */
  open: number;
  readonly settled: Settled;
}

/** Ends of a wait for outcomes: the first call of either counts, and neither may throw. */
export interface Settled {
  readonly resolve: (outcomes: readonly Outcome[]) => void;
  readonly reject: (error: Error) => void;
}

interface Waiting {
  readonly entry: Entry;
  readonly group: Group;
  /** The place of its outcome in the group. */
  readonly place: number;
}

/** How the one writer does. */
export interface WriterStatus {
  readonly waiting: number;
  /** Milliseconds of the longest flush since this was last asked, also of one still under way. */
  readonly longestFlushMs: number;
  /** Milliseconds since the last flush ended; undefined before the first. */
  readonly sinceFlushMs: number | undefined;
}

export class Sequencer {
  readonly #options: SequencerOptions;
  #queue: Waiting[] = [];
  #running: Promise<void> | undefined;
  #failed: Error | undefined;
  /** Ends the wait for others, while there is one. */
  #flushNow: (() => void) | undefined;
  /** By the monotonic clock, for the health checks only. */
  #flushBegan: number | undefined;
  #flushEnded: number | undefined;
  #longestFlushMs = 0;

  constructor(options: SequencerOptions) {
    this.#options = options;
  }

  /** Why nothing more is taken, if so. */
  get failed(): Error | undefined {
    return this.#failed;
  }

  /** How it does; `longestFlushMs` begins anew with each call. */
  status(): WriterStatus {
    const now = performance.now();
    const since = this.#flushBegan === undefined ? 0 : now - this.#flushBegan;
    const longestFlushMs = Math.max(this.#longestFlushMs, since);
    this.#longestFlushMs = 0;
    const sinceFlushMs = this.#flushEnded === undefined ? undefined : now - this.#flushEnded;
    return { waiting: this.#queue.length, longestFlushMs, sinceFlushMs };
  }

  /**
   * Resolves with what the entry did once that is durable, or with a refusal: then nothing of it
   * was kept, and no other writer had taken over. Rejects when the node is failing; whether the
   * entry was kept shows after a restart. Rejects with `BlocksRefused` where blocks cannot follow:
   * nothing of them was kept, and the node goes on.
   */
  submit(entry: Entry): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.submitAll([entry], { resolve: ([outcome]) => resolve(outcome as Outcome), reject });
    });
  }

  /**
   * As `submit`, of at most `MAX_BATCH` entries that share one flush and come one after the other;
   * each has an outcome of its own. May settle before this returns.
   */
  submitAll(entries: readonly Entry[], settled: Settled): void {
    if (this.#failed !== undefined) return settled.reject(this.#failed);
    if (entries.length === 0) return settled.resolve([]);
    if (this.#isFullFor(entries)) return settled.resolve(entries.map(() => OVERLOADED));
    const outcomes = new Array<Outcome>(entries.length);
    const group: Group = { outcomes, open: entries.length, settled };
    for (const [place, entry] of entries.entries()) this.#queue.push({ entry, group, place });
    this.#running ??= this.#run();
    if (this.#isEnough()) this.#flushNow?.();
  }

  /** True once enough waits for a flush, or blocks came in, which are late as they come. */
  #isEnough(): boolean {
    const { length } = this.#queue;
    return length >= GATHER_ENTRIES || this.#queue[length - 1]?.entry.kind === "blocks";
  }

  /** Waits for what is on its way, for a short while. */
  async #gather(): Promise<void> {
    const { othersComing } = this.#options;
    if (othersComing === undefined || this.#isEnough()) return;
    await new Promise<void>((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const flushNow = () => {
        clearTimeout(timer);
        resolve();
      };
      if (!othersComing(flushNow)) return resolve();
      timer = setTimeout(resolve, GATHER_MS);
      this.#flushNow = flushNow;
    });
    this.#flushNow = undefined;
  }

  #isFullFor(entries: readonly Entry[]): boolean {
    if (this.#queue.length + entries.length <= MAX_WAITING) return false;
    return entries.some(({ kind }) => !FROM_INSIDE.includes(kind));
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // Give callers of the same tick a chance to share the flush.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      await this.#gather();
      const batch = this.#nextBatch();
      try {
        await this.#commit(batch);
        this.#options.onCommitted?.();
      } catch (error) {
        this.#fail(error instanceof Error ? error : new Error(String(error)), batch);
      }
    }
    // In the same tick in which nothing waited: a caller of the next tick begins anew.
    this.#running = undefined;
  }

  /** Blocks come first in theirs: they are proven against the state that they are applied to. */
  #nextBatch(): Waiting[] {
    const blocks = this.#queue.findIndex(({ entry }, at) => at > 0 && entry.kind === "blocks");
    const most = blocks === -1 ? MAX_BATCH : Math.min(blocks, MAX_BATCH);
    if (this.#queue.length <= most) return this.#queue.splice(0);
    // No group is cut in two; a first one that is too long for a flush is.
    const ends = this.#queue.slice(0, most).findLastIndex(endsGroup);
    return this.#queue.splice(0, ends === -1 ? most : ends + 1);
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const { state } = this.#options;
    const decided = decide(state, batch);
    // Not below the last record's, whoever wrote that: operators' clocks differ.
    const timeMs = Math.max(state.timeMs, Math.floor(this.#options.wallClock?.() ?? Date.now()));
    const entries = decided.taken.map(({ entry }): Entry => ({ ...entry, timeMs }));
    const first = await this.#flush(entries);
    const [blocks] = entries;
    const passed =
      blocks?.kind === "blocks" ? await applyInTurns(this.#options, blocks, first) : undefined;
    this.#apply(decided, entries, { first, passed });
  }

  /**
   * `entries`: those taken, durable as the records from `first` on. `passed`: what the first did, if
   * it is blocks and so was applied before.
   */
  #apply(
    { taken, denied }: Decided,
    entries: readonly Entry[],
    { first, passed }: { readonly first: number; readonly passed: Outcome | undefined },
  ): void {
    const { state, history, onApplied } = this.#options;
    const done: Group[] = [];
    for (const deny of denied) deny(done);
    if (passed !== undefined) settle(taken[0] as Waiting, passed, done);
    for (let index = passed === undefined ? 0 : 1; index < entries.length; index++) {
      const entry = entries[index] as Entry;
      // An earlier entry of the batch may have made this one refusable: then it changes nothing,
      // now and at every replay.
      const outcome = apply(state, entry);
      history.record(first + index, outcome.events, state.timeMs);
      onApplied(entry, outcome);
      settle(taken[index] as Waiting, outcome, done);
    }
    // Once all of the flush is applied: what anybody is told is the state after it.
    for (const { settled, outcomes } of done) settled.resolve(outcomes);
  }

  /**
   * Afterwards `taken` is durable, and this was the writer still: one that was overtaken refuses
   * what the others have long taken. Resolves with the sequence of the first of `taken`.
   */
  async #flush(taken: readonly Entry[]): Promise<number> {
    const { journal } = this.#options;
    const began = performance.now();
    this.#flushBegan = began;
    const records = taken.map((entry) => encodeRecord(entry, journal.format));
    const first =
      records.length === 0
        ? (await journal.refresh()).sequence + 1
        : (await journal.append(records)).first;
    this.#flushBegan = undefined;
    this.#flushEnded = performance.now();
    this.#longestFlushMs = Math.max(this.#longestFlushMs, this.#flushEnded - began);
    return first;
  }

  #fail(error: Error, batch: readonly Waiting[]): void {
    this.#failed = error;
    for (const { group } of [...batch, ...this.#queue]) group.settled.reject(error);
    this.#queue = [];
    this.#options.onFailure(error);
  }
}

interface Decided {
  /** To be written. */
  readonly taken: readonly Waiting[];
  /** Refuses the others, once it is known that this is the writer still. */
  readonly denied: readonly ((done: Group[]) => void)[];
}

/**
 * Entries are checked against the state before the batch. That says nothing of one that its client
 * sent right after another, such as a cancellation after its order: it is written, and the machine
 * decides.
 */
function decide(state: State, batch: readonly Waiting[]): Decided {
  const taken: Waiting[] = [];
  const denied: ((done: Group[]) => void)[] = [];
  const writing = new Set<Address>();
  for (const one of batch) {
    const { entry, group } = one;
    const problem = entry.kind === "blocks" ? checkBlocks(state, entry) : undefined;
    if (problem !== undefined) {
      denied.push(() => group.settled.reject(new BlocksRefused(problem)));
      continue;
    }
    const client = clientOf(entry);
    const follows = client !== undefined && writing.has(client);
    const refusal = follows ? undefined : check(state, entry);
    if (refusal !== undefined) {
      denied.push((done) => settle(one, refused(refusal), done));
      continue;
    }
    taken.push(one);
    if (client !== undefined) writing.add(client);
  }
  return { taken, denied };
}

/** The client that sent it; undefined: none did. */
function clientOf(entry: Entry): Address | undefined {
  switch (entry.kind) {
    case "placeOrder":
    case "replaceOrder":
      return entry.order.owner;
    case "cancelOrder":
    case "cancelAll":
    case "cancelAfter":
      return entry.owner;
    case "countersign":
      return entry.statement.client;
    default:
      return undefined;
  }
}

function check(state: State, entry: Entry): Refusal | undefined {
  switch (entry.kind) {
    case "placeOrder":
      return checkOrder(state, entry.order, termsOf(entry.terms));
    case "cancelOrder":
      return checkCancel(state, entry);
    case "replaceOrder":
      return checkReplace(state, entry);
    case "cancelAll":
      return checkCommand(state, entry);
    case "countersign":
      return checkCountersign(state, entry.statement);
    case "cancelAfter":
      return checkCommand(state, entry) ?? checkBlock(state, entry);
    default:
      return undefined;
  }
}

function refused(refusal: Refusal): Outcome {
  return { refusal, events: [] };
}

function endsGroup({ group, place }: Waiting): boolean {
  return place === group.outcomes.length - 1;
}

/** With its last outcome a group is `done`. */
function settle({ group, place }: Waiting, outcome: Outcome, done: Group[]): void {
  group.outcomes[place] = outcome;
  group.open -= 1;
  if (group.open === 0) done.push(group);
}
