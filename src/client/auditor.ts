/**
 * Gathers what an audit is made of, from the chain, the operators and the client's own evidence;
 * keeps what is good of it; and tells what is owed from what cannot be proven yet.
 */
import { QuarterdeckError } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import type { ChainClock, ExchangeConstants, MediatorReader } from "../chain/contracts/mediator.ts";
import { readDeposits } from "../chain/follow/pastEvents.ts";
import { covers } from "../protocol/statementRule.ts";
import { verifyProof } from "../protocol/sumTree.ts";
import type { BalanceProof, Round, Statement } from "../protocol/units.ts";
import { RefusedByOperator } from "./api.ts";
import {
  type AuditedToken,
  type AuditReport,
  type AuditSituation,
  audit,
  EVERYTHING_DUE,
} from "./audit.ts";
import {
  type EvidenceStore,
  lastCountersigned,
  type OrderEvidence,
  type ProofRecord,
} from "./evidence/evidence.ts";
import { isAnsweredElsewhere, type RetryPolicy } from "./operators.ts";

export interface AuditorOptions {
  readonly reader: MediatorReader;
  readonly constants: ExchangeConstants;
  readonly evidence: EvidenceStore;
  readonly client: Address;
  /** Proofs of a round as an operator sends them. Throws what the operators refuse it with. */
  readonly fetchProofs: (
    round: Round,
    manner: RetryPolicy,
  ) => Promise<readonly { readonly token: Address; readonly proof: BalanceProof }[]>;
  /** Orders of a round as an operator shows them, their fills checked and kept. */
  readonly fetchOrders: (
    round: Round,
    manner: RetryPolicy,
    uncovered: boolean,
  ) => Promise<readonly { readonly orderHash: string }[]>;
  /** Asks operators for countersignatures that this client lacks; without: nobody is asked. */
  readonly syncStatements?: (round: Round) => Promise<void>;
}

/** Rounds behind the current one whose orders operators still show. */
const SHOWN_ROUNDS = 2;
/** A silent operator is a finding of the audit, not worth the wait. */
const NO_RETRY: RetryPolicy = { retryTimeoutMs: 0 };
/** An operator that trails the others by a moment has not opened the round yet. */
const OF_ANY_OPERATOR: RetryPolicy = {
  retryTimeoutMs: 0,
  isElsewhere: (error) =>
    isAnsweredElsewhere(error) || (error instanceof RefusedByOperator && error.code === "NotFound"),
};

export class Auditor {
  readonly #options: AuditorOptions;
  /** The round after the client's first deposit, once it is known. */
  #provableFrom: Round | undefined;

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  /** See `ExchangeClient.audit`. */
  async audit(round?: Round): Promise<AuditReport> {
    const { reader, evidence, client } = this.#options;
    const clock = await reader.clock();
    const asked = round ?? clock.committedRound;
    const before = asked - 1;
    const sent = await this.#fetchProofs(asked);
    const openings = before >= 0 ? await this.#openings(before) : [];
    const statement = before >= 0 ? await this.#statement(before) : undefined;
    const shown = before >= 0 ? await this.#fetchOrders(before, statement !== undefined) : [];
    const orders = before >= 0 ? await evidence.orders(before) : [];
    const rest = orders.filter(({ signed }) => !statement || !covers(statement, signed.order.id));
    const tokens: AuditedToken[] = [];
    for (const token of await reader.tokenSet(asked)) {
      const flow = await reader.clientFlow(client, token, before);
      tokens.push({
        token,
        commitment: await reader.commitment(asked, token),
        proof: sent.get(token),
        opening: openings.find((one) => one.token === token)?.proof.balance,
        ...flow,
      });
    }
    const situation = situationOf(asked, clock, rest, shown);
    let report = audit(client, asked, tokens, orders, situation, statement);
    if (report.faults.some(({ kind }) => kind === "noProof" || kind === "noOpening")) {
      const provableFrom = await this.#findProvableFrom(asked, tokens, openings);
      const known = { ...situation, provableFrom };
      report = audit(client, asked, tokens, orders, known, statement);
    }
    const good = new Set(report.balances.map(({ token }) => token));
    await evidence.saveProofs(
      tokens.flatMap(({ token, proof }) =>
        proof !== undefined && good.has(token) ? [{ round: asked, token, proof }] : [],
      ),
    );
    return report;
  }

  /** See `ExchangeClient.provenBalance`. */
  async provenBalance(token: Address, round: Round): Promise<BalanceProof> {
    const { evidence } = this.#options;
    const kept = (await evidence.proofs(round)).find((one) => one.token === token);
    if (kept !== undefined) return kept.proof;
    // Nothing is ever committed for round 0.
    const report = round < 1 ? undefined : await this.audit(round);
    const found = (await evidence.proofs(round)).find((one) => one.token === token);
    if (found !== undefined) return found.proof;
    const missing = [...(report?.faults ?? []), ...(report?.pending ?? [])];
    const why = report === undefined ? "the first commit is that of round 1" : missing[0]?.kind;
    throw new QuarterdeckError({
      code: "NoProof",
      message: `There is no proof of ${token} for round ${round} (${why ?? "no leaf"}).`,
      hint: "Wait for the round's commit; if the operator withholds it, open a dispute.",
    });
  }

  /** Proofs of a round: kept ones, else what the operator sends and the chain confirms. */
  async #openings(round: Round): Promise<ProofRecord[]> {
    const { reader, evidence, client } = this.#options;
    const kept = await evidence.proofs(round);
    const tokens = await reader.tokenSet(round);
    if (kept.length === tokens.length) return kept;
    const good: ProofRecord[] = [];
    for (const [token, proof] of await this.#fetchProofs(round)) {
      const commitment = await reader.commitment(round, token);
      if (commitment === undefined || !verifyProof(commitment, client, proof).ok) continue;
      good.push({ round, token, proof });
    }
    await evidence.saveProofs(good);
    return evidence.proofs(round);
  }

  /** Proofs as the operator sends them; none when it sends none. */
  async #fetchProofs(round: Round): Promise<Map<Address, BalanceProof>> {
    try {
      const sent = await this.#options.fetchProofs(round, OF_ANY_OPERATOR);
      return new Map(sent.map(({ token, proof }) => [token, proof]));
    } catch (error) {
      ignoreOperator(error);
      return new Map();
    }
  }

  /** The last one that an operator countersigned, if any was. */
  async #statement(round: Round): Promise<Statement | undefined> {
    const { evidence, syncStatements } = this.#options;
    try {
      await syncStatements?.(round);
    } catch (error) {
      ignoreOperator(error);
    }
    return lastCountersigned(await evidence.statements(round))?.statement;
  }

  /** Undefined where no operator shows them. */
  async #fetchOrders(
    round: Round,
    uncovered: boolean,
  ): Promise<readonly { readonly orderHash: string }[] | undefined> {
    try {
      return await this.#options.fetchOrders(round, NO_RETRY, uncovered);
    } catch (error) {
      ignoreOperator(error);
      return undefined;
    }
  }

  /** Logs are read only where nothing else tells that the client is in the opening of `asked`. */
  async #findProvableFrom(
    asked: Round,
    tokens: readonly AuditedToken[],
    openings: readonly ProofRecord[],
  ): Promise<Round | undefined> {
    if (this.#provableFrom !== undefined && this.#provableFrom < asked) return this.#provableFrom;
    if (openings.length > 0) return asked - 1;
    const { reader, client, constants } = this.#options;
    const deposits = await readDeposits(reader, client, constants.schedule.genesisBlock);
    const rounds = deposits.map((deposit) => deposit.round);
    if (tokens.some(({ deposits: credited }) => credited > 0n)) rounds.push(asked - 1);
    if (rounds.length > 0) this.#provableFrom = Math.min(...rounds) + 1;
    return this.#provableFrom;
  }
}

/** `shown`: the orders of the round before as an operator showed them just now. */
function situationOf(
  asked: Round,
  clock: ChainClock,
  orders: readonly OrderEvidence[],
  shown: readonly { readonly orderHash: string }[] | undefined,
): AuditSituation {
  const isShown = asked - 1 >= clock.round - SHOWN_ROUNDS && shown !== undefined;
  const hashes = new Set(shown?.map(({ orderHash }) => orderHash));
  return {
    ...EVERYTHING_DUE,
    // A commit is due in the round's first quarter.
    isCommitDue: asked > 0 && (clock.round > asked || (clock.round === asked && clock.quarter > 0)),
    isLate: clock.round > asked + 1,
    hasFills: isShown && orders.every(({ orderHash }) => hashes.has(orderHash)),
  };
}

/** A proof that the operator does not send is a finding of the audit, not a failure of it. */
function ignoreOperator(error: unknown): void {
  if (error instanceof RefusedByOperator) return;
  if ((error as { code?: string }).code === "OperatorUnreachable") return;
  throw error;
}
