/**
 * A trader's side of the exchange. It trusts nobody: what the operator sends is checked against the
 * chain and kept as evidence, and money can be got out whatever the operator does.
 */
import { type Curve, nobleCurve } from "../base/curve.ts";
import { QuarterdeckError } from "../base/errors.ts";
import { type Address, type Hex, hexToBytes } from "../base/hex.ts";
import {
  encodeConfirmWithdrawal,
  encodeDeposit,
  encodeInitiateWithdrawal,
  encodeRedirectWithdrawal,
  encodeSetTradingKey,
} from "../chain/calls.ts";
import { type ExchangeConstants, MediatorReader } from "../chain/mediator.ts";
import { type ChainClient, connect, readChainId } from "../chain/rpc.ts";
import { type Mined, Submitter } from "../chain/send.ts";
import { localSigner } from "../chain/signer.ts";
import { encodeApprove, readAllowance } from "../chain/tokens.ts";
import { hashCancelOrder, hashOrder, hashSession, orderHash } from "../protocol/messages.ts";
import { signMessage } from "../protocol/signatures.ts";
import { verifyProof } from "../protocol/sumTree.ts";
import type { BalanceProof, BlockNumber, Round, SignedOrder } from "../protocol/units.ts";
import type { Answer } from "../wire/routes.ts";
import { formatSession } from "../wire/session.ts";
import { type Api, RefusedByOperator } from "./api.ts";
import { type AuditedToken, type AuditReport, audit } from "./audit.ts";
import type { EvidenceStore, ProofRecord } from "./evidence.ts";
import { LatestOrders } from "./latestOrders.ts";
import { isAnsweredElsewhere, type Manner, Operators, readOperatorUrls } from "./operators.ts";
import { buildOrder, findMarket, findToken, type OrderRequest, parseAmount } from "./orders.ts";
import { Receipts } from "./receipts.ts";
import { writeOnce } from "./writes.ts";

export interface ClientOptions {
  /** An operator's HTTP address, or several. Those that the chain names are learnt from it. */
  readonly operator: string | readonly string[];
  /** Milliseconds for which a question goes round the operators before it fails; 15,000. */
  readonly patienceMs?: number;
  /** JSON-RPC endpoints of the chain, the client's own choice and not the operator's. */
  readonly rpc: readonly string[];
  /** The Mediator that the client means to use. */
  readonly mediator: Address;
  readonly privateKey: Hex;
  readonly evidence: EvidenceStore;
  /** Wei for a unit of gas; never more. */
  readonly maxFeePerGas?: bigint;
  /** Milliseconds between two looks for a receipt. */
  readonly pollMs?: number;
  readonly curve?: Curve;
}

export type ExchangeFacts = Answer<"fetchExchange">;
export type OrderStatus = Answer<"placeOrder">;

/** Blocks for which a session is signed; the server allows 7200. */
const SESSION_BLOCKS = 1000;
const DEFAULT_MAX_FEE = 500n * 10n ** 9n;
const DEFAULT_POLL_MS = 1000;
/** That an operator does not answer is a finding of the audit, not worth the wait. */
const AT_ONCE: Manner = { patienceMs: 0 };
/** One that trails the others by a moment has not opened the round yet. */
const OF_ANYBODY: Manner = {
  patienceMs: 0,
  isElsewhere: (error) =>
    isAnsweredElsewhere(error) || (error instanceof RefusedByOperator && error.code === "NotFound"),
};

export class ExchangeClient {
  readonly address: Address;
  /** Every operator of the exchange that is known. */
  readonly api: Operators;
  readonly chain: ChainClient;
  readonly reader: MediatorReader;
  readonly evidence: EvidenceStore;
  readonly exchange: ExchangeFacts;
  readonly constants: ExchangeConstants;
  /**
   * The newest that operators told of this client's orders, in answers and, with `listen`, in
   * events. What an operator answers is given as it is, whatever others said.
   */
  readonly latest = new LatestOrders();
  readonly #key: Uint8Array;
  readonly #curve: Curve;
  readonly #submitter: Submitter;
  readonly #receipts: Receipts;
  #session: { readonly header: string; readonly validUntil: number } | undefined;

  private constructor(
    options: ClientOptions,
    api: Operators,
    reader: MediatorReader,
    exchange: ExchangeFacts,
    constants: ExchangeConstants,
  ) {
    const signer = localSigner(options.privateKey);
    this.address = signer.address;
    this.api = api;
    this.reader = reader;
    this.chain = reader.client;
    this.exchange = exchange;
    this.constants = constants;
    this.evidence = options.evidence;
    this.#key = hexToBytes(options.privateKey);
    this.#curve = options.curve ?? nobleCurve;
    const { evidence, address: owner } = this;
    this.#receipts = new Receipts({ reader, constants, evidence, owner, curve: this.#curve });
    this.#submitter = new Submitter({
      client: this.chain,
      signer,
      chainId: constants.domain.chainId,
      maxFeePerGas: options.maxFeePerGas ?? DEFAULT_MAX_FEE,
      pollMs: options.pollMs ?? DEFAULT_POLL_MS,
    });
  }

  /**
   * Joins the exchange: asks an operator what it serves and holds that against the chain before
   * any money moves. Throws `NotThisExchange` when they differ, and `OperatorUnreachable`.
   */
  static async join(options: ClientOptions): Promise<ExchangeClient> {
    const { operator, patienceMs } = options;
    const chainId = await readChainId(options.rpc);
    const reader = new MediatorReader(connect(options.rpc, { chainId }), options.mediator);
    const readUrls = async () => readOperatorUrls(reader, (await reader.constants()).manager);
    const api = new Operators({
      urls: typeof operator === "string" ? [operator] : operator,
      ...(patienceMs !== undefined && { patienceMs }),
      readUrls,
    });
    const [exchange, constants] = await Promise.all([
      api.call("fetchExchange"),
      reader.constants(),
    ]);
    const { schedule } = constants;
    requireSame("mediator", exchange.mediator, options.mediator);
    requireSame("chainId", exchange.chainId, constants.domain.chainId);
    requireSame("manager", exchange.manager, constants.manager);
    requireSame("genesisBlock", exchange.schedule.genesisBlock, schedule.genesisBlock);
    requireSame("roundSize", exchange.schedule.roundSize, schedule.roundSize);
    const approved = await reader.isRegistered(constants.manager, exchange.operator);
    if (!approved) requireSame("operator", exchange.operator, "no approved operator");
    api.learn(await readOperatorUrls(reader, constants.manager));
    return new ExchangeClient(options, api, reader, exchange, constants);
  }

  /** Sends a transaction of this client to the Mediator. */
  send(what: string, data: Hex, value?: bigint): Promise<Mined> {
    const to = this.reader.mediator;
    return this.#submitter.send({ what, to, data, ...(value !== undefined && { value }) });
  }

  /** `amount` as people write it, `token` by symbol or address. Approves first where need be. */
  async deposit(token: string, amount: string): Promise<Mined> {
    const info = findToken(this.exchange, token);
    const units = parseAmount("amount", amount, info.decimals);
    const { mediator } = this.reader;
    const allowed = await readAllowance(this.chain, info.token, this.address, mediator);
    if (allowed < units) {
      const data = encodeApprove(mediator, units);
      await this.#submitter.send({ what: `approve of ${info.symbol}`, to: info.token, data });
    }
    return this.send(`deposit of ${amount} ${info.symbol}`, encodeDeposit(info.token, units));
  }

  /**
   * Signs and places a limit order for the current round, or `round`: see `placeOrder`. Throws
   * `BadInput` besides.
   */
  async createOrder(request: OrderRequest & { readonly round?: Round }): Promise<OrderStatus> {
    findMarket(this.exchange, request.market);
    const round = request.round ?? (await this.api.call("fetchClock")).round;
    const order = buildOrder(this.exchange, this.address, round, randomId(), request);
    const { domain } = this.constants;
    const signature = signMessage(this.#curve, domain, hashOrder(order), this.#key);
    // Kept before it is sent: whatever becomes of the answer, the operator may hold the order.
    await this.evidence.saveOrder(orderHash(order), { order, signature });
    return this.placeOrder({ order, signature });
  }

  /**
   * Places an order of this client that is signed and among its evidence, at whichever operator
   * takes it; one that is there already is answered as it is. What the operator signs in its answer
   * is checked and kept; an event may have told of more before (`latest`). Throws
   * `RefusedByOperator` when it was not taken, `OperatorUnreachable` when that is not known (the
   * same order may then be placed again), `BadReceipt`.
   */
  async placeOrder(signed: SignedOrder): Promise<OrderStatus> {
    const hash = orderHash(signed.order);
    const { round, id } = signed.order;
    const status = await writeOnce(this.api, {
      name: "placeOrder",
      body: signed,
      read: (api) => this.#readOrder(api, round, id),
      isDone: (shown) => shown.orderHash === hash,
    });
    await this.#receipts.keep([status], round);
    this.latest.take(status);
    return status;
  }

  /** Throws as `placeOrder` does. */
  async cancelOrder(order: { readonly round: Round; readonly id: bigint }): Promise<OrderStatus> {
    const cancel = { owner: this.address, round: order.round, id: order.id };
    const { domain } = this.constants;
    const signature = signMessage(this.#curve, domain, hashCancelOrder(cancel), this.#key);
    const status = await writeOnce(this.api, {
      name: "cancelOrder",
      body: { cancel, signature },
      read: (api) => this.#readOrder(api, order.round, order.id),
      isDone: (shown) => shown.state === "cancelled",
    });
    await this.#receipts.keep([status], order.round);
    this.latest.take(status);
    return status;
  }

  async fetchBalance(): Promise<Answer<"fetchBalances">> {
    return this.api.call("fetchBalances", await this.#own());
  }

  fetchOrderBook(market: string, depth = 50): Promise<Answer<"fetchOrderBook">> {
    const { base, quote } = findMarket(this.exchange, market);
    return this.api.call("fetchOrderBook", { params: { base, quote }, query: { depth } });
  }

  async fetchMyTrades(limit = 100): Promise<Answer<"fetchMyTrades">> {
    return this.api.call("fetchMyTrades", { ...(await this.#own()), query: { limit } });
  }

  async fetchOrders(round?: Round, manner?: Manner): Promise<Answer<"fetchOrders">> {
    const own = { ...(await this.#own(manner)), query: { round } };
    const orders = await this.api.call("fetchOrders", own, manner);
    const asked = round ?? orders[0]?.round;
    if (asked !== undefined) await this.#receipts.keep(orders, asked);
    for (const order of orders) this.latest.take(order);
    return orders;
  }

  async fetchWithdrawals(): Promise<Answer<"fetchWithdrawals">> {
    return this.api.call("fetchWithdrawals", await this.#own());
  }

  /**
   * Asks the Mediator for a withdrawal, with a proof against the previous round's commit. It is
   * paid by `confirmWithdrawal` two rounds later. `recipient` defaults to the client. The bond
   * (`constants.withdrawalBond`, wei) comes back with the payment.
   */
  async withdraw(token: string, amount: string, recipient?: Address): Promise<Mined> {
    const info = findToken(this.exchange, token);
    const units = parseAmount("amount", amount, info.decimals);
    const { round } = await this.reader.clock();
    const proof = await this.provenBalance(info.token, round - 1);
    const data = encodeInitiateWithdrawal(info.token, units, recipient ?? this.address, proof);
    return this.send(`withdrawal of ${amount} ${info.symbol}`, data, this.constants.withdrawalBond);
  }

  /** Pays out a request that is old enough; anybody may call it for anybody. */
  confirmWithdrawal(token: string, client: Address = this.address): Promise<Mined> {
    const info = findToken(this.exchange, token);
    const data = encodeConfirmWithdrawal(client, info.token);
    return this.send(`confirmation of a withdrawal of ${info.symbol}`, data);
  }

  /** Sends a request that is payable to `recipient` instead, where its own cannot be paid. */
  redirectWithdrawal(token: string, recipient: Address): Promise<Mined> {
    const info = findToken(this.exchange, token);
    const data = encodeRedirectWithdrawal(info.token, recipient);
    return this.send(`another recipient for ${info.symbol}`, data);
  }

  /** From the next round on `key` may sign this client's orders too. */
  setTradingKey(key: Address): Promise<Mined> {
    return this.send("trading key", encodeSetTradingKey(key));
  }

  /** The client's proof against (round, token), from evidence or the operator, checked and kept. */
  async provenBalance(token: Address, round: Round): Promise<BalanceProof> {
    const kept = (await this.evidence.proofs(round)).find((one) => one.token === token);
    if (kept !== undefined) return kept.proof;
    // Nothing is ever committed for round 0.
    const faults = round < 1 ? [] : (await this.audit(round)).faults;
    const proofs = await this.evidence.proofs(round);
    const found = proofs.find((one) => one.token === token);
    if (found !== undefined) return found.proof;
    const why = round < 1 ? "the first commit is that of round 1" : (faults[0]?.kind ?? "no leaf");
    throw new QuarterdeckError({
      code: "NoProof",
      message: `There is no proof of ${token} for round ${round} (${why}).`,
      mend: "Wait for the round's commit; if the operator withholds it, open a dispute.",
    });
  }

  /**
   * Audits the opening of `round` (default: the last committed one): fetches proofs and fills,
   * checks them against the chain and the client's own evidence, and keeps what is good.
   */
  async audit(round?: Round): Promise<AuditReport> {
    const asked = round ?? (await this.reader.clock()).committedRound;
    const sent = await this.#fetchProofs(asked);
    const before = asked > 0 ? await this.#openings(asked - 1) : [];
    if (asked > 0) await this.fetchOrders(asked - 1, AT_ONCE).catch(ignoreOperator);
    const orders = asked > 0 ? await this.evidence.orders(asked - 1) : [];
    const tokens: AuditedToken[] = [];
    for (const token of await this.reader.tokenSet(asked)) {
      const flow = await this.reader.clientFlow(this.address, token, asked - 1);
      tokens.push({
        token,
        commitment: await this.reader.commitment(asked, token),
        proof: sent.get(token),
        opening: before.find((one) => one.token === token)?.proof.balance,
        ...flow,
      });
    }
    const report = audit(this.address, asked, tokens, orders);
    const good = new Set(report.balances.map(({ token }) => token));
    await this.evidence.saveProofs(
      tokens.flatMap(({ token, proof }) =>
        proof !== undefined && good.has(token) ? [{ round: asked, token, proof }] : [],
      ),
    );
    return report;
  }

  /** Proofs of a round: kept ones, else what the operator sends and the chain confirms. */
  async #openings(round: Round): Promise<ProofRecord[]> {
    const kept = await this.evidence.proofs(round);
    const tokens = await this.reader.tokenSet(round);
    if (kept.length === tokens.length) return kept;
    const good: ProofRecord[] = [];
    for (const [token, proof] of await this.#fetchProofs(round)) {
      const commitment = await this.reader.commitment(round, token);
      if (commitment === undefined || !verifyProof(commitment, this.address, proof).ok) continue;
      good.push({ round, token, proof });
    }
    await this.evidence.saveProofs(good);
    return this.evidence.proofs(round);
  }

  /** Proofs as the operator sends them; none when it sends none. */
  async #fetchProofs(round: Round): Promise<Map<Address, BalanceProof>> {
    try {
      const { params, session } = await this.#own(AT_ONCE);
      const asked = { params: { ...params, round }, session };
      const sent = await this.api.call("fetchProofs", asked, OF_ANYBODY);
      return new Map(sent.map(({ token, proof }) => [token, proof]));
    } catch (error) {
      ignoreOperator(error);
      return new Map();
    }
  }

  /** An order as the operator behind `api` shows it, and no other. */
  async #readOrder(api: Api, round: Round, id: bigint): Promise<OrderStatus | undefined> {
    const session = this.#sessionAt((await api.call("fetchClock")).chainHead);
    const own = { params: { client: this.address }, query: { round }, session };
    return (await api.call("fetchOrders", own)).find((one) => one.id === id);
  }

  async #own(manner?: Manner): Promise<{ params: { client: Address }; session: string }> {
    return { params: { client: this.address }, session: await this.session(manner) };
  }

  /** The header by which this client reads its own affairs; signed anew when it is nearly past. */
  async session(manner?: Manner): Promise<string> {
    return this.#sessionAt((await this.api.call("fetchClock", {}, manner)).chainHead);
  }

  #sessionAt(chainHead: BlockNumber): string {
    if (this.#session === undefined || this.#session.validUntil < chainHead + 10) {
      const session = { client: this.address, validUntil: chainHead + SESSION_BLOCKS };
      const { domain } = this.constants;
      const signature = signMessage(this.#curve, domain, hashSession(session), this.#key);
      const header = formatSession({ session, signature });
      this.#session = { header, validUntil: session.validUntil };
    }
    return this.#session.header;
  }
}

/** What the operator does not send is a finding of the audit, not a failure of it. */
function ignoreOperator(error: unknown): void {
  if (error instanceof RefusedByOperator) return;
  if ((error as { code?: string }).code === "OperatorUnreachable") return;
  throw error;
}

function requireSame(field: string, operator: unknown, chain: unknown): void {
  if (operator === chain) return;
  throw new QuarterdeckError({
    code: "NotThisExchange",
    message: `The operator says ${field} ${String(operator)}, and the chain ${String(chain)}.`,
    mend: "Do not deposit. Check the operator's address and the Mediator's.",
  });
}

function randomId(): bigint {
  const words = crypto.getRandomValues(new BigUint64Array(1));
  return words[0] as bigint;
}
