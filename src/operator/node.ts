/**
 * The operator: recovers, then for ever takes final blocks and verified orders into the journal,
 * applies them, answers, and does what it owes the chain.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { QuarterdeckError } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import { RpcUnavailable } from "../chain/errors.ts";
import { type BlockRef, type ChainEvent, follow, readBlockRef } from "../chain/follow.ts";
import { type ExchangeConstants, MediatorReader } from "../chain/mediator.ts";
import { ask, type ChainClient, connect, type RpcOptions, readChainId } from "../chain/rpc.ts";
import { Submitter } from "../chain/send.ts";
import { forecastWeiPerDay, GasLedger } from "../chain/sending/fees.ts";
import { SignerUnavailable } from "../chain/signer.ts";
import { readTokenFacts, type TokenFacts } from "../chain/tokens.ts";
import type { Genesis } from "../exchange/entries.ts";
import type { State } from "../exchange/state.ts";
import type { Journal } from "../journal/journal.ts";
import { openSqliteJournal } from "../journal/sqlite/journal.ts";
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
import { loadCurve } from "./nativeCurve.ts";
import { recover } from "./recover.ts";
import { Snapshotter } from "./recovery/snapshotter.ts";
import { Sequencer } from "./sequencer.ts";
import { FillSigner } from "./signers/fillSigner.ts";
import { openSigner } from "./signers/openSigner.ts";

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

/** What may be another than usual. */
export interface OperatorParts {
  /** Opens the journal of a storage folder for writing. */
  readonly openJournal?: (storage: string) => Promise<Journal>;
}

/**
 * Starts one operator. Throws a typed error that says what to mend when it cannot. `alerts` are
 * told what its guardians find; whoever gives them closes them.
 */
export async function startOperator(
  config: OperatorConfig,
  log: Log,
  alerts = new Alerts({ webhooks: [], mediator: config.mediator, log }),
  { openJournal = openSqliteJournal }: OperatorParts = {},
): Promise<RunningOperator> {
  const stopping = new AbortController();
  const metrics = new Metrics();
  const onFailure = (endpoint: string, problem: string) => {
    log.warn("endpointFailed", { endpoint, problem });
    metrics.countEndpointFailure(endpoint);
  };
  const { curve, fallbackBecause } = loadCurve();
  const opened = await withRetries(config, log, "openSigner", () =>
    openSigner(config.key, { curve, log, signal: stopping.signal }),
  );
  const { signer } = opened;
  log.info("signer", { kind: config.key.kind, address: signer.address });
  const chain = await withRetries(config, log, "readExchange", () =>
    readExchange(config, onFailure),
  );
  if (fallbackBecause !== undefined) {
    log.warn("slowCurve", { reason: fallbackBecause, mend: "install secp256k1 with its binding" });
  }
  const journal = await openJournal(config.storage);
  if (journal.restoredFrom !== undefined) {
    log.error("restoredFromBackup", {
      sequence: journal.restoredFrom.head.sequence,
      mend: "whatever was acknowledged after this backup is lost: tell the clients",
    });
  }
  const { state, history, replayed, snapshot } = await recover(journal, chain.genesis, log);
  log.info("recovered", {
    snapshot,
    replayed,
    journal: journal.head.sequence,
    block: state.head?.number ?? "none",
  });

  const { domain } = chain.constants;
  const fills = new FillSigner(signer, domain);
  const sources: AnswerSources = { state, history, curve, domain, fills };
  const gas = new GasLedger(GAS_ROUNDS * chain.constants.schedule.roundSize);
  const failure = Promise.withResolvers<never>();
  const snapshotter = new Snapshotter({ journal, storage: config.storage, last: snapshot, log });
  const sequencer = new Sequencer({
    journal,
    state,
    history,
    onApplied: (entry, outcome) => {
      metrics.count(outcome.happenings);
      logOutcome(log, sources, entry, outcome);
      control.publish(eventsOf(sources, outcome)).catch(failure.reject);
    },
    onCommitted: () => snapshotter.offer(),
    onFailure: failure.reject,
  });
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
  const control: FaceControl = createFace({
    sources,
    sequencer,
    metrics,
    chain: chain.constants,
    operator: signer.address,
    tokenFacts: chain.tokenFacts,
    readFacts: (token) => readTokenFacts(chain.client, token),
    health: () => [...opened.checks(), ...watching.checks()],
    canSign: opened.canSign,
    duties: () => watching.duties(),
  });
  const runner = new DutyRunner({
    state,
    reader: chain.reader,
    submitter,
    log,
    maxTries: config.maxTries,
    onView: () => watching.sawChain(),
    onDone: (duty) => metrics.countDuty(duty.kind),
    onMined: (kind, mined) => {
      watching.mined(kind, mined);
      gas.add(mined.block, mined.gasUsed);
    },
  });
  const watching: Watch = watch({
    ...{ config, client: chain.client, reader: chain.reader, manager: chain.constants.manager },
    ...{ address: signer.address, state, sequencer, runner, lagBlocks: control.lagBlocks },
    ...{ log, metrics, alerts },
  });
  watching.start();
  const dutyLoop = new LatestOnly<BlockNumber>((head) => runner.run(head));
  const onHead: OnHead = (head) => {
    const { number, timestamp, baseFee } = head;
    watching.heard(head);
    metrics.setEndpoints(chain.client.transport.health());
    gas.setHead({ block: number, timestamp });
    const spent = gas.spent(chain.constants.schedule.roundSize);
    if (spent !== undefined) metrics.setGasForecast(forecastWeiPerDay(spent, baseFee));
  };
  const main = Promise.race([
    followChain(
      ...([config, log, chain, state, sequencer, control, dutyLoop] as const),
      ...([watching, onHead, stopping.signal] as const),
    ),
    failure.promise,
    dutyLoop.failure,
  ]);
  const ended = main.finally(async () => {
    stopping.abort();
    watching.stop();
    const tidy = dutyLoop
      .idle()
      .then(() => sequencer.drain())
      .then(() => Promise.all([snapshotter.stop(), journal.close()]));
    // What makes us end may also keep these from ending.
    await Promise.race([tidy, sleep(TIDY_MS, undefined, { ref: false })]);
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

interface ExchangeOnChain {
  readonly client: ChainClient;
  readonly reader: MediatorReader;
  readonly constants: ExchangeConstants;
  readonly genesis: Genesis;
  readonly tokenFacts: TokenFacts[];
}

async function readExchange(
  config: OperatorConfig,
  onFailure: NonNullable<RpcOptions["onFailure"]>,
): Promise<ExchangeOnChain> {
  const chainId = await readChainId(config.rpc, { onFailure });
  const client = connect(config.rpc, { chainId, onFailure });
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
  return { client, reader, constants, genesis, tokenFacts: [...facts.values()] };
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

type OnHead = (head: Extract<ChainEvent, { kind: "head" }>) => void;

async function followChain(
  config: OperatorConfig,
  log: Log,
  chain: ExchangeOnChain,
  state: State,
  sequencer: Sequencer,
  control: FaceControl,
  dutyLoop: LatestOnly<BlockNumber>,
  watching: Watch,
  onHead: OnHead,
  signal: AbortSignal,
): Promise<void> {
  const after = await withRetries(config, log, "readStart", () => startOf(chain, state));
  let head = after.number;
  const events = follow({
    client: chain.client,
    mediator: config.mediator,
    confirmations: config.confirmations,
    after,
    pollMs: config.pollMs,
    maxTries: config.maxTries,
    signal,
    onRetry: (problem, tries) => {
      watching.failedLook();
      log.warn("chainUnreachable", { problem, tries });
    },
  });
  for await (const event of events) {
    if (event.kind === "final") {
      await sequencer.submit({ kind: "blocks", to: event.to, logs: event.logs });
    } else {
      head = event.number;
      onHead(event);
    }
    control.setHead(head);
    const caughtUp = control.lagBlocks() === 0;
    if (caughtUp) dutyLoop.offer(head);
  }
}

/** The last block that the journal holds; before the first, the one before the Mediator's own. */
async function startOf({ client, genesis }: ExchangeOnChain, state: State): Promise<BlockRef> {
  if (state.head !== undefined) return state.head;
  const before = Math.max(0, genesis.schedule.genesisBlock - 1);
  return ask("the block before the Mediator's", () => readBlockRef(client, before));
}

/** Repeats a step while no endpoint or signer answers, with growing pauses, `maxTries` times. */
async function withRetries<T>(
  config: OperatorConfig,
  log: Log,
  step: string,
  work: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const mayPass = error instanceof RpcUnavailable || error instanceof SignerUnavailable;
      if (!mayPass || tries >= config.maxTries) throw error;
      log.warn("retrying", { step, tries, problem: error });
      await sleep(Math.min(15_000, config.pollMs * 2 ** (tries - 1)));
    }
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
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
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
  }
}
