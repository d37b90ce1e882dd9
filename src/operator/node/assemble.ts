/** The parts of one operator, each made of those before it. */
import { availableParallelism } from "node:os";
import type { Curve } from "../../base/curve.ts";
import type { Log } from "../../base/log.ts";
import { Signal } from "../../base/signal.ts";
import { readTokenFacts } from "../../chain/contracts/tokens.ts";
import { readDepositsBetween } from "../../chain/follow/pastEvents.ts";
import { GasLedger } from "../../chain/submit/fees.ts";
import {
  type Call,
  type Mined,
  Submitter,
  type SubmitterEvent,
} from "../../chain/submit/submitter.ts";
import type { State } from "../../exchange/model/state.ts";
import type { OpenedSigner } from "../../keys/openSigner.ts";
import type { Alerts } from "../alerts/alerts.ts";
import { type ApiController, createApi } from "../api/createApi.ts";
import { FillSigner } from "../api/fillSigner.ts";
import { Identity } from "../api/identity.ts";
import type { QuerySources } from "../api/queries.ts";
import type { OperatorConfig } from "../config/config.ts";
import type { ExchangeOnChain } from "../config/readExchange.ts";
import { CommitQuorum } from "../duties/commitQuorum.ts";
import { DutyRunner } from "../duties/dutyRunner.ts";
import { SlotKeeper } from "../duties/slotKeeper.ts";
import { SourceRotation } from "../duties/sourceRotation.ts";
import { PublicBalances } from "../publishing/publicBalances.ts";
import { ChainHead } from "../sequencing/chainHead.ts";
import type { Storage } from "../sequencing/openStorage.ts";
import { WriteRouter } from "../sequencing/writeRouter.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { RecoverPool } from "../workers/recoverPool.ts";
import { SignatureVerifier } from "../workers/signatureVerifier.ts";
import { type Monitoring, monitor } from "./monitoring.ts";

/** Rounds of duties whose gas says what the next will cost. */
const GAS_ROUNDS = 8;

/** The parts that are opened before anything is assembled. */
export interface Opened {
  readonly config: OperatorConfig;
  readonly log: Log;
  readonly alerts: Alerts;
  readonly metrics: Metrics;
  readonly curve: Curve;
  readonly opened: OpenedSigner;
  readonly chain: ExchangeOnChain;
  readonly storage: Storage;
  /** Ends waiting at once when it is aborted. */
  readonly signal: AbortSignal;
  /** Emits the error that makes it impossible to go on. */
  readonly onFailure: (error: unknown) => void;
}

/** The signals by which a part notifies parts that are made after it. */
interface Signals {
  /** A transaction of ours was mined; `kind`: a duty's, or "claim". */
  readonly mined: Signal<{ readonly kind: string; readonly mined: Mined }>;
  /** The runner has read what the chain shows. */
  readonly chainRead: Signal;
  /** The attestations of a commit were read. */
  readonly attestationsRead: Signal;
  /** Another operator takes orders from now on: where it serves. */
  readonly leader: Signal<string | undefined>;
}

export interface Parts extends Opened {
  readonly state: State;
  readonly head: ChainHead;
  readonly gas: GasLedger;
  readonly slotKeeper: SlotKeeper;
  readonly sources: QuerySources;
  readonly router: WriteRouter;
  readonly recoverPool: RecoverPool;
  readonly verifier: SignatureVerifier;
  readonly quorum: CommitQuorum;
  readonly runner: DutyRunner;
  readonly monitoring: Monitoring;
  readonly control: ApiController;
}

export function assemble(opened: Opened): Parts {
  const { chain, storage, metrics, log, alerts, config, curve } = opened;
  const { signer } = opened.opened;
  const { state, history } = storage.recovered;
  const { domain, manager, schedule } = chain.constants;
  const signals: Signals = {
    mined: new Signal(),
    chainRead: new Signal(),
    attestationsRead: new Signal(),
    leader: new Signal(),
  };
  const head = new ChainHead(state);
  const gas = new GasLedger(GAS_ROUNDS * schedule.roundSize);
  signals.mined.on(({ mined }) => gas.add(mined.block, mined.gasUsed));
  const submitter = makeSubmitter(opened);
  const slotKeeper = makeSlotKeeper(opened, submitter, signals);
  const router = new WriteRouter(signals.leader.raise);
  const quorum = makeQuorum(opened, slotKeeper, signals);
  const runner = makeRunner(opened, { head, submitter, slotKeeper, quorum }, signals);
  const monitoring = monitor({
    config,
    client: chain.client,
    reader: chain.reader,
    manager,
    address: signer.address,
    state,
    router,
    runner,
    quorum,
    head,
    log,
    metrics,
    alerts,
    ...(storage.problem !== undefined && { storageProblem: storage.problem }),
  });
  signals.mined.on(({ kind, mined }) => monitoring.mined(kind, mined));
  signals.chainRead.on(() => monitoring.sawChain());
  signals.attestationsRead.on(() => monitoring.sawAttestations());
  const fills = new FillSigner(signer, domain, () => slotKeeper.isApproved !== false);
  const sources: QuerySources = { state, history, curve, domain, fills };
  const recoverPool = makeRecoverPool(opened);
  const verifier = new SignatureVerifier(recoverPool, domain);
  const control = makeApi(opened, { head, sources, router, verifier, monitoring });
  signals.leader.on((url) => {
    control.publish([{ kind: "leader", url: url ?? null }])?.catch(opened.onFailure);
  });
  return {
    ...opened,
    state,
    head,
    gas,
    slotKeeper,
    sources,
    router,
    recoverPool,
    verifier,
    quorum,
    runner,
    monitoring,
    control,
  };
}

function makeSubmitter({ chain, opened, config, log, signal }: Opened): Submitter {
  return new Submitter({
    client: chain.client,
    signer: opened.signer,
    chainId: chain.constants.domain.chainId,
    maxFeePerGas: config.maxFeePerGas,
    pollMs: config.pollMs,
    signal,
    onEvent: (event, call) => logSubmitter(log, event, call),
  });
}

function logSubmitter(log: Log, { kind, ...fields }: SubmitterEvent, { what }: Call): void {
  if (kind === "sent") log.info("transactionSent", { what, ...fields });
  else if (kind === "replaced") log.info("transactionReplaced", { what, ...fields });
  else log.warn(kind, { what, ...fields });
}

function makeSlotKeeper(
  { storage, chain, opened, log, metrics }: Opened,
  submitter: Submitter,
  { mined }: Signals,
): SlotKeeper {
  metrics.add("claims_skipped_total", 0);
  const { manager } = chain.constants;
  const { address } = opened.signer;
  return new SlotKeeper({
    reader: chain.slotReader,
    address,
    schedule: chain.constants.schedule,
    readRegistered: () => {
      const { head } = storage.recovered.state;
      const reader = head === undefined ? chain.reader : chain.reader.at(head.number);
      return reader.registrations(manager, address);
    },
    submitter,
    log,
    onClaimed: (one) => mined.raise({ kind: "claim", mined: one }),
    onSkipped: () => metrics.add("claims_skipped_total", 1),
  });
}

function makeQuorum(
  { chain, opened, curve, storage, log }: Opened,
  slotKeeper: SlotKeeper,
  { attestationsRead }: Signals,
): CommitQuorum {
  return new CommitQuorum({
    state: storage.recovered.state,
    reader: chain.reader,
    manager: chain.constants.manager,
    domain: chain.constants.domain,
    signer: opened.signer,
    curve,
    board: storage.board,
    log,
    approved: () => (slotKeeper.slots?.operators ?? []).map(({ address }) => address),
    onPoll: () => attestationsRead.raise(),
  });
}

function makeRunner(
  { storage, chain, log, config, metrics, signal }: Opened,
  {
    head,
    submitter,
    slotKeeper,
    quorum,
  }: Pick<Parts, "head" | "slotKeeper" | "quorum"> & {
    readonly submitter: Submitter;
  },
  { chainRead, mined }: Signals,
): DutyRunner {
  return new DutyRunner({
    state: storage.recovered.state,
    head,
    reader: chain.reader,
    submitter,
    log,
    rotation: new SourceRotation({
      endpoints: chain.client.transport,
      schedule: chain.constants.schedule,
      log,
    }),
    maxTries: config.maxTries,
    signal,
    mayAct: (at, deadlineBlock) => slotKeeper.mayAct(at, deadlineBlock),
    attestations: (duty) => quorum.gather(duty),
    onView: () => chainRead.raise(),
    onDone: (duty) => metrics.countDuty(duty.kind),
    onMined: (kind, one) => mined.raise({ kind, mined: one }),
  });
}

/** Threads that recover signers where the configuration does not say how many. */
const MOST_THREADS = 4;

function makeRecoverPool({ config, curve, log }: Opened): RecoverPool {
  return new RecoverPool({
    threads: config.verifyThreads ?? Math.min(MOST_THREADS, availableParallelism() - 1),
    curve,
    onLost: (reason, left) => {
      const hint = "Nothing is lost but speed; restart the operator when it suits you.";
      log.warn("recoverThreadLost", { reason, left, hint });
    },
  });
}

interface ApiParts extends Pick<Parts, "head" | "sources" | "router" | "monitoring"> {
  readonly verifier: SignatureVerifier;
}

function makeApi(
  { chain, opened, config, metrics, storage }: Opened,
  { head, sources, router, verifier, monitoring }: ApiParts,
): ApiController {
  const { manager, domain } = chain.constants;
  const inDomain = { chainId: domain.chainId, manager };
  const identity = new Identity(opened.signer, inDomain, config.publicUrl);
  const publicBalances = new PublicBalances({
    state: sources.state,
    signer: opened.signer,
    domain,
    isOn: config.publicBalances,
  });
  return createApi({
    sources,
    head,
    router,
    verifier,
    metrics,
    chain: chain.constants,
    operator: opened.signer.address,
    identity: (challenge) => identity.answer(challenge),
    publicBalances: (round) => publicBalances.answer(round),
    tokenFacts: chain.tokenFacts,
    readFacts: (token) => readTokenFacts(chain.client, token),
    readDeposits: (client, from, to) => readDepositsBetween(chain.reader, client, from, to),
    health: () => [...opened.checks(), ...monitoring.checks()],
    canSign: opened.canSign,
    ...(storage.problem !== undefined && { storageProblem: storage.problem }),
    duties: () => monitoring.duties(),
  });
}
