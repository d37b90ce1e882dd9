/**
 * The attestations of a commit, where the manager asks for more operators than the sender
 * (docs/protocol.md section 4). Each operator that owes the commit by its own journal signs its
 * roots and leaves the signature for the others, also outside its own slot; the sender of the
 * commit takes the signatures that the others left. Everything is read again with every block: a
 * signature that could not be made, written or read is made up for at the next. With a quorum of
 * one nothing is signed.
 */
import type { Curve } from "../../base/curve.ts";
import { QuarterdeckError, reasonOf } from "../../base/errors.ts";
import type { Address, Hex } from "../../base/hex.ts";
import type { Log } from "../../base/log.ts";
import type { MediatorReader } from "../../chain/contracts/mediator.ts";
import { ContractRefused } from "../../chain/rpc/errors.ts";
import { type Signer, SignerUnavailable } from "../../chain/signer.ts";
import type { State } from "../../exchange/model/state.ts";
import { commit } from "../../exchange/queries/views.ts";
import { StorageFailure } from "../../journal/errors.ts";
import type { AttestationBoard } from "../../journal/journal.ts";
import { hashCommit, rootsHash } from "../../protocol/messages.ts";
import { momentOf } from "../../protocol/rounds.ts";
import type { BlockNumber, Domain, Round, Signature } from "../../protocol/units.ts";
import {
  type Attested,
  attestationOf,
  chooseAttestations,
  verifyAttestation,
} from "./attestations.ts";
import { readChainView } from "./chainView.ts";
import { type CommitDuty, owedCommit, questions } from "./duties.ts";
import { type CommitWait, WaitLog } from "./quorumLog.ts";

export interface CommitQuorumOptions {
  readonly state: State;
  readonly reader: MediatorReader;
  readonly manager: Address;
  readonly domain: Domain;
  readonly signer: Signer;
  readonly curve: Curve;
  /** Undefined: no other operator reads what this one writes. */
  readonly board: AttestationBoard | undefined;
  /** The approved operators, to name who is missing; empty where they are not known. */
  readonly approved: () => readonly Address[];
  readonly log: Log;
  /** Called after each poll at a commit that takes several. */
  readonly onPoll: () => void;
}

/** A registered operator has signed other roots of a round than this one has. */
export interface Divergence {
  readonly round: Round;
  readonly operator: Address;
  readonly rootsHash: Hex;
  /** The roots that this operator's own journal gives. */
  readonly ownRootsHash: Hex;
}

/** Others must attest the commit before it can be sent: to be tried again with the next block. */
export class AttestationsMissing extends QuarterdeckError {
  override readonly name = "AttestationsMissing";

  constructor(
    round: Round,
    quorum: number,
    {
      found,
      missing,
      problem,
    }: {
      readonly found: number;
      readonly missing: readonly Address[];
      readonly problem: Error | undefined;
    },
  ) {
    const whose = missing.length === 0 ? "" : `; missing: ${missing.join(", ")}`;
    const why = problem === undefined ? "" : ` (${reasonOf(problem)})`;
    super({
      code: "AttestationsMissing",
      message:
        `A commit of round ${round} takes ${quorum} operators, its sender included, and ` +
        `${found} of ${quorum - 1} attestations are there${whose}${why}.`,
      hint: "Start the others, on the same database; or have the manager's owner lower the quorum.",
      cause: problem,
    });
  }
}

/**
 * True for a failure of the board or the signer: the next poll may do, and by itself it is no
 * reason to end.
 */
function isTransient(error: unknown): error is Error {
  return error instanceof StorageFailure || error instanceof SignerUnavailable;
}

/** The attestations known of one round, by operator and roots. */
interface Book {
  /** Verified: what was read once serves also while the board cannot be read. */
  readonly attested: Map<string, Attested>;
  /** Said once to be nobody's. */
  readonly refused: Set<string>;
}

/** A commit that is owed, with the hashes that this operator's own journal gives. */
interface OwnCommit {
  readonly duty: CommitDuty;
  readonly hash: Hex;
  /** The hash of all roots of the round, also those that the chain shows already. */
  readonly wholeHash: Hex;
}

export class CommitQuorum {
  readonly #options: CommitQuorumOptions;
  readonly #waits: WaitLog;
  readonly #books = new Map<Round, Book>();
  #divergences: readonly Divergence[] = [];

  constructor(options: CommitQuorumOptions) {
    this.#options = options;
    this.#waits = new WaitLog(options.log, options.state.genesis.schedule);
  }

  /** The wait as of the last poll; undefined while no attestation is missing. */
  get wait(): CommitWait | undefined {
    return this.#waits.wait;
  }

  /** The quorum as of the last poll at a commit, and so for the rest of its round. */
  get divergences(): readonly Divergence[] {
    return this.#divergences;
  }

  /**
   * Attests the commit that this operator owes as of block `head`, if it takes several, and reads
   * who else did; also while cancellations must land before it. Throws `RpcUnavailable`.
   */
  async poll(head: BlockNumber): Promise<void> {
    const { board, log } = this.#options;
    if (board === undefined) return;
    try {
      await this.#poll(board, head);
    } catch (problem) {
      // A manager that answers nothing is refused by the Mediator as well.
      if (!(problem instanceof ContractRefused)) throw problem;
      log.warn("quorumUnread", { block: head, problem });
    }
  }

  async #poll(board: AttestationBoard, head: BlockNumber): Promise<void> {
    const { reader, manager, state, onPoll } = this.#options;
    if (!this.#mayOwe(head)) return this.#waits.over();
    const quorum = await reader.commitQuorum(manager);
    if (quorum <= 1) {
      this.#divergences = [];
      return this.#waits.over();
    }
    const asked = { ...questions(state), requests: [], disputes: [] };
    const duty = owedCommit(state, await readChainView(reader, head, asked));
    if (duty === undefined || duty.waitsFor === "round") {
      this.#waits.over();
    } else {
      // Now, because the state moves on while we wait.
      const wholeHash = rootsHash(commit(state).roots);
      const own = { duty, hash: rootsHash(duty.roots), wholeHash };
      await this.#attest(own, board, quorum, head);
    }
    onPoll();
  }

  /** Cheap, and asks nobody: most blocks are not those of a commit. */
  #mayOwe(head: BlockNumber): boolean {
    const { halted, moment, completedRound, genesis } = this.#options.state;
    if (halted !== undefined || completedRound >= moment.round) return false;
    const now = momentOf(genesis.schedule, head);
    return now.round === moment.round && now.quarter === 0;
  }

  async #attest(
    own: OwnCommit,
    board: AttestationBoard,
    quorum: number,
    head: BlockNumber,
  ): Promise<void> {
    const { round, deadlineBlock } = own.duty;
    let problem: Error | undefined;
    try {
      const there = await this.#read(board, round);
      if (!there.has(keyOf(this.#options.signer.address, own.hash))) {
        await this.#publish(board, round, own.hash);
        // Once more: of two that diverge, the one that signs later sees the other.
        await this.#read(board, round);
      }
    } catch (error) {
      if (!isTransient(error)) throw error;
      problem = error;
    }
    const standing = await this.#standing(round);
    this.#detectDivergence(own, standing);
    const attested = operatorsOf(standing, own.hash);
    if (attested.length >= quorum) return this.#waits.over();
    const missing = this.#missing(attested);
    const left = { deadlineBlock, blocksLeft: deadlineBlock - head };
    const wait = { round, rootsHash: own.hash, quorum, attested, missing, ...left, problem };
    this.#waits.waits(wait, head);
  }

  #missing(attested: readonly Address[]): Address[] {
    return this.#options.approved().filter((one) => !attested.includes(one));
  }

  /** Signed once for the same roots, however often it takes to leave it there. */
  async #publish(board: AttestationBoard, round: Round, hash: Hex): Promise<void> {
    const { signer, domain, log, reader, manager } = this.#options;
    const { address } = signer;
    // An operator that was removed signs nothing more.
    if (!(await reader.isRegistered(manager, address))) return;
    const { attested } = this.#bookOf(round);
    let own = attested.get(keyOf(address, hash));
    if (own === undefined) {
      const structHash = hashCommit({ round, rootsHash: hash });
      const signature = await signer.signMessage(domain, structHash);
      own = { operator: address, rootsHash: hash, signature };
      attested.set(keyOf(address, hash), own);
    }
    await board.publish(attestationOf(round, own));
    log.info("commitAttested", { commitRound: round, rootsHash: hash, operator: address });
  }

  /** Takes in what the board holds of a round; gives the keys of those that hold good there. */
  async #read(board: AttestationBoard, round: Round): Promise<ReadonlySet<string>> {
    const { curve, domain, log } = this.#options;
    const there = new Set<string>();
    const rows = await board.attestationsOf(round);
    const { attested, refused } = this.#bookOf(round);
    for (const row of rows) {
      const { operator, rootsHash: hash, signature } = row;
      const key = keyOf(operator, hash);
      const before = attested.get(key);
      const known = before !== undefined && attestationOf(round, before).signature === signature;
      const found = known ? before : verifyAttestation(curve, domain, row);
      if (found !== undefined) {
        attested.set(key, found);
        there.add(key);
      } else if (!refused.has(key)) {
        refused.add(key);
        log.warn("attestationRefused", { commitRound: round, operator, rootsHash: hash });
      }
    }
    return there;
  }

  /**
   * Signatures of the newest two rounds are kept: a poll of the one before may still be under way.
   */
  #bookOf(round: Round): Book {
    let book = this.#books.get(round);
    if (book === undefined) {
      book = { attested: new Map(), refused: new Set() };
      this.#books.set(round, book);
      for (const old of this.#books.keys()) if (old < round - 1) this.#books.delete(old);
    }
    return book;
  }

  /** Attestations of a round whose operators the manager knows now. */
  async #standing(round: Round): Promise<readonly Attested[]> {
    const { reader, manager } = this.#options;
    const all = [...this.#bookOf(round).attested.values()];
    const operators = [...new Set(all.map(({ operator }) => operator))];
    const known = await Promise.all(operators.map((one) => reader.isRegistered(manager, one)));
    const approved = new Set(operators.filter((_, i) => known[i]));
    return all.filter(({ operator }) => approved.has(operator));
  }

  /**
   * Finds the operators that signed other roots: neither all of this round nor, where somebody
   * committed some of them already, the rest.
   */
  #detectDivergence(
    { duty: { round }, hash, wholeHash }: OwnCommit,
    standing: readonly Attested[],
  ): void {
    const { log, signer } = this.#options;
    const found = standing
      .filter((one) => one.rootsHash !== hash && one.rootsHash !== wholeHash)
      .map(({ operator, rootsHash: theirs }) => ({
        round,
        operator,
        rootsHash: theirs,
        ownRootsHash: hash,
      }));
    for (const one of found) {
      if (this.#divergences.some((before) => isSame(before, one))) continue;
      const hint = "compare journal and release of both operators, before the deadline";
      log.error("rootsDiverge", {
        commitRound: round,
        operator: one.operator,
        rootsHash: one.rootsHash,
        ownOperator: signer.address,
        ownRootsHash: hash,
        hint,
      });
    }
    this.#divergences = found;
  }

  /**
   * The attestations that the commit must be sent with, by the quorum and the list as they are now.
   * Throws `AttestationsMissing`, or `RpcUnavailable`.
   */
  async gather({ round, roots }: CommitDuty): Promise<readonly Signature[]> {
    const { reader, manager, board, signer } = this.#options;
    const { address } = signer;
    const hash = rootsHash(roots);
    const quorum = await reader.commitQuorum(manager);
    if (quorum <= 1) return [];
    const choose = (given: readonly Attested[]) => {
      const approved = new Set(given.map(({ operator }) => operator));
      return chooseAttestations(given, { rootsHash: hash, sender: address, approved, quorum });
    };
    // The attestations read before are as good, and a database that is away takes long to say so.
    const known = choose(await this.#standing(round));
    if (known.length === quorum - 1) return known;
    let problem: Error | undefined;
    try {
      if (board !== undefined) await this.#read(board, round);
    } catch (error) {
      if (!isTransient(error)) throw error;
      problem = error;
    }
    const standing = await this.#standing(round);
    const chosen = choose(standing);
    if (chosen.length === quorum - 1) return chosen;
    const missing = this.#missing([address, ...operatorsOf(standing, hash)]);
    throw new AttestationsMissing(round, quorum, { found: chosen.length, missing, problem });
  }
}

function operatorsOf(attested: readonly Attested[], hash: Hex): Address[] {
  return attested.filter((one) => one.rootsHash === hash).map(({ operator }) => operator);
}

function keyOf(operator: string, hash: Hex): string {
  return `${operator.toLowerCase()} ${hash}`;
}

function isSame(a: Divergence, b: Divergence): boolean {
  return a.round === b.round && a.operator === b.operator && a.rootsHash === b.rootsHash;
}
