/**
 * The price that a transaction pays for gas (EIP-1559), and the later cost of duties. Pure; all
 * fees are wei for a unit of gas.
 */
import type { BlockNumber } from "../../protocol/units.ts";
import type { FeeFloor } from "../rpc/errorKinds.ts";

/** The cost of blocks, as of the newest. */
export interface FeeMarket {
  readonly baseFee: bigint;
  /** Base fee of the block `span` blocks earlier. */
  readonly earlierBaseFee: bigint;
  readonly span: number;
  /** Priority fee that is common now, by the endpoint that names the lowest. */
  readonly priorityFee: bigint;
  /** Priority fee by the endpoint that names the highest: for replacements, and near deadlines. */
  readonly urgentPriorityFee: bigint;
}

/** The fees of blocks, and the block as of which they hold. */
export interface MarketAt extends FeeMarket {
  readonly head: BlockNumber;
  /** Block of `earlierBaseFee`. */
  readonly earlier: BlockNumber;
}

/** The two fees of a transaction, as its fields are named. */
export interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

export interface FeeQuote extends Fees {
  /** The least that the next block takes, at the urgency of now. */
  readonly needed: bigint;
  /** The least at the deadline, if base fees go on as lately. */
  readonly forecast: bigint;
  /** The cap is not reached yet, and will be: half of it is needed now, and all of it then. */
  readonly capNear: boolean;
  /** The cap bites: the next block takes more, or a replacement has to pay more. */
  readonly capped: boolean;
}

const GWEI = 10n ** 9n;
const MIN_PRIORITY_FEE = GWEI;
/** With fewer blocks left than this, the priority fee doubles with every second block. */
export const URGENT_BLOCKS = 10;
/** Times the calm priority fee that one endpoint's word can make it, at most. */
const MOST_URGENCY = 64n;
/** A base fee grows by an eighth a block at most: this covers six full blocks. */
const BASE_FEE_HEADROOM = 2n;
/** Blocks into the future in which a trend still says something. */
const LONGEST_FORECAST = 256;

/**
 * `blocksLeft`: blocks that can still take it, or infinity. `cap`: the most that is paid.
 * `previous`: the fees to replace, which nodes allow for a tenth more on both. `floor`: the least
 * that nodes take, as they named it.
 */
export function quoteFees(
  market: FeeMarket,
  blocksLeft: number,
  cap: bigint,
  previous?: Fees,
  floor: FeeFloor = { tip: 0n, fee: 0n },
): FeeQuote {
  const isHurried = blocksLeft < URGENT_BLOCKS || previous !== undefined;
  const named = isHurried ? urgentPriorityOf(market) : 0n;
  const priority = max(max(priorityAt(market, blocksLeft), named), floor.tip);
  const needed = market.baseFee + priority;
  const wanted = {
    maxFeePerGas: max(market.baseFee * BASE_FEE_HEADROOM + priority, floor.fee),
    maxPriorityFeePerGas: priority,
  };
  const replacing =
    previous === undefined
      ? wanted
      : {
          maxFeePerGas: max(wanted.maxFeePerGas, bumped(previous.maxFeePerGas)),
          maxPriorityFeePerGas: max(
            wanted.maxPriorityFeePerGas,
            bumped(previous.maxPriorityFeePerGas),
          ),
        };
  const forecast = Number.isFinite(blocksLeft)
    ? forecastBaseFee(market, blocksLeft) + priorityAt(market, 0)
    : needed;
  const maxFeePerGas = min(replacing.maxFeePerGas, cap);
  return {
    maxFeePerGas,
    maxPriorityFeePerGas: min(replacing.maxPriorityFeePerGas, maxFeePerGas),
    needed,
    forecast,
    capNear: needed * 2n > cap && forecast > cap,
    capped: needed > cap || (previous !== undefined && bumped(previous.maxFeePerGas) > cap),
  };
}

/**
 * The priority fee, in wei for a unit of gas, where too low a fee costs more than too high a one:
 * by the highest word, up to a bound, for one endpoint may inflate it.
 */
export function urgentPriorityOf({
  priorityFee,
  urgentPriorityFee,
}: Pick<FeeMarket, "priorityFee" | "urgentPriorityFee">): bigint {
  return min(urgentPriorityFee, max(priorityFee, MIN_PRIORITY_FEE) * MOST_URGENCY);
}

function priorityAt({ priorityFee }: FeeMarket, blocksLeft: number): bigint {
  const calm = max(priorityFee, MIN_PRIORITY_FEE);
  if (blocksLeft >= URGENT_BLOCKS) return calm;
  const doublings = Math.floor((URGENT_BLOCKS - Math.max(0, blocksLeft)) / 2);
  return calm << BigInt(doublings);
}

/** The base fee so many blocks on, if its growth goes on; a falling one is taken to stay. */
export function forecastBaseFee(market: FeeMarket, blocks: number): bigint {
  const { baseFee, earlierBaseFee, span } = market;
  // The newest block of a lagging endpoint can be older than the block that was known before.
  if (earlierBaseFee === 0n || span <= 0 || baseFee <= earlierBaseFee) return baseFee;
  let forecast = baseFee;
  const ahead = Math.min(blocks, LONGEST_FORECAST);
  for (let done = 0; done < ahead; done += span) {
    const grown = (forecast * baseFee) / earlierBaseFee;
    const part = BigInt(Math.min(span, ahead - done));
    forecast += ((grown - forecast) * part) / BigInt(span);
  }
  return forecast;
}

/** A fee bump of an eighth: nodes take a replacement that pays a tenth more on both fees. */
function bumped(fee: bigint): bigint {
  return (fee * 9n) / 8n + 1n;
}

const SECONDS_PER_DAY = 86_400n;

/** Gas that duties used in a stretch of the chain. */
export interface GasSpent {
  readonly gas: bigint;
  /** Length of the stretch; above 0. */
  readonly seconds: number;
}

/** Wei a day, if duties go on using gas as in that stretch, at the prices of now. */
export function forecastWeiPerDay({ gas, seconds }: GasSpent, baseFee: bigint): bigint {
  const feePerGas = baseFee + MIN_PRIORITY_FEE;
  return (gas * feePerGas * SECONDS_PER_DAY) / BigInt(Math.max(1, Math.round(seconds)));
}

/** Remembers the gas of duties over the last blocks of the chain. */
export class GasLedger {
  readonly #blocks: number;
  /** The first of each so many heads, oldest first. */
  #heads: Head[] = [];
  #newest: Head | undefined;
  #spent: { readonly block: BlockNumber; readonly gas: bigint }[] = [];

  /** `blocks`: how many blocks are remembered, several rounds at best. */
  constructor(blocks: number) {
    this.#blocks = blocks;
  }

  add(block: BlockNumber, gas: bigint): void {
    this.#spent.push({ block, gas });
  }

  /** Forgets the gas of blocks that lie too far back. */
  setHead(head: Head): void {
    this.#newest = head;
    const from = head.block - this.#blocks;
    this.#spent = this.#spent.filter(({ block }) => block > from);
    this.#heads = this.#heads.filter(({ block }) => block >= from);
    const last = this.#heads.at(-1);
    if (last === undefined || head.block - last.block >= this.#blocks / HEADS_KEPT) {
      this.#heads.push(head);
    }
  }

  /** Undefined until heads over at least `blocks` blocks have been seen: less says little. */
  spent(blocks: number): GasSpent | undefined {
    const [first] = this.#heads;
    const newest = this.#newest;
    if (first === undefined || newest === undefined || newest.block - first.block < blocks) {
      return undefined;
    }
    const since = this.#spent.filter(({ block }) => block > first.block);
    const gas = since.reduce((sum, one) => sum + one.gas, 0n);
    return { gas, seconds: newest.timestamp - first.timestamp };
  }
}

interface Head {
  readonly block: BlockNumber;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

const HEADS_KEPT = 64;

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
