/** The invariants about statements: by the durable journal, and by what operators answer. */
import type { Address } from "../../src/base/hex.ts";
import type { CountersignEntry } from "../../src/exchange/model/entries.ts";
import { orderState, type State } from "../../src/exchange/model/state.ts";
import { statement as lastStatement } from "../../src/exchange/queries/views.ts";
import { loadCurve } from "../../src/keys/nativeCurve.ts";
import type { OperatorApi } from "../../src/operator/api/operatorApi.ts";
import { hashStatement } from "../../src/protocol/messages.ts";
import { isStatementSignedBy, recoverSigner } from "../../src/protocol/signatures.ts";
import { covers, coversAll, isSameStatement, sumUp } from "../../src/protocol/statementRule.ts";
import type { CountersignedStatement, Statement } from "../../src/protocol/units.ts";
import type { Chain } from "../chain/chain.ts";
import { Mediator } from "../chain/mediator.ts";
import { InvariantBroken } from "../world/invariantBroken.ts";

const { curve } = loadCurve();

interface Told {
  readonly statement: Statement;
  /** Records that were durable when it was told. */
  readonly asOf: number;
}

export class StatementChecks {
  readonly #chain: Chain;
  /** The newest countersigned statement that was told, by client and round. */
  readonly #told = new Map<string, Told>();
  /** Clients' rounds in which more was executed than the limit of orders. */
  readonly #beyond = new Set<string>();
  #countersigned = 0;

  constructor(chain: Chain) {
    this.#chain = chain;
  }

  get counts() {
    return { countersigned: this.#countersigned, beyondLimit: this.#beyond.size };
  }

  /** A record that the journal took: it holds both signatures. */
  onRecord(entry: CountersignEntry): void {
    this.#requireSigned(entry, "the record about");
  }

  /** An operator answered with its countersignature; `records` are durable. */
  onCountersigned(state: State | undefined, answer: CountersignedStatement, records: number): void {
    const { statement } = answer;
    this.#countersigned += 1;
    const name = nameOf(statement);
    this.#requireSigned(answer, "the answer about");
    const kept = state && lastStatement(state, statement.client, statement.round)?.statement;
    const isPast = state !== undefined && statement.round < state.moment.round - 1;
    const isKept = kept !== undefined && coversAll(kept, statement);
    if (!isKept && !isPast) {
      const found = kept === undefined ? "none" : nameOf(kept);
      const detail = `a statement, ${name}; the journal has ${found}`;
      throw new InvariantBroken("durable before acknowledged", detail);
    }
    const before = this.#told.get(keyOf(statement))?.statement;
    if (before !== undefined && coversAll(before, statement)) return;
    this.#told.set(keyOf(statement), { statement, asOf: records });
  }

  onLie(statement: Statement): void {
    const detail = `another statement than the journal's: ${nameOf(statement)}`;
    throw new InvariantBroken("countersigned by the journal", detail);
  }

  /** Orders that a statement covers are closed for good, and their sums are what it says. */
  checkSums(state: State): void {
    for (const client of state.clientList) {
      for (const [round, { orders, statement: kept }] of client.rounds) {
        if (kept === undefined) continue;
        const executed = [...orders.values()].filter(({ sold }) => sold > 0n).length;
        const { ordersPerClientAndRound: limit } = state.genesis.limits;
        if (executed > limit) this.#beyond.add(`${client.address} ${round}`);
        const { statement } = kept;
        const covered = [...orders.values()].filter(({ order }) => covers(statement, order.id));
        const open = covered.find((one) => ["open", "queued"].includes(orderState(state, one)));
        const ours = sumUp(client.address, statement, covered);
        if (open === undefined && isSameStatement(ours, statement)) continue;
        const detail =
          open === undefined
            ? `${nameOf(statement)} sold ${statement.sold}, its orders ${ours.sold}`
            : `order ${open.order.id} is open in ${nameOf(statement)}`;
        throw new InvariantBroken("a statement is final", detail);
      }
    }
  }

  /** An operator that has read all records shows the journal's statements. */
  checkShown(state: State, api: Pick<OperatorApi, "statements">, client: Address): void {
    const { round } = state.moment;
    const own = [round - 1, round].flatMap((one) => lastStatement(state, client, one) ?? []);
    const shown = api.statements(client);
    const isSame = (one: CountersignedStatement, i: number) =>
      isSameStatement(one.statement, (shown[i] as CountersignedStatement).statement);
    if (shown.length === own.length && own.every(isSame)) return;
    const detail = `${client} has ${shown.length} statements, the journal ${own.length}`;
    throw new InvariantBroken("state is the journal's", detail);
  }

  /** An operator that has applied the records up to `upTo` has every statement that was told. */
  checkKept(state: State, api: Pick<OperatorApi, "statements">, upTo: number): void {
    for (const { statement, asOf } of this.#told.values()) {
      if (statement.round < state.moment.round - 1 || asOf > upTo) continue;
      const shown = api.statements(statement.client);
      if (shown.some((one) => coversAll(one.statement, statement))) continue;
      throw new InvariantBroken("acknowledged is kept", `${nameOf(statement)} is gone`);
    }
  }

  #requireSigned(signed: CountersignedStatement, what: string): void {
    const { statement, countersignature } = signed;
    const { terms, head } = this.#chain;
    const { client, round } = statement;
    const mediator = new Mediator(head.state, terms, { block: head.number, sender: client });
    const key = mediator.tradingKey(client, round);
    const hash = hashStatement(statement);
    const signer = recoverSigner(curve, terms.domain, hash, countersignature);
    const isOurs = isStatementSignedBy(curve, terms.domain, signed, key);
    if (isOurs && signer !== undefined && terms.operators.includes(signer)) return;
    const detail = `${what} ${nameOf(statement)}: client's ${isOurs}, operator ${signer}`;
    throw new InvariantBroken("both signed", detail);
  }
}

const keyOf = ({ client, round }: Statement) => `${client} ${round}`;
const nameOf = ({ client, round, watermark, except }: Statement) =>
  `${client} ${round}/${watermark} but ${except.length}`;
