/** Which endpoints have fallen behind the others. */
import { within } from "../../base/within.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { SECOND_WORD_MS } from "../rpc/endpoint.ts";
import type { ChainClient } from "../rpc/rpc.ts";

/** Every so many polls the other endpoints are asked whether ours has fallen behind them. */
const POLLS_BETWEEN_SURVEYS = 8;
const NORMAL_LAG_BLOCKS = 3;

export interface SurveyOptions {
  readonly client: ChainClient;
  readonly confirmations: number;
}

export class Survey {
  readonly #options: SurveyOptions;
  #polls = 0;
  /** The newest block that was known at the last survey. */
  #head: BlockNumber | undefined;

  constructor(options: SurveyOptions) {
    this.#options = options;
  }

  /**
   * To be called before each poll, with the newest block that is known. At times it passes over
   * endpoints whose newest block is old: what they miss, deadlines do not. They are only
   * contradicted, for one that names a block that nobody else has makes all others look so: they
   * must still be asked whether they have what it says.
   */
  async poll(head: BlockNumber): Promise<void> {
    this.#polls += 1;
    if (this.#polls % POLLS_BETWEEN_SURVEYS !== 0) return;
    const isStill = head === this.#head;
    this.#head = head;
    await this.#passOverOld(isStill);
  }

  /**
   * `isStill`: no block came since the survey before. Then endpoints are asked that are passed over,
   * and one that goes on is well again: its failures may be long past, and ours answers for ever.
   */
  async #passOverOld(isStill: boolean): Promise<void> {
    const { client, confirmations } = this.#options;
    const { transport } = client;
    const asked = transport.endpoints().filter(({ penalty }) => isStill || penalty === 0);
    if (asked.length < 2) return;
    const heads = await Promise.all(
      asked.map(async (endpoint) => {
        const asked = endpoint.client.getBlockNumber().catch(() => undefined);
        const number = await within(SECOND_WORD_MS, asked);
        return { endpoint, number: Number(number ?? Number.NaN) };
      }),
    );
    const newest = Math.max(...heads.map(({ number }) => number || 0));
    const isOld = (number: BlockNumber) =>
      newest - number > Math.max(NORMAL_LAG_BLOCKS, confirmations);
    let isAnyOld = false;
    for (const { endpoint, number } of heads) {
      if (!isOld(number)) continue;
      isAnyOld = true;
      const behind = newest - number;
      transport.contradict(endpoint, `its newest block ${number} is ${behind} blocks behind`);
    }
    if (!isAnyOld) return;
    for (const { endpoint, number } of heads)
      if (number <= newest && !isOld(number)) endpoint.forgive();
  }
}
