/**
 * Lets a chain's time pass while operators come and go: blocks at a pace, but none that would end a
 * deadline which the operator had no chance to meet. A deadline is counted in blocks, and how many
 * of them pass in a second is this test's choice; so whoever waits in vain here missed one.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Address } from "../../../src/base/hex.ts";
import { firstBlockOf, momentOf, quarterSize } from "../../../src/protocol/rounds.ts";
import type { BlockNumber } from "../../../src/protocol/units.ts";
import { type TestExchange, until } from "../exchange/exchange.ts";

const PACE_MS = 15;
/** Between two blocks while a duty of this quarter is still owed. */
const WAITING_PACE_MS = 400;

type TimedExchange = Pick<TestExchange, "anvil" | "schedule" | "reader">;

export class Blocks {
  readonly #exchange: TimedExchange;
  readonly #clients: readonly Address[];
  /** Most blocks until `allow` is called again. */
  readonly #budget: number;
  readonly #paceMs: number;
  #limit = 0;
  #free = false;
  /** First block of the last quarter in which everything due was found done. */
  #settledQuarter: number | undefined;
  operatorIsUp = true;

  constructor(
    exchange: TimedExchange,
    clients: readonly Address[],
    budget: number,
    paceMs: number = PACE_MS,
  ) {
    this.#exchange = exchange;
    this.#clients = clients;
    this.#budget = budget;
    this.#paceMs = paceMs;
  }

  /** Gives the next blocks free. */
  async allow(): Promise<void> {
    this.#limit = (await this.#exchange.anvil.blockNumber()) + this.#budget;
  }

  /** Whether a client may send a transaction, which makes a block, now. */
  areFree(): boolean {
    return this.#free;
  }

  /** Mines until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { anvil } = this.#exchange;
    while (!signal.aborted) {
      const head = await anvil.blockNumber();
      const owed = await this.#isOwed(head);
      this.#free = head < this.#limit && !owed;
      if (head < this.#limit && (!owed || this.operatorIsUp)) await anvil.mine();
      const pause = owed ? WAITING_PACE_MS : this.#paceMs;
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
    this.#free = false;
  }

  /** Lets blocks come until `enough` says so; fails where that does not come, or they do not. */
  async passUntil(what: string, enough: () => Promise<boolean>): Promise<void> {
    await this.allow();
    await this.#pass(what, enough);
  }

  /** Lets blocks come until `block` is the newest, and none after it. */
  async passTo(block: BlockNumber): Promise<void> {
    this.#limit = block;
    const { anvil } = this.#exchange;
    await this.#pass(`block ${block} is there`, async () => (await anvil.blockNumber()) >= block);
  }

  async #pass(what: string, enough: () => Promise<boolean>): Promise<void> {
    const stop = new AbortController();
    const mining = this.run(stop.signal);
    try {
      await Promise.race([until(what, enough), mining]);
    } finally {
      stop.abort();
      await mining;
    }
  }

  /** In the second half of a quarter, with something missing whose deadline is its end. */
  async #isOwed(head: number): Promise<boolean> {
    const { schedule, reader } = this.#exchange;
    const { round, quarter } = momentOf(schedule, head);
    const began = firstBlockOf(schedule, round, quarter);
    if (round === 0 || head - began < quarterSize(schedule) / 2) return false;
    if (this.#settledQuarter === began) return false;
    if (quarter === 0 && (await reader.clock()).committedRound < round) return true;
    const disputes = this.#clients.flatMap((client) =>
      [round - 1, round].map((one) => reader.dispute(client, one)),
    );
    const found = await Promise.all(disputes);
    if (found.some((one) => one?.open === true && one.openedBlock < began)) return true;
    this.#settledQuarter = began;
    return false;
  }
}
