/**
 * The face over a running exchange: checks signatures, hands writes to the desk, publishes.
 */
import type { Address } from "../base/hex.ts";
import type { ExchangeConstants } from "../chain/mediator.ts";
import { SignerUnavailable } from "../chain/signer.ts";
import type { TokenFacts } from "../chain/tokens.ts";
import { clock, order, tokens, tradingKeyOf } from "../exchange/views.ts";
import { ORDER_PATH_LENGTH } from "../protocol/limits.ts";
import { hashCancelOrder, hashOrder, hashSession } from "../protocol/messages.ts";
import { type Refusal, refuse } from "../protocol/refusals.ts";
import { recoverSigner } from "../protocol/signatures.ts";
import type { BlockNumber, Round, Signature } from "../protocol/units.ts";
import {
  type AnswerSources,
  balancesFace,
  bookFace,
  clientTradesFace,
  clockFace,
  orderFace,
  ordersFace,
  proofsFace,
  tradeFace,
  withdrawalsFace,
} from "./answers.ts";
import type {
  Answered,
  DutyHealth,
  FaceEvent,
  HealthCheck,
  OperatorFace,
  OrderFace,
} from "./face.ts";
import type { Metrics } from "./metrics.ts";
import type { Desk } from "./roles/desk.ts";
import { NotApproved } from "./signers/fillSigner.ts";

export interface FaceOptions {
  readonly sources: AnswerSources;
  readonly desk: Desk;
  readonly metrics: Metrics;
  readonly chain: ExchangeConstants;
  readonly operator: Address;
  readonly identity: OperatorFace["identity"];
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

export interface FaceControl {
  readonly face: OperatorFace;
  /** Tells them in the order of the calls, each batch once it is complete. */
  publish(events: Promise<readonly FaceEvent[]>): Promise<void>;
  /** Notes the newest block of the chain and tells it on. */
  setHead(head: BlockNumber): void;
  /** Blocks by which the exchange trails the chain, beyond the confirmations. */
  lagBlocks(): number;
}

/** A session may reach at most this many blocks ahead; as wire/session.ts says to clients. */
const SESSION_BLOCKS = 7200;
const APPROVAL = "its place on the manager's list";
/** Lag in blocks at which orders are refused: rounds could end unseen. */
const MAX_LAG_BLOCKS = 3;

export function createFace(options: FaceOptions): FaceControl {
  const { sources, desk, metrics, health } = options;
  const { state, history } = sources;
  const listeners = new Set<(event: FaceEvent) => void>();
  const facts = new Map(options.tokenFacts.map((fact) => [fact.token, fact]));
  let head: BlockNumber = state.head?.number ?? state.genesis.schedule.genesisBlock;
  let heard = false;
  /** Whether all that was final has been taken in once. */
  let caughtUp = false;

  const tell = (events: readonly FaceEvent[]) => {
    for (const event of events) for (const listener of listeners) listener(event);
    for (const { token } of tokens(state)) void learn(token);
  };
  // Signing may take differently long: what happened first is told first.
  let told: Promise<void> = Promise.resolve();
  const publish = (events: Promise<readonly FaceEvent[]>) => {
    told = Promise.all([events, told]).then(([complete]) => tell(complete));
    return told;
  };
  const learn = async (token: Address) => {
    if (facts.has(token)) return;
    const fact = await options.readFacts(token).catch(() => undefined);
    if (fact !== undefined) facts.set(token, fact);
  };
  const lagBlocks = () => {
    const processed = state.head?.number ?? state.genesis.schedule.genesisBlock - 1;
    return Math.max(0, head - state.genesis.confirmations - processed);
  };
  const notReady = () => {
    if (desk.failed !== undefined) return `a restart (${desk.failed.message})`;
    const problem = options.storageProblem?.();
    if (problem !== undefined) return `the database (${problem})`;
    if (!heard) return "the first answer of the chain";
    if (!options.canSign()) return "its signing service";
    const lag = lagBlocks();
    return !caughtUp || lag > MAX_LAG_BLOCKS ? `${lag} blocks of the chain` : undefined;
  };
  const face: OperatorFace = {
    exchange: () => describeExchange(options, facts),
    identity: options.identity,
    clock: () => clockFace(state, head),
    book: (base, quote, depth) => bookFace(sources, base, quote, depth),
    trades: (base, quote, limit) => {
      if (bookFace(sources, base, quote, 1) === undefined) return undefined;
      return history.ofMarket(base, quote, limit).map(tradeFace);
    },
    placeOrder: async (signed) => {
      // Before anything else: what this operator knows may trail, such as a new trading key.
      if (!desk.isOpen) return refusing(refuse("NotLeader", { leader: desk.leader }));
      const waitingFor = notReady();
      if (waitingFor !== undefined) return refusing(refuse("NotReady", { waitingFor }));
      const { owner, round } = signed.order;
      if (signed.signature.path.length > ORDER_PATH_LENGTH) return refusing(pathTooLong());
      const denied = checkSigner(sources, hashOrder(signed.order), signed.signature, owner, round);
      if (denied !== undefined) return refusing(denied);
      const outcome = await desk.submit({ kind: "placeOrder", ...signed });
      return answerOf(sources, signed.order, outcome.refusal);
    },
    cancelOrder: async (cancel, signature) => {
      if (!desk.isOpen) return refusing(refuse("NotLeader", { leader: desk.leader }));
      const waitingFor = notReady();
      if (waitingFor !== undefined) return refusing(refuse("NotReady", { waitingFor }));
      const { owner, round } = cancel;
      const denied = checkSigner(sources, hashCancelOrder(cancel), signature, owner, round);
      if (denied !== undefined) return refusing(denied);
      const outcome = await desk.submit({ kind: "cancelOrder", ...cancel, signature });
      return answerOf(sources, cancel, outcome.refusal);
    },
    authorize: (client, session, signature) => {
      if (session.client !== client) return unauthorized("The session is somebody else's.");
      if (session.validUntil < head) return unauthorized("The session is past.");
      if (session.validUntil > head + SESSION_BLOCKS) {
        return unauthorized(`The session reaches more than ${SESSION_BLOCKS} blocks ahead.`);
      }
      const round = clock(state).moment.round;
      const denied = checkSigner(sources, hashSession(session), signature, client, round);
      return denied === undefined ? undefined : unauthorized("The session is not the client's.");
    },
    balances: (client) => balancesFace(sources, client),
    orders: (client, round) => signed(ordersFace(sources, client, round)),
    clientTrades: (client, limit) => clientTradesFace(history, client, limit),
    proofs: (client, round) => proofsFace(state, client, round),
    withdrawals: (client) => withdrawalsFace(sources, client),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    notReady,
    health,
    duties: options.duties,
    metrics: () => metrics.text(),
  };
  return {
    face,
    publish,
    lagBlocks,
    setHead: (number) => {
      head = number;
      heard = true;
      caughtUp ||= lagBlocks() === 0;
      const now = face.clock();
      metrics.setClock(now);
      tell([{ kind: "clock", clock: now }]);
    },
  };
}

function describeExchange(options: FaceOptions, facts: ReadonlyMap<Address, TokenFacts>) {
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
  { curve, domain, state }: AnswerSources,
  structHash: Uint8Array,
  signature: Signature,
  owner: Address,
  round: Round,
): Refusal | undefined {
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
    mend: `Sign at most ${2 ** ORDER_PATH_LENGTH} orders in one batch.`,
  });
}

function answerOf(
  sources: AnswerSources,
  ref: { owner: Address; round: Round; id: bigint },
  refusal: Refusal | undefined,
): Promise<Answered<OrderFace>> {
  if (refusal !== undefined) return Promise.resolve(refusing(refusal));
  const view = order(sources.state, ref);
  if (view !== undefined) return signed(orderFace(sources, view));
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
