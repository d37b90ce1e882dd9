/**
 * Statements of a client about its closed orders (docs/protocol.md section 10): made by itself when
 * many orders count towards the limit. A statement gives up every other claim, so it says only what
 * operators signed to this client, of orders that this client signed and an operator reported as
 * closed, and is kept before it is sent. No answer of an operator can make it say anything else.
 */
import type { Curve } from "../base/curve.ts";
import type { Address } from "../base/hex.ts";
import { MAX_STATEMENT_EXCEPT } from "../protocol/limits.ts";
import { hashStatement } from "../protocol/messages.ts";
import type { Executed } from "../protocol/orderRule.ts";
import { recoverSigner } from "../protocol/signatures.ts";
import { covers, isSameStatement, sumUp } from "../protocol/statementRule.ts";
import type {
  CountersignedStatement,
  Domain,
  Order,
  Round,
  SignedStatement,
  Statement,
} from "../protocol/units.ts";
import { OperatorUnreachable, RefusedByOperator } from "./api.ts";
import type { OrderIds } from "./checks/orderIds.ts";
import {
  type EvidenceStore,
  lastCountersigned,
  type StatementEvidence,
} from "./evidence/evidence.ts";
import type { Operators } from "./operators.ts";
import type { Receipts } from "./receipts.ts";
import type { ClientSigner } from "./signing/signer.ts";
import type { OrderStatus } from "./types.ts";

export interface StatementsOptions {
  readonly owner: Address;
  readonly domain: Domain;
  readonly curve: Curve;
  readonly signer: Pick<ClientSigner, "sign">;
  readonly evidence: EvidenceStore;
  readonly receipts: Pick<Receipts, "isOperator">;
  readonly ids: OrderIds;
  /** Orders of a round that an operator's last statement does not cover; their fills are kept. */
  readonly fetchUncovered: (round: Round) => Promise<readonly OrderStatus[]>;
  readonly api: Pick<Operators, "call">;
  /** The parts of a request about this client's own affairs. */
  readonly own: () => Promise<{ readonly params: { client: Address }; readonly session: string }>;
  /** Orders of a client and round that may count at the exchange. */
  readonly limit: () => number;
}

/**
 * The state, as known here, of an order that no statement of ours covers. Signed: an operator is
 * still to answer, and would take it no more once a statement's watermark is above it.
 */
type Known = "signed" | "open" | "executed" | "refused";

interface RoundOrders {
  /** By id; those that ended with nothing executed are left out. */
  readonly counted: Map<bigint, Known>;
  /** Resolves once the evidence was read: a program may just have been started. */
  readonly read: Promise<void>;
  /** How many counted when a statement was last tried. */
  triedAt: number;
}

const CLOSED: readonly OrderStatus["state"][] = ["filled", "cancelled", "expired", "refused"];

export class Statements {
  readonly #options: StatementsOptions;
  readonly #rounds = new Map<Round, RoundOrders>();
  #line: Promise<unknown> = Promise.resolve();

  constructor(options: StatementsOptions) {
    this.#options = options;
  }

  /**
   * To be called before `more` orders of the round are signed: reads what was stated before, and
   * makes a statement once half of the limit is used. An operator that is away or refuses it is no
   * failure: whether there is room is the exchange's to say.
   */
  async prepare(round: Round, more: number): Promise<void> {
    const known = await this.#of(round);
    const limit = this.#options.limit();
    const used = known.counted.size;
    const step = Math.max(1, Math.floor(limit / 8));
    if (used + more <= Math.floor(limit / 2) || used < known.triedAt + step) return;
    await this.tryState(round);
  }

  /** An order of this client is about to be signed, under whichever id. */
  signing(round: Round, id: bigint): void {
    this.#options.ids.used(round, id);
    this.#now(round).counted.set(id, "signed");
  }

  /** An operator's report of an order, whose fill is kept. */
  take({ round, id, state, sold }: OrderStatus): void {
    const { counted } = this.#now(round);
    if (!counted.has(id)) return;
    if (!CLOSED.includes(state)) counted.set(id, "open");
    else if (sold === 0n) counted.delete(id);
    else counted.set(id, "executed");
  }

  /** The operator that leads refused the order for good. */
  refused({ round, id }: Pick<Order, "round" | "id">): void {
    this.#now(round).counted.set(id, "refused");
  }

  /** Whether the order was taken is not known. */
  unanswered({ round, id }: Pick<Order, "round" | "id">): void {
    this.#now(round).counted.set(id, "open");
  }

  /** As `state`; undefined where operators are away or refuse it. */
  async tryState(round: Round): Promise<CountersignedStatement | undefined> {
    try {
      return await this.state(round);
    } catch (error) {
      if (error instanceof RefusedByOperator || error instanceof OperatorUnreachable) {
        return undefined;
      }
      throw error;
    }
  }

  /**
   * States what is closed of the round: the last countersigned statement then; undefined where
   * there is none, and nothing to state. Throws `RefusedByOperator`, `OperatorUnreachable`,
   * `BadReceipt`, and what the signer throws. Calls wait for one another.
   */
  state(round: Round): Promise<CountersignedStatement | undefined> {
    const next = this.#line.catch(() => {}).then(() => this.#state(round));
    this.#line = next;
    return next;
  }

  /**
   * Statements for a request of `round`, as the Mediator takes them: the last ones of both
   * rounds of which this client made some, with what closed since as far as operators take it.
   */
  async forRequest(round: Round): Promise<SignedStatement[]> {
    const { evidence } = this.#options;
    const found: SignedStatement[] = [];
    for (const one of [round - 1, round]) {
      if (one < 0 || (await evidence.statements(one)).length === 0) continue;
      await this.tryState(one);
      const last = lastCountersigned(await evidence.statements(one));
      if (last === undefined) continue;
      found.push({ statement: last.statement, signature: last.countersignature });
    }
    return found;
  }

  /** Keeps the countersignatures that operators show of this client's own statements. */
  async sync(round: Round): Promise<void> {
    const own = await this.#options.evidence.statements(round);
    if (own.every(({ countersignature }) => countersignature !== undefined)) return;
    const { api } = this.#options;
    for (const shown of await api.call("fetchStatements", await this.#options.own())) {
      const ours = own.find(({ statement }) => isSameStatement(statement, shown.statement));
      if (ours !== undefined) await this.#keep(ours, shown);
    }
  }

  async #state(round: Round): Promise<CountersignedStatement | undefined> {
    const { evidence } = this.#options;
    const known = await this.#of(round);
    known.triedAt = known.counted.size;
    await this.sync(round);
    const before = (await evidence.statements(round)).at(-1);
    const built = await this.#build(round, known, before?.statement);
    const last = built === undefined ? before : await this.#sign(built);
    if (last === undefined || last.countersignature !== undefined) {
      return last as CountersignedStatement | undefined;
    }
    const { statement, signature } = last;
    const answer = await this.#options.api.call("countersign", { body: { statement, signature } });
    const kept = await this.#keep(last, answer);
    for (const id of known.counted.keys()) if (covers(last.statement, id)) known.counted.delete(id);
    known.triedAt = 0;
    return kept;
  }

  /** Undefined where nothing that was executed would be covered besides. */
  async #build(
    round: Round,
    { counted }: RoundOrders,
    before: Statement | undefined,
  ): Promise<Statement | undefined> {
    const { evidence, ids, owner, fetchUncovered } = this.#options;
    const shown = new Map((await fetchUncovered(round)).map((one) => [one.id, one]));
    const rest = (await evidence.orders(round)).filter(
      ({ signed: { order } }) => before === undefined || !covers(before, order.id),
    );
    const closed: (Executed & { readonly order: Order })[] = [];
    const isClosed = new Set<bigint>();
    for (const { orderHash, signed, fill } of rest) {
      const { order } = signed;
      const { sold, bought } = fill?.fill ?? { sold: 0n, bought: 0n };
      const status = shown.get(order.id);
      const isReported =
        status !== undefined &&
        status.orderHash === orderHash &&
        CLOSED.includes(status.state) &&
        status.sold === sold &&
        status.bought === bought;
      const isRefused = status === undefined && counted.get(order.id) === "refused" && !fill;
      if (!isReported && !isRefused) continue;
      closed.push({ order, sold, bought });
      isClosed.add(order.id);
    }
    // Also what another device signed, and what is being signed just now.
    const open = new Set<bigint>(before?.except.filter((id) => !isClosed.has(id)));
    for (const id of [
      ...shown.keys(),
      ...counted.keys(),
      ...rest.map((one) => one.signed.order.id),
    ]) {
      if (!isClosed.has(id) && (before === undefined || !covers(before, id))) open.add(id);
    }
    const withTerms = closed.some(({ order, sold }) => sold > 0n && ids.hasTerms(order.id));
    const underWay = [...counted].flatMap(([id, what]) =>
      what === "signed" && !shown.has(id) ? [id] : [],
    );
    const most = [ids.next(round, withTerms), ...underWay].reduce((a, b) => (a < b ? a : b));
    const cover = coverBelow(most, open, round);
    const covered = closed.filter(({ order, sold }) => sold > 0n && covers(cover, order.id));
    if (covered.length === 0) return undefined;
    // Before anything is awaited: no order can be built below it any more.
    ids.raise(round, cover.watermark);
    return sumUp(owner, cover, covered, before);
  }

  /** Kept before anybody sees it: from then on no order is signed below its watermark. */
  async #sign(statement: Statement): Promise<StatementEvidence> {
    const { evidence, signer, domain } = this.#options;
    const signature = await signer.sign(domain, "Statement", statement);
    const signed = { statement, signature, countersignature: undefined };
    await evidence.saveStatement(signed);
    return signed;
  }

  async #keep(
    ours: StatementEvidence,
    answer: CountersignedStatement,
  ): Promise<CountersignedStatement> {
    const { curve, domain, receipts, evidence } = this.#options;
    const { statement, signature } = ours;
    const { countersignature } = answer;
    const isOurs = isSameStatement(statement, answer.statement);
    const signer = recoverSigner(curve, domain, hashStatement(statement), countersignature);
    const isGood =
      isOurs && signer !== undefined && (await receipts.isOperator(signer, statement.round));
    if (!isGood) {
      const why = isOurs ? "no operator of its round countersigned" : "answers with another";
      throw new OperatorUnreachable(
        "The operator",
        `the statement about ${statement.round}: ${why}`,
      );
    }
    const kept = { statement, signature, countersignature };
    await evidence.saveStatement(kept);
    return kept;
  }

  /** With what the evidence says. */
  async #of(round: Round): Promise<RoundOrders> {
    const known = this.#now(round);
    try {
      await known.read;
    } catch (error) {
      this.#rounds.delete(round);
      throw error;
    }
    return known;
  }

  #now(round: Round): RoundOrders {
    const known = this.#rounds.get(round);
    if (known !== undefined) return known;
    const counted = new Map<bigint, Known>();
    const read = this.#read(round, counted);
    read.catch(() => {});
    const begun = { counted, read, triedAt: 0 };
    this.#rounds.set(round, begun);
    for (const old of this.#rounds.keys()) if (old < round - 2) this.#rounds.delete(old);
    return begun;
  }

  async #read(round: Round, counted: Map<bigint, Known>): Promise<void> {
    const { evidence, ids } = this.#options;
    const statements = await evidence.statements(round);
    for (const { statement } of statements) ids.raise(round, statement.watermark);
    const last = statements.at(-1)?.statement;
    for (const { signed } of await evidence.orders(round)) {
      const { id } = signed.order;
      ids.used(round, id);
      const isCovered = last !== undefined && covers(last, id);
      if (!isCovered && !counted.has(id)) counted.set(id, "open");
    }
  }
}

/** The greatest cover below `watermark` that leaves all of `open` out. */
function coverBelow(watermark: bigint, open: ReadonlySet<bigint>, round: Round) {
  const below = [...open].filter((id) => id < watermark).sort((a, b) => (a < b ? -1 : 1));
  const except = below.slice(0, MAX_STATEMENT_EXCEPT);
  return { round, watermark: below[MAX_STATEMENT_EXCEPT] ?? watermark, except };
}
