/**
 * A Mediator in TypeScript: the windows, totals, evidence and halts of contracts/src/Mediator.sol,
 * by the rules of src/protocol, which the repository's vectors and differential tests hold to the
 * contract. State is copied for each transaction, so a block keeps the one that it ended with.
 */
import { ZERO_ADDRESS } from "../../src/base/address.ts";
import { type Address, bytesToHex } from "../../src/base/hex.ts";
import { loadCurve } from "../../src/keys/nativeCurve.ts";
import { type AnswerFault, checkAnswer, type Execution } from "../../src/protocol/disputeRule.ts";
import { hashFill, hashStatement } from "../../src/protocol/messages.ts";
import { firstBlockOf, momentOf, quarterSize } from "../../src/protocol/rounds.ts";
import { recoverSigner } from "../../src/protocol/signatures.ts";
import { rootCommitment } from "../../src/protocol/sumTree.ts";
import type {
  Amount,
  BalanceProof,
  Cover,
  Round,
  SignedFill,
  SignedOrder,
  SignedStatement,
  TokenRoot,
} from "../../src/protocol/units.ts";
import {
  checkEvidence,
  confirmable,
  type EvidenceFault,
} from "../../src/protocol/withdrawalRule.ts";
import { MediatorBase } from "./mediatorBase.ts";
import { type Dispute, keyOf, NO_FLOW, type Request } from "./mediatorState.ts";
import { Revert } from "./terms.ts";

const { curve } = loadCurve();

/** One transaction under way: changes `state`, and collects what it emits. */
export class Mediator extends MediatorBase {
  // ---------------------------------------------------------------- listing, keys, deposits

  listToken(token: Address): void {
    const { round } = this.running();
    const { tokens } = this.state;
    if (tokens.some((one) => one.token === token)) throw new Revert("TokenAlreadyListed", token);
    if (tokens.length === 0) this.state.completedRound = round;
    this.state.tokens = [...tokens, { token, round, total: 0n }];
    this.emit("TokenListed", { token, round: BigInt(round) });
  }

  setTradingKey(key: Address): void {
    const fromRound = this.running().round + 1;
    const { sender: client } = this.env;
    const known = (this.state.keys.get(client) ?? []).filter((one) => one.fromRound < fromRound);
    this.state.keys.set(client, [...known, { fromRound, key }]);
    this.emit("TradingKeySet", { client, fromRound: BigInt(fromRound), key });
  }

  deposit(token: Address, amount: Amount): void {
    const { round } = this.running();
    if (!this.state.tokens.some((one) => one.token === token)) {
      throw new Revert("TokenNotListed", token);
    }
    if (amount === 0n) throw new Revert("ZeroAmount");
    const { sender: client } = this.env;
    this.flow(client, token, round, { deposits: amount, requested: 0n });
    this.hold(token, amount);
    this.emit("Deposited", { client, token, round: BigInt(round), amount });
  }

  // ---------------------------------------------------------------- withdrawals

  initiateWithdrawal(
    token: Address,
    amount: Amount,
    recipient: Address,
    proof: BalanceProof,
    statements: readonly SignedStatement[],
  ): void {
    const { round, quarter } = this.running();
    const { sender: client } = this.env;
    if (amount === 0n) throw new Revert("ZeroAmount");
    if (this.state.requests.has(keyOf(client, token))) {
      throw new Revert("WithdrawalActive", client, token);
    }
    if (round === 0) throw new Revert("OutsideWindow", 0n, BigInt(quarter));
    this.prove(client, token, round - 1, proof);
    if (amount > proof.balance) throw new Revert("AmountExceedsOpening", amount, proof.balance);

    const presented = this.requireCountersigned(statements, round - 1, round);
    const request: Request = { recipient, round, amount, opening: proof.balance, presented };
    this.state.requests.set(keyOf(client, token), request);
    this.flow(client, token, round, { deposits: 0n, requested: amount });
    const { opening } = request;
    this.emit("WithdrawalInitiated", {
      client,
      token,
      round: BigInt(round),
      amount,
      opening,
      recipient,
    });
    for (const cover of presented) this.emitPresented(client, token, round, cover);
  }

  cancelWithdrawal(
    client: Address,
    token: Address,
    orders: readonly SignedOrder[],
    statements: readonly SignedStatement[],
    covers: readonly Cover[],
  ): void {
    const { round, quarter } = this.running();
    const request = this.state.requests.get(keyOf(client, token));
    if (request === undefined) throw new Revert("NoWithdrawal", client, token);
    const { schedule } = this.terms;
    const next = request.round + 1;
    if (this.env.block >= firstBlockOf(schedule, next, 1)) {
      throw new Revert("OutsideWindow", BigInt(round), BigInt(quarter));
    }
    if (this.state.commitments.has(keyOf(next, token))) {
      throw new Revert("AlreadyCommitted", token, BigInt(next));
    }
    this.requireOperator(firstBlockOf(schedule, next, 1));
    for (const signed of orders) this.requireSigned(client, signed);
    for (const signed of statements) this.requireStatementSigned(client, signed);
    requireSameCovers(request.presented, covers);
    const fault = checkEvidence(
      { ...request, client, token },
      orders.map(({ order }) => order),
      statements.map(({ statement }) => statement),
    );
    if (fault !== undefined) throw revertOfEvidence(fault);

    const { amount } = request;
    this.state.requests.delete(keyOf(client, token));
    this.flow(client, token, request.round, { deposits: 0n, requested: -amount });
    const of = BigInt(request.round);
    this.emit("WithdrawalCancelled", { client, token, round: of, amount });
  }

  confirmWithdrawal(client: Address, token: Address): void {
    const request = this.state.requests.get(keyOf(client, token));
    if (request === undefined) throw new Revert("NoWithdrawal", client, token);
    const boundary = this.haltBlock();
    const haltRound = this.halted()
      ? momentOf(this.terms.schedule, boundary as number).round
      : undefined;
    const moment = this.moment;
    if (!confirmable(request.round, moment, haltRound)) {
      throw new Revert("WithdrawalNotDue", BigInt(request.round), BigInt(moment.round));
    }
    const { amount, recipient, round } = request;
    this.state.requests.delete(keyOf(client, token));
    this.hold(token, -amount);
    this.emit("WithdrawalConfirmed", {
      client,
      token,
      round: BigInt(round),
      amount,
      recipient,
    });
  }

  // ---------------------------------------------------------------- commit

  commit(roots: readonly TokenRoot[]): void {
    const { round, quarter } = this.running();
    if (round === 0 || quarter !== 0) {
      throw new Revert("OutsideWindow", BigInt(round), BigInt(quarter));
    }
    this.requireOperator(firstBlockOf(this.terms.schedule, round, 1));
    if (roots.length === 0) throw new Revert("NoRoots");
    for (const root of roots) this.#commitToken(round, root);
    this.state.committedTokens += roots.length;
    if (this.state.committedTokens !== this.tokenSet(round).length) return;
    this.state.completedRound = round;
    this.state.committedTokens = 0;
    this.emit("RoundCommitted", { round: BigInt(round), operator: this.env.sender });
  }

  /** A(r): what the tree of `round` must come to. */
  expected(token: Address, round: Round): Amount {
    const { total } = this.state.tokens.find((one) => one.token === token) ?? { total: 0n };
    const { deposits, requested } = this.state.flows.get(keyOf(token, round - 1)) ?? NO_FLOW;
    return total + deposits - requested;
  }

  /** The sum that the tree of this round must come to, or came to. */
  expectedTotal(token: Address): Amount {
    const { round } = this.moment;
    const isCommitted = this.state.commitments.has(keyOf(round, token));
    if (round > 0 && !isCommitted) return this.expected(token, round);
    return this.state.tokens.find((one) => one.token === token)?.total ?? 0n;
  }

  #commitToken(round: Round, { token, node, total, leafCount }: TokenRoot): void {
    if (!this.tokenSet(round).includes(token)) {
      throw new Revert("TokenNotInRound", token, BigInt(round));
    }
    const key = keyOf(round, token);
    if (this.state.commitments.has(key)) throw new Revert("AlreadyCommitted", token, BigInt(round));
    const expected = this.expected(token, round);
    if (total !== expected) throw new Revert("WrongTotal", token, total, expected);
    this.state.tokens = this.state.tokens.map((one) =>
      one.token === token ? { ...one, total } : one,
    );
    this.state.commitments.set(key, rootCommitment({ node, total, leafCount }));
    const leaves = BigInt(leafCount);
    this.emit("Committed", { round: BigInt(round), token, node, total, leafCount: leaves });
  }

  // ---------------------------------------------------------------- disputes

  /** `deposit`: the deposit by which the client has standing, where it gives no proofs. */
  openDispute(
    client: Address,
    proofs: readonly BalanceProof[],
    deposit: { readonly token: Address; readonly round: Round },
    fills: readonly SignedFill[],
    statements: readonly SignedStatement[],
  ): void {
    const { round, quarter } = this.running();
    if (round === 0) throw new Revert("OutsideWindow", 0n, BigInt(quarter));
    const { sender } = this.env;
    if (sender !== client) throw new Revert("NotDelegated", client, sender);
    const key = keyOf(client, round);
    if (this.state.disputes.has(key)) throw new Revert("DisputeExists", client, BigInt(round));
    const byProofs = proofs.length > 0;
    const openings = byProofs ? this.proveAll(client, round - 1, proofs) : undefined;
    const flow = this.state.clientFlows.get(keyOf(client, deposit.token, deposit.round));
    const deposited = deposit.round < round && (flow?.deposits ?? 0n) > 0n;
    if (!byProofs && !deposited) throw new Revert("NoStanding", client);
    const mustProveOpenings = !byProofs && deposit.round + 1 < round;
    for (const { fill, signature } of fills) {
      const signer = recoverSigner(curve, this.terms.domain, hashFill(fill), signature);
      if (signer === undefined || !this.terms.operators.includes(signer)) {
        throw new Revert("FillNotSigned", fill.orderHash, signer);
      }
    }
    const [cover] = this.requireCountersigned(statements, round - 1, round - 1);
    this.state.disputes.set(key, {
      cover,
      openedBlock: this.env.block,
      open: true,
      presented: fills.map(({ fill }) => fill),
      mustProveOpenings,
      openings,
    });
    this.emit("DisputeOpened", {
      client,
      round: BigInt(round),
      opener: sender,
      openingsPresented: byProofs,
      mustProveOpenings,
      presented: fills.length,
    });
    if (cover !== undefined) this.emitPresented(client, ZERO_ADDRESS, round, cover);
  }

  proveExecutions(
    client: Address,
    round: Round,
    restart: boolean,
    executions: readonly (Execution & SignedOrder)[],
    signed: SignedStatement | undefined,
  ): void {
    this.#closable(client, round);
    if (signed !== undefined) this.requireStatementSigned(client, signed);
    const key = keyOf(client, round, this.env.sender, hashOf(signed));
    const known = restart ? [] : (this.state.proven.get(key) ?? []);
    const all = this.accumulate(client, round, known, executions, signed);
    const lastId = all.at(-1)?.order.id ?? 0n;
    this.state.proven.set(key, all);
    this.emit("ExecutionsProven", {
      client,
      round: BigInt(round),
      operator: this.env.sender,
      orders: all.length,
      lastId,
    });
  }

  closeDispute(
    client: Address,
    round: Round,
    executed: readonly (Execution & SignedOrder)[],
    openingBalances: readonly Amount[],
    openings: readonly BalanceProof[],
    closings: readonly BalanceProof[],
    signed: SignedStatement | undefined,
    shownCovers: readonly Cover[],
  ): void {
    const dispute = this.#closable(client, round);
    if (signed !== undefined) this.requireStatementSigned(client, signed);
    requireSameCovers(dispute.cover === undefined ? [] : [dispute.cover], shownCovers);
    const before = this.#openings(client, round, dispute, openingBalances, openings);
    const closing = this.proveAll(client, round, closings);
    const tokens = this.tokenSet(round).map((token, i) => ({
      token,
      opening: before[i] ?? 0n,
      closing: closing[i] as Amount,
      ...(this.state.clientFlows.get(keyOf(client, token, round - 1)) ?? NO_FLOW),
    }));
    const key = keyOf(client, round, this.env.sender, hashOf(signed));
    const proven = this.state.proven.get(key) ?? [];
    const executions = this.accumulate(client, round, proven, executed, signed);
    const { presented, cover } = dispute;
    const fault = checkAnswer({
      client,
      disputedRound: round - 1,
      tokens,
      presented,
      executions,
      ...(signed === undefined ? {} : { statement: signed.statement }),
      ...(cover === undefined ? {} : { presentedCover: cover }),
    });
    if (fault !== undefined) throw revertOf(fault, round);
    this.state.disputes.set(keyOf(client, round), { ...dispute, open: false });
    this.emit("DisputeClosed", {
      client,
      round: BigInt(round),
      operator: this.env.sender,
      closings,
    });
  }

  #openings(
    client: Address,
    round: Round,
    dispute: Dispute,
    balances: readonly Amount[],
    proofs: readonly BalanceProof[],
  ): readonly Amount[] {
    if (dispute.openings !== undefined) {
      if (proofs.length > 0 || dispute.openings.join() !== balances.join()) {
        throw new Revert("WrongOpenings");
      }
      return balances;
    }
    if (balances.length > 0) throw new Revert("WrongOpenings");
    if (proofs.length === 0 && !dispute.mustProveOpenings) return [];
    return this.proveAll(client, round - 1, proofs);
  }

  #closable(client: Address, round: Round): Dispute {
    const { round: now, quarter } = this.running();
    const dispute = this.state.disputes.get(keyOf(client, round));
    if (!dispute?.open) throw new Revert("NoOpenDispute", client, BigInt(round));
    const { schedule } = this.terms;
    const size = quarterSize(schedule);
    const opened = Math.floor((dispute.openedBlock - schedule.genesisBlock) / size);
    const windowEnd = schedule.genesisBlock + (opened + 2) * size;
    if (this.env.block >= windowEnd) {
      throw new Revert("OutsideWindow", BigInt(now), BigInt(quarter));
    }
    this.requireOperator(windowEnd);
    return dispute;
  }
}

/** Under what an accumulation beside this statement, or beside none, is kept. */
function hashOf(signed: SignedStatement | undefined): string {
  return signed === undefined ? "" : bytesToHex(hashStatement(signed.statement));
}

function requireSameCovers(presented: readonly Cover[], shown: readonly Cover[]): void {
  const textOf = ({ round, watermark, except }: Cover) => [round, watermark, ...except].join();
  if (presented.map(textOf).join(" ") !== shown.map(textOf).join(" ")) {
    throw new Revert("WrongCovers");
  }
}

function revertOfEvidence(fault: EvidenceFault): Revert {
  switch (fault.fault) {
    case "WrongOrder":
      return new Revert("WrongOrder", BigInt(fault.round), fault.id);
    case "WrongStatement":
    case "NotCovered":
      return new Revert(fault.fault, BigInt(fault.round), fault.watermark);
    case "NotOverdrawn":
      return new Revert("NotOverdrawn", fault.claimed, fault.opening);
  }
}

function revertOf(fault: AnswerFault, round: Round): Revert {
  switch (fault.fault) {
    case "WrongStatement":
    case "NotCovered":
      return new Revert(fault.fault, BigInt(fault.round), fault.watermark);
    case "WrongOrder":
      return new Revert("WrongOrder", BigInt(fault.round), fault.id);
    case "TokenNotInRound":
      return new Revert("TokenNotInRound", fault.token, BigInt(round));
    case "ExecutionOutsideOrder":
    case "StaleExecution":
      return new Revert(fault.fault, fault.id);
    case "FillsNotCovered":
      return new Revert("FillsNotCovered", BigInt(fault.covered), BigInt(fault.presented));
    case "BalanceMismatch":
      return new Revert("BalanceMismatch", fault.token, fault.expected, fault.proven);
  }
}
