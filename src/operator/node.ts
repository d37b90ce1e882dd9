/**
 * The operator: recovers, then for ever takes final blocks and verified orders into the journal,
 * applies them, answers, and does what it owes the chain.
 */
import { QuarterdeckError } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import { within } from "../base/within.ts";
import { requireOwnBlockNumbers } from "../chain/blockNumbers.ts";
import { RpcUnavailable } from "../chain/errors.ts";
import { type ExchangeConstants, MediatorReader } from "../chain/mediator.ts";
import { ask, type ChainClient, connect, type RpcOptions, readChainId } from "../chain/rpc.ts";
import { Submitter } from "../chain/send.ts";
import { forecastWeiPerDay, GasLedger } from "../chain/sending/fees.ts";
import { SignerUnavailable } from "../chain/signer.ts";
import { readTokenFacts, type TokenFacts } from "../chain/tokens.ts";
import { TurnReader } from "../chain/turns.ts";
import type { Entry, Genesis } from "../exchange/entries.ts";
import type { Outcome } from "../exchange/outcome.ts";
import type { BlockNumber } from "../protocol/units.ts";
import { Alerts } from "./alerts/alerts.ts";
import type { Situation } from "./alerts/lastWords.ts";
import type { AnswerSources } from "./answers.ts";
import type { OperatorConfig } from "./config.ts";
import { DutyRunner } from "./dutyRunner.ts";
import { eventsOf, logOutcome } from "./events.ts";
import { createFace, type FaceControl } from "./exchangeFace.ts";
import type { OperatorFace } from "./face.ts";
import { type Watch, watch } from "./guardians/watch.ts";
import type { Log } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { CommitQuorum } from "./quorum/commitQuorum.ts";
import { Desk } from "./roles/desk.ts";
import { type LeadOptions, lead, type SeenHead, withRetries } from "./roles/lead.ts";
import { openStorage, type StorageParts } from "./roles/storage.ts";
import { watchHeads } from "./roles/watchHeads.ts";
import { FillSigner } from "./signers/fillSigner.ts";
import { Identity } from "./signers/identity.ts";
import { loadCurve } from "./signers/nativeCurve.ts";
import { openSigner } from "./signers/openSigner.ts";
import { TurnKeeper } from "./turns/turnKeeper.ts";

export interface RunningOperator {
  readonly face: OperatorFace;
  readonly address: Address;
  /** Where it stands, for whoever must hear why it ended. */
  situation(): Situation;
  /** Resolves when stopped; rejects with what made it impossible to go on. */
  readonly ended: Promise<void>;
  /** Finishes what is under way and releases the storage. */
  stop(): Promise<void>;
}

/** Milliseconds that an operator which ends may take for what is under way. */
const TIDY_MS = 10_000;
/** Rounds of duties whose gas says what the next will cost. */
const GAS_ROUNDS = 8;
/** Blocks that others took and this operator does not hear of: then its endpoints stand still. */
const TRAILING_BLOCKS = 8;
const LEADING_HELP = "1 while this operator takes orders";
const SPARED_HELP = "Slots for which a claim of ours would have changed nothing";

/**
 * Starts one operator. Throws a typed error that says what to mend when it cannot. `alerts` are
 * told what its guardians find; whoever gives them closes them.
 */
export async function startOperator(
  config: OperatorConfig,
  log: Log,
  alerts = new Alerts({ webhooks: [], mediator: config.mediator, log }),
  parts: StorageParts = {},
): Promise<RunningOperator> {
  const stopping = new AbortController();
  const metrics = new Metrics();
  metrics.add("claims_spared_total", SPARED_HELP, 0);
  const onFailure = (endpoint: string, problem: string) => {
    log.warn("endpointFailed", { endpoint, problem });
    metrics.countEndpointFailure(endpoint);
  };
  const { curve, fallbackBecause } = loadCurve();
  const opened = await withRetries(
    ...([config, log, "openSigner"] as const),
    () => openSigner(config.key, { curve, log, signal: stopping.signal }),
    (error) => error instanceof SignerUnavailable,
  );
  const { signer } = opened;
  log.info("signer", { kind: config.key.kind, address: signer.address });
  const chain = await withRetries(config, log, "readExchange", () =>
    readExchange(config, onFailure, (endpoint, problem) =>
      log.info("endpointPolled", { endpoint, problem }),
    ),
  );
  if (fallbackBecause !== undefined) {
    log.warn("slowCurve", { reason: fallbackBecause, mend: "install secp256k1 with its binding" });
  }
  const storage = await openStorage(config, chain.genesis, signer.address, log, parts);
  const { state, history, replayed, snapshot, sequence } = storage.recovered;
  const block = state.head?.number ?? "none";
  log.info("recovered", { snapshot, replayed, journal: sequence, block });

  const { domain } = chain.constants;
  const fills = new FillSigner(signer, domain, () => turns.isApproved !== false);
  const sources: AnswerSources = { state, history, curve, domain, fills };
  const gas = new GasLedger(GAS_ROUNDS * chain.constants.schedule.roundSize);
  const failure = Promise.withResolvers<never>();
  const desk = new Desk((url) => {
    control.publish(Promise.resolve([{ kind: "leader", url: url ?? null }])).catch(failure.reject);
  });
  const onApplied = (entry: Entry, outcome: Outcome) => {
    metrics.count(outcome.happenings);
    logOutcome(log, sources, entry, outcome);
    control.publish(eventsOf(sources, outcome)).catch(failure.reject);
  };
  const submitter = new Submitter({
    client: chain.client,
    signer,
    chainId: domain.chainId,
    maxFeePerGas: config.maxFeePerGas,
    pollMs: config.pollMs,
    signal: stopping.signal,
    onEvent: ({ kind, ...fields }, { what }) => {
      if (kind === "sent") log.info("transactionSent", { what, ...fields });
      else if (kind === "replaced") log.info("transactionReplaced", { what, ...fields });
      else log.warn(kind, { what, ...fields });
    },
  });
  const { manager } = chain.constants;
  const identity = new Identity(signer, { chainId: domain.chainId, manager }, config.publicUrl);
  const control: FaceControl = createFace({
    sources,
    desk,
    metrics,
    chain: chain.constants,
    operator: signer.address,
    identity: (challenge) => identity.answer(challenge),
    tokenFacts: chain.tokenFacts,
    readFacts: (token) => readTokenFacts(chain.client, token),
    health: () => [...opened.checks(), ...watching.checks()],
    canSign: opened.canSign,
    duties: () => watching.duties(),
  });
  const turns = new TurnKeeper({
    reader: chain.turns,
    ...{ address: signer.address, schedule: chain.constants.schedule, submitter, log },
    onClaimed: (mined) => {
      watching.mined("claim", mined);
      gas.add(mined.block, mined.gasUsed);
    },
    onSpared: () => metrics.add("claims_spared_total", SPARED_HELP, 1),
  });
  const quorum = new CommitQuorum({
    ...{ state, reader: chain.reader, manager, domain, signer, curve, board: storage.board, log },
    approved: () => (turns.turns?.operators ?? []).map(({ address }) => address),
    onLook: () => watching.sawAttestations(),
  });
  const runner = new DutyRunner({
    state,
    reader: chain.reader,
    submitter,
    log,
    maxTries: config.maxTries,
    signal: stopping.signal,
    mayAct: (at, deadlineBlock) => turns.mayAct(at, deadlineBlock),
    attestations: (duty) => quorum.gather(duty),
    onView: () => watching.sawChain(),
    onDone: (duty) => metrics.countDuty(duty.kind),
    onMined: (kind, mined) => {
      watching.mined(kind, mined);
      gas.add(mined.block, mined.gasUsed);
    },
  });
  const watching: Watch = watch({
    ...{ config, client: chain.client, reader: chain.reader, manager: chain.constants.manager },
    ...{ address: signer.address, state, desk, runner, quorum, lagBlocks: control.lagBlocks },
    ...{ log, metrics, alerts },
  });
  watching.start();
  const dutyLoop = new LatestOnly<BlockNumber>(async (head) => {
    await turns.look();
    await runner.run(head);
  });
  // By itself, so that whoever is busy sending attests all the same.
  const attestLoop = new LatestOnly<BlockNumber>((head) => quorum.look(head));
  const claimLoop = new LatestOnly<BlockNumber>(async () => {
    await turns.look();
    await turns.claimIfDue();
  });
  let head = state.head?.number ?? chain.constants.schedule.genesisBlock;
  let isBlind = false;
  const { confirmations } = state.genesis;
  const trails = () => (state.head?.number ?? 0) + confirmations > head + TRAILING_BLOCKS;
  const onChain = (seen: SeenHead | undefined) => {
    if (seen !== undefined) {
      isBlind = false;
      head = seen.number;
      watching.heard(seen);
      metrics.setEndpoints(chain.client.transport.health());
      gas.setHead({ block: seen.number, timestamp: seen.timestamp });
      const spent = gas.spent(chain.constants.schedule.roundSize);
      metrics.setGasForecast(spent && forecastWeiPerDay(spent, seen.baseFee));
      if (turns.hasTurns) claimLoop.offer(head);
    }
    metrics.set("leading", LEADING_HELP, desk.isOpen ? 1 : 0);
    control.setHead(head);
    // Roots are what they are once their round has opened: also where the journal trails a little.
    attestLoop.offer(head);
    if (control.lagBlocks() === 0) dutyLoop.offer(head);
  };
  const chainOptions = {
    ...{ config, log, client: chain.client, onChain },
    onFailedLook: () => {
      isBlind = true;
      watching.failedLook();
    },
  };
  const leadOptions: LeadOptions = {
    ...chainOptions,
    ...{ state, history, desk, onApplied },
    snapshots: { ...storage.snapshots, last: snapshot },
  };
  const role = storage.run(
    {
      lead: (journal, signal) => lead(journal, signal, leadOptions),
      onApplied: (entry, outcome) => {
        onApplied(entry, outcome);
        if (entry.kind === "blocks") onChain(undefined);
      },
      onHolder: (holder) => desk.close(holder?.url),
      successor: () => turns.successor,
      isBlind: () => isBlind || trails() || !opened.canSign(),
      isApproved: () => turns.isApproved === true,
      progress: () => ({ head, taken: state.head?.number }),
    },
    stopping.signal,
  );
  const standby = watchHeads(() => !desk.isOpen, stopping.signal, chainOptions);
  const main = Promise.race([
    ...[role, failure.promise, runner.failure],
    ...[dutyLoop.failure, claimLoop.failure, attestLoop.failure],
    // Ends well only when all do.
    standby.then(() => role),
  ]);
  const ended = main.finally(async () => {
    stopping.abort();
    watching.stop();
    const loops = [dutyLoop, claimLoop, attestLoop].map((loop) => loop.idle());
    const tidy = Promise.allSettled([role, standby, ...loops])
      .then(() => runner.idle())
      .then(() => storage.close());
    // What makes us end may also keep these from ending.
    await within(TIDY_MS, tidy);
  });
  // Whoever awaits `ended` hears of it; nobody else has to.
  ended.catch(() => {});
  return {
    face: control.face,
    address: signer.address,
    situation: () => watching.situation(),
    ended,
    stop: async () => {
      stopping.abort();
      await ended.catch(() => {});
    },
  };
}

/** An exchange as its contracts and the configuration make it. */
export interface ExchangeOnChain {
  readonly client: ChainClient;
  readonly reader: MediatorReader;
  /** Undefined: the manager has no slots. */
  readonly turns: TurnReader | undefined;
  readonly constants: ExchangeConstants;
  readonly genesis: Genesis;
  readonly tokenFacts: TokenFacts[];
}

/**
 * Throws `NoMediator`, `BadConfiguration`, `ChainMismatch`, `ForeignBlockNumbers`, `ContractRefused`
 * or `RpcUnavailable`.
 */
export async function readExchange(
  config: OperatorConfig,
  onFailure: NonNullable<RpcOptions["onFailure"]>,
  onPolled?: RpcOptions["onPolled"],
): Promise<ExchangeOnChain> {
  const chainId = await readChainId(config.rpc, { onFailure });
  const client = connect(config.rpc, { chainId, onFailure, ...(onPolled && { onPolled }) });
  const code = await ask("the Mediator's code", () => client.getCode({ address: config.mediator }));
  if (code === undefined || code === "0x") {
    throw new QuarterdeckError({
      code: "NoMediator",
      message: `There is no contract at ${config.mediator} on chain ${chainId}.`,
      mend: "Check `mediator` and `rpc` in the configuration.",
    });
  }
  const reader = new MediatorReader(client, config.mediator);
  const constants = await reader.constants();
  await requireOwnBlockNumbers(reader, constants.schedule);
  const facts = new Map<Address, TokenFacts>();
  for (const { base, quote } of config.markets) {
    for (const token of [base, quote]) {
      if (!facts.has(token)) facts.set(token, await readTokenFacts(client, token));
    }
  }
  requireWholeLots(config, facts);
  const genesis: Genesis = {
    chainId,
    mediator: config.mediator,
    schedule: constants.schedule,
    confirmations: config.confirmations,
    markets: config.markets,
    limits: { ordersPerClientAndRound: config.ordersPerClientAndRound },
  };
  const turns = new TurnReader(client, constants.manager);
  return {
    ...{ client, reader, constants, genesis, tokenFacts: [...facts.values()] },
    turns: (await turns.hasTurns()) ? turns : undefined,
  };
}

/** People write prices of a whole base: a lot must divide it. */
function requireWholeLots(config: OperatorConfig, facts: ReadonlyMap<Address, TokenFacts>): void {
  for (const [index, { base, lot }] of config.markets.entries()) {
    const decimals = facts.get(base)?.decimals ?? 0;
    if (10n ** BigInt(decimals) % lot === 0n) continue;
    throw new QuarterdeckError({
      code: "BadConfiguration",
      message: `markets.${index}.lot: ${lot} does not divide 10^${decimals}, a whole of ${base}.`,
      mend: "Choose a power of ten.",
    });
  }
}

/** Runs one task at a time, always on the newest value offered: what came between is skipped. */
class LatestOnly<T> {
  readonly #work: (value: T) => Promise<void>;
  readonly #failure = Promise.withResolvers<never>();
  #next: { readonly value: T } | undefined;
  #running: Promise<void> | undefined;

  constructor(work: (value: T) => Promise<void>) {
    this.#work = work;
    this.#failure.promise.catch(() => {});
  }

  /** Rejects with what the work threw that was no lack of an endpoint. */
  get failure(): Promise<never> {
    return this.#failure.promise;
  }

  offer(value: T): void {
    this.#next = { value };
    this.#running ??= this.#run();
  }

  async idle(): Promise<void> {
    this.#next = undefined;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#next !== undefined) {
      const { value } = this.#next;
      this.#next = undefined;
      try {
        await this.#work(value);
      } catch (error) {
        // The follower counts failed looks and gives up for all of us.
        if (!(error instanceof RpcUnavailable)) this.#failure.reject(error);
      }
    }
    // In the same turn in which nothing was left: what is offered in the next one begins anew.
    this.#running = undefined;
  }
}
