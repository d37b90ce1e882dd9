/**
 * A round's edge under load, beside the baseline: the longest turn of the event loop, as CPU of its
 * thread, from the block that ends the round until roots and proofs of the next are there. Most
 * clients have an open order, or one that waits for the next round, and every balance has moved.
 * `node --expose-gc bench/roundEdge.ts [clients...]`
 * With `--rounds 8` round after round of one exchange, without the baseline, which cannot hold a
 * million clients: in each most clients have an open order, and one of a hundred a new deposit.
 */
import { setImmediate } from "node:timers/promises";
import { parseArgs } from "node:util";
import { toAddress } from "../src/base/address.ts";
import type { Address, Hex } from "../src/base/hex.ts";
import type * as ApplyModule from "../src/exchange/apply.ts";
import * as today from "../src/exchange/apply.ts";
import type { BlocksEntry } from "../src/exchange/model/entries.ts";
import type { State } from "../src/exchange/model/state.ts";
import { areTreesHashed, roots } from "../src/exchange/queries/views.ts";
import { applyInTurns } from "../src/operator/replay/applyInTurns.ts";
import { History } from "../src/operator/replay/history.ts";
import { TreeHasher } from "../src/operator/sequencing/treeHasher.ts";
import { inTurns, type Line, textOf } from "./measure.ts";
import { olderBuild } from "./older.ts";

/** Of 100 clients, so many have an open order when the round ends. */
const OPEN_OF_100 = 94;
const LOGS_AT_ONCE = 20_000;
/** Long enough for the blocks that bring a million clients' deposits. */
const SCHEDULE = { genesisBlock: 100, roundSize: 400 };

type Machine = Pick<typeof ApplyModule, "apply" | "begin">;

interface Exchange {
  readonly clients: readonly Address[];
  /** The round of the orders: 0 ends, and 1 begins. */
  readonly ordersOf: 0 | 1;
}

const address = (n: number): Address => {
  return toAddress(`0x${(0xace0000 + n).toString(16).padStart(40, "0")}`);
};
const word = (n: number): Hex => `0x${n.toString(16).padStart(64, "0")}`;
const [BASE, QUOTE] = [address(1), address(2)] as const;
const MARKET = { base: BASE, quote: QUOTE, lot: 1000n, tick: 10n };
const PRICES = 1000;

function blocks(number: number, logs: readonly object[]) {
  const place = { block: number, blockHash: word(number), transactionHash: word(1) };
  const to = { number, hash: word(number) };
  const placed = logs.map((log, logIndex) => ({ ...log, ...place, logIndex }));
  return { kind: "blocks", to, logs: placed } as unknown as BlocksEntry;
}

function begun({ apply, begin }: Machine, { clients, ordersOf }: Exchange): State {
  const state = begin({
    kind: "genesis",
    chainId: 31_337,
    mediator: address(0),
    schedule: SCHEDULE,
    confirmations: 2,
    markets: [MARKET],
    limits: { ordersPerClientAndRound: 256 },
  });
  let block = SCHEDULE.genesisBlock;
  const list = (token: Address) => ({ kind: "tokenListed", token, round: 0 });
  apply(state, blocks(block++, [BASE, QUOTE].map(list)));
  const deposits = depositsOf(clients, 0);
  for (let at = 0; at < deposits.length; at += LOGS_AT_ONCE) {
    apply(state, blocks(block++, deposits.slice(at, at + LOGS_AT_ONCE)));
  }
  placeOrders({ apply }, state, clients, ordersOf);
  return state;
}

function depositsOf(clients: readonly Address[], round: number): object[] {
  return clients.flatMap((client) =>
    [BASE, QUOTE].map((token) => ({
      kind: "deposited",
      client,
      token,
      amount: 10n ** 20n,
      round,
    })),
  );
}

function placeOrders(
  { apply }: Pick<Machine, "apply">,
  state: State,
  clients: readonly Address[],
  round: number,
): void {
  clients.forEach((owner, i) => {
    if (i % 100 >= OPEN_OF_100) return;
    const price = MARKET.tick * BigInt(1000 + (i % PRICES));
    const order = {
      owner,
      round,
      id: BigInt(i),
      sellToken: QUOTE,
      sellAmount: 5n * price,
      buyToken: BASE,
      buyAmount: 5n * MARKET.lot,
      intent: "buyAll" as const,
    };
    const signature = { r: word(i), vs: word(i), path: [] };
    const { refusal } = apply(state, { kind: "placeOrder", order, signature });
    if (refusal !== undefined) throw new Error(refusal.code);
  });
}

function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

const EDGE = SCHEDULE.genesisBlock + SCHEDULE.roundSize;

function edgeBefore(older: Machine, exchange: Exchange): number {
  const state = begun(older, exchange);
  globalThis.gc?.();
  const before = process.threadCpuUsage();
  older.apply(state, blocks(EDGE, []));
  return cpuSince(before);
}

/** As the operator does it: the hasher may work between entries, before and after the edge. */
class Operator {
  readonly state: State;
  readonly #hasher: TreeHasher;
  readonly #history = new History();
  #failure: unknown;

  constructor(state: State) {
    this.state = state;
    const onFailure = (error: unknown) => {
      this.#failure = error;
    };
    this.#hasher = new TreeHasher({ state, onHashed: () => {}, onFailure });
  }

  /** All of the next round's leaves are written before its first block, slice by slice. */
  async writeAhead(): Promise<void> {
    this.#hasher.offer();
    while ([...this.state.tokens.values()].some(({ changed }) => changed.size >= 512)) {
      await setImmediate();
    }
  }

  /** Milliseconds of CPU of the longest turn. */
  async passEdge(block: number): Promise<number> {
    const { state } = this;
    const onApplied = () => this.#hasher.offer();
    const live = { state, history: this.#history, onApplied };
    let isApplied = false;
    let longest = 0;
    let before = process.threadCpuUsage();
    const applied = Promise.resolve(applyInTurns(live, blocks(block, []), block)).then(() => {
      isApplied = true;
    });
    for (;;) {
      longest = Math.max(longest, cpuSince(before));
      if (isApplied && areTreesHashed(state, state.moment.round)) break;
      if (this.#failure !== undefined) throw this.#failure;
      before = process.threadCpuUsage();
      await setImmediate();
    }
    await applied;
    return longest;
  }
}

async function edgeNow(exchange: Exchange, heaps: number[]): Promise<number> {
  const operator = new Operator(begun(today, exchange));
  await operator.writeAhead();
  globalThis.gc?.();
  heaps.push(process.memoryUsage().heapUsed);
  return operator.passEdge(EDGE);
}

/** The longest turn at the edge of each of so many rounds, in milliseconds of CPU. */
async function* edgesOfRounds(count: number, rounds: number): AsyncGenerator<number> {
  const clients = Array.from({ length: count }, (_, i) => address(1000 + i));
  const operator = new Operator(begun(today, { clients, ordersOf: 0 }));
  for (let round = 1; round <= rounds; round++) {
    await operator.writeAhead();
    const edge = SCHEDULE.genesisBlock + round * SCHEDULE.roundSize;
    yield await operator.passEdge(edge);
    const changed = clients.filter((_, i) => i % 100 === round % 100);
    const committed = roots(operator.state, round).map((root) => ({
      kind: "committed",
      round,
      ...root,
    }));
    const logs = [...committed, ...depositsOf(changed, round)];
    today.apply(operator.state, blocks(edge + 1, logs));
    placeOrders(today, operator.state, clients, round);
  }
}

/** `runs`: how often each is measured; undefined: as everything else. */
export async function* edgeLines(
  counts: readonly number[],
  ordersOf: Exchange["ordersOf"] = 0,
  runs?: number,
): AsyncGenerator<Line> {
  const older = olderBuild();
  try {
    const before = (await older.load("src/exchange/apply.ts")) as Machine;
    for (const count of counts) {
      const clients = Array.from({ length: count }, (_, i) => address(1000 + i));
      const heaps: number[] = [];
      const exchange = { clients, ordersOf };
      const sides = [() => edgeBefore(before, exchange), () => edgeNow(exchange, heaps)];
      const { medians, ratios } = await inTurns(sides, { warm: false, runs });
      yield {
        what: `${count.toLocaleString("en")} clients (${gigabytes(heaps)}), orders ${ordersOf === 0 ? "open" : "queued"}: longest turn at a round's edge`,
        before: `${(medians[0] as number).toFixed(0)} ms`,
        now: `${(medians[1] as number).toFixed(1)} ms`,
        ratio: ratios[1] as number,
      };
    }
  } finally {
    older.remove();
  }
}

function gigabytes(heaps: readonly number[]): string {
  return `${((heaps.at(-1) as number) / 1e9).toFixed(2)} GB of heap now`;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { rounds: { type: "string" } },
    allowPositionals: true,
  });
  const counts = positionals.map(Number);
  const { rounds } = values;
  if (rounds !== undefined) {
    let round = 0;
    for await (const longest of edgesOfRounds(counts[0] ?? 1_000_000, Number(rounds))) {
      console.log(`edge of round ${round++}: longest turn ${longest.toFixed(1)} ms`);
    }
    return;
  }
  for (const ordersOf of [0, 1] as const) {
    for await (const line of edgeLines(counts.length ? counts : [100_000], ordersOf)) {
      console.log(textOf(line));
    }
  }
}

if (import.meta.main) await main();
