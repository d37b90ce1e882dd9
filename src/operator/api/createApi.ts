/**
 * The API over a running exchange: checks signatures, hands writes to the router, publishes.
 */

import type { Address } from "../../base/hex.ts";
import type { ExchangeConstants } from "../../chain/contracts/mediator.ts";
import type { TokenFacts } from "../../chain/contracts/tokens.ts";
import { SignerUnavailable } from "../../chain/signer.ts";
import type { State } from "../../exchange/model/state.ts";
import { clock, order, tokens, tradingKeyOf } from "../../exchange/queries/views.ts";
import { ORDER_PATH_LENGTH } from "../../protocol/limits.ts";
import { hashCancelOrder, hashOrder, hashSession, orderHash } from "../../protocol/messages.ts";
import { ACT_OF_REFUSAL, type Refusal, type RefusalOf, refuse } from "../../protocol/refusals.ts";
import { recoverSigner } from "../../protocol/signatures.ts";
import { slipText } from "../../protocol/slips.ts";
import { MAX_EXCHANGE_LAG_BLOCKS, MAX_SESSION_BLOCKS } from "../../protocol/tolerances.ts";
import type { Order, Round, Signature } from "../../protocol/units.ts";
import type { ChainHead } from "../sequencing/chainHead.ts";
import type { WriteRouter } from "../sequencing/writeRouter.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { NotApproved } from "./fillSigner.ts";
import type {
  Answered,
  ApiEvent,
  DutyHealth,
  HealthCheck,
  OperatorApi,
  OrderResponse,
} from "./operatorApi.ts";
import {
  balancesResponse,
  bookResponse,
  clientTradesResponse,
  clockResponse,
  orderResponse,
  ordersResponse,
  proofsResponse,
  type QuerySources,
  tradeResponse,
  withdrawalsResponse,
} from "./queries.ts";
import { SlipFinder } from "./slipFinder.ts";

export interface ApiOptions {
  readonly sources: QuerySources;
  readonly head: ChainHead;
  readonly router: WriteRouter;
  readonly metrics: Metrics;
  readonly chain: ExchangeConstants;
  readonly operator: Address;
  readonly identity: OperatorApi["identity"];
  /** Of the tokens that the markets name. */
  readonly tokenFacts: readonly TokenFacts[];
  /** Of a token listed later. */
  readonly readFacts: (token: Address) => Promise<TokenFacts>;
  readonly health: () => HealthCheck[];
  /** Why the shared journal cannot be written, if so. */
  readonly storageProblem?: () => string | undefined;
  /** Whether the operator's key can sign now, as far as is known. */
  readonly canSign: () => boolean;
  readonly duties: () => DutyHealth[];
}

export interface ApiController {
  readonly api: OperatorApi;
  /** Tells them in the order of the calls, each batch once it is complete. */
  publish(events: Promise<readonly ApiEvent[]>): Promise<void>;
  /** Whether somebody listens to events of this client's orders. */
  isHeard(client: Address): boolean;
  /** Tells what time it is, after the head or the exchange moved on. */
  tellClock(): void;
}

const APPROVAL = "its place on the manager's list";

export function createApi(options: ApiOptions): ApiController {
  const { sources, head, router, metrics, health } = options;
  const { state, history } = sources;
  const listeners = new Map<(event: ApiEvent) => void, (client: Address) => boolean>();
  const slips = new SlipFinder(sources, options.chain.manager);
  const facts = new Map(options.tokenFacts.map((fact) => [fact.token, fact]));

  const tell = (events: readonly ApiEvent[]) => {
    for (const event of events) for (const listener of listeners.keys()) listener(event);
    for (const { token } of tokens(state)) void learn(token);
  };
  // Signing may take differently long: what happened first is told first.
  let told: Promise<void> = Promise.resolve();
  const publish = (events: Promise<readonly ApiEvent[]>) => {
    told = Promise.all([events, told]).then(([complete]) => tell(complete));
    return told;
  };
  const learn = async (token: Address) => {
    if (facts.has(token)) return;
    const fact = await options.readFacts(token).catch(() => undefined);
    if (fact !== undefined) facts.set(token, fact);
  };
  const notReady = () => {
    if (router.failed !== undefined) return `a restart (${router.failed.message})`;
    const problem = options.storageProblem?.();
    if (problem !== undefined) return `the database (${problem})`;
    if (!head.isHeard) return "the first answer of the chain";
    if (!options.canSign()) return "its signing service";
    const lag = head.lagBlocks;
    return !head.caughtUp || lag > MAX_EXCHANGE_LAG_BLOCKS
      ? `${lag} blocks of the chain`
      : undefined;
  };
  const api: OperatorApi = {
    exchange: () => describeExchange(options, facts),
    identity: options.identity,
    clock: () => clockResponse(state, head.number),
    book: (base, quote, depth) => bookResponse(sources, base, quote, depth),
    trades: (base, quote, limit) => {
      if (bookResponse(sources, base, quote, 1) === undefined) return undefined;
      return history.ofMarket(base, quote, limit).map(tradeResponse);
    },
    ...orderWrites(options, { notReady, slips }),
    authorize: (client, session, signature) => {
      if (session.client !== client) return unauthorized("The session is somebody else's.");
      if (session.validUntil < head.number) return unauthorized("The session is past.");
      if (session.validUntil > head.number + MAX_SESSION_BLOCKS) {
        return unauthorized(`The session reaches more than ${MAX_SESSION_BLOCKS} blocks ahead.`);
      }
      const round = clock(state).moment.round;
      const hash = hashSession(session);
      const denied = checkSigner(sources, hash, signature, client, round);
      if (denied === undefined) return undefined;
      const { slip } = slips.explain(denied, hash, { signature });
      return unauthorized(`The session is not the client's.${slipText(slip)}`);
    },
    balances: (client) => balancesResponse(sources, client),
    orders: (client, round) => signed(ordersResponse(sources, client, round)),
    clientTrades: (client, limit) => clientTradesResponse(history, client, limit),
    proofs: (client, round) => proofsResponse(state, client, round),
    withdrawals: (client) => withdrawalsResponse(sources, client),
    subscribe: (listener, hears = () => true) => {
      listeners.set(listener, hears);
      return () => listeners.delete(listener);
    },
    notReady,
    health,
    duties: options.duties,
    metrics: () => metrics.text(),
  };
  return {
    api,
    publish,
    isHeard: (client) => [...listeners.values()].some((hears) => hears(client)),
    tellClock: () => {
      const now = api.clock();
      metrics.setClock(now);
      tell([{ kind: "clock", clock: now }]);
    },
  };
}

/** The two writes of a client: signatures are checked before anything is handed to the writer. */
function orderWrites(
  { sources, router }: ApiOptions,
  { notReady, slips }: { readonly notReady: () => string | undefined; readonly slips: SlipFinder },
): Pick<OperatorApi, "placeOrder" | "cancelOrder"> {
  return {
    placeOrder: async (signed) => {
      // Before anything else: what this operator knows may trail, such as a new trading key.
      if (!router.isOpen) return refusing(refuse("NotLeader", { leader: router.leader }));
      const waitingFor = notReady();
      if (waitingFor !== undefined) return refusing(refuse("NotReady", { waitingFor }));
      const { owner, round } = signed.order;
      const hash = hashOrder(signed.order);
      if (signed.signature.path.length > ORDER_PATH_LENGTH) return refusing(pathTooLong());
      const denied = checkSigner(sources, hash, signed.signature, owner, round);
      if (denied !== undefined) return refusing(slips.explain(denied, hash, signed));
      const { refusal } = await router.submit({ kind: "placeOrder", ...signed });
      const isKnown =
        refusal !== undefined && isSettledBefore(sources.state, signed.order, refusal);
      return answerOf(sources, signed.order, isKnown ? undefined : refusal);
    },
    cancelOrder: async (cancel, signature) => {
      if (!router.isOpen) return refusing(refuse("NotLeader", { leader: router.leader }));
      const waitingFor = notReady();
      if (waitingFor !== undefined) return refusing(refuse("NotReady", { waitingFor }));
      const { owner, round } = cancel;
      const hash = hashCancelOrder(cancel);
      const denied = checkSigner(sources, hash, signature, owner, round);
      if (denied !== undefined) return refusing(slips.explain(denied, hash, { signature }));
      const outcome = await router.submit({ kind: "cancelOrder", ...cancel, signature });
      return answerOf(sources, cancel, outcome.refusal);
    },
  };
}

function describeExchange(options: ApiOptions, facts: ReadonlyMap<Address, TokenFacts>) {
  const { genesis } = options.sources.state;
  const symbolOf = (token: Address) => facts.get(token)?.symbol ?? token;
  return {
    chainId: genesis.chainId,
    mediator: genesis.mediator,
    manager: options.chain.manager,
    operator: options.operator,
    schedule: genesis.schedule,
    confirmations: genesis.confirmations,
    limits: genesis.limits,
    markets: genesis.markets.map((market) => ({
      name: `${symbolOf(market.base)}/${symbolOf(market.quote)}`,
      ...market,
    })),
    tokens: tokens(options.sources.state).flatMap(({ token, listedRound }) => {
      const fact = facts.get(token);
      return fact === undefined ? [] : [{ ...fact, listedRound }];
    }),
  };
}

/** A refusal unless the message is signed by the owner or its trading key of that round. */
function checkSigner(
  { curve, domain, state }: QuerySources,
  structHash: Uint8Array,
  signature: Signature,
  owner: Address,
  round: Round,
): RefusalOf<"BadSignature"> | undefined {
  const recovered = recoverSigner(curve, domain, structHash, signature);
  if (recovered !== undefined && recovered === owner) return undefined;
  const key = tradingKeyOf(state, owner, round);
  if (recovered !== undefined && recovered === key) return undefined;
  return refuse("BadSignature", { owner, recovered });
}

/** A longer path would make the evidence against an overdraft too large to send. */
function pathTooLong(): Refusal {
  return refuse("BadInput", {
    field: "body.signature.path",
    problem: `It has more than ${ORDER_PATH_LENGTH} steps.`,
    hint: `Sign at most ${2 ** ORDER_PATH_LENGTH} orders in one batch.`,
  });
}

/**
 * Whether it was refused only because this very order was taken before: then its sender is told how
 * it stands, in whichever state it is by now. State holds only what is durable, and a refusal that
 * is settled comes from whoever is still the writer; one to be tried again says nothing of it.
 */
function isSettledBefore(state: State, placed: Order, refusal: Refusal): boolean {
  if (ACT_OF_REFUSAL[refusal.code] === "retry") return false;
  const known = order(state, placed);
  return known !== undefined && orderHash(known.order) === orderHash(placed);
}

function answerOf(
  sources: QuerySources,
  ref: { owner: Address; round: Round; id: bigint },
  refusal: Refusal | undefined,
): Promise<Answered<OrderResponse>> {
  if (refusal !== undefined) return Promise.resolve(refusing(refusal));
  const view = order(sources.state, ref);
  if (view !== undefined) return signed(orderResponse(sources, view));
  const { owner, round, id } = ref;
  return Promise.resolve(refusing(refuse("UnknownOrder", { owner, round, id })));
}

/** An answer with signatures, or the refusal that there are none now. */
async function signed<T>(answer: Promise<T>): Promise<Answered<T>> {
  try {
    return { ok: true, value: await answer };
  } catch (error) {
    if (error instanceof SignerUnavailable) return refusing(refuse("FillUnsigned", {}));
    // Another operator's signature counts: the client is to ask there.
    if (error instanceof NotApproved) return refusing(refuse("NotReady", { waitingFor: APPROVAL }));
    throw error;
  }
}

function refusing(refusal: Refusal): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal };
}

function unauthorized(problem: string): Refusal {
  return refuse("Unauthorized", { problem });
}
