/**
 * The engine beside the baseline: an order that comes to rest at a price of its own and is
 * cancelled again, balances and events included, with ever more prices in the book.
 * `node --expose-gc bench/engine.ts [prices a side...]`
 */
import { toAddress } from "../src/base/address.ts";
import type { Address, Hex } from "../src/base/hex.ts";
import type * as ApplyModule from "../src/exchange/apply.ts";
import * as today from "../src/exchange/apply.ts";
import type { Entry } from "../src/exchange/model/entries.ts";
import type { State } from "../src/exchange/model/state.ts";
import { cpuMs, inTurns } from "./measure.ts";
import { olderBuild } from "./older.ts";
import type { Line } from "./trees.ts";

const OPERATIONS = 10_000;

type Machine = Pick<typeof ApplyModule, "apply" | "begin">;

const address = (n: number): Address => {
  return toAddress(`0x${(0xace0000 + n).toString(16).padStart(40, "0")}`);
};
const word = (n: number): Hex => `0x${n.toString(16).padStart(64, "0")}`;
const [BASE, QUOTE, CLIENT] = [address(1), address(2), address(3)] as const;
const MARKET = { base: BASE, quote: QUOTE, lot: 10n, tick: 1n };
const SIGNATURE = { r: word(1), vs: word(2), path: [] };

class Engine {
  readonly #machine: Machine;
  readonly #state: State;
  readonly #prices: number;
  #orders = 0;
  #last = 1;

  /** With an order at every even price, `prices` of them a side. */
  constructor(machine: Machine, prices: number) {
    this.#machine = machine;
    this.#prices = prices;
    this.#state = machine.begin({
      kind: "genesis",
      chainId: 31_337,
      mediator: address(0),
      schedule: { genesisBlock: 100, roundSize: 32 },
      confirmations: 2,
      markets: [MARKET],
      limits: { ordersPerClientAndRound: 100_000_000 },
    });
    const place = { block: 100, blockHash: word(100), transactionHash: word(1), round: 0 };
    const amount = 10n ** 30n;
    const logs = [BASE, QUOTE].flatMap((token, i) => [
      { kind: "tokenListed", token, ...place, logIndex: 2 * i },
      { kind: "deposited", client: CLIENT, token, amount, ...place, logIndex: 2 * i + 1 },
    ]);
    this.#apply({ kind: "blocks", to: { number: 100, hash: word(100) }, logs } as unknown as Entry);
    for (let i = 1; i <= 2 * prices; i++) this.#rest(2 * i);
  }

  /** Milliseconds of CPU. */
  run(): number {
    return cpuMs(() => {
      for (let i = 0; i < OPERATIONS; i++) {
        // An odd price: there is no order at it.
        const id = this.#rest(2 * this.#roll(2 * this.#prices) + 1);
        const ref = { owner: CLIENT, round: 0, id };
        this.#apply({ kind: "cancelOrder", ...ref, signature: SIGNATURE });
      }
    });
  }

  /** A bid in the lower half of the prices, an ask in the upper. */
  #rest(price: number): bigint {
    const id = BigInt(this.#orders++);
    const quote = BigInt(price);
    const common = { owner: CLIENT, round: 0, id };
    const order =
      price <= 2 * this.#prices
        ? { sellToken: QUOTE, sellAmount: quote, buyToken: BASE, buyAmount: MARKET.lot }
        : { sellToken: BASE, sellAmount: MARKET.lot, buyToken: QUOTE, buyAmount: quote };
    const intent = order.sellToken === QUOTE ? ("buyAll" as const) : ("sellAll" as const);
    this.#apply({
      kind: "placeOrder",
      order: { ...common, ...order, intent },
      signature: SIGNATURE,
    } as Entry);
    return id;
  }

  #roll(below: number): number {
    this.#last = (Math.imul(this.#last, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#last % below;
  }

  #apply(entry: Entry): void {
    const { refusal } = this.#machine.apply(this.#state, entry);
    if (refusal !== undefined) throw new Error(`refused: ${refusal.code}`);
  }
}

export async function engineLines(counts: readonly number[]): Promise<Line[]> {
  const older = olderBuild();
  const lines: Line[] = [];
  try {
    const before = (await older.load("src/exchange/apply.ts")) as Machine;
    for (const count of counts) {
      const engines = [before, today].map((machine) => new Engine(machine, count));
      const { medians, ratios } = await inTurns(engines.map((engine) => () => engine.run()));
      const [was, is] = medians.map((ms) => `${((1000 * ms) / OPERATIONS).toFixed(1)} µs`);
      lines.push({
        what: `${count.toLocaleString("en")} prices a side: an order rests and is cancelled`,
        before: was as string,
        now: is as string,
        ratio: ratios[1] as number,
      });
    }
  } finally {
    older.remove();
  }
  return lines;
}

if (import.meta.main) {
  const counts = process.argv.slice(2).map(Number);
  const asked = counts.length > 0 ? counts : [1000, 10_000, 100_000];
  for (const { what, before, now, ratio } of await engineLines(asked)) {
    console.log(`${what}: ${before} before, ${now} now, ratio ${ratio.toFixed(2)}`);
  }
}
