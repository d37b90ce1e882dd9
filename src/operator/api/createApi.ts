/** The API over a running exchange: checks signatures, passes writes to the router, publishes. */

import { clause, reasonOf } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import type { ExchangeConstants } from "../../chain/contracts/mediator.ts";
import type { TokenFacts } from "../../chain/contracts/tokens.ts";
import type { Outcome } from "../../exchange/model/outcome.ts";
import { clock, tokens } from "../../exchange/queries/views.ts";
import { hashSession } from "../../protocol/messages.ts";
import { type Refusal, refuse } from "../../protocol/refusals.ts";
import { slipText } from "../../protocol/slips.ts";
import { MAX_EXCHANGE_LAG_BLOCKS, MAX_SESSION_BLOCKS } from "../../protocol/tolerances.ts";
import type { BlockNumber, Session } from "../../protocol/units.ts";
import type { Duties, HealthCheck } from "../../wire/schemas/health.ts";
import type { ChainHead } from "../sequencing/chainHead.ts";
import type { WriteRouter } from "../sequencing/writeRouter.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { SignatureVerifier } from "../workers/signatureVerifier.ts";
import { Attendance } from "./attendance.ts";
import { clientsIn } from "./events.ts";
import { marketData } from "./marketData.ts";
import type { ApiEvent, OperatorApi } from "./operatorApi.ts";
import { OrderPipeline } from "./orderPipeline.ts";
import { orderWrites, signed } from "./orderWrites.ts";
import type { ReadDeposits } from "./pendingDeposits.ts";
import {
  balancesResponse,
  clockResponse,
  ordersResponse,
  proofsResponse,
  type QuerySources,
  withdrawalsResponse,
} from "./queries.ts";
import { SessionSigners } from "./sessionSigners.ts";
import { SlipFinder } from "./slipFinder.ts";
import { statementWrites } from "./statementWrites.ts";
import { refuseUnless } from "./writeChecks.ts";

export interface ApiOptions {
  readonly sources: QuerySources;
  readonly head: ChainHead;
  readonly router: WriteRouter;
  readonly verifier: SignatureVerifier;
  readonly metrics: Metrics;
  readonly chain: ExchangeConstants;
  readonly operator: Address;
  readonly identity: OperatorApi["identity"];
  readonly publicBalances: OperatorApi["publicBalances"];
  /** Facts of the tokens that the markets name. */
  readonly tokenFacts: readonly TokenFacts[];
  /** Facts of a token listed later. */
  readonly readFacts: (token: Address) => Promise<TokenFacts>;
  /** Rejects where the chain does not answer. */
  readonly readDeposits: ReadDeposits;
  readonly health: () => HealthCheck[];
  /** Why the shared journal cannot be written, if so. */
  readonly storageProblem?: () => string | undefined;
  /** Whether the operator's key can sign now, as far as is known. */
  readonly canSign: () => boolean;
  readonly duties: () => Duties;
}

export interface ApiController {
  readonly api: OperatorApi;
  /** Tells them in the order of the calls, each batch once it is complete: at once if it can be. */
  publish(events: readonly ApiEvent[] | Promise<readonly ApiEvent[]>): Promise<void> | undefined;
  /** Says whether anybody listens to events of this client's orders. */
  isHeard(client: Address): boolean;
  /** Tells at once that a record was applied, and whom it touched. */
  applied(outcome: Outcome): void;
  /** Tells what time it is, after the head or the exchange moved on. */
  tellClock(): void;
}

type Listener = (event: ApiEvent) => void;

/** Tells events to those who listen, in the order in which they happened. */
class Listeners {
  /** Each with the clients whose own events it hears. */
  readonly #all = new Map<Listener, (client: Address) => boolean>();
  readonly #afterwards: () => void;
  #told: Promise<void> = Promise.resolve();
  #untold = 0;

  /** `afterwards` is called whenever events were told. */
  constructor(afterwards: () => void) {
    this.#afterwards = afterwards;
  }

  subscribe(listener: Listener, hears: (client: Address) => boolean): () => void {
    this.#all.set(listener, hears);
    return () => this.#all.delete(listener);
  }

  isHeard(client: Address): boolean {
    for (const hears of this.#all.values()) if (hears(client)) return true;
    return false;
  }

  tell(events: readonly ApiEvent[]): void {
    for (const event of events) for (const listener of this.#all.keys()) listener(event);
    this.#afterwards();
  }

  /** Signatures may take different times: what comes later waits. Rejects with what is thrown. */
  publish(events: readonly ApiEvent[] | Promise<readonly ApiEvent[]>): Promise<void> | undefined {
    if (this.#untold === 0 && !(events instanceof Promise)) return this.#tellNow(events);
    this.#untold += 1;
    this.#told = Promise.all([events, this.#told]).then(([complete]) => {
      this.tell(complete);
      this.#untold -= 1;
    });
    return this.#told;
  }

  #tellNow(events: readonly ApiEvent[]): Promise<void> | undefined {
    try {
      this.tell(events);
      return undefined;
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

export function createApi(options: ApiOptions): ApiController {
  const { sources, head, router, verifier, metrics, health } = options;
  const { state } = sources;
  const attendance = new Attendance(state, router);
  const slips = new SlipFinder(sources, options.chain.manager);
  const facts = new Map(options.tokenFacts.map((fact) => [fact.token, fact]));
  const listeners = new Listeners(newTokens(options, facts));
  const notReady = () => whyNotReady(options);
  const sessions = new SessionSigners(sources);
  const market = marketData(sources, head, options.readDeposits, (clients) =>
    listeners.tell([{ kind: "pendingDeposits", clients }]),
  );
  const pipeline = new OrderPipeline({ verifier, router, notReady });
  const writes = { sources, pipeline, slips };
  const api: OperatorApi = {
    exchange: () => describeExchange(options, facts),
    identity: options.identity,
    publicBalances: options.publicBalances,
    clock: () => clockResponse(state, head.number),
    asOf: () => sources.history.upTo,
    whenWhole: () => sources.history.whenWhole(),
    ...market.api,
    ...orderWrites(writes),
    ...statementWrites({ ...writes, router }),
    authorize: (client, session, signature) => {
      const untimely = checkSession(client, session, head.number);
      if (untimely !== undefined) return untimely;
      const round = clock(state).moment.round;
      const denied = refuseUnless(state, sessions.signerOf(session, signature), client, round);
      if (denied === undefined) return undefined;
      const { slip } = slips.explain(denied, hashSession(session), { signature });
      return unauthorized(`The session is not the client's.${slipText(slip)}`);
    },
    balances: (client) => balancesResponse(sources, client),
    orders: (client, round, uncovered) => signed(ordersResponse(sources, client, round, uncovered)),
    attend: (client) => attendance.attend(client),
    proofs: (client, round) => proofsResponse(state, client, round),
    withdrawals: (client) => withdrawalsResponse(sources, client),
    subscribe: (listener, hears = () => true) => listeners.subscribe(listener, hears),
    notReady,
    health,
    duties: options.duties,
    metrics: () => metrics.text(),
  };
  return {
    api,
    publish: (events) => listeners.publish(events),
    isHeard: (client) => listeners.isHeard(client),
    applied: ({ events }) => {
      const asOf = sources.history.upTo;
      listeners.tell([{ kind: "applied", asOf, clients: clientsIn(events) }]);
    },
    tellClock: () => {
      const now = api.clock();
      metrics.setClock(now);
      attendance.clockMoved();
      market.pending.headMoved();
      listeners.tell([{ kind: "clock", clock: now }]);
    },
  };
}

/** Asked twice for each write: it makes nothing where all is well. */
function whyNotReady(options: ApiOptions): string | undefined {
  const { router, head } = options;
  if (router.failed !== undefined) return `a restart (${reasonOf(router.failed)})`;
  const problem = options.storageProblem?.();
  if (problem !== undefined) return `the database (${clause(problem)})`;
  if (!head.isHeard) return "the first answer of the chain";
  if (!options.canSign()) return "its signing service";
  const lag = head.lagBlocks;
  return !head.caughtUp || lag > MAX_EXCHANGE_LAG_BLOCKS ? `${lag} blocks of the chain` : undefined;
}

/**
 * Learns the facts of tokens that were listed; none is ever taken off the list. Where the chain
 * does not give them they are asked for again with the next block.
 */
function newTokens(options: ApiOptions, facts: Map<Address, TokenFacts>): () => void {
  const { sources, head, readFacts } = options;
  const { state } = sources;
  const askedAt = new Map<Address, BlockNumber>();
  let learned = 0;
  const learn = async (token: Address) => {
    askedAt.set(token, head.number);
    const fact = await readFacts(token).catch(() => undefined);
    if (fact !== undefined) facts.set(token, fact);
  };
  return () => {
    if (state.tokens.size === learned) return;
    const missing = tokens(state).filter(({ token }) => !facts.has(token));
    if (missing.length === 0) learned = state.tokens.size;
    for (const { token } of missing) if (askedAt.get(token) !== head.number) void learn(token);
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

/** Why the session is not one of the client's at this block of the chain, whoever signed it. */
function checkSession(client: Address, session: Session, block: BlockNumber): Refusal | undefined {
  if (session.client !== client) return unauthorized("The session is somebody else's.");
  if (session.validUntil < block) return unauthorized("The session is past.");
  if (session.validUntil <= block + MAX_SESSION_BLOCKS) return undefined;
  return unauthorized(`The session reaches more than ${MAX_SESSION_BLOCKS} blocks ahead.`);
}

function unauthorized(problem: string): Refusal {
  return refuse("Unauthorized", { problem });
}
