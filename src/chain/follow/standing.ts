/** How far an endpoint is, as long as it keeps up with time. */
import type { BlockNumber } from "../../protocol/units.ts";
import type { Endpoint } from "../rpc/endpoint.ts";

/** The newest block of the chain. */
export interface Head {
  readonly kind: "head";
  readonly number: BlockNumber;
  /** Seconds since 1970. */
  readonly timestamp: number;
  /** Wei for a unit of gas; 0 on a chain without. */
  readonly baseFee: bigint;
}

/** Blocks over which the time between two is taken. */
const SAMPLE_BLOCKS = 32;
/** Blocks after which it is taken again. */
const BLOCKS_OF_A_PACE = 256;
/** A newest block may be as old as this many usual ones, and so many milliseconds. */
const BLOCKS_OF_PATIENCE = 3;
const PATIENCE_MS = 2000;

/** The newest block, as the endpoint knows it. */
export async function readHead({ client }: Pick<Endpoint, "client">): Promise<Head> {
  const { number, timestamp, baseFeePerGas } = await client.getBlock({ blockTag: "latest" });
  return {
    kind: "head",
    number: Number(number),
    timestamp: Number(timestamp),
    baseFee: baseFeePerGas ?? 0n,
  };
}

/**
 * Tells endpoints that are at the chain's newest block from those that stand still or trail. Only
 * time can: an endpoint that makes up blocks is as far ahead of true ones as a true one is of those
 * that stand still.
 */
export class Standing {
  /** The newest block of each, and since when, in milliseconds. */
  readonly #seen = new Map<Endpoint, { readonly number: BlockNumber; readonly since: number }>();

  /** Milliseconds between two blocks, as found at one of them. */
  readonly #paces = new Map<Endpoint, { readonly at: BlockNumber; readonly intervalMs: number }>();

  /** The newest block of an endpoint that keeps up; undefined: it does not, or gave no answer. */
  async headOf(endpoint: Endpoint): Promise<Head | undefined> {
    try {
      const head = await readHead(endpoint);
      const patience = await this.#patienceMs(endpoint, head);
      const isRecent = Date.now() - head.timestamp * 1000 <= patience;
      return isRecent && this.#restedMs(endpoint, head.number) <= patience ? head : undefined;
    } catch {
      return undefined;
    }
  }

  /** Milliseconds without another newest block. */
  #restedMs(endpoint: Endpoint, number: BlockNumber): number {
    const seen = this.#seen.get(endpoint);
    const now = performance.now();
    if (seen?.number === number) return now - seen.since;
    this.#seen.set(endpoint, { number, since: now });
    return 0;
  }

  /** Milliseconds that a newest block may stay the newest one. */
  async #patienceMs(endpoint: Endpoint, head: Head): Promise<number> {
    const known = this.#paces.get(endpoint);
    const isKnown = known !== undefined && Math.abs(head.number - known.at) < BLOCKS_OF_A_PACE;
    const intervalMs = isKnown ? known.intervalMs : await intervalBefore(endpoint, head);
    if (!isKnown) this.#paces.set(endpoint, { at: head.number, intervalMs });
    return BLOCKS_OF_PATIENCE * intervalMs + PATIENCE_MS;
  }
}

/** Milliseconds between two blocks, of late. */
async function intervalBefore({ client }: Endpoint, { number, timestamp }: Head): Promise<number> {
  const blocks = Math.min(SAMPLE_BLOCKS, number);
  if (blocks === 0) return 0;
  const earlier = await client.getBlock({ blockNumber: BigInt(number - blocks) });
  return ((timestamp - Number(earlier.timestamp)) * 1000) / blocks;
}
