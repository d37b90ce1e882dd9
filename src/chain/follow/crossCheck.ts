/**
 * Compares what one endpoint says of final blocks with what the others say. Headers decide where
 * they prove anything (convict.ts), then an endpoint's own word, then two that agree outvote a
 * third; between one and one nobody decides, and the follower waits, and ends at last.
 */
import type { Log } from "viem";
import type { Address } from "../../base/hex.ts";
import type { BlockNumber, BlockRef } from "../../protocol/units.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import { EndpointsDisagree, RpcUnavailable } from "../rpc/errors.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import {
  contents,
  convictByProof,
  convictByWord,
  differences,
  type Fault,
  type Given,
  type LogDispute,
  MOST_LINKS,
  provenHash,
} from "./convict.ts";
import type { Head, Height, Lateness } from "./lateness.ts";
import { areSame, type Reading, readBlockRef } from "./readRange.ts";
import { type OtherBlock, SecondReader } from "./secondReading.ts";
import { faultOfLogs, LogsRefused } from "./soundLogs.ts";

/** Cuts of ranges for the sake of one endpoint, in so many milliseconds, at most. */
const MOST_CUTS = 4;
const CUTS_MS = 600_000;

interface CrossCheckOptions {
  readonly client: ChainClient;
  readonly mediator: Address;
  readonly lateness: Lateness;
  readonly confirmations: number;
}

/** By an endpoint that is on time the last block of a reading is not final: it may be made up. */
export class NotSeconded extends Error {
  readonly origin: string;
  /** The newest block that the endpoint has. */
  readonly newest: BlockNumber;

  constructor(origin: string, newest: BlockNumber) {
    super(`${origin} has no block after ${newest}`);
    this.origin = origin;
    this.newest = newest;
  }
}

/** Endpoints give other logs, and too many blocks follow to come to them from the last one. */
export class TooFar extends Error {
  /** The block that is to be the last one. */
  readonly block: BlockNumber;

  constructor(block: BlockNumber) {
    super(`Endpoints differ in block ${block}, far before the last one.`);
    this.block = block;
  }
}

interface Dispute {
  readonly error: EndpointsDisagree;
  /** The block that they disagree about, or the logs that they gave up to one that both have. */
  readonly about: BlockNumber | LogDispute;
}

/** The block to which a range is cut, and the logs that two gave of that range. */
interface Cut {
  readonly block: BlockNumber;
  readonly given: LogDispute["given"];
}

export class CrossCheck {
  readonly #options: CrossCheckOptions;
  /** While endpoints disagree, none is believed without a second. */
  #disputed: Dispute | undefined;
  readonly #second: SecondReader;
  /** When endpoints had ranges cut, in milliseconds of the monotonic clock. */
  readonly #cuts = new Map<Endpoint, readonly number[]>();
  /** The last cut. */
  #cut: Cut | undefined;

  constructor(options: CrossCheckOptions) {
    this.#options = options;
    const accuse = (endpoint: Endpoint, fault: LogsRefused) => this.accuse(endpoint, fault);
    this.#second = new SecondReader({ ...options, accuse });
  }

  /** Counts incomplete logs against the endpoint that gave them. */
  accuse(endpoint: Endpoint, { problem }: LogsRefused): void {
    this.#options.client.transport.demote(endpoint, faultOfLogs(problem));
  }

  /**
   * Throws `EndpointsDisagree` where any other endpoint, well or not, has another block of that
   * number than the source: nothing ends the operator before all have been asked.
   */
  async requireAll(source: Endpoint, ours: BlockRef): Promise<void> {
    const answers = await Promise.all(
      this.#others(source).map(async (endpoint) => ({
        endpoint,
        theirs: await this.#second.refAt(endpoint, ours.number),
      })),
    );
    const given = answers.filter((one): one is { endpoint: Endpoint; theirs: BlockRef } =>
      Boolean(one.theirs),
    );
    const standing: typeof given = [];
    for (const one of given.filter(({ theirs }) => theirs.hash !== ours.hash)) {
      if (!(await this.#isRefuted(source, { ...one, ours }, ours))) standing.push(one);
    }
    const [first, ...rest] = standing;
    if (first !== undefined) {
      const isShared = rest.some(({ theirs }) => theirs.hash === first.theirs.hash);
      if (isShared) this.#outvote(source, `another block ${ours.number}`);
      throw this.#disputeBlock(source, { ...first, ours });
    }
    if (given.length > 0) {
      this.#disputed = undefined;
      return;
    }
    await this.#requireUndisputed(source);
    // A reorganisation that ends the operator needs a second word, where anybody may give it.
    if (answers.length === 0) return;
    throw new RpcUnavailable(`with block ${ours.number} by a second endpoint`, undefined);
  }

  /**
   * Throws `EndpointsDisagree` where the next endpoint that answers has other blocks or logs than
   * were read, and no third one has the same as the source: two outvote one, which is passed over
   * then. Without a second one that is well, the first has to do. Throws `NotSeconded` where the
   * last block is not final yet by any that is on time: of several the true one may be alone.
   */
  async requireSecond(source: Endpoint, reading: Reading, head: Head): Promise<void> {
    const { end } = reading;
    let behind: NotSeconded | undefined;
    // Have other logs, or another block, than were read.
    const opposed: LogDispute[] = [];
    let cut: Cut | undefined;
    let strayed: OtherBlock | undefined;
    const logsHere = `other logs in ${blocksOf(reading)}`;
    const others = this.#others(source);
    for (const [at, other] of others.entries()) {
      const height = await this.#options.lateness.heightOf(other);
      const short = await this.#shortOf(other, reading, head, source, height);
      if (short instanceof NotSeconded) behind ??= short;
      else if (short !== undefined) strayed ??= short;
      if (short !== undefined) continue;
      const isDisputed = this.#disputed !== undefined;
      const found = await this.#second.contentsAt(other, reading, { height, isDisputed });
      if (found === undefined) continue;
      const { block, logs } = found;
      if (block === "unknown") {
        this.#second.noteUnknown(other, end.number);
        continue;
      }
      if (block !== undefined) {
        if (await this.#isRefuted(source, block, end)) continue;
        const isShared = strayed?.theirs.hash === block.theirs.hash;
        if (isShared) this.#outvote(source, `another block ${block.ours.number}`);
        strayed ??= block;
        continue;
      }
      if (logs === undefined) continue;
      const dispute = {
        given: [
          [source, reading.logs],
          [other, logs],
        ],
        end,
      } as const;
      const differ = !areSame(reading.logs, logs);
      // Of the block itself both say the same: so much of a dispute is settled.
      if (differ && this.#judged(source, await convictByProof(dispute))) continue;
      if (this.#isFickle(source, reading, [other, logs])) continue;
      if (differ) {
        const far = cutOf(dispute);
        if (far !== undefined && this.#recentCuts(other).length >= MOST_CUTS) continue;
        cut ??= far;
        const isShared = opposed.some(({ given: [, [, theirs]] }) => areSame(theirs, logs));
        // Before a vote counts: two may lack what the receipts of both have.
        if (isShared && this.#judged(source, await convictByWord(dispute))) continue;
        if (isShared) this.#outvote(source, logsHere);
        opposed.push(dispute);
        continue;
      }
      for (const one of opposed) {
        if (this.#judged(source, await convictByWord(one))) continue;
        this.#outvote(one.given[1][0], logsHere);
      }
      if (strayed !== undefined) {
        this.#outvote(strayed.endpoint, `another block ${strayed.ours.number}`);
      }
      this.#disputed = undefined;
      // By the endpoints that were not asked yet the last block may be too new to be final.
      behind ??= await this.#anyBehind(others.slice(at + 1), reading, head, source);
      if (behind !== undefined) throw behind;
      return;
    }
    // That endpoint can judge fewer blocks: sides are taken about those.
    if (behind !== undefined) throw behind;
    if (strayed !== undefined) throw this.#disputeBlock(source, strayed);
    if (cut !== undefined) throw this.#tooFar(cut);
    for (const one of opposed) await this.#requireConvicted(source, reading, one);
    await this.#requireUndisputed(source);
  }

  /**
   * The lack of an endpoint that is on time, and by which the last block of the reading is not
   * final yet; or its newest block, where the source has another of that number. Undefined: the
   * block is final, or the endpoint cannot tell.
   */
  async #shortOf(
    endpoint: Endpoint,
    { end }: Reading,
    head: Head,
    source: Endpoint,
    height: Height | undefined,
  ): Promise<NotSeconded | OtherBlock | undefined> {
    const { lateness, confirmations } = this.#options;
    if (height === undefined || height.number >= end.number + confirmations) return undefined;
    const standing = await lateness.standingOf(endpoint, head);
    // No witness without a block; but who fell silent just now is waited for a little.
    if (standing === undefined) {
      return height.isSaid ? undefined : new NotSeconded(endpoint.origin, height.number);
    }
    if (standing.isLate) return undefined;
    const { newest: number, hash } = standing;
    if (number >= end.number + confirmations) return undefined;
    // Times prove nothing where the block is none of this chain.
    if (hash !== undefined && number < end.number) {
      const ours = await readBlockRef(source.client, number).catch(() => undefined);
      if (ours !== undefined && ours.hash !== hash) {
        return { endpoint, ours, theirs: { number, hash } };
      }
    }
    return new NotSeconded(endpoint.origin, number);
  }

  /** The lack of the first of `endpoints` that has one: see `#shortOf`. */
  async #anyBehind(
    endpoints: readonly Endpoint[],
    reading: Reading,
    head: Head,
    source: Endpoint,
  ): Promise<NotSeconded | undefined> {
    for (const one of endpoints) {
      const height = await this.#options.lateness.heightOf(one);
      const short = await this.#shortOf(one, reading, head, source, height);
      if (short instanceof NotSeconded) return short;
    }
    return undefined;
  }

  /**
   * Throws the dispute that is open, unless another endpoint has the source's block of it: two
   * outvote one, also where neither of the others is at the head any more. One about logs ends as
   * soon as headers or receipts tell, however seldom an endpoint answers.
   */
  async #requireUndisputed(source: Endpoint): Promise<void> {
    if (this.#disputed === undefined) return;
    const { error, about } = this.#disputed;
    if (typeof about === "number") {
      const all = [source, ...this.#others(source)];
      const [ours, ...theirs] = await Promise.all(all.map((one) => this.#second.refAt(one, about)));
      if (ours === undefined || !theirs.some((ref) => ref?.hash === ours.hash)) throw error;
      this.#disputed = undefined;
      return;
    }
    const fault = (await convictByProof(about)) ?? (await convictByWord(about));
    if (!this.#judged(source, fault)) throw error;
  }

  #others(source: Endpoint): readonly Endpoint[] {
    return this.#options.client.transport.endpoints().filter((endpoint) => endpoint !== source);
  }

  /** Throws `EndpointsDisagree` where neither is refuted by its own word. */
  async #requireConvicted(source: Endpoint, reading: Reading, about: LogDispute): Promise<void> {
    if (this.#judged(source, await convictByWord(about))) return;
    const said = ([{ origin }, logs]: Given) => ({ origin, says: `${logs.length} logs` });
    const both = [said(about.given[0]), said(about.given[1])] as const;
    throw this.#dispute(`the Mediator's logs in ${blocksOf(reading)}`, both, about);
  }

  /** The words of both are kept: who says something else once the block is the last one, lied. */
  #tooFar(cut: Cut): TooFar {
    const [, [other]] = cut.given;
    this.#cut = cut;
    this.#cuts.set(other, [...this.#recentCuts(other), performance.now()]);
    return new TooFar(cut.block);
  }

  /** Endpoints may have ranges cut only to hold up the reading. */
  #recentCuts(endpoint: Endpoint): readonly number[] {
    const now = performance.now();
    return (this.#cuts.get(endpoint) ?? []).filter((at) => now - at < CUTS_MS);
  }

  /** Whether the other gave other logs of the last block before; throws where the source did. */
  #isFickle(source: Endpoint, { end, logs }: Reading, other: Given): boolean {
    if (this.#cut?.block !== end.number) return false;
    const textOf = (all: readonly Log[]) => {
      return contents(all.filter(({ blockNumber }) => Number(blockNumber) === end.number));
    };
    for (const [endpoint, before] of this.#cut.given) {
      const now = endpoint === source ? logs : endpoint === other[0] ? other[1] : undefined;
      if (now === undefined || textOf(before) === textOf(now)) continue;
      this.#cut = undefined;
      this.#count(source, endpoint, `it gave other logs of block ${end.number} before.`);
      return true;
    }
    return false;
  }

  /** Counts a fault, and ends the dispute; throws it where it is the source's. False: none. */
  #judged(source: Endpoint, fault: Fault | undefined): boolean {
    if (fault === undefined) return false;
    this.#disputed = undefined;
    this.#count(source, fault.endpoint, faultText(fault));
    return true;
  }

  /** Whether headers of a later block refute the other; throws where it is the source. */
  async #isRefuted(
    source: Endpoint,
    { endpoint, ours, theirs }: OtherBlock,
    end: BlockRef,
  ): Promise<boolean> {
    const hash = await provenHash([source, endpoint], ours.number, end);
    if (hash !== ours.hash && hash !== theirs.hash) return false;
    const problem = `its last blocks do not lead to ${ours.number} as it gives that.`;
    this.#count(source, hash === ours.hash ? endpoint : source, problem);
    return true;
  }

  #count(source: Endpoint, guilty: Endpoint, problem: string): void {
    const fault = new LogsRefused(problem);
    if (guilty === source) throw fault;
    this.accuse(guilty, fault);
  }

  /** `what`: such as "another block 7". */
  #outvote(endpoint: Endpoint, what: string): void {
    this.#options.client.transport.demote(endpoint, `two others have ${what}`);
  }

  #disputeBlock(source: Endpoint, { endpoint, ours, theirs }: OtherBlock): EndpointsDisagree {
    const here = { origin: source.origin, says: ours.hash };
    const there = { origin: endpoint.origin, says: theirs.hash };
    return this.#dispute(`block ${ours.number}`, [here, there], ours.number);
  }

  #dispute(
    what: string,
    said: ConstructorParameters<typeof EndpointsDisagree>[1],
    about: Dispute["about"],
  ): EndpointsDisagree {
    const error = new EndpointsDisagree(what, said);
    this.#disputed = { error, about };
    return error;
  }
}

/** Undefined where headers lead from the blocks that differ to the last one. */
function cutOf({ given, end }: LogDispute): Cut | undefined {
  const [block = end.number] = differences(given[0][1], given[1][1]);
  return end.number - block > MOST_LINKS ? { block, given } : undefined;
}

function faultText({ by, block }: Fault): string {
  if (by === "proof") return `the header of block ${block}, which it stands by, proves others.`;
  return by === "bloom"
    ? `the bloom of block ${block}, as it gives it, differs.`
    : `the receipts of block ${block}, as it gives them, differ.`;
}

function blocksOf({ from, end }: Reading): string {
  return `blocks ${from} to ${end.number}`;
}
