/** The last logs of a contract, read once and then kept up to date. */
import type { Log } from "viem";
import type { Address } from "../../../src/base/hex.ts";
import { ask, type ChainClient } from "../../../src/chain/rpc/rpc.ts";
import { firstBlockOf, roundOf } from "../../../src/protocol/rounds.ts";
import type { BlockNumber, Schedule } from "../../../src/protocol/units.ts";

/** Rounds before the present one: a withdrawal takes three to be paid. */
const ROUNDS_BACK = 12;
/** Blocks of one reading; providers refuse wider ones. */
const STEP_BLOCKS = 2000;
/** Blocks that are read again each time: a reorganisation may have changed them. */
const OVERLAP_BLOCKS = 6;

/** First block of the rounds that are looked at, at `head`. */
export function roundsFrom(schedule: Schedule, head: BlockNumber): BlockNumber {
  return firstBlockOf(schedule, Math.max(0, roundOf(schedule, head) - ROUNDS_BACK));
}

interface LogSource<Found> {
  readonly client: ChainClient;
  readonly address: Address;
  /** Of an error: "the Mediator's logs". */
  readonly what: string;
  readonly decode: (log: Log) => Found | undefined;
  /** First block that is read, as of the first head. */
  readonly from: (head: BlockNumber) => BlockNumber;
}

export class LogReader<Found extends { readonly block: BlockNumber }> {
  readonly #source: LogSource<Found>;
  /** First block from which everything was read. */
  from: BlockNumber = 0;
  #upTo: BlockNumber | undefined;
  #logs: Found[] = [];

  constructor(source: LogSource<Found>) {
    this.#source = source;
  }

  /** All logs up to `head`, oldest first. Throws `RpcUnavailable`. */
  async upTo(head: BlockNumber): Promise<readonly Found[]> {
    if (this.#upTo === undefined) this.from = this.#source.from(head);
    let first = this.#upTo === undefined ? this.from : this.#upTo + 1 - OVERLAP_BLOCKS;
    first = Math.max(this.from, first);
    while (first <= head) {
      const last = Math.min(head, first + STEP_BLOCKS - 1);
      const found = await this.#read(first, last);
      this.#logs = [...this.#logs.filter(({ block }) => block < first), ...found];
      this.#upTo = last;
      first = last + 1;
    }
    return this.#logs;
  }

  async #read(from: BlockNumber, to: BlockNumber): Promise<Found[]> {
    const { client, address, what, decode } = this.#source;
    const found = await ask(what, () =>
      client.getLogs({
        address,
        fromBlock: BigInt(from),
        toBlock: BigInt(to),
      }),
    );
    return found.flatMap((log) => decode(log) ?? []);
  }
}
