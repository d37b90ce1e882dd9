/**
 * Follows the chain: yields final blocks in order with the Mediator's logs in them, and each new
 * head. A block is final `confirmations` blocks deep; shallower reorganisations are invisible here,
 * and a deeper one throws `ReorgTooDeep`. A range of blocks comes from one endpoint; its last block
 * and its logs must be the same on a second one, where there is one that is well.
 */
import type { Address } from "../../base/hex.ts";
import { sleep } from "../../base/sleep.ts";
import type { BlockNumber, BlockRef, Schedule } from "../../protocol/units.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import {
  EndpointsDisagree,
  isOverwhelmed,
  isRefusal,
  isUnknownBlock,
  ReorgTooDeep,
  RpcUnavailable,
  shortMessage,
} from "../rpc/errors.ts";
import { asTooWide } from "../rpc/logWidth.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import type { LogSource } from "./blockLogs.ts";
import { CrossCheck, NotSeconded, TooFar } from "./crossCheck.ts";
import { HeaderReader } from "./headers.ts";
import { HeadNotifier } from "./headNotifier.ts";
import { type HeadEvent, HeadPoll } from "./headPoll.ts";
import { type Head, Lateness } from "./lateness.ts";
import { AdaptiveRange, type FinalBlocks, readBlockRef, readRange } from "./readRange.ts";
import { LogsRefused } from "./soundLogs.ts";

export { readBlockRef } from "./readRange.ts";
export { LogsRefused } from "./soundLogs.ts";

export type ChainEvent = HeadEvent | FinalBlocks;

export interface FollowOptions {
  readonly client: ChainClient;
  readonly mediator: Address;
  readonly confirmations: number;
  /** Last block that was processed; its hash is checked before anything is built on it. */
  readonly after: BlockRef;
  /** Milliseconds between two polls of the head; endpoints that push heads cause earlier ones. */
  readonly pollMs: number;
  /** Failed polls in a row, with growing pauses, before the last failure is thrown. */
  readonly maxTries: number;
  readonly signal: AbortSignal;
  /** No part of the final blocks goes over the beginning of a quarter that has logs, if given. */
  readonly schedule?: Schedule;
  /** Called for each failed poll. */
  readonly onRetry?: (problem: string, tries: number) => void;
  /** Called once for a peculiarity of an endpoint that is no fault. */
  readonly onNotice?: (notice: string) => void;
}

/** The newest final blocks are read one by one: a machine that lags may not know them yet. */
const NEAR_BLOCKS = 16;
const MAX_PAUSE_MS = 15_000;

/**
 * Ends when `signal` is aborted. A consumer that cannot take final blocks gives the reason, as
 * `next(reason)`: that is a failed poll and counts against the endpoint, and the same blocks come
 * again, from another one where there is one. Throws `ReorgTooDeep`; after `maxTries` failed polls
 * in a row `EndpointsDisagree` or `LogsRefused`, if that is what failed, else `RpcUnavailable`.
 */
export async function* follow(
  options: FollowOptions,
): AsyncGenerator<ChainEvent, void, string | undefined> {
  const { signal, pollMs } = options;
  const watching = new AbortController();
  const bell = new HeadNotifier(options.client, watching.signal);
  const follower = new BlockFollower(options);
  let announced = -1;
  let tries = 0;
  try {
    while (!signal.aborted) {
      try {
        const { source, head } = await follower.poll();
        if (head.number !== announced) {
          announced = head.number;
          yield head;
        }
        const parts = await follower.advance(source);
        for (const part of parts) {
          const refusal = yield part;
          if (refusal !== undefined) throw new LogsRefused(refusal);
          follower.took(part);
        }
        // The outage of a failed poll is over, also where no block comes.
        if (tries > 0) yield head;
        tries = 0;
        if (parts.length === 0) await bell.wait(pollMs, signal);
      } catch (caught) {
        if (caught instanceof ReorgTooDeep) throw caught;
        if (signal.aborted) return;
        const error = follower.blame(caught);
        tries += 1;
        if (tries >= options.maxTries) throw lastFailure(error);
        options.onRetry?.(shortMessage(error), tries);
        // Heads that are told of cut no pause short: requests alone may fail.
        await sleep(Math.min(MAX_PAUSE_MS, pollMs * 2 ** (tries - 1)), signal).catch(() => {});
      }
    }
  } finally {
    watching.abort();
  }
}

/** An error about logs says by itself who must act. */
function lastFailure(error: unknown): unknown {
  const isAboutLogs = error instanceof EndpointsDisagree || error instanceof LogsRefused;
  return isAboutLogs ? error : new RpcUnavailable("for new blocks", error);
}

/** Goes along the chain from the last block that was taken as final. */
class BlockFollower {
  readonly #options: FollowOptions;
  readonly #ranges = new Map<Endpoint, AdaptiveRange>();
  readonly #headers = new Map<Endpoint, HeaderReader>();
  readonly #uselessBlooms = new Set<Endpoint>();
  #last: BlockRef;
  /** The endpoint that the last poll was taken through. */
  #source: Endpoint | undefined;
  /** The sources of the polls that failed since one passed. */
  readonly #failed = new Set<Endpoint>();
  readonly #heads: HeadPoll;
  /** The newest block of the last poll. */
  #head: Head = { number: -1, timestamp: 0, header: {} };
  /** The newest block of a second endpoint that had not all final blocks at the last poll. */
  #seconded: BlockNumber | undefined;
  readonly #others: CrossCheck;

  constructor(options: FollowOptions) {
    this.#options = options;
    const lateness = new Lateness();
    this.#others = new CrossCheck({ ...options, lateness });
    this.#heads = new HeadPoll({ ...options, lateness });
    this.#last = options.after;
  }

  /**
   * The newest block, and no newer than its final blocks were seconded at the last poll: duties
   * follow those. Throws as `HeadPoll.poll` does.
   */
  async poll(): Promise<{ readonly source: Endpoint; readonly head: HeadEvent }> {
    const noteSource = (source: Endpoint) => {
      this.#source = source;
    };
    const { source, event, head } = await this.#heads.poll(noteSource, () => this.#candidates());
    this.#head = head;
    const number = Math.min(head.number, this.#seconded ?? head.number);
    return { source, head: { ...event, number } };
  }

  /** These blocks were taken: what comes next is built on them. */
  took({ to }: FinalBlocks): void {
    this.#last = to;
    this.#failed.clear();
  }

  /**
   * The message of `error`, with the endpoint's name where its logs are at fault and count so.
   */
  blame(error: unknown): unknown {
    const source = this.#source;
    if (source === undefined || error instanceof EndpointsDisagree) return error;
    this.#failed.add(source);
    if (!(error instanceof LogsRefused)) return error;
    this.#others.accuse(source, error);
    return new LogsRefused(error.problem, source.origin);
  }

  /** The next final blocks, in parts; none when there are none. */
  async advance(source: Endpoint): Promise<readonly FinalBlocks[]> {
    try {
      const parts = await this.#advance(source);
      // Or a source that stands still would be the only one for ever, once the others failed.
      if (parts.length === 0) this.#failed.clear();
      return parts;
    } catch (error) {
      if (isUnknownBlock(error)) {
        const problem = "it does not know a block that is final, or that it has announced";
        this.#options.client.transport.demote(source, problem);
      }
      throw error;
    }
  }

  async #advance(source: Endpoint): Promise<readonly FinalBlocks[]> {
    const range = this.#rangeOf(source);
    const head = this.#head;
    const final = head.number - this.#options.confirmations;
    let until = final;
    this.#seconded = undefined;
    if (until <= this.#last.number) await this.#requireUnchanged(source);
    while (until > this.#last.number) {
      const from = this.#last.number + 1;
      const span = Math.min(until - this.#last.number, range.blocks);
      try {
        const [parts] = await Promise.all([
          readRange(
            this.#logSource(source),
            { from, to: from + span - 1, byHashFrom: final - NEAR_BLOCKS + 1 },
            this.#options.schedule,
            (reading) => this.#others.requireSecond(source, reading, head),
          ),
          this.#requireUnchanged(source),
        ]);
        range.passed(span);
        return parts;
      } catch (error) {
        if (error instanceof NotSeconded) {
          // As far as blocks are final by a second one, and no further for now.
          until = error.newest - this.#options.confirmations;
          this.#seconded = error.newest;
          continue;
        }
        if (error instanceof TooFar) {
          until = error.block;
          continue;
        }
        const tooWide = asTooWide(error);
        // A refusal in words that we do not know may be for the width too.
        if (isRefusal(error) || isOverwhelmed(error)) range.refused(span, tooWide?.proposed);
        if (tooWide === undefined || span === 1) throw error;
      }
    }
    return [];
  }

  #logSource(endpoint: Endpoint): LogSource {
    const { client, mediator } = this.#options;
    const tell = (problem: string) => client.transport.demote(endpoint, problem);
    let isHashIgnored = false;
    return {
      client: endpoint.client,
      headers: this.#headersOf(endpoint),
      mediator,
      isBloomUsable: !this.#uselessBlooms.has(endpoint),
      onMissingLogs: tell,
      onIgnoredHash: (problem) => {
        if (!isHashIgnored) tell(problem);
        isHashIgnored = true;
      },
      onUselessBloom: (problem) => {
        if (this.#uselessBlooms.has(endpoint)) return;
        this.#uselessBlooms.add(endpoint);
        this.#options.onNotice?.(`${endpoint.origin}: ${problem}: blooms are not used`);
      },
    };
  }

  #endpoints(): readonly Endpoint[] {
    return this.#options.client.transport.endpoints();
  }

  /** Each in turn while polls fail, however many requests a poll takes. */
  #candidates(): readonly Endpoint[] {
    const isFailed = (endpoint: Endpoint) => this.#failed.has(endpoint);
    if (this.#endpoints().every(isFailed)) this.#failed.clear();
    return this.#endpoints().toSorted((a, b) => Number(isFailed(a)) - Number(isFailed(b)));
  }

  #rangeOf(source: Endpoint): AdaptiveRange {
    const range = this.#ranges.get(source) ?? new AdaptiveRange();
    this.#ranges.set(source, range);
    return range;
  }

  #headersOf(endpoint: Endpoint): HeaderReader {
    const headers = this.#headers.get(endpoint) ?? new HeaderReader(endpoint);
    this.#headers.set(endpoint, headers);
    return headers;
  }

  /** A block that an endpoint does not know is a failed poll; another hash is a reorganisation. */
  async #requireUnchanged(source: Endpoint): Promise<void> {
    const last = this.#last;
    const found = await readBlockRef(source.client, last.number);
    if (found.hash === last.hash) return;
    // Unless it is only this endpoint that has left the chain.
    await this.#others.requireAll(source, found);
    throw new ReorgTooDeep(last.number, last.hash, found.hash);
  }
}
