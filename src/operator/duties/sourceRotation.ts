/**
 * The endpoint by whose word duties are carried out. Slots, quorum, nonces, receipts, balances and
 * fees are the word of the one that is asked first, and a false one keeps a duty from being done.
 * So where a duty that the journal owes is still undone when half of a quarter is left, or a try of
 * it failed, the endpoints take turns at being asked first, until nothing is owed any more. A turn
 * is so short that each endpoint has one within the rescue window. docs/protocol.md section 8.
 */
import type { Log } from "../../base/log.ts";
import type { Endpoints } from "../../chain/rpc/failover.ts";
import { quarterSize, rescueWindow } from "../../protocol/rounds.ts";
import type { BlockNumber, Schedule } from "../../protocol/units.ts";

export interface SourceRotationOptions {
  readonly endpoints: Pick<Endpoints, "endpoints" | "rotate" | "endRotation">;
  readonly schedule: Schedule;
  readonly log: Log;
}

/** Heads in which what a false nonce or receipt has spoilt is put right, and sent. */
const FEWEST_HEADS = 2;

/** Of a duty that is owed. */
interface Owed {
  readonly deadlineBlock: BlockNumber;
}

export class SourceRotation {
  readonly #options: SourceRotationOptions;
  /** The last head of the turn; undefined: the endpoints take no turns. */
  #lastHead: BlockNumber | undefined;
  /** Heads seen in the turn: an endpoint that is further than the one before shows many at once. */
  #heads = 0;

  constructor(options: SourceRotationOptions) {
    this.#options = options;
  }

  /** To be called at each head with the duties that are owed and not known to be done. */
  look(head: BlockNumber, owed: readonly Owed[]): void {
    if (owed.length === 0) return this.#end();
    const next = Math.min(
      ...owed.map(({ deadlineBlock }) => deadlineBlock).filter((at) => at > head),
    );
    const { schedule } = this.#options;
    if (next - head >= quarterSize(schedule) / 2) return;
    if (this.#lastHead === undefined || this.#heads >= this.#headsOfTurn(next)) {
      this.#rotate(head, "a duty is still owed");
    } else if (head > this.#lastHead) {
      this.#lastHead = head;
      this.#heads += 1;
    }
  }

  /** To be called when a try of a duty failed. */
  failed(head: BlockNumber): void {
    if (this.#lastHead !== head || this.#heads > 0) this.#rotate(head, "a duty failed");
  }

  #headsOfTurn(deadlineBlock: BlockNumber): number {
    const { schedule, endpoints } = this.#options;
    const window = rescueWindow(schedule, deadlineBlock);
    const blocks = window === undefined ? 1 : window.lastBlock - window.firstBlock + 1;
    return Math.max(FEWEST_HEADS, Math.ceil(blocks / endpoints.endpoints().length));
  }

  #rotate(head: BlockNumber, why: string): void {
    this.#lastHead = head;
    this.#heads = 0;
    const first = this.#options.endpoints.rotate();
    if (first === undefined) return;
    this.#options.log.info("endpointsRotate", { block: head, endpoint: first.origin, why });
  }

  #end(): void {
    if (this.#lastHead === undefined) return;
    this.#lastHead = undefined;
    this.#options.endpoints.endRotation();
  }
}
