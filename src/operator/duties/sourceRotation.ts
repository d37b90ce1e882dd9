/**
 * The endpoint by whose word duties are carried out. Slots, quorum, nonces, receipts and balances
 * are the word of the one that is asked first, and a false one keeps a duty from being done. So
 * where a duty that the journal owes is still undone when half of a quarter is left, or a try of it
 * failed, the endpoints take turns at being asked first, until nothing is owed any more. A turn is
 * so short that each endpoint has one within the rescue window, where two heads of it are seen for
 * each of them. docs/protocol.md section 8.
 */
import type { Log } from "../../base/log.ts";
import { within } from "../../base/within.ts";
import { type Endpoint, SECOND_WORD_MS } from "../../chain/rpc/endpoint.ts";
import type { Endpoints } from "../../chain/rpc/failover.ts";
import { quarterSize, rescueWindow } from "../../protocol/rounds.ts";
import { MAX_MINED_AHEAD_BLOCKS } from "../../protocol/tolerances.ts";
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

interface Turn {
  /** The first block that counts. */
  readonly first: BlockNumber;
  readonly last: BlockNumber;
  /** Heads seen, with that at which the turn began. */
  readonly heads: number;
}

export class SourceRotation {
  readonly #options: SourceRotationOptions;
  /** Undefined: the endpoints take no turns, or none could have the last one. */
  #turn: Turn | undefined;
  #isOn = false;
  #rotating: Promise<void> | undefined;

  constructor(options: SourceRotationOptions) {
    this.#options = options;
  }

  /**
   * To be called at each head with the duties that are owed and not known to be done. Resolves when
   * the endpoint whose turn it is is first.
   */
  async look(head: BlockNumber, owed: readonly Owed[]): Promise<void> {
    const next = Math.min(
      ...owed.map(({ deadlineBlock }) => deadlineBlock).filter((at) => at > head),
    );
    if (!Number.isFinite(next)) return this.#end();
    const { schedule } = this.#options;
    if (next - head >= quarterSize(schedule) / 2) return;
    const blocks = this.#blocksOfTurn(next);
    const turn = this.#turn && withHead(this.#turn, head, blocks);
    this.#turn = turn;
    const isOver =
      turn === undefined || (turn.heads > FEWEST_HEADS && turn.last - turn.first >= blocks);
    if (isOver) await this.#rotate(head, "a duty is still owed");
  }

  /** To be called when a try of a duty failed that began at the head `begun`. */
  async failed(head: BlockNumber, begun: BlockNumber): Promise<void> {
    // By the word of an endpoint whose turn is over.
    if (this.#turn !== undefined && begun < this.#turn.first) return;
    if (this.#turn?.last === head && this.#turn.heads === 1) return;
    await this.#rotate(head, "a duty failed");
  }

  #blocksOfTurn(deadlineBlock: BlockNumber): number {
    const { schedule, endpoints } = this.#options;
    const window = rescueWindow(schedule, deadlineBlock);
    const blocks = window === undefined ? 1 : window.lastBlock - window.firstBlock + 1;
    return Math.max(FEWEST_HEADS, Math.floor(blocks / endpoints.endpoints().length));
  }

  async #rotate(head: BlockNumber, why: string): Promise<void> {
    this.#isOn = true;
    this.#rotating ??= this.#findNext(head, why).finally(() => {
      this.#rotating = undefined;
    });
    await this.#rotating;
  }

  /** An endpoint that stands still, or does not answer, has no turn. */
  async #findNext(head: BlockNumber, why: string): Promise<void> {
    const { endpoints, log } = this.#options;
    this.#turn = undefined;
    for (let left = endpoints.endpoints().length; left > 0; left--) {
      const next = endpoints.rotate();
      if (next === undefined) return;
      const newest = await newestOf(next);
      if (newest === undefined || newest + MAX_MINED_AHEAD_BLOCKS < head) continue;
      this.#turn = { first: head, last: head, heads: 1 };
      log.info("endpointsRotate", { block: head, endpoint: next.origin, why });
      return;
    }
    endpoints.endRotation();
  }

  #end(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.#turn = undefined;
    this.#options.endpoints.endRotation();
  }
}

/**
 * An endpoint that is further than the one before may show more blocks at once than a turn has:
 * those count as one.
 */
function withHead(turn: Turn, head: BlockNumber, blocks: number): Turn {
  if (head <= turn.last) return turn;
  const isLeap = turn.heads === 1 && head - turn.first >= blocks;
  const first = isLeap ? head - 1 : turn.first;
  return { first, last: head, heads: turn.heads + 1 };
}

/** Undefined: it does not say. */
async function newestOf({ client }: Endpoint): Promise<BlockNumber | undefined> {
  const answer = client.getBlockNumber().catch(() => undefined);
  const newest = await within(SECOND_WORD_MS, answer);
  return newest === undefined ? undefined : Number(newest);
}
