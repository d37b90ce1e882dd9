/**
 * Statements of one client of a world: the client library's own code signs them, over the simulated
 * network. Now and then this client also sends what no operator may countersign.
 */
import type { Address } from "../../src/base/hex.ts";
import { OperatorUnreachable, RefusedByOperator } from "../../src/client/api.ts";
import { OrderIds } from "../../src/client/checks/orderIds.ts";
import { lastCountersigned, MemoryEvidence } from "../../src/client/evidence/evidence.ts";
import { Statements } from "../../src/client/statements.ts";
import type { OrderStatus } from "../../src/client/types.ts";
import { loadCurve } from "../../src/keys/nativeCurve.ts";
import type { Answered } from "../../src/operator/api/operatorApi.ts";
import { hashStatement, orderHash } from "../../src/protocol/messages.ts";
import { ACT_OF_REFUSAL, type Refusal } from "../../src/protocol/refusals.ts";
import { signMessage } from "../../src/protocol/signatures.ts";
import { covers } from "../../src/protocol/statementRule.ts";
import type {
  Amount,
  CountersignedStatement,
  Order,
  Round,
  SignedFill,
  SignedOrder,
  SignedStatement,
  Statement,
} from "../../src/protocol/units.ts";
import type { Chain } from "../chain/chain.ts";
import type { Clock } from "../host/clock.ts";
import type { Random } from "../host/random.ts";
import type { ClientFace } from "../world/router.ts";

const { curve } = loadCurve();
/** Milliseconds after which a client takes an operator for away. */
const PATIENCE_MS = 20_000;

/** Sees what operators countersign. */
export interface StatementWatch {
  onCountersigned(answer: CountersignedStatement): void;
  /** An operator countersigned what it must not. */
  onLie(statement: Statement): void;
}

export interface StatingOptions {
  readonly name: string;
  readonly owner: Address;
  readonly chain: Chain;
  readonly clock: Pick<Clock, "after">;
  readonly random: Random;
  /** Orders of a client and round that may count at the exchange. */
  readonly limit: number;
  readonly api: () => ClientFace | undefined;
  /** The secret with which the client signs what is about that round. */
  readonly secretOf: (round: Round) => Uint8Array;
  readonly watch: StatementWatch;
  readonly trace: (text: string) => void;
}

export class ClientStatements {
  readonly #options: StatingOptions;
  readonly #evidence = new MemoryEvidence();
  readonly #ids = new AscendingIds();
  readonly #statements: Statements;
  /** Orders of which an operator said something. */
  readonly #answered = new Set<string>();

  constructor(options: StatingOptions) {
    this.#options = options;
    const { owner, limit, chain } = options;
    const { domain, operators } = chain.terms;
    const fetchUncovered = (round: Round) => this.#fetchUncovered(round);
    const call = (name: string, { body }: { readonly body?: SignedStatement }) =>
      name === "countersign" ? this.#countersign(body as SignedStatement) : this.#fetchStatements();
    this.#statements = new Statements({
      owner,
      domain,
      curve,
      evidence: this.#evidence,
      ids: this.#ids,
      fetchUncovered,
      receipts: { isOperator: async (signer) => operators.includes(signer) },
      signer: { sign: async (_domain, _type, value) => this.#sign(value as Statement) },
      api: { call: call as never },
      own: async () => ({ params: { client: owner }, session: "" }),
      limit: () => limit,
    });
  }

  /** An id for an order that is about to be signed, once there is room for it. */
  async nextId(round: Round): Promise<bigint> {
    await this.#statements.prepare(round, 1);
    const id = this.#ids.next(round);
    this.#statements.signing(round, id);
    return id;
  }

  /** To be called before the order is sent. */
  async keep(signed: SignedOrder): Promise<void> {
    await this.#evidence.saveOrder(orderHash(signed.order), signed);
    this.#options.clock.after(PATIENCE_MS, () => {
      if (!this.#answered.delete(keyOf(signed.order))) this.#statements.unanswered(signed.order);
    });
  }

  /** An operator's report of an order, in an answer or on the stream. */
  learn(order: OrderStatus): void {
    this.#answered.add(keyOf(order));
    if (order.fill !== null) void this.#evidence.saveFill(order.fill);
    this.#statements.take(order);
  }

  refused(order: Pick<Order, "round" | "id">, code: Refusal["code"]): void {
    this.#answered.add(keyOf(order));
    const isFinal = ACT_OF_REFUSAL[code] === "caller" && code !== "DuplicateOrderId";
    if (isFinal) this.#statements.refused(order);
    else this.#statements.unanswered(order);
  }

  /** States what is closed of the round, wherever the limit stands. */
  state(round: Round): Promise<unknown> {
    return this.#statements.tryState(round);
  }

  /** Those that a request of `round` presents: the last ones, older ones, or none. */
  async forRequest(round: Round): Promise<SignedStatement[]> {
    const { random } = this.#options;
    if (random.chance(0.2)) return [];
    const last = await this.#statements.forRequest(round);
    if (!random.chance(0.2)) return last;
    const kept = await Promise.all(last.map(({ statement }) => this.#presentable(statement.round)));
    return kept.flatMap((all) => (all.length === 0 ? [] : random.pick(all)));
  }

  /**
   * The statement and the fills that a dispute about `round` presents: the last one, as an honest
   * client does; an older one, or none, beside fills of orders that a later one covers.
   */
  async forDispute(
    round: Round,
    fills: ReadonlyMap<bigint, SignedFill>,
  ): Promise<{ statement: SignedStatement | undefined; fills: SignedFill[] }> {
    const { random } = this.#options;
    const all = await this.#presentable(round);
    const isHidden = random.chance(0.25);
    const statement = isHidden || all.length === 0 ? undefined : random.pick([...all, all.at(-1)]);
    const shown = [...fills].filter(([id]) => {
      const isCovered = statement !== undefined && covers(statement.statement, id);
      return random.chance(isCovered ? 0.15 : 0.8);
    });
    return { statement, fills: shown.map(([, fill]) => fill) };
  }

  async #presentable(round: Round): Promise<SignedStatement[]> {
    const kept = await this.#evidence.statements(round);
    return kept.flatMap((one) => {
      const last = lastCountersigned([one]);
      return last === undefined
        ? []
        : { statement: last.statement, signature: last.countersignature };
    });
  }

  #sign(statement: Statement) {
    const { chain, secretOf } = this.#options;
    const secret = secretOf(statement.round);
    return signMessage(curve, chain.terms.domain, hashStatement(statement), secret);
  }

  // ---------------------------------------------------------------- at an operator

  async #fetchUncovered(round: Round): Promise<readonly OrderStatus[]> {
    const { owner } = this.#options;
    const answered = await this.#ask((api) => api.orders(owner, round, true));
    const orders = requireOk(answered);
    for (const { fill } of orders) if (fill !== null) await this.#evidence.saveFill(fill);
    return orders;
  }

  #fetchStatements(): Promise<CountersignedStatement[]> {
    return this.#ask((api) => api.statements(this.#options.owner));
  }

  async #countersign(given: SignedStatement): Promise<CountersignedStatement> {
    const { watch, trace, random, name } = this.#options;
    if (random.chance(0.15)) await this.#lie(given.statement);
    const { round, watermark } = given.statement;
    const answered = await this.#ask((api) => api.countersign(given));
    const what = answered.ok ? "countersigned" : answered.refusal.code;
    trace(`statement ${round}/${watermark} of ${name}: ${what}`);
    const value = requireOk(answered);
    watch.onCountersigned(value);
    return value;
  }

  /** Sends what the journal does not say, or what covers less than was countersigned before. */
  async #lie({ ...statement }: Statement): Promise<void> {
    const { random, watch, trace, name } = this.#options;
    const more = (amounts: readonly Amount[]) =>
      amounts.map((one, i) => (i === 0 ? one + 1n : one));
    const [first] = await this.#presentable(statement.round);
    const lie = random.pick<Statement>([
      { ...statement, bought: more(statement.bought) },
      { ...statement, sold: more(statement.sold) },
      { ...(first?.statement ?? statement), except: [], watermark: 1n },
    ]);
    const answered = await this.#ask((api) =>
      api.countersign({ statement: lie, signature: this.#sign(lie) }),
    );
    if (answered.ok) watch.onLie(lie);
    else
      trace(`false statement ${lie.round}/${lie.watermark} of ${name}: ${answered.refusal.code}`);
  }

  async #ask<T>(question: (api: ClientFace) => Promise<T> | T): Promise<T> {
    const { api, clock } = this.#options;
    const face = api();
    if (face === undefined) throw new OperatorUnreachable("The operator", "nobody serves");
    return new Promise((resolve, reject) => {
      const late = () => reject(new OperatorUnreachable("The operator", "no answer came"));
      clock.after(PATIENCE_MS, late);
      const failed = (cause: unknown) =>
        reject(new OperatorUnreachable("The operator", "it failed", cause));
      Promise.resolve(question(face)).then(resolve, failed);
    });
  }
}

/** Ids as small as the world's other ones, which depend on no clock. */
class AscendingIds extends OrderIds {
  readonly #last = new Map<Round, bigint>();

  override next(round: Round): bigint {
    const least = (this.#last.get(round) ?? 0n) + 1n;
    const watermark = this.watermark(round);
    const id = least > watermark ? least : watermark;
    this.#last.set(round, id);
    return id;
  }
}

const keyOf = ({ round, id }: Pick<Order, "round" | "id">) => `${round} ${id}`;

function requireOk<T>(answered: Answered<T>): T {
  if (answered.ok) return answered.value;
  const { code } = answered.refusal;
  throw new RefusedByOperator(code, ACT_OF_REFUSAL[code], code);
}
