/**
 * The chain's time by the client's own endpoints: what an operator says of time is bounded by it
 * before it is signed. Otherwise one that says a far round would have an order to execute when the
 * market is elsewhere, and one that says a far block a session that never ends.
 */
import { QuarterdeckError } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import type { MediatorReader } from "../../chain/contracts/mediator.ts";
import { ask } from "../../chain/rpc/rpc.ts";
import { quarterSize, roundOf } from "../../protocol/rounds.ts";
import type { BlockNumber, Round, Schedule, Session, Signature } from "../../protocol/units.ts";
import { formatSession } from "../../wire/session.ts";

/** Blocks by which the client's own endpoint may trail the operator's; a quarter at most. */
const MAX_AHEAD = 12;
/** Blocks for which a session is signed; operators take up to MAX_SESSION_BLOCKS. */
const SIGNED_BLOCKS = 1000;
/** Blocks before its end at which a session is signed anew. */
const RENEW_BLOCKS = 10;

export class OwnClock {
  readonly #reader: MediatorReader;
  readonly #schedule: Schedule;
  /** The newest block seen: the chain's head is there or beyond. */
  #seen: BlockNumber = 0;

  constructor(reader: MediatorReader, schedule: Schedule) {
    this.#reader = reader;
    this.#schedule = schedule;
  }

  /** The newest block of the client's own endpoints. Throws `RpcUnavailable`. */
  async head(): Promise<BlockNumber> {
    const head = await ask("the head", () => this.#reader.client.getBlockNumber());
    this.#seen = Math.max(this.#seen, Number(head));
    return this.#seen;
  }

  /** Whether `round` is over by the client's own endpoints. */
  async isOver(round: Round): Promise<boolean> {
    return this.#roundAt(await this.head()) > round;
  }

  /**
   * The round that an operator says it is, if the client's own endpoints do not contradict it.
   * Throws `RoundDisputed`: it is ahead of the chain, or more than a round behind.
   */
  async confirm(said: Round): Promise<Round> {
    if (this.#allows(said)) return said;
    await this.head();
    if (this.#allows(said)) return said;
    const own = this.#roundAt(this.#seen);
    throw new QuarterdeckError({
      code: "RoundDisputed",
      message: `The operator says that it is round ${said}, and the chain's is ${own}.`,
      hint: "Check that your own endpoint follows the chain; if it does, use another operator.",
    });
  }

  #allows(said: Round): boolean {
    const { genesisBlock } = this.#schedule;
    if (this.#seen < genesisBlock) return false;
    const ahead = Math.min(MAX_AHEAD, quarterSize(this.#schedule));
    const newest = this.#roundAt(this.#seen + ahead);
    return said <= newest && said >= this.#roundAt(this.#seen) - 1;
  }

  #roundAt(block: BlockNumber): Round {
    return roundOf(this.#schedule, Math.max(block, this.#schedule.genesisBlock));
  }
}

export interface SessionOptions {
  readonly clock: OwnClock;
  readonly client: Address;
  readonly sign: (session: Session) => Promise<Signature>;
}

/** The header by which a client reads its own affairs, signed anew when it is nearly past. */
export class Sessions {
  readonly #options: SessionOptions;
  #current: { readonly header: string; readonly validUntil: BlockNumber } | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** `chainHead`: as the operator says. How long it is good for follows from the chain's alone. */
  async header(chainHead: BlockNumber): Promise<string> {
    const known = this.#current;
    if (known !== undefined && known.validUntil >= chainHead + RENEW_BLOCKS) return known.header;
    const { clock, client, sign } = this.#options;
    const session = { client, validUntil: (await clock.head()) + SIGNED_BLOCKS };
    const signature = await sign(session);
    const header = formatSession({ session, signature });
    this.#current = { header, validUntil: session.validUntil };
    return header;
  }
}
