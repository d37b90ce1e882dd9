/**
 * Compares what one endpoint says of final blocks with what the others say. Two that agree outvote
 * a third; between one and one nobody decides, and the follower waits, and ends at last.
 */
import type { Log } from "viem";
import type { Address } from "../../base/hex.ts";
import type { BlockNumber, BlockRef } from "../../protocol/units.ts";
import type { AnyChainClient } from "../chainClient.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import { EndpointsDisagree } from "../rpc/errors.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import { convict, type Fault, type Given } from "./convict.ts";
import type { Head, Height, Lateness } from "./lateness.ts";
import { areSame, type Reading, readAgain, readBlockRef } from "./readRange.ts";
import { Silences } from "./silences.ts";
import { LogsRefused } from "./soundLogs.ts";

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

/** Another block than the source's, of the same number. */
interface OtherBlock {
  readonly endpoint: Endpoint;
  readonly ours: BlockRef;
  readonly theirs: BlockRef;
}

/** The blocks and logs of an endpoint in the place of a reading; undefined: no answer. */
interface Contents {
  readonly block: OtherBlock | "unknown" | undefined;
  readonly logs: readonly Log[] | undefined;
}

interface Dispute {
  readonly error: EndpointsDisagree;
  /** The block that they disagree about, or the logs that they gave up to one that both have. */
  readonly about: BlockNumber | LogDispute;
}

interface LogDispute {
  readonly given: readonly [Given, Given];
  readonly end: BlockRef;
}

export class CrossCheck {
  readonly #options: CrossCheckOptions;
  /** While endpoints disagree, none is believed without a second. */
  #disputed: Dispute | undefined;
  readonly #noBlock = new Silences();
  readonly #noLogs = new Silences();

  constructor(options: CrossCheckOptions) {
    this.#options = options;
  }

  /** Counts incomplete logs against the endpoint that gave them. */
  accuse(endpoint: Endpoint, { problem }: LogsRefused): void {
    const what = `its logs are incomplete or doubled: ${problem}`;
    this.#options.client.transport.demote(endpoint, what);
  }

  /**
   * Throws `EndpointsDisagree` where any other endpoint, well or not, has another block of that
   * number than the source: nothing ends the operator before all have been asked.
   */
  async requireAll(source: Endpoint, ours: BlockRef): Promise<void> {
    const answers = await Promise.all(
      this.#others(source).map(async (endpoint) => ({
        endpoint,
        theirs: await this.#refAt(endpoint, ours.number),
      })),
    );
    const given = answers.filter((one): one is { endpoint: Endpoint; theirs: BlockRef } =>
      Boolean(one.theirs),
    );
    const [first, ...rest] = given.filter(({ theirs }) => theirs.hash !== ours.hash);
    if (first !== undefined) {
      const isShared = rest.some(({ theirs }) => theirs.hash === first.theirs.hash);
      if (isShared) this.#outvote(source, `another block ${ours.number}`);
      throw this.#disputeBlock(source, { ...first, ours });
    }
    if (given.length > 0) this.#disputed = undefined;
    await this.#requireUndisputed(source);
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
    // Has other logs, or another block, than were read.
    let opposed: Given | undefined;
    let strayed: OtherBlock | undefined;
    const logsHere = `other logs in ${blocksOf(reading)}`;
    const others = this.#others(source);
    for (const [at, other] of others.entries()) {
      const height = await this.#options.lateness.heightOf(other);
      const short = await this.#shortOf(other, reading, head, source, height);
      if (short instanceof NotSeconded) behind ??= short;
      else if (short !== undefined) strayed ??= short;
      if (short !== undefined) continue;
      const found = await this.#contentsAt(other, reading, height);
      if (found === undefined) continue;
      const { block, logs } = found;
      if (block === "unknown") {
        this.#noteUnknown(other, end.number);
        continue;
      }
      if (block !== undefined) {
        const isShared = strayed?.theirs.hash === block.theirs.hash;
        if (isShared) this.#outvote(source, `another block ${block.ours.number}`);
        strayed ??= block;
        continue;
      }
      if (logs === undefined) continue;
      if (!areSame(reading.logs, logs)) {
        const given = [[source, reading.logs] as const, [other, logs] as const] as const;
        // Of the block itself both say the same: so much of a dispute is settled.
        if ((await this.#convict(source, { given, end })) !== undefined) {
          this.#disputed = undefined;
          continue;
        }
        if (opposed !== undefined && areSame(opposed[1], logs)) this.#outvote(source, logsHere);
        opposed ??= [other, logs];
        continue;
      }
      if (opposed !== undefined) this.#outvote(opposed[0], logsHere);
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
    if (opposed !== undefined) {
      const about = `the Mediator's logs in ${blocksOf(reading)}`;
      const [other, logs] = opposed;
      const here = { origin: source.origin, says: `${reading.logs.length} logs` };
      const there = { origin: other.origin, says: `${logs.length} logs` };
      throw this.#dispute(about, [here, there], { given: [[source, reading.logs], opposed], end });
    }
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
      const ours = await find(source.client, number);
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
      const [ours, ...theirs] = await Promise.all(all.map((one) => this.#refAt(one, about)));
      if (ours === undefined || !theirs.some((ref) => ref?.hash === ours.hash)) throw error;
    } else {
      const fault = await this.#convict(source, about);
      if (fault === undefined) throw error;
    }
    this.#disputed = undefined;
  }

  #others(source: Endpoint): readonly Endpoint[] {
    return this.#options.client.transport.endpoints().filter((endpoint) => endpoint !== source);
  }

  /**
   * The contents of an endpoint in the place of the reading. A failing one is probed where it said
   * its height just now: it may be well again long before its penalty is spent. Undefined: it is
   * silent, or gives nothing in time; a dispute waits for it longer.
   */
  async #contentsAt(
    endpoint: Endpoint,
    reading: Reading,
    height: Height | undefined,
  ): Promise<Contents | undefined> {
    if (endpoint.isFailing && this.#disputed === undefined) {
      return height?.isSaid ? this.#probedAt(endpoint, reading) : undefined;
    }
    const asked = this.#blockOf(endpoint, endpoint.client, reading);
    // Logs by the hash of a block that it lacks would count as its failure.
    const mayLack = height !== undefined && height.number < reading.end.number;
    if (mayLack && (await asked) === "unknown") return { block: "unknown", logs: undefined };
    const logs = this.#logsAt(endpoint, endpoint.client, reading);
    return { block: await asked, logs: await logs };
  }

  /** Each kind of answer in time of its own; no logs where the block says enough. */
  async #probedAt(endpoint: Endpoint, reading: Reading): Promise<Contents | undefined> {
    const { probing } = endpoint;
    const found = await this.#noBlock.answer(endpoint, async () => ({
      block: await this.#blockOf(endpoint, probing, reading),
    }));
    if (found === undefined || found.block !== undefined)
      return found && { ...found, logs: undefined };
    const logs = await this.#noLogs.answer(endpoint, () =>
      this.#logsAt(endpoint, probing, reading),
    );
    return { block: undefined, logs };
  }

  /** The first block of the reading that the endpoint has otherwise; unknown: it lacks the last. */
  async #blockOf(
    endpoint: Endpoint,
    by: AnyChainClient,
    { end, cuts }: Reading,
  ): Promise<OtherBlock | "unknown" | undefined> {
    const last = await find(by, end.number);
    if (last === undefined) return "unknown";
    if (last.hash !== end.hash) return { endpoint, ours: end, theirs: last };
    const refs = await Promise.all(cuts.map((ours) => this.#refAt(endpoint, ours.number, by)));
    for (const [at, theirs] of refs.entries()) {
      const ours = cuts[at] as BlockRef;
      if (theirs !== undefined && theirs.hash !== ours.hash) return { endpoint, ours, theirs };
    }
    return undefined;
  }

  /**
   * Counts the fault that is proven in the logs of one of two endpoints, and gives it; throws it
   * where the source is the guilty one.
   */
  async #convict(source: Endpoint, { given, end }: LogDispute): Promise<LogsRefused | undefined> {
    const guilty = await convict(...given, end).catch(() => undefined);
    if (guilty === undefined) return undefined;
    const fault = new LogsRefused(faultText(guilty));
    if (guilty.endpoint === source) throw fault;
    this.accuse(guilty.endpoint, fault);
    return fault;
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

  /** Undefined where it gives none: what was no answer has been counted. */
  async #logsAt(
    endpoint: Endpoint,
    by: AnyChainClient,
    reading: Reading,
  ): Promise<readonly Log[] | undefined> {
    try {
      return await readAgain(by, this.#options.mediator, reading);
    } catch (error) {
      if (error instanceof LogsRefused) this.accuse(endpoint, error);
      return undefined;
    }
  }

  async #refAt(
    endpoint: Endpoint,
    number: BlockNumber,
    by = endpoint.client,
  ): Promise<BlockRef | undefined> {
    const found = await find(by, number);
    if (found === undefined) this.#noteUnknown(endpoint, number);
    return found;
  }

  /**
   * A missing answer has been counted; an endpoint that does not know a final block is behind, and
   * is asked for the next ones all the same.
   */
  #noteUnknown(endpoint: Endpoint, number: BlockNumber): void {
    if (endpoint.penalty > 0) return;
    this.#options.client.transport.contradict(endpoint, `it does not know block ${number}`);
  }
}

/** Undefined where the endpoint does not give the block. */
function find(client: AnyChainClient, number: BlockNumber): Promise<BlockRef | undefined> {
  return readBlockRef(client, number).catch(() => undefined);
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
