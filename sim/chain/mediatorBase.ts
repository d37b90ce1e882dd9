/** The parts that the actions of the Mediator share, as RoundClock.sol and its helpers do. */
import type { Address } from "../../src/base/hex.ts";
import { loadCurve } from "../../src/keys/nativeCurve.ts";
import type { Execution } from "../../src/protocol/disputeRule.ts";
import { frozenMoment, haltBoundary, isHalted } from "../../src/protocol/haltRule.ts";
import { hashStatement } from "../../src/protocol/messages.ts";
import { momentOf, quarterSize } from "../../src/protocol/rounds.ts";
import {
  isOrderSignedBy,
  isStatementSignedBy,
  recoverSigner,
} from "../../src/protocol/signatures.ts";
import { checkStatement, coverOf, covers } from "../../src/protocol/statementRule.ts";
import { verifyProof } from "../../src/protocol/sumTree.ts";
import type {
  Amount,
  BalanceProof,
  BlockNumber,
  Cover,
  Round,
  SignedOrder,
  SignedStatement,
} from "../../src/protocol/units.ts";
import {
  type Emitted,
  type Env,
  type Flow,
  keyOf,
  type MediatorState,
  NO_FLOW,
} from "./mediatorState.ts";
import { operatorAt } from "./slots.ts";
import { Revert, type Terms } from "./terms.ts";

const { curve } = loadCurve();

/** The common beginning of every action: the time, the sender, the proofs. */
export abstract class MediatorBase {
  readonly state: MediatorState;
  readonly emitted: Emitted[] = [];
  protected readonly terms: Terms;
  protected readonly env: Env;

  constructor(state: MediatorState, terms: Terms, env: Env) {
    this.state = state;
    this.terms = terms;
    this.env = env;
  }

  haltBlock(): BlockNumber | undefined {
    const openDisputeRounds = [...this.state.disputes]
      .filter(([, { open }]) => open)
      .map(([key]) => Number(key.split(" ")[1]));
    return haltBoundary(this.terms.schedule, {
      completedRound: this.state.completedRound,
      tokenCount: this.state.tokens.length,
      openDisputeRounds,
    });
  }

  halted(): boolean {
    return isHalted(this.haltBlock(), this.env.block);
  }

  tokenSet(round: Round): Address[] {
    return this.state.tokens.filter((one) => one.round < round).map(({ token }) => token);
  }

  /** The exchange's time: it stands still from the halt on. */
  frozen() {
    return frozenMoment(this.terms.schedule, this.haltBlock(), this.env.block);
  }

  get round(): Round {
    return this.moment.round;
  }

  protected get moment() {
    return momentOf(this.terms.schedule, this.env.block);
  }

  protected running(): { readonly round: Round; readonly quarter: number } {
    const boundary = this.haltBlock();
    if (isHalted(boundary, this.env.block)) {
      throw new Revert("Halted", BigInt(momentOf(this.terms.schedule, boundary as number).round));
    }
    return this.moment;
  }

  /** `windowEnd`: first block too late; in the last quarter of a quarter before it all may act. */
  protected requireOperator(windowEnd: BlockNumber): void {
    const { sender, block } = this.env;
    if (sender === operatorAt(this.terms, this.state.claims, block)) return;
    const { operators, schedule } = this.terms;
    const rescue = block + Math.floor(quarterSize(schedule) / 4) >= windowEnd;
    if (!rescue || !operators.includes(sender)) throw new Revert("NotOperator", sender);
  }

  protected emit(eventName: string, args: Emitted["args"]): void {
    this.emitted.push({ eventName, args });
  }

  tradingKey(client: Address, round: Round): Address | undefined {
    return this.state.keys.get(client)?.findLast((one) => one.fromRound <= round)?.key;
  }

  protected hold(token: Address, amount: Amount): void {
    this.state.held.set(token, (this.state.held.get(token) ?? 0n) + amount);
  }

  protected flow(client: Address, token: Address, round: Round, more: Flow): void {
    const add = (flows: Map<string, Flow>, key: string) => {
      const { deposits, requested } = flows.get(key) ?? NO_FLOW;
      flows.set(key, {
        deposits: deposits + more.deposits,
        requested: requested + more.requested,
      });
    };
    add(this.state.flows, keyOf(token, round));
    add(this.state.clientFlows, keyOf(client, token, round));
  }

  protected proveAll(client: Address, round: Round, proofs: readonly BalanceProof[]): Amount[] {
    const tokens = this.tokenSet(round);
    if (proofs.length !== tokens.length) {
      throw new Revert("ProofCount", BigInt(proofs.length), BigInt(tokens.length));
    }
    return tokens.map((token, i) => {
      const proof = proofs[i] as BalanceProof;
      this.prove(client, token, round, proof);
      return proof.balance;
    });
  }

  protected prove(client: Address, token: Address, round: Round, proof: BalanceProof): void {
    const committed = this.state.commitments.get(keyOf(round, token));
    if (committed === undefined) throw new Revert("NotCommitted", token, BigInt(round));
    if (verifyProof(committed, client, proof).ok) return;
    throw new Revert("InvalidProof", client, BigInt(proof.index), BigInt(proof.leafCount));
  }

  protected requireSigned(client: Address, signed: SignedOrder): void {
    const { owner, round, id } = signed.order;
    const key = this.tradingKey(client, round);
    if (owner === client && isOrderSignedBy(curve, this.terms.domain, signed, key)) return;
    throw new Revert("WrongSigner", id, client);
  }

  /** As the client signs it. */
  protected requireStatementSigned(client: Address, signed: SignedStatement): void {
    const { statement } = signed;
    const key = this.tradingKey(client, statement.round);
    if (isStatementSignedBy(curve, this.terms.domain, signed, key)) return;
    throw new Revert("StatementNotSigned", BigInt(statement.round), client);
  }

  /** As the client presents them: in their one form, one a round, signed by an operator. */
  protected requireCountersigned(
    signed: readonly SignedStatement[],
    first: Round,
    last: Round,
  ): Cover[] {
    let before = first - 1;
    return signed.map(({ statement, signature }) => {
      const { round, watermark } = statement;
      const fits = round > before && round <= last && checkStatement(statement) === undefined;
      if (!fits) throw new Revert("WrongStatement", BigInt(round), watermark);
      before = round;
      const hash = hashStatement(statement);
      const signer = recoverSigner(curve, this.terms.domain, hash, signature);
      if (signer === undefined || !this.terms.operators.includes(signer)) {
        throw new Revert("StatementNotSigned", BigInt(round), signer);
      }
      return coverOf(statement);
    });
  }

  protected emitPresented(client: Address, token: Address, round: Round, cover: Cover): void {
    const { watermark, except } = cover;
    const statementRound = BigInt(cover.round);
    this.emit("StatementPresented", {
      client,
      token,
      round: BigInt(round),
      statementRound,
      watermark,
      except,
    });
  }

  /** The executions so far and `more` of the round before `round`, by ascending ids. */
  protected accumulate(
    client: Address,
    round: Round,
    known: readonly Execution[],
    more: readonly (Execution & SignedOrder)[],
    signed: SignedStatement | undefined,
  ): Execution[] {
    let lastId = known.at(-1)?.order.id ?? -1n;
    for (const execution of more) {
      const { id } = execution.order;
      const isNext = execution.order.round + 1 === round && id > lastId;
      if (!isNext) throw new Revert("WrongOrder", BigInt(execution.order.round), id);
      const covered = signed !== undefined && covers(signed.statement, id);
      if (!covered) this.requireSigned(client, execution);
      lastId = id;
    }
    return [...known, ...more.map(({ order, sold, bought }) => ({ order, sold, bought }))];
  }
}
