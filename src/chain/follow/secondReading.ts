/** The blocks and logs of another endpoint in the place of a reading of the first. */
import type { Log } from "viem";
import type { Address } from "../../base/hex.ts";
import type { BlockNumber, BlockRef } from "../../protocol/units.ts";
import type { AnyChainClient } from "../chainClient.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import type { Height } from "./lateness.ts";
import { type Reading, readAgain, readBlockRef } from "./readRange.ts";
import { Silences } from "./silences.ts";
import { LogsRefused } from "./soundLogs.ts";

interface SecondReaderOptions {
  readonly client: ChainClient;
  readonly mediator: Address;
  /** Counts incomplete logs against the endpoint that gave them. */
  readonly accuse: (endpoint: Endpoint, fault: LogsRefused) => void;
}

/** Another block than the source's, of the same number. */
export interface OtherBlock {
  readonly endpoint: Endpoint;
  readonly ours: BlockRef;
  readonly theirs: BlockRef;
}

/** The blocks and logs of an endpoint in the place of a reading; undefined: no answer. */
interface Contents {
  readonly block: OtherBlock | "unknown" | undefined;
  readonly logs: readonly Log[] | undefined;
}

/** The facts by which an endpoint is asked at all. */
interface Asked {
  /** The newest block, if it says that. */
  readonly height: Height | undefined;
  /** Whether endpoints disagree, so that each is waited for. */
  readonly isDisputed: boolean;
}

export class SecondReader {
  readonly #options: SecondReaderOptions;
  readonly #noBlock = new Silences();
  readonly #noLogs = new Silences();

  constructor(options: SecondReaderOptions) {
    this.#options = options;
  }

  /**
   * The contents of an endpoint in the place of the reading. A failing one is probed where it said
   * its height just now: it may be well again long before its penalty is spent. Undefined: it is
   * silent, or gives nothing in time; a dispute waits for it longer.
   */
  async contentsAt(
    endpoint: Endpoint,
    reading: Reading,
    { height, isDisputed }: Asked,
  ): Promise<Contents | undefined> {
    if (endpoint.isFailing && !isDisputed) {
      return height?.isSaid ? this.#probedAt(endpoint, reading) : undefined;
    }
    // First the blocks: by the hash of one that it lacks it would fail, or give those of an orphan.
    const block = await this.#blockOf(endpoint, endpoint.client, reading);
    if (block !== undefined) return { block, logs: undefined };
    return { block, logs: await this.#logsAt(endpoint, endpoint.client, reading) };
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
    { end, near, cuts }: Reading,
  ): Promise<OtherBlock | "unknown" | undefined> {
    const inner = [...near, ...cuts].filter(({ number }) => number !== end.number);
    const numbers = [end, ...inner].map(({ number }) => number);
    const [last, ...refs] = await Promise.all(numbers.map((number) => find(by, number)));
    if (last === undefined) return "unknown";
    if (last.hash !== end.hash) return { endpoint, ours: end, theirs: last };
    for (const [at, theirs] of refs.entries()) {
      const ours = inner[at] as BlockRef;
      if (theirs === undefined) this.noteUnknown(endpoint, ours.number);
      else if (theirs.hash !== ours.hash) return { endpoint, ours, theirs };
    }
    return undefined;
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
      if (error instanceof LogsRefused) this.#options.accuse(endpoint, error);
      return undefined;
    }
  }

  /** Undefined where it does not give the block, which counts. */
  async refAt(endpoint: Endpoint, number: BlockNumber): Promise<BlockRef | undefined> {
    const found = await find(endpoint.client, number);
    if (found === undefined) this.noteUnknown(endpoint, number);
    return found;
  }

  /**
   * A missing answer has been counted; an endpoint that does not know a final block is behind, and
   * is asked for the next ones all the same.
   */
  noteUnknown(endpoint: Endpoint, number: BlockNumber): void {
    if (endpoint.penalty > 0) return;
    this.#options.client.transport.contradict(endpoint, `it does not know block ${number}`);
  }
}

/** Undefined where the endpoint does not give the block. */
function find(client: AnyChainClient, number: BlockNumber): Promise<BlockRef | undefined> {
  return readBlockRef(client, number).catch(() => undefined);
}
