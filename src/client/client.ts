/**
 * A trader's side of the exchange. The client trusts nobody: every answer of the operator is
 * checked against the chain and kept as evidence, and money can be got out whatever the operator
 * does.
 */
import { nobleCurve } from "../base/curve.ts";
import type { Address, Hex } from "../base/hex.ts";
import { type ExchangeConstants, MediatorReader } from "../chain/contracts/mediator.ts";
import {
  encodeConfirmWithdrawal,
  encodeInitiateWithdrawal,
  encodeRedirectWithdrawal,
  encodeSetTradingKey,
} from "../chain/contracts/mediatorCalls.ts";
import { type ChainClient, connect, readChainId } from "../chain/rpc/rpc.ts";
import type { Mined } from "../chain/submit/submitter.ts";
import type { BalanceProof, Round } from "../protocol/units.ts";
import type { Answer } from "../wire/routes/routes.ts";
import type { Placement } from "../wire/schemas/terms.ts";
import * as parse from "./arguments.ts";
import type { AuditReport } from "./audit.ts";
import { Auditor, type AuditorOptions } from "./auditor.ts";
import {
  type ExchangeFacts,
  holdAgainstChain,
  type MarketPin,
  readChainFacts,
} from "./checks/exchangeFacts.ts";
import { LatestOrders } from "./checks/latestOrders.ts";
import { OrderIds } from "./checks/orderIds.ts";
import { OwnClock, type SessionOptions, Sessions } from "./checks/ownClock.ts";
import { type Deposited, Deposits, untilCredited } from "./deposits.ts";
import { CheckedEvidence } from "./evidence/checkedEvidence.ts";
import { Operators, type RetryPolicy, readOperatorUrls } from "./operators.ts";
import { type ClientOptions, type ParsedOptions, parseOptions } from "./options.ts";
import * as orders from "./orders.ts";
import { AccountQueries, MarketQueries } from "./queries.ts";
import { Receipts } from "./receipts.ts";
import type { ClientSigner, TransactionSender } from "./signing/signer.ts";
import { Statements } from "./statements.ts";
import type { OrderStatus } from "./types.ts";
import { OrderWriter } from "./writes.ts";

export { BadArgument } from "./checks/badArgument.ts";
export { type ExchangeFacts, MarketChanged, type MarketPin } from "./checks/exchangeFacts.ts";
export { type Deposited, DepositUnsettled } from "./deposits.ts";
export type { ClientOptions } from "./options.ts";
export type { OrderStatus } from "./types.ts";

const DEFAULT_MAX_FEE = 500n * 10n ** 9n;
const DEFAULT_POLL_MS = 1000;
const MAX_ROWS = 500;
/** The facts that `join` has found out. */
interface Joined {
  readonly options: ParsedOptions;
  readonly signer: ClientSigner;
  readonly api: Operators;
  readonly reader: MediatorReader;
  readonly exchange: ExchangeFacts;
  readonly constants: ExchangeConstants;
}

export class ExchangeClient {
  readonly address: Address;
  /** Every operator of the exchange that is known. */
  readonly api: Operators;
  readonly chain: ChainClient;
  readonly reader: MediatorReader;
  /** The client's evidence, as far as it holds against the chain. */
  readonly evidence: CheckedEvidence;
  readonly constants: ExchangeConstants;
  /**
   * The newest states that operators reported of this client's orders, in answers and, with
   * `listen`, in events. An operator's answer is given as it is, whatever others said.
   */
  readonly latest = new LatestOrders();
  readonly #pins: readonly MarketPin[];
  readonly #submitter: TransactionSender;
  readonly #receipts: Receipts;
  readonly #sessions: Sessions;
  readonly #auditor: Auditor;
  readonly #deposits: Deposits;
  /** Orders, several at once too. */
  readonly orders: OrderWriter;
  /** Tickers, candles, trades by cursor, grouped depth. */
  readonly market: MarketQueries;
  /** Ledger, deposits with their confirmations, fills with their role, limits. */
  readonly account: AccountQueries;
  /** Statements about this client's closed orders, made by itself as they become many. */
  readonly statements: Statements;
  readonly #pollMs: number;
  #exchange: ExchangeFacts;

  private constructor({ options, signer, api, reader, exchange, constants }: Joined) {
    this.address = signer.address;
    this.api = api;
    this.reader = reader;
    this.chain = reader.client;
    this.#exchange = exchange;
    this.#pins = options.markets;
    this.constants = constants;
    this.#pollMs = options.pollMs ?? DEFAULT_POLL_MS;
    const { address: client } = this;
    const { domain, schedule } = constants;
    const curve = options.curve ?? nobleCurve;
    const { evidence: store } = options;
    const evidence = new CheckedEvidence({ store, reader, constants, client, curve });
    this.evidence = evidence;
    this.#receipts = new Receipts({ reader, constants, evidence, owner: client, curve });
    this.#submitter = signer.sender({
      client: this.chain,
      chainId: domain.chainId,
      maxFeePerGas: options.maxFeePerGas ?? DEFAULT_MAX_FEE,
      pollMs: this.#pollMs,
    });
    const clock = new OwnClock(reader, schedule);
    const sign: SessionOptions["sign"] = (session) => signer.sign(domain, "Session", session);
    this.#sessions = new Sessions({ clock, client, sign });
    const onChain = { submitter: this.#submitter, pollMs: this.#pollMs };
    this.#deposits = new Deposits({ reader, constants, client, ...onChain });
    const ids = new OrderIds();
    const shared = { api, owner: client, domain, signer, evidence, ids, receipts: this.#receipts };
    this.statements = new Statements({
      ...shared,
      curve,
      fetchUncovered: (round) => this.fetchOrders(round, undefined, true),
      own: () => this.#own(),
      limit: () => this.exchange.limits.ordersPerClientAndRound,
    });
    this.orders = new OrderWriter({
      ...shared,
      clock,
      statements: this.statements,
      latest: this.latest,
      sessions: this.#sessions,
      exchange: () => this.exchange,
      learnAnew: () => this.fetchExchange(),
    });
    const source = { api, exchange: () => this.exchange };
    this.market = new MarketQueries(source);
    this.account = new AccountQueries({ ...source, own: () => this.#own() });
    const fetchProofs: AuditorOptions["fetchProofs"] = async (round, manner) => {
      const { params, session } = await this.#own({ retryTimeoutMs: 0 });
      return this.api.call("fetchProofs", { params: { ...params, round }, session }, manner);
    };
    const fetchOrders: AuditorOptions["fetchOrders"] = (...asked) => this.fetchOrders(...asked);
    const syncStatements = (round: Round) => this.statements.sync(round);
    const own = { reader, constants, evidence, client };
    this.#auditor = new Auditor({ ...own, fetchOrders, syncStatements, fetchProofs });
  }

  /**
   * Joins the exchange: asks an operator what it serves and holds that against the chain before
   * any money moves. Throws `BadArgument`, `NotThisExchange` when they differ, `MarketChanged` when
   * a market is not as pinned, `OperatorUnreachable`, `SignerUnavailable` where a wallet grants no
   * account, and `RpcUnavailable`.
   */
  static async join(given: ClientOptions): Promise<ExchangeClient> {
    const options = parseOptions(given);
    const { operators, retryTimeoutMs, rpc, mediator } = options;
    const chainId = await readChainId(rpc);
    const reader = new MediatorReader(connect(rpc, { chainId }), mediator);
    const readUrls = async () => readOperatorUrls(reader, (await reader.constants()).manager);
    const api = new Operators({
      urls: operators,
      ...(retryTimeoutMs !== undefined && { retryTimeoutMs }),
      readUrls,
    });
    const [said, constants] = await Promise.all([api.call("fetchExchange"), reader.constants()]);
    const chain = await readChainFacts(reader, constants, said.operator);
    const exchange = holdAgainstChain(said, chain, options.markets);
    api.learn(await readOperatorUrls(reader, constants.manager));
    const signer = await options.signer.open();
    return new ExchangeClient({ options, signer, api, reader, exchange, constants });
  }

  /**
   * The exchange as compared with the chain: tokens with the chain's own symbols and decimals,
   * markets as learnt when the client joined. The value changes by `fetchExchange` only.
   */
  get exchange(): ExchangeFacts {
    return this.#exchange;
  }

  /** Lots and ticks of all markets as people write them, to be read and pinned. */
  markets(): MarketPin[] {
    return this.exchange.markets.map((market) => orders.formatMarket(this.exchange, market));
  }

  /**
   * Asks an operator anew what the exchange is, holds that against the chain, and takes over what
   * was added since. Throws `MarketChanged` where a market is not what it was, else as `join` does.
   */
  async fetchExchange(): Promise<ExchangeFacts> {
    const said = await this.api.call("fetchExchange");
    const chain = await readChainFacts(this.reader, this.constants, said.operator);
    this.#exchange = holdAgainstChain(said, chain, this.#pins, this.#exchange);
    return this.#exchange;
  }

  /** Sends a transaction of this client to the Mediator. `what` names it; `value` in wei. */
  async send(what: string, data: Hex, value?: bigint): Promise<Mined> {
    const call = {
      what: parse.parseText("what", what),
      data: parse.parseHexData("data", data),
      ...(value !== undefined && { value: parse.parseWei("value", value, 0n) }),
    };
    return this.#submitter.send({ ...call, to: this.reader.mediator });
  }

  /**
   * Deposits `amount`, as people write it, of `token`, by symbol or address; approves first where
   * need be. A deposit with a `key` goes in once, however often and wherever it is repeated; after
   * `DepositUnsettled` the same call without one takes up the deposit that is not settled. Throws
   * `BadArgument`, `InsufficientTokens`, `DepositUnsettled`, `ContractRefused`,
   * `InsufficientFunds`.
   */
  async deposit(
    token: string,
    amount: string,
    options?: { readonly key?: string },
  ): Promise<Deposited> {
    const info = orders.findToken(this.exchange, token);
    const units = parse.parsePositiveAmount("amount", amount, info.decimals);
    const { key } = parse.parseDepositOptions(options);
    return this.#deposits.deposit(info, units, key);
  }

  /**
   * Waits until an operator has credited what was on chain at `deposit.block`, and gives the
   * token's balance then, as that operator says. `retryTimeoutMs`: 10 minutes. Throws `NotCredited`.
   */
  async waitForCredit(
    deposit: { readonly token: Address; readonly block: number },
    retryTimeoutMs = 600_000,
  ): Promise<Answer<"fetchBalances">[number]> {
    const token = parse.parseAddressArgument("deposit.token", deposit?.token);
    const block = parse.parseCount("deposit.block", deposit.block);
    parse.parseCount("retryTimeoutMs", retryTimeoutMs);
    const timing = { retryTimeoutMs, pollMs: this.#pollMs };
    return untilCredited({ token, block }, this.api, () => this.fetchBalance(), timing);
  }

  /**
   * Signs and places a limit order for the current round, or `round`: see `placeOrder`. The signed
   * order is computed back and compared with the request first. Where the round ends while the
   * order is on its way, it is signed again for the next one, once: only after an operator answered
   * that it did not take the first, and the client's own endpoint shows that round to be over, so
   * that no honest operator can execute both. Throws `BadArgument`, and `MarketChanged` besides.
   */
  async createOrder(
    request: orders.OrderRequest & { readonly round?: Round; readonly id?: bigint },
  ): Promise<OrderStatus> {
    return this.orders.create(request);
  }

  /**
   * Places an order of this client that is signed and among its evidence, at whichever operator
   * takes it; an order that is there already is answered as it is. The operator's signature in the
   * answer is checked and kept; an event may have reported more before (`latest`). Throws
   * `RefusedByOperator` when it was not taken, `OperatorUnreachable` with the `signedOrder` when
   * that is not known (the same order may then be placed again), `BadReceipt`, `BadArgument`.
   */
  async placeOrder(given: Placement): Promise<OrderStatus> {
    return this.orders.place(given);
  }

  /** Throws as `placeOrder` does; the same cancellation may be sent again. */
  async cancelOrder(order: { readonly round: Round; readonly id: bigint }): Promise<OrderStatus> {
    return this.orders.cancel(order);
  }

  async fetchBalance(): Promise<Answer<"fetchBalances">> {
    return this.api.call("fetchBalances", await this.#own());
  }

  /** The best `depth` prices of each side; `priceText` and `amountText` as people read them. */
  async fetchOrderBook(name: string, depth = 50) {
    return this.market.fetchOrderBook(name, { depth });
  }

  /** The market's latest trades, newest first; `priceText` and `amountText` as people read them. */
  async fetchTrades(name: string, limit = 100) {
    return this.market.fetchTrades(name, { limit });
  }

  async fetchMyTrades(limit = 100): Promise<Answer<"fetchMyTrades">> {
    const query = { limit: parse.parseCount("limit", limit, 1, MAX_ROWS) };
    return this.api.call("fetchMyTrades", { ...(await this.#own()), query });
  }

  /** `uncovered`: only those that the client's last countersigned statement does not cover. */
  async fetchOrders(
    round?: Round,
    manner?: RetryPolicy,
    uncovered = false,
  ): Promise<Answer<"fetchOrders">> {
    if (round !== undefined) parse.parseRound("round", round);
    const how = parse.parseRetryPolicy(manner);
    const own = { ...(await this.#own(how)), query: { round, uncovered: uncovered || undefined } };
    const found = await this.api.call("fetchOrders", own, how);
    const asked = round ?? found[0]?.round;
    if (asked !== undefined) await this.#receipts.keep(found, asked);
    for (const order of found) {
      this.latest.take(order);
      this.statements.take(order);
    }
    return found;
  }

  async fetchWithdrawals(): Promise<Answer<"fetchWithdrawals">> {
    return this.api.call("fetchWithdrawals", await this.#own());
  }

  /**
   * Asks the Mediator for a withdrawal, with a proof against the previous round's commit. The
   * request is paid by `confirmWithdrawal` two rounds later. `recipient` defaults to the client.
   * The bond (`constants.withdrawalBond`, wei) comes back with the payment. Where this client made
   * statements about the two rounds, a new one is made of what closed since, and they go along:
   * whoever cancels the request must count what the orders bought then.
   */
  async withdraw(token: string, amount: string, recipient?: string): Promise<Mined> {
    const info = orders.findToken(this.exchange, token);
    const units = parse.parsePositiveAmount("amount", amount, info.decimals);
    const to =
      recipient === undefined ? this.address : parse.parseAddressArgument("recipient", recipient);
    const { round } = await this.reader.clock();
    const proof = await this.provenBalance(info.token, round - 1);
    const statements = await this.statements.forRequest(round);
    const data = encodeInitiateWithdrawal(info.token, units, to, proof, statements);
    return this.send(`withdrawal of ${amount} ${info.symbol}`, data, this.constants.withdrawalBond);
  }

  /** Pays out a request that is old enough; anybody may call it for anybody. */
  async confirmWithdrawal(token: string, client: string = this.address): Promise<Mined> {
    const info = orders.findToken(this.exchange, token);
    const of = parse.parseAddressArgument("client", client);
    const data = encodeConfirmWithdrawal(of, info.token);
    return this.send(`confirmation of a withdrawal of ${info.symbol}`, data);
  }

  /** Sends a request that is payable to `recipient` instead, where its own cannot be paid. */
  async redirectWithdrawal(token: string, recipient: string): Promise<Mined> {
    const info = orders.findToken(this.exchange, token);
    const to = parse.parseAddressArgument("recipient", recipient);
    const data = encodeRedirectWithdrawal(info.token, to);
    return this.send(`another recipient for ${info.symbol}`, data);
  }

  /** From the next round on `key` may sign this client's orders too. */
  async setTradingKey(key: string): Promise<Mined> {
    return this.send("trading key", encodeSetTradingKey(parse.parseAddressArgument("key", key)));
  }

  /** The client's proof against (round, token), from evidence or the operator, checked and kept. */
  async provenBalance(token: string, round: Round): Promise<BalanceProof> {
    const address = parse.parseAddressArgument("token", token);
    // Round 0 has none before it: that is said as the lack of a proof.
    if (round !== -1) parse.parseRound("round", round);
    return this.#auditor.provenBalance(address, round);
  }

  /**
   * Audits the opening of `round` (default: the last committed one): fetches proofs and fills,
   * checks them against the chain and the client's own evidence, and keeps what is good. A fault is
   * worth a dispute; what is `pending` could not be proven, and nobody owes it.
   */
  async audit(round?: Round): Promise<AuditReport> {
    if (round !== undefined) parse.parseRound("round", round);
    return this.#auditor.audit(round);
  }

  /** The header by which this client reads its own affairs; signed anew when it is nearly past. */
  async session(manner?: RetryPolicy): Promise<string> {
    const how = parse.parseRetryPolicy(manner);
    return this.#sessions.header((await this.api.call("fetchClock", {}, how)).chainHead);
  }

  async #own(manner?: RetryPolicy): Promise<{ params: { client: Address }; session: string }> {
    return { params: { client: this.address }, session: await this.session(manner) };
  }
}
