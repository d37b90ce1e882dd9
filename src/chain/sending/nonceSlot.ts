/** One nonce of a key: what is out under it, at what fees, and how it gets to the chain's nodes. */
import { keccak256 } from "viem";
import type { Hex } from "../../base/hex.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { causeOf, EndpointFailed, shortMessage } from "../errors.ts";
import { ask, type ChainClient } from "../rpc.ts";
import type { Job } from "./call.ts";
import type { FeeMarket, Fees } from "./fees.ts";

/** At most one of the versions of a slot can ever be mined. */
export class NonceSlot {
  readonly nonce: number;
  /** By hash, the newest first: it is the most likely to be mined. */
  versions: ReadonlyMap<Hex, Job> = new Map();
  /** By hash, as they were sent. */
  readonly raws = new Map<Hex, Hex>();
  /** What has to be outbid. */
  fees: Fees | undefined;
  /** Gas limits by simulation. */
  readonly gas = new Map<Job, bigint>();
  /** Who was told that the fee limit is near. */
  readonly warned = new Set<Job>();
  market: MarketAt | undefined;
  /** Whose it is now. */
  job: Job | undefined;
  /** Looks at the chain since the last attempt. */
  looks = 0;
  /** Looks in a row that showed its nonce used, and no receipt. */
  looksAfterUse = 0;
  readonly #attempts = new Map<Job, number>();

  constructor(nonce: number) {
    this.nonce = nonce;
  }

  /** Whose it is, if that one still waits. */
  get owner(): Job | undefined {
    return this.job?.settled === false ? this.job : undefined;
  }

  /** Whether anybody waits for what is out under it. */
  get isAwaited(): boolean {
    return this.owner !== undefined || this.jobs().some(({ settled }) => !settled);
  }

  /** Takes note of a version that is out; gives its hash. */
  sent(job: Job, raw: Hex, fees: Fees): Hex {
    const hash = keccak256(raw);
    this.versions = new Map([[hash, job], ...this.versions]);
    this.raws.set(hash, raw);
    this.fees = fees;
    return hash;
  }

  tried(job: Job): void {
    this.#attempts.set(job, this.attempts(job) + 1);
    this.looks = 0;
  }

  /** Somebody else's transaction with this nonce is dearer: the next offers twice as much. */
  outbid({ maxFeePerGas, maxPriorityFeePerGas }: Fees): void {
    this.fees = {
      maxFeePerGas: maxFeePerGas * 2n,
      maxPriorityFeePerGas: maxPriorityFeePerGas * 2n,
    };
  }

  attempts(job: Job): number {
    return this.#attempts.get(job) ?? 0;
  }

  /** What was sent last; undefined before that. */
  get newest(): Hex | undefined {
    const [hash] = this.versions.keys();
    return hash === undefined ? undefined : this.raws.get(hash);
  }

  /** Whose versions are out. */
  jobs(): readonly Job[] {
    return [...new Set(this.versions.values())];
  }
}

/** What blocks cost, and as of which. */
export interface MarketAt extends FeeMarket {
  readonly head: BlockNumber;
  /** Block of `earlierBaseFee`. */
  readonly earlier: BlockNumber;
}

/** Blocks over which the trend of base fees is taken. */
const TREND_BLOCKS = 8;

/** Throws `RpcUnavailable`. */
export async function readMarket(client: ChainClient): Promise<MarketAt> {
  const [block, priorityFee] = await ask("fees", () =>
    Promise.all([
      client.getBlock({ blockTag: "latest" }),
      // Not every node has an opinion; ours is a floor below it anyway.
      client.estimateMaxPriorityFeePerGas().catch(() => 0n),
    ]),
  );
  const head = Number(block.number);
  const earlier = Math.max(0, head - TREND_BLOCKS);
  const old = await ask("fees", () => client.getBlock({ blockNumber: BigInt(earlier) }));
  const baseFee = block.baseFeePerGas ?? 0n;
  const earlierBaseFee = old.baseFeePerGas ?? baseFee;
  return { head, earlier, baseFee, earlierBaseFee, span: head - earlier, priorityFee };
}

export type BroadcastOutcome =
  /** A node has it, or will not need it: what is mined will tell. */
  | { readonly kind: "out" }
  /** Nodes hold a dearer one with this nonce. */
  | { readonly kind: "underpriced" }
  | { readonly kind: "failed"; readonly error: unknown };

/** How nodes say that they have a transaction, or that its nonce is used. */
const KNOWN = /already known|already imported|nonce too low|already been used/i;
const UNDERPRICED = /underpriced/i;
/** Our limit is below what blocks cost now; that may fall before the deadline. */
const TOO_CHEAP = /less than (the )?block base fee/i;

/** Offers a transaction to every endpoint: one that keeps it to itself must not be its only way. */
export async function broadcast(client: ChainClient, raw: Hex): Promise<BroadcastOutcome> {
  const offers = client.transport
    .endpoints()
    .map((endpoint) => endpoint.client.sendRawTransaction({ serializedTransaction: raw }));
  try {
    await Promise.any(offers);
    return { kind: "out" };
  } catch (all) {
    const errors = (all as AggregateError).errors as unknown[];
    const says = (words: RegExp) => errors.some((error) => words.test(shortMessage(error)));
    if (says(KNOWN) || says(TOO_CHEAP)) return { kind: "out" };
    if (says(UNDERPRICED)) return { kind: "underpriced" };
    const isSilence = (error: unknown) =>
      causeOf(error, (cause) => cause instanceof EndpointFailed) !== undefined;
    return { kind: "failed", error: errors.find((error) => !isSilence(error)) ?? errors[0] };
  }
}
