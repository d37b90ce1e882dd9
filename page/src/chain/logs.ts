/** The Mediator's logs of the last rounds, read once and then kept up to date. */
import { decodeLog } from "../../../src/chain/contracts/logs.ts";
import type { MediatorReader } from "../../../src/chain/contracts/mediator.ts";
import { ask } from "../../../src/chain/rpc/rpc.ts";
import type { ChainLog } from "../../../src/protocol/chainLog.ts";
import { firstBlockOf, roundOf } from "../../../src/protocol/rounds.ts";
import type { BlockNumber, Schedule } from "../../../src/protocol/units.ts";

/** Rounds before the present one: a withdrawal takes three to be paid. */
const ROUNDS_BACK = 12;
/** Blocks of one reading; providers refuse wider ones. */
const STEP_BLOCKS = 2000;
/** Blocks that are read again each time: a reorganisation may have changed them. */
const OVERLAP_BLOCKS = 6;

export class LogReader {
  readonly #reader: MediatorReader;
  readonly #schedule: Schedule;
  /** First block from which everything was read. */
  from: BlockNumber = 0;
  #upTo: BlockNumber | undefined;
  #logs: ChainLog[] = [];

  constructor(reader: MediatorReader, schedule: Schedule) {
    this.#reader = reader;
    this.#schedule = schedule;
  }

  /** All logs up to `head`, oldest first. Throws `RpcUnavailable`. */
  async upTo(head: BlockNumber): Promise<readonly ChainLog[]> {
    if (this.#upTo === undefined) {
      const round = roundOf(this.#schedule, head);
      this.from = firstBlockOf(this.#schedule, Math.max(0, round - ROUNDS_BACK));
    }
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

  async #read(from: BlockNumber, to: BlockNumber): Promise<ChainLog[]> {
    const found = await ask("the Mediator's logs", () =>
      this.#reader.client.getLogs({
        address: this.#reader.mediator,
        fromBlock: BigInt(from),
        toBlock: BigInt(to),
      }),
    );
    return found.flatMap((log) => decodeLog(log) ?? []);
  }
}
