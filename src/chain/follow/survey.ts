/** Which endpoints have fallen behind the others, or name a block that no other has. */
import type { BlockNumber } from "../../protocol/units.ts";
import type { Endpoint } from "../rpc/endpoint.ts";
import type { ChainClient } from "../rpc/rpc.ts";
import type { Standing } from "./standing.ts";

/** Every so many polls the other endpoints are asked whether ours has fallen behind them. */
const POLLS_BETWEEN_SURVEYS = 8;
const NORMAL_LAG_BLOCKS = 3;

/** Blocks by which the newest ones of two sound endpoints may differ. */
export function normalLag(confirmations: number): number {
  return Math.max(NORMAL_LAG_BLOCKS, confirmations);
}

/** The reason to pass over an endpoint that names such a newest block. */
export function nobodyElses(block: BlockNumber): string {
  return `no other endpoint has its newest block ${block}`;
}

export interface SurveyOptions {
  readonly client: ChainClient;
  readonly confirmations: number;
}

/** The word of one endpoint. */
interface Told {
  readonly endpoint: Endpoint;
  /** The newest block; NaN: none was named. */
  readonly number: BlockNumber;
}

export class Survey {
  readonly #options: SurveyOptions;
  readonly #standing: Standing;
  #polls = 0;
  /** The newest block that was known at the last survey. */
  #head: BlockNumber | undefined;

  constructor(options: SurveyOptions, standing: Standing) {
    this.#options = options;
    this.#standing = standing;
  }

  /**
   * To be called before each poll, with the newest block that is known. At times it passes over
   * endpoints whose newest block is old: what they miss, deadlines do not. One that alone names a
   * block far ahead of others that keep up with time is passed over instead. Gives those that were
   * passed over: they must still be asked whether they have what another one says.
   */
  async poll(head: BlockNumber): Promise<ReadonlySet<Endpoint> | undefined> {
    this.#polls += 1;
    if (this.#polls % POLLS_BETWEEN_SURVEYS !== 0) return undefined;
    const isStill = head === this.#head;
    this.#head = head;
    return this.#passOverOld(isStill);
  }

  /**
   * `isStill`: no block came since the survey before. Then endpoints are asked that are passed over,
   * and one that goes on is well again: its failures may be long past, and ours answers for ever.
   */
  async #passOverOld(isStill: boolean): Promise<ReadonlySet<Endpoint>> {
    const { client, confirmations } = this.#options;
    const { transport } = client;
    const asked = transport.endpoints().filter(({ penalty }) => isStill || penalty === 0);
    if (asked.length < 2) return new Set();
    const told: Told[] = await Promise.all(
      asked.map(async (endpoint) => {
        const number = await endpoint.client.getBlockNumber().catch(() => undefined);
        return { endpoint, number: Number(number ?? Number.NaN) };
      }),
    );
    const newest = Math.max(...told.map(({ number }) => number || 0));
    const isOld = ({ number }: Told) => newest - number > normalLag(confirmations);
    const old = told.filter(isOld);
    const recent = told.filter((one) => one.number <= newest && !isOld(one));
    if (old.length === 0) return new Set();
    const [newestOne, ...others] = recent;
    if (newestOne !== undefined && others.length === 0 && (await this.#anyKeepsUp(old))) {
      for (const { endpoint } of old) endpoint.forgive();
      transport.suspend(newestOne.endpoint, nobodyElses(newest));
      return new Set([newestOne.endpoint]);
    }
    for (const { endpoint } of recent) endpoint.forgive();
    for (const { endpoint, number } of old) {
      transport.demote(endpoint, `its newest block ${number} is ${newest - number} blocks behind`);
    }
    return new Set(old.map(({ endpoint }) => endpoint));
  }

  async #anyKeepsUp(told: readonly Told[]): Promise<boolean> {
    const heads = await Promise.all(told.map(({ endpoint }) => this.#standing.headOf(endpoint)));
    return heads.some((head) => head !== undefined);
  }
}
