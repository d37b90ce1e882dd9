/**
 * A made-up life of an exchange for the benchmarks: clients with money place orders that cross and
 * rest, blocks come in between, and every so many orders a round ends and is committed. The same
 * seed gives the same records.
 */
import { toAddress } from "../src/base/address.ts";
import type { Address, Hex } from "../src/base/hex.ts";
import { apply, begin } from "../src/exchange/apply.ts";
import type { Entry, Market } from "../src/exchange/model/entries.ts";
import { encodeBinary } from "../src/exchange/model/entryBytes.ts";
import type { State } from "../src/exchange/model/state.ts";
import { commit } from "../src/exchange/queries/views.ts";
import type { Journal } from "../src/journal/journal.ts";
import type { ChainLog } from "../src/protocol/chainLog.ts";
import type { Order, Round } from "../src/protocol/units.ts";

const QUARTER_BLOCKS = 8;
const ROUND_BLOCKS = 4 * QUARTER_BLOCKS;
const GENESIS_BLOCK = 100;
const CLIENTS = 1000;
const ORDERS_PER_ROUND = 100_000;
/** Orders between two blocks. */
const ORDERS_PER_BLOCK = 10_000;
const DEPOSIT = 10n ** 30n;

const MARKET: Market = { base: addressNo(1), quote: addressNo(2), lot: 1000n, tick: 10n };

type Unplaced<T> = T extends unknown ? Omit<T, "block" | "blockHash" | "logIndex"> : never;

function addressNo(n: number): Address {
  return toAddress(`0x${(0xace0000 + n).toString(16).padStart(40, "0")}`);
}

function word(n: number): Hex {
  return `0x${n.toString(16).padStart(64, "0")}`;
}

/** Numbers from 0 to `below`, by a linear congruence: chance that repeats. */
function dice(seed: number): (below: number) => number {
  let last = seed;
  return (below) => {
    last = (Math.imul(last, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((last / 2 ** 32) * below);
  };
}

/** An exchange that lives on as entries are asked for. `state` is always up to date. */
export class BenchExchange {
  readonly state: State;
  readonly #roll = dice(1);
  readonly #first: Entry;
  #block = GENESIS_BLOCK - 1;
  #orders = 0;

  constructor() {
    this.#first = {
      kind: "genesis",
      chainId: 31_337,
      mediator: addressNo(0),
      schedule: { genesisBlock: GENESIS_BLOCK, roundSize: ROUND_BLOCKS },
      confirmations: 2,
      markets: [MARKET],
      limits: { ordersPerClientAndRound: 256 },
    };
    this.state = begin(this.#first);
  }

  /** For ever. Each entry is applied to `state` before it is given. */
  *entries(): Generator<Entry, never> {
    yield this.#first;
    yield this.#blocks(1, [MARKET.base, MARKET.quote].map(listed));
    for (const token of [MARKET.base, MARKET.quote]) yield this.#blocks(1, deposits(token));
    for (;;) {
      if (this.#orders % ORDERS_PER_ROUND === 0 && this.#orders > 0) yield* this.#nextRound();
      else if (this.#orders % ORDERS_PER_BLOCK === 0) yield this.#blocks(1, []);
      yield this.#apply(this.order());
    }
  }

  /** Another order for the current round; nothing is done with it. */
  order(): Entry {
    const roll = this.#roll;
    const isBid = roll(2) === 0;
    const lots = BigInt(1 + roll(20));
    // Bids and asks overlap, so that some trade at once and some rest.
    const price = MARKET.tick * BigInt(1000 + roll(60) + (isBid ? 0 : 40));
    const [baseAmount, quoteAmount] = [lots * MARKET.lot, lots * price];
    const { round } = this.state.moment;
    const common = { owner: clientNo(this.#orders % CLIENTS), round, id: BigInt(this.#orders) };
    const order: Order = isBid
      ? { ...common, ...trade(MARKET.quote, quoteAmount, MARKET.base, baseAmount, "buyAll") }
      : { ...common, ...trade(MARKET.base, baseAmount, MARKET.quote, quoteAmount, "sellAll") };
    this.#orders += 1;
    const signature = { r: word(roll(2 ** 31)), vs: word(roll(2 ** 31)), path: [] };
    return { kind: "placeOrder", order, signature };
  }

  *#nextRound(): Generator<Entry> {
    const next = GENESIS_BLOCK + (this.state.moment.round + 1) * ROUND_BLOCKS;
    yield this.#blocks(next - this.#block, []);
    const round = this.state.moment.round;
    const roots = commit(this.state).missing;
    yield this.#blocks(
      1,
      roots.map((root) => ({ kind: "committed", round, transactionHash: word(1), ...root })),
    );
  }

  /** Lets `count` blocks pass; `logs` are in the last of them. */
  #blocks(count: number, logs: readonly Unplaced<ChainLog>[]): Entry {
    this.#block += count;
    const to = { number: this.#block, hash: word(this.#block) };
    const placed = logs.map((log, logIndex) => {
      return { ...log, block: to.number, blockHash: to.hash, logIndex } as ChainLog;
    });
    return this.#apply({ kind: "blocks", to, logs: placed });
  }

  #apply(entry: Entry): Entry {
    const { refusal } = apply(this.state, entry);
    if (refusal !== undefined) throw new Error(`refused: ${refusal.code}`);
    return entry;
  }
}

function clientNo(n: number): Address {
  return addressNo(1000 + n);
}

function listed(token: Address): Unplaced<ChainLog> {
  const round: Round = 0;
  return { kind: "tokenListed", token, round, transactionHash: word(1) };
}

function deposits(token: Address): Unplaced<ChainLog>[] {
  return Array.from({ length: CLIENTS }, (_, n) => ({
    kind: "deposited",
    client: clientNo(n),
    token,
    amount: DEPOSIT,
    round: 0,
    transactionHash: word(1),
  }));
}

function trade(
  sellToken: Address,
  sellAmount: bigint,
  buyToken: Address,
  buyAmount: bigint,
  intent: Order["intent"],
) {
  return { sellToken, sellAmount, buyToken, buyAmount, intent };
}

/** At no time that anybody knows, as of old, so that no candles grow beside. */
function encodeTimed(entry: Entry): Uint8Array {
  return encodeBinary({ ...entry, timeMs: 0 });
}

/** Appends entries until the journal has `records`, in the form of today unless told. */
export async function appendUntil(
  journal: Journal,
  entries: Iterator<Entry>,
  records: number,
  encode: (entry: Entry) => Uint8Array = encodeTimed,
): Promise<void> {
  const RECORDS_AT_ONCE = 1000;
  while (journal.head.sequence < records) {
    const count = Math.min(RECORDS_AT_ONCE, records - journal.head.sequence);
    await journal.append(
      Array.from({ length: count }, () => encode(entries.next().value as Entry)),
    );
  }
}
