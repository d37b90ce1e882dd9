/** One nonce of a key: what is out under it, and at what fees. */
import { keccak256 } from "viem";
import type { Hex } from "../../base/hex.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import type { FeeFloor } from "../rpc/errorKinds.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";
import { isSameCall, type Job } from "./call.ts";
import type { FeeMarket, Fees } from "./fees.ts";

/** At most one of the versions of a slot can ever be mined. */
export class NonceSlot {
  readonly nonce: number;
  /** By hash, the newest first: it is the most likely to be mined. */
  versions: ReadonlyMap<Hex, Job> = new Map();
  /** By hash, as they were sent. */
  readonly raws = new Map<Hex, Hex>();
  /** What the newest version offers. */
  fees: Fees | undefined;
  /** What a stranger's offers at least; undefined: no such one is known. */
  #rival: Fees | undefined;
  /** What nodes named as the least that they take, in wei for a unit of gas; 0: nothing. */
  floor: FeeFloor = { tip: 0n, fee: 0n };
  /** Gas limits by simulation. */
  readonly gas = new Map<Job, bigint>();
  /** Who was told that the fee limit is near. */
  readonly warned = new Set<Job>();
  market: MarketAt | undefined;
  /** Whose it is now. */
  job: Job | undefined;
  /** Looks at the chain since the last attempt. */
  polls = 0;
  /** Looks in a row that showed its nonce used, and no receipt. */
  pollsAfterUse = 0;
  /** The version that was mined, as it was last seen; undefined: none of ours is known to be. */
  mined: MinedVersion | undefined;
  /** That version may have been undone, and nothing else was sent since: it is what is offered. */
  isUndone = false;
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
    this.#rival = undefined;
    this.isUndone = false;
    this.job = job;
    return hash;
  }

  tried(job: Job): void {
    this.#attempts.set(job, this.attempts(job) + 1);
    this.polls = 0;
  }

  /**
   * Nodes refused these fees: somebody else's transaction with this nonce is dearer, or there is a
   * minimum. The next offers what they named, and twice as much where they named nothing.
   */
  outbid({ maxFeePerGas, maxPriorityFeePerGas }: Fees, named: FeeFloor): void {
    const { tip, fee } = this.floor;
    this.floor = {
      tip: named.tip > tip ? named.tip : tip,
      fee: named.fee > fee ? named.fee : fee,
    };
    if (this.floor.tip > maxPriorityFeePerGas || this.floor.fee > maxFeePerGas) return;
    this.#rival = {
      maxFeePerGas: maxFeePerGas * 2n,
      maxPriorityFeePerGas: maxPriorityFeePerGas * 2n,
    };
  }

  /** What the next version has to outbid; undefined: nothing. */
  get toOutbid(): Fees | undefined {
    return this.#rival ?? this.fees;
  }

  /** It is to be used again. */
  reopen(): void {
    this.isUndone = this.mined !== undefined;
    this.polls = 0;
    this.pollsAfterUse = 0;
  }

  /** Whether a version of `job` is out under it, or it waits for one. */
  holds(job: Job): boolean {
    return this.owner === job || this.jobs().includes(job);
  }

  /** Whether what is out under it, or is to be, does the same as `job`. */
  does(job: Job): boolean {
    return [...this.jobs(), this.owner].some((one) => one !== undefined && isSameCall(one, job));
  }

  attempts(job: Job): number {
    return this.#attempts.get(job) ?? 0;
  }

  /** What is offered; undefined while nothing is. */
  get offered(): Version | undefined {
    const [newest] = this.versions.keys();
    const hash = this.isUndone ? this.mined?.hash : newest;
    const [job, raw] = hash === undefined ? [] : [this.versions.get(hash), this.raws.get(hash)];
    return job === undefined || raw === undefined ? undefined : { job, raw };
  }

  /** Whose versions are out. */
  jobs(): readonly Job[] {
    if (this.isUndone) return this.offered === undefined ? [] : [this.offered.job];
    return [...new Set(this.versions.values())];
  }
}

/** A transaction as it was sent, and for whom. */
export interface Version {
  readonly job: Job;
  readonly raw: Hex;
}

/** Hashes of a transaction and of the block that holds it. */
export interface MinedVersion {
  readonly hash: Hex;
  readonly block: Hex;
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
