/**
 * One of several operators on a shared journal: follows it, and leads while the lease is its own.
 * The loop is the same for all; the leader is a fact of the journal, read at every poll.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../base/log.ts";
import { FencedOff } from "../../journal/errors.ts";
import type { Head, Holder, LeasedJournal, Peer, SharedJournal } from "../../journal/journal.ts";
import { isLeadLost } from "./leadLost.ts";
import { Outage } from "./outage.ts";
import type { Replica } from "./replica.ts";
import { type Progress, StalledLeader } from "./stalledLeader.ts";

export interface SharedRoleOptions {
  readonly journal: SharedJournal;
  /** This one's address. */
  readonly operator: string;
  readonly replica: Replica;
  readonly log: Log;
  /** Milliseconds that a lease lasts; the lease is polled ten times in that time. */
  readonly leaseMs: number;
  /**
   * Milliseconds for which the database may stay unreachable before this operator gives up: its
   * supervisor starts it again, and an alert is sent.
   */
  readonly retryTimeoutMs: number;
  /**
   * Leads until `signal` is aborted, and settles once nothing is under way any more: then the state
   * is that of the journal as far as it was acknowledged. Rejects when it cannot go on; with an
   * error that says that the lead is lost this operator follows again, with any other it ends.
   */
  readonly lead: (leased: LeasedJournal, signal: AbortSignal) => Promise<void>;
  /** Called whenever another operator, or none, holds the lease. */
  readonly onHolder: (holder: Holder | undefined) => void;
  /** The address of the operator that should lead instead of this one, if another should. */
  readonly successor: () => string | undefined;
  /** True if the operator could not take blocks in as leader, or could not sign fills. */
  readonly cannotLead: () => boolean;
  /** Whether the manager's list is known to have this operator: other fills are no evidence. */
  readonly isApproved: () => boolean;
  readonly progress: () => Progress;
  /** Called with the last record that is known to be in the journal. */
  readonly onSeen: (head: Head) => void;
}

/** Polls of the journal in the time of a lease. */
const POLLS_PER_LEASE = 10;
/** Polls between two heartbeats, of which several fall into a lease. */
const POLLS_BETWEEN_HEARTBEATS = { following: 4, leading: 2 };
/** Leases of leading after which the heartbeats of all live operators have been heard. */
const LEASES_UNTIL_KNOWN = 1.5;
/** Records by which a successor may trail: it reads them within one poll. */
const WARM_RECORDS = 1000;

export class LeaderElection {
  readonly #options: SharedRoleOptions;
  readonly #stalled: StalledLeader;
  #polls = 0;
  #peers: readonly Peer[] = [];
  readonly #outage: Outage;

  constructor(options: SharedRoleOptions) {
    this.#options = options;
    this.#outage = new Outage({ log: options.log, silenceMs: options.leaseMs });
    this.#stalled = new StalledLeader(options.leaseMs);
  }

  /** Operators that live, as of the last heartbeat. */
  get peers(): readonly Peer[] {
    return this.#peers;
  }

  /** Why the journal cannot be written by anybody now, if so. */
  get problem(): string | undefined {
    return this.#outage.problem;
  }

  /** Resolves when `signal` is aborted; rejects when this operator cannot go on. */
  async run(signal: AbortSignal): Promise<void> {
    const { leaseMs } = this.#options;
    while (!signal.aborted) {
      try {
        const leased = await this.#poll();
        this.#outage.end();
        if (leased !== undefined) await this.#lead(leased, signal);
      } catch (error) {
        this.#survive(error);
      }
      await pause(leaseMs / POLLS_PER_LEASE, signal);
    }
  }

  /** Follows; gives the journal if it was acquired: nobody holds it, or one who is stalled. */
  async #poll(): Promise<LeasedJournal | undefined> {
    const { journal, replica, onHolder, onSeen, cannotLead, isApproved } = this.#options;
    const { holder } = await journal.poll();
    onHolder(holder);
    await replica.catchUp(journal);
    onSeen(replica.head);
    // An operator that cannot lead sends no heartbeat; otherwise the leader would hand the lease
    // over to it.
    if (cannotLead() || !isApproved()) return undefined;
    await this.#heartbeat(replica.head.sequence, POLLS_BETWEEN_HEARTBEATS.following);
    if (holder === undefined) return journal.acquire();
    return this.#isStalledBy(holder) ? journal.acquire(holder.epoch) : undefined;
  }

  #isStalledBy({ operator, epoch }: Holder): boolean {
    const progress = this.#options.progress();
    if (!this.#stalled.poll(epoch, progress)) return false;
    const { head: block, taken = "none" } = progress;
    this.#options.log.warn("leaderTakesNoBlocks", { operator, epoch, block, taken });
    return true;
  }

  async #heartbeat(sequence: number, pollsBetween: number): Promise<void> {
    if (this.#polls++ % pollsBetween !== 0) return;
    this.#peers = await this.#options.journal.heartbeat(sequence);
  }

  async #lead(leased: LeasedJournal, signal: AbortSignal): Promise<void> {
    const { replica, log } = this.#options;
    let successor: string | undefined;
    try {
      // A record that cannot be read now is not applied, and the next poll begins with it.
      await replica.catchUp(leased);
      log.info("leading", { epoch: leased.epoch, sequence: leased.head.sequence });
      successor = await this.#leadAndWatch(leased, signal);
    } finally {
      await this.#leave(leased, successor);
    }
  }

  /** Resolves with the address of the operator that should lead instead. */
  async #leadAndWatch(leased: LeasedJournal, signal: AbortSignal): Promise<string | undefined> {
    const { replica, lead } = this.#options;
    const ending = new AbortController();
    const both = AbortSignal.any([signal, ending.signal]);
    // Whichever ends first ends the other, and both are waited for.
    const [led, watched] = await Promise.allSettled([
      lead(leased, both).finally(() => ending.abort()),
      this.#watch(leased, both).finally(() => ending.abort()),
    ]);
    replica.moveTo(leased.head);
    if (led.status === "rejected") throw led.reason;
    if (watched.status === "rejected") throw watched.reason;
    return watched.value;
  }

  /**
   * Renews the lease; resolves with the address of the operator that should lead instead, or with
   * none where any other operator should.
   */
  async #watch(leased: LeasedJournal, signal: AbortSignal): Promise<string | undefined> {
    const { leaseMs, isApproved, onSeen } = this.#options;
    const since = performance.now();
    while (!signal.aborted) {
      await leased.renew();
      this.#outage.end();
      onSeen(leased.head);
      await this.#heartbeat(leased.head.sequence, POLLS_BETWEEN_HEARTBEATS.leading);
      if (!isApproved()) return this.#successor(leased.head.sequence);
      // Before, one that let the lease run out may still seem to live: it would get it back.
      const isKnown = performance.now() - since > LEASES_UNTIL_KNOWN * leaseMs;
      const successor = isKnown ? this.#successor(leased.head.sequence) : undefined;
      if (successor !== undefined) return successor;
      await pause((2 * leaseMs) / POLLS_PER_LEASE, signal);
    }
    return undefined;
  }

  /** Only somebody who lives and is warm takes over without a gap. */
  #successor(sequence: number): string | undefined {
    const { successor, cannotLead, isApproved, operator } = this.#options;
    const wanted = successor();
    const warm = this.#peers.filter((peer) => peer.sequence + WARM_RECORDS >= sequence);
    const others = warm.filter((peer) => peer.operator !== operator);
    const found = others.find((peer) => peer.operator === wanted);
    const mustLeave = cannotLead() || !isApproved();
    return (found ?? (mustLeave ? others[0] : undefined))?.operator;
  }

  /** Gives the lease back, so that another need not wait for its end. */
  async #leave(leased: LeasedJournal, successor: string | undefined): Promise<void> {
    const { log } = this.#options;
    log.info("notLeading", { epoch: leased.epoch, sequence: leased.head.sequence, successor });
    try {
      await (successor === undefined ? leased.close() : leased.handOver(successor));
    } catch (problem) {
      if (!isLeadLost(problem)) throw problem;
      log.warn("leaseNotReturned", { problem });
    }
  }

  #survive(error: unknown): void {
    if (!isLeadLost(error)) throw error;
    // Somebody else writes: no loss of the database.
    if (error instanceof FencedOff) return;
    if (this.#outage.add(error) > this.#options.retryTimeoutMs) throw error;
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => {});
}
