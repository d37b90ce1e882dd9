/**
 * Callers that want a call done, and ask again until it is, while whatever can go wrong does: nodes
 * refuse, swallow and hide transactions, the signer fails, blocks are full or dear, and the chain
 * reorganises. At the end each call is done, once, and nothing is left over.
 */
import { describe, expect, it } from "vitest";
import { Random } from "../../../test/support/checks/random.ts";
import { type HttpProxy, type Meddle, startHttpProxy } from "../../../test/support/faults/proxy.ts";
import { connect } from "../rpc/rpc.ts";
import {
  anvil,
  faultySigner,
  mint,
  minted,
  nonceOf,
  owner,
  pause,
  submitter,
  useChain,
} from "./submit.testkit.ts";
import type { Submitter } from "./submitter.ts";

useChain();

const CALLS = 40;
const STEPS = 100;
/** Digits of the balance in base 8: one for each call, which counts how often it is done. */
const BITS = 3n;
const MOST_TRIES = 100;
const DEAR = 10n ** 13n;
const CHEAP = 10n ** 9n;

class Trouble {
  readonly random: Random;
  readonly reorganises: boolean;
  isOver = false;
  #step: Promise<void> | undefined;
  readonly #polls = new Set<Promise<unknown>>();

  constructor(seed: number, reorganises: boolean) {
    this.random = new Random(seed);
    this.reorganises = reorganises;
  }

  meddle: Meddle = async ({ method }, forward) => {
    if (this.isOver) return forward();
    const { random } = this;
    if (method === "eth_sendRawTransaction" && random.chance(0.06)) {
      return { result: `0x${"1".repeat(64)}` };
    }
    if (method === "eth_getTransactionReceipt" && random.chance(0.3)) return { result: null };
    return random.chance(0.06) ? 503 : forward();
  };

  /**
   * The chain stands still for it: what is mined between a caller's look and its call, and seen by
   * the submitter, was not done when the caller looked, and is not out any more when it sends.
   */
  async whileStill<T>(look: () => Promise<T>): Promise<T> {
    while (this.#step !== undefined) await this.#step;
    const looking = look();
    this.#polls.add(looking);
    return looking.finally(() => this.#polls.delete(looking));
  }

  /** Moves the chain, once the pending reads have ended. */
  async #move(change: () => Promise<unknown>): Promise<void> {
    this.#step = Promise.allSettled([...this.#polls])
      .then(change)
      .then(() => {});
    await this.#step.finally(() => {
      this.#step = undefined;
    });
  }

  /** A block of some kind, a reorganisation, or nothing. */
  step(): Promise<void> {
    return this.#move(() => this.#stepNow());
  }

  mine(): Promise<void> {
    return this.#move(() => anvil.mine());
  }

  async #stepNow(): Promise<void> {
    const { random } = this;
    if (random.chance(0.3)) return anvil.mine();
    if (random.chance(0.15)) return this.#pass();
    if (random.chance(0.1)) {
      await setBaseFee(CHEAP * BigInt(random.from(1, 20)));
      return anvil.mine();
    }
    if (!this.reorganises || !random.chance(0.05)) return;
    await anvil.rpc("anvil_reorg", [random.from(1, 2), []]).catch(() => {});
  }

  /** A block that is too dear for ours. */
  async #pass(): Promise<void> {
    await setBaseFee(DEAR);
    await anvil.mine();
    await setBaseFee(CHEAP);
  }
}

const setBaseFee = (wei: bigint) =>
  anvil.rpc("anvil_setNextBlockBaseFeePerGas", [`0x${wei.toString(16)}`]);

/** What the node answers; while it reorganises it may fail to. */
async function sure<T>(question: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await question();
    } catch (error) {
      if (tries === MOST_TRIES) throw error;
      await pause();
    }
  }
}

/** How often the call is done, by the chain. */
async function timesDone(call: number): Promise<bigint> {
  return ((await sure(minted)) >> (BigInt(call) * BITS)) & 7n;
}

/** Sends until the chain shows it done, and once more where that was undone. */
async function persist(one: Submitter, call: number, trouble: Trouble): Promise<void> {
  const { random } = trouble;
  const priority = random.from(0, 3);
  const patience = random.chance(0.3) ? undefined : random.from(2, 21);
  const isSettled = () => trouble.isOver || !trouble.reorganises;
  /** The call, on its way; undefined: it is done. */
  const ask = async () => {
    if ((await timesDone(call)) > 0n) return undefined;
    const isCalm = patience === undefined || trouble.isOver;
    const deadline = isCalm ? {} : { deadlineBlock: await blockIn(patience) };
    return { sending: one.send({ ...mint(1n << (BigInt(call) * BITS)), priority, ...deadline }) };
  };
  for (;;) {
    const asked = await trouble.whileStill(ask);
    if (asked === undefined && isSettled()) return;
    await asked?.sending.catch(() => {});
    await pause();
  }
}

const blockIn = async (blocks: number) => (await sure(() => anvil.blockNumber())) + blocks;

async function play(seed: number, reorganises: boolean): Promise<void> {
  await anvil.setAutomine(false);
  const trouble = new Trouble(seed, reorganises);
  const proxy: HttpProxy = await startHttpProxy(anvil.url, trouble.meddle);
  const client = connect([proxy.url], { retries: 0 });
  const signer = faultySigner(() => !trouble.isOver && trouble.random.chance(0.03));
  const one = submitter({ client, signer, pollsBeforeReplacement: 6 });
  const callers: Promise<void>[] = [];
  for (let step = 0; step < STEPS; step++) {
    while (callers.length < CALLS && trouble.random.chance(0.5)) {
      callers.push(persist(one, callers.length, trouble));
    }
    await trouble.step();
    for (let polls = 0; polls < 3; polls++) await pause();
  }
  trouble.isOver = true;
  let isDone = false;
  const all = Promise.all(callers).finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await trouble.mine();
    for (let polls = 0; polls < 3; polls++) await pause();
  }
  await all;
  proxy.stop();
  const times = await Promise.all(callers.map((_, call) => timesDone(call)));
  expect(times.filter((count) => count === 0n)).toEqual([]);
  // Who looks just before a call that was undone is mined again sends it twice: what counts has the
  // contract refuse that, and a mint does not.
  if (!reorganises) expect(times.filter((count) => count > 1n)).toEqual([]);
  const pending = await anvil.client.getTransactionCount({ address: owner(), blockTag: "pending" });
  expect(pending).toBe(await nonceOf());
}

describe("calls that are sent until they are done", () => {
  it.each([1, 2, 3, 4])("calls are done once each, whatever goes wrong: seed %i", (seed) =>
    play(seed, false),
  );

  it.each([5, 6, 9, 20])("calls are all done where the chain reorganises: seed %i", (seed) =>
    play(seed, true),
  );
});
