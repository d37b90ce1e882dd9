/**
 * Sends transactions of one key, one nonce at a time: simulates each first, prices it by its
 * deadline, and replaces it while it is stuck, or when a more urgent one comes. Nothing that is
 * remembered is needed after a restart: the nonce is the chain's, so what a former process left
 * behind is replaced. While it runs, it offers again what a reorganisation dropped.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Address } from "../base/hex.ts";
import type { BlockNumber } from "../protocol/units.ts";
import {
  DeadlineMissed,
  InsufficientFunds,
  isInsufficientFunds,
  RpcUnavailable,
  TransactionLost,
} from "./errors.ts";
import { ask, type ChainClient } from "./rpc.ts";
import type { Call, Job, Mined } from "./sending/call.ts";
import type { SubmitterEvent } from "./sending/events.ts";
import { type Fees, type Offer, offer, URGENT_BLOCKS } from "./sending/fees.ts";
import { MinedTransactions } from "./sending/minedTransactions.ts";
import { broadcast, type MarketAt, NonceSlot, readMarket } from "./sending/nonceSlot.ts";
import { simulate } from "./sending/simulate.ts";
import type { Signer } from "./signer.ts";

export type { Call, Mined } from "./sending/call.ts";
export type { SubmitterEvent } from "./sending/events.ts";

export interface SubmitterOptions {
  readonly client: ChainClient;
  readonly signer: Signer;
  readonly chainId: number;
  /** Wei for a unit of gas; never more. */
  readonly maxFeePerGas: bigint;
  /** Milliseconds between two looks for a receipt. */
  readonly pollMs: number;
  /** Looks for a receipt before the transaction is replaced by a dearer one. */
  readonly looksBeforeReplacing?: number;
  /** Replacements before one without a deadline is given up; fees rise by an eighth with each. */
  readonly maxReplacements?: number;
  /** Waiting ends at once when it is aborted; what was sent may still be mined. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: SubmitterEvent, call: Call) => void;
}

/** What became of a job whose transaction was mined. */
interface Settled {
  readonly job: Job;
  /** `reverted`: it would pass now, so that it can be sent again. */
  readonly outcome: Mined | Error | "reverted";
}

const DEFAULT_LOOKS = 30;
const DEFAULT_REPLACEMENTS = 12;
/** Looks for a receipt after its nonce was used: endpoints lag behind each other. */
const LOOKS_AFTER_NONCE_USED = 3;
const STRANGERS =
  "a former process left it, or another program sends with this key, which needs one of its own";
/** What can wait bids no more than this of the limit: a replacement must be able to outbid it. */
const PATIENT_SHARE_PERCENT = 75n;
/**
 * Times that a call is sent again because its transaction was mined and reverted: state can move
 * between estimate and block so that more gas is needed, as where a round begins.
 */
const MOST_REVERTS = 2;

export class Submitter {
  readonly #options: SubmitterOptions;
  readonly #queue: Job[] = [];
  #working = false;
  #slot: NonceSlot | undefined;
  readonly #mined = new MinedTransactions();
  #newestMined = 0;

  constructor(options: SubmitterOptions) {
    this.#options = options;
  }

  get address(): Address {
    return this.#options.signer.address;
  }

  /** The newest block that holds a transaction of this process: 0 before the first. */
  get newestMined(): BlockNumber {
    return this.#newestMined;
  }

  /**
   * Resolves when mined with success. Throws `ContractRefused` (simulation or block),
   * `DeadlineMissed`, `InsufficientFunds`, `TransactionLost`, or `RpcUnavailable`.
   */
  send(call: Call): Promise<Mined> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ call, reverts: 0, resolve, reject });
      void this.#work();
    });
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    while (this.#queue.length > 0) await this.#useNonce();
    this.#working = false;
  }

  /** The most urgent; of those alike, the one that came first. */
  #first(): Job | undefined {
    const priority = ({ call }: Job) => call.priority ?? 0;
    return this.#queue.reduce<Job | undefined>(
      (best, job) => (best === undefined || priority(job) > priority(best) ? job : best),
      undefined,
    );
  }

  /** What was reverted and would pass now stays in the queue, a few times. */
  #settle({ job, outcome }: Settled): void {
    if (outcome === "reverted") {
      job.reverts += 1;
      if (job.reverts <= MOST_REVERTS) return;
      this.#fail(
        job,
        new TransactionLost(job.call.what, "it was mined and reverted, again and again"),
      );
    } else if (outcome instanceof Error) {
      this.#fail(job, outcome);
    } else {
      this.#leave(job);
      job.resolve(outcome);
    }
  }

  #fail(job: Job, error: unknown): void {
    this.#leave(job);
    job.reject(error);
  }

  #leave(job: Job): void {
    const place = this.#queue.indexOf(job);
    if (place >= 0) this.#queue.splice(place, 1);
  }

  /** Has one transaction of the queue mined, whichever it is, unless all of them fail. */
  async #useNonce(): Promise<void> {
    let slot: NonceSlot | undefined;
    for (let job = this.#first(); job !== undefined; job = this.#first()) {
      try {
        const gas = slot?.gas.get(job) ?? (await this.#simulate(job.call));
        slot ??= await this.#openSlot(job.call);
        slot.gas.set(job, gas);
        const settled = await this.#attempt(slot, job, gas);
        if (settled === undefined) continue;
        this.#settle(settled);
        return;
      } catch (error) {
        this.#fail(job, error);
        if (slot?.used) {
          // Versions of others were out under this nonce too: it may be theirs that was mined.
          for (const other of slot.jobs()) this.#fail(other, error);
          return;
        }
      }
    }
  }

  /** The next nonce by the chain; what is known of it stays known as long as it is the next. */
  async #openSlot(call: Call): Promise<NonceSlot> {
    const { client, onEvent } = this.#options;
    const { address } = this;
    const [nonce, pending] = await ask("a nonce", () =>
      Promise.all([
        client.getTransactionCount({ address, blockTag: "latest" }),
        client.getTransactionCount({ address, blockTag: "pending" }),
      ]),
    );
    const known = this.#slot?.nonce === nonce && !this.#slot.used ? this.#slot : undefined;
    const slot = known ?? new NonceSlot(nonce);
    const ours = known === undefined ? 0 : 1;
    if (pending > nonce + ours) {
      const [firstNonce, lastNonce] = [nonce + ours, pending - 1];
      onEvent?.({ kind: "strangersWait", firstNonce, lastNonce, mend: STRANGERS }, call);
    }
    this.#slot = slot;
    return slot;
  }

  /** Sends the call under this nonce. Undefined when it is time for the next attempt. */
  async #attempt(slot: NonceSlot, job: Job, gas: bigint): Promise<Settled | undefined> {
    const { signer, chainId, client, signal } = this.#options;
    const { call } = job;
    if (signal?.aborted) throw new TransactionLost(call.what, "we stop and do not send it");
    const replacements = this.#options.maxReplacements ?? DEFAULT_REPLACEMENTS;
    if (call.deadlineBlock === undefined && slot.attempts(job) > replacements) {
      throw new TransactionLost(call.what, `it stays unmined after ${replacements} replacements`);
    }
    const market = await readMarket(client).catch((error) => {
      // One that is out may be mined while nobody tells us of it.
      if (!slot.jobs().includes(job)) throw error;
      return undefined;
    });
    if (market === undefined) {
      slot.tried(job);
      return this.#waitFor(slot, job, slot.market?.head ?? 0);
    }
    const left = blocksLeft(call, market.head);
    if (left <= 0) throw new DeadlineMissed(call.what, call.deadlineBlock as number, market.head);
    const fees = this.#price(slot, job, market, left);
    const replaces = slot.fees !== undefined;
    const { to, data, value = 0n } = call;
    const raw = await signer.signTransaction({
      ...{ chainId, nonce: slot.nonce, gas, to, data, value },
      ...fees,
    });
    const outcome = await broadcast(client, raw);
    switch (outcome.kind) {
      case "out": {
        const hash = slot.sent(job, raw, fees);
        this.#tell({ kind: replaces ? "replaced" : "sent", hash, nonce: slot.nonce, fees }, call);
        break;
      }
      case "underpriced":
        slot.tried(job);
        slot.outbid(fees);
        if (fees.maxFeePerGas < this.#capOf(call)) return undefined;
        break;
      case "failed":
        slot.tried(job);
        // Whatever is wrong with this version, one that is out may be mined.
        if (slot.versions.size > 0) break;
        if (isInsufficientFunds(outcome.error)) {
          throw new InsufficientFunds(call.what, this.address, outcome.error);
        }
        throw new RpcUnavailable("with a place for a transaction", outcome.error);
    }
    return this.#waitFor(slot, job, market.head);
  }

  /** What to offer now. Tells when the limit bites, and once before it does. */
  #price(slot: NonceSlot, job: Job, market: MarketAt, left: number): Fees {
    slot.market = market;
    const offered = offer(market, left, this.#capOf(job.call), slot.fees);
    if (offered.capped) this.#tellOfCap("feeCapReached", job, offered);
    else this.#warnOfCap(slot, job, offered);
    const { maxFeePerGas, maxPriorityFeePerGas } = offered;
    return { maxFeePerGas, maxPriorityFeePerGas };
  }

  #warnOfCap(slot: NonceSlot, job: Job, offered: Offer): void {
    if (!offered.capNear || slot.warned.has(job)) return;
    slot.warned.add(job);
    this.#tellOfCap("feeCapNear", job, offered);
  }

  #tellOfCap(kind: "feeCapNear" | "feeCapReached", { call }: Job, offered: Offer): void {
    const { needed, forecast } = offered;
    const mend = "raise `maxFeePerGas` in the configuration and start again";
    this.#tell({ kind, needed, forecast, cap: this.#capOf(call), mend }, call);
  }

  /** Undefined when it is time for another attempt. `head`: newest block when it was sent. */
  async #waitFor(slot: NonceSlot, job: Job, head: BlockNumber): Promise<Settled | undefined> {
    const looks = this.#options.looksBeforeReplacing ?? DEFAULT_LOOKS;
    const { call } = job;
    let looksAfterUse = 0;
    for (let look = 0; look < looks || looksAfterUse > 0; look++) {
      await this.#pause(call);
      // Both before the receipts: what they say is then true of any receipt that is missing.
      const now = await this.#look(call);
      const settled = await this.#receiptOf(slot);
      if (settled !== undefined) return settled;
      if (now === undefined) continue;
      looksAfterUse = now.nonce > slot.nonce ? looksAfterUse + 1 : 0;
      if (looksAfterUse > 0) {
        if (looksAfterUse < LOOKS_AFTER_NONCE_USED) continue;
        slot.used = true;
        throw new TransactionLost(
          call.what,
          `nonce ${slot.nonce} of ${this.address} was used by a transaction that is not ours: ` +
            STRANGERS,
        );
      }
      for (const offered of await this.#mined.offerDropped(this.#options.client, now.nonce, slot)) {
        this.#tell({ kind: "offeredAgain", ...offered }, call);
      }
      const first = this.#first();
      if (first !== undefined && first !== job) {
        this.#tell({ kind: "preempted", by: first.call.what }, call);
        return undefined;
      }
      const left = blocksLeft(call, now.head);
      if (left <= 0) throw new DeadlineMissed(call.what, call.deadlineBlock as number, now.head);
      if (left < URGENT_BLOCKS && now.head > head + 1) return undefined;
      this.#watchFees(slot, job, now, left);
    }
    return undefined;
  }

  /** Warns of the fee limit while we wait, before it bites. */
  #watchFees(
    slot: NonceSlot,
    job: Job,
    now: { readonly head: BlockNumber; readonly baseFee: bigint },
    left: number,
  ): void {
    if (slot.market === undefined) return;
    const { baseFee, head } = now;
    const market = { ...slot.market, baseFee, span: head - slot.market.earlier };
    this.#warnOfCap(slot, job, offer(market, left, this.#capOf(job.call)));
  }

  /** Undefined when the chain does not answer: the next look may. */
  async #look(call: Call) {
    const { client } = this.#options;
    const { address } = this;
    try {
      const nonce = await ask("a nonce", () =>
        client.getTransactionCount({ address, blockTag: "latest" }),
      );
      const block = await ask("its head", () => client.getBlock({ blockTag: "latest" }));
      return { head: Number(block.number), baseFee: block.baseFeePerGas ?? 0n, nonce };
    } catch (error) {
      if (!(error instanceof RpcUnavailable)) throw error;
      this.#tell({ kind: "lookFailed" }, call);
      return undefined;
    }
  }

  /** Where all that this process did is known: whoever lags would have it done again. */
  #simulate(call: Call): Promise<bigint> {
    return simulate(this.#options.client, this.address, call, this.#newestMined);
  }

  /** Undefined while none of the slot's versions is known to be mined. */
  async #receiptOf(slot: NonceSlot): Promise<Settled | undefined> {
    const { client } = this.#options;
    for (const [hash, job] of slot.versions) {
      const receipt = await client.getTransactionReceipt({ hash }).catch(() => undefined);
      if (receipt === undefined) continue;
      slot.used = true;
      this.#mined.remember(slot, hash);
      this.#newestMined = Math.max(this.#newestMined, Number(receipt.blockNumber));
      if (receipt.status === "success") {
        const { gasUsed, effectiveGasPrice } = receipt;
        const block = Number(receipt.blockNumber);
        const cost = gasUsed * effectiveGasPrice;
        return { job, outcome: { transactionHash: hash, block, gasUsed, cost } };
      }
      // Something changed between simulation and block; a new simulation says what.
      const outcome = await this.#simulate(job.call).then(
        () => "reverted" as const,
        (error: Error) => error,
      );
      return { job, outcome };
    }
    return undefined;
  }

  #capOf({ deadlineBlock }: Call): bigint {
    const { maxFeePerGas } = this.#options;
    return deadlineBlock === undefined
      ? (maxFeePerGas * PATIENT_SHARE_PERCENT) / 100n
      : maxFeePerGas;
  }

  #tell(event: SubmitterEvent, call: Call): void {
    this.#options.onEvent?.(event, call);
  }

  async #pause(call: Call): Promise<void> {
    const { pollMs, signal } = this.#options;
    await sleep(pollMs, undefined, { signal }).catch((cause) => {
      throw new TransactionLost(call.what, "we stopped waiting for it", cause);
    });
  }
}

/** Blocks that can still take it. */
function blocksLeft({ deadlineBlock }: Call, head: BlockNumber): number {
  return deadlineBlock === undefined ? Number.POSITIVE_INFINITY : deadlineBlock - head;
}
