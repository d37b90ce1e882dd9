/**
 * The operator: recovers, then for ever takes final blocks and verified orders into the journal,
 * applies them, answers, and does what it owes the chain.
 */
import { setImmediate } from "node:timers/promises";
import type { Address } from "../../base/hex.ts";
import type { Log } from "../../base/log.ts";
import { within } from "../../base/within.ts";
import { SignerUnavailable } from "../../chain/signer.ts";
import type { Entry } from "../../exchange/model/entries.ts";
import type { OrderExpired, Outcome } from "../../exchange/model/outcome.ts";
import { roots } from "../../exchange/queries/views.ts";
import { loadCurve } from "../../keys/nativeCurve.ts";
import { openSigner } from "../../keys/openSigner.ts";
import { Alerts } from "../alerts/alerts.ts";
import type { Situation } from "../alerts/shutdownAlert.ts";
import { eventsOf, isTold, logOutcome } from "../api/events.ts";
import type { OperatorApi } from "../api/operatorApi.ts";
import type { OperatorConfig } from "../config/config.ts";
import { readExchange } from "../config/readExchange.ts";
import { lead, withRetries } from "../sequencing/lead.ts";
import { openStorage, type StorageParts } from "../sequencing/openStorage.ts";
import { TreeHasher } from "../sequencing/treeHasher.ts";
import { watchHeads } from "../sequencing/watchHeads.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { assemble, type Opened, type Parts } from "./assemble.ts";
import { HeadLoop } from "./headLoop.ts";

export interface RunningOperator {
  readonly api: OperatorApi;
  readonly address: Address;
  /** Where it stands, for alerts and messages that say why it ended. */
  situation(): Situation;
  /** Resolves when stopped; rejects with what made it impossible to go on. */
  readonly ended: Promise<void>;
  /** Finishes what is under way and releases the storage. */
  stop(): Promise<void>;
}

/** Milliseconds that an operator which ends may take for what is under way. */
const TIDY_MS = 10_000;

/**
 * Starts one operator. Throws a typed error that says what to correct when it cannot. `alerts` get
 * the findings of its health checks; the caller closes those that it gives.
 */
export async function startOperator(
  config: OperatorConfig,
  log: Log,
  alerts = new Alerts({ webhooks: [], mediator: config.mediator, log }),
  storageParts: StorageParts = {},
): Promise<RunningOperator> {
  const stopping = new AbortController();
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  const { signal } = stopping;
  const opened = await open({
    config,
    log,
    alerts,
    storageParts,
    signal,
    onFailure: failure.reject,
  });
  const parts = assemble(opened);
  parts.monitoring.start();
  const running = run(parts, failure.promise);
  const ended = running.main.finally(async () => {
    stopping.abort();
    parts.monitoring.stop();
    // A failure that makes the operator end may also keep these from ending.
    await within(
      TIDY_MS,
      running
        .idle()
        .then(() => parts.runner.idle())
        .then(() => parts.storage.close())
        .then(() => parts.recoverPool.close()),
    );
  });
  // A caller that awaits `ended` hears of it; nobody else has to.
  ended.catch(() => {});
  return {
    api: parts.control.api,
    address: opened.opened.signer.address,
    situation: () => parts.monitoring.situation(),
    ended,
    stop: async () => {
      stopping.abort();
      await ended.catch(() => {});
    },
  };
}

interface OpenOptions extends Pick<Opened, "config" | "log" | "alerts" | "signal" | "onFailure"> {
  readonly storageParts: StorageParts;
}

/** Opens key, contracts and storage, and recovers. */
async function open({ storageParts, ...options }: OpenOptions): Promise<Opened> {
  const { config, log, signal } = options;
  const metrics = new Metrics();
  const onEndpointFailure = (endpoint: string, problem: string) => {
    log.warn("endpointFailed", { endpoint, problem });
    metrics.countEndpointFailure(endpoint);
  };
  const { curve, fallbackBecause } = loadCurve();
  const opened = await withRetries(
    config,
    log,
    "openSigner",
    () => openSigner(config.key, { curve, log, signal }),
    (error) => error instanceof SignerUnavailable,
  );
  const { address } = opened.signer;
  log.info("signer", { kind: config.key.kind, address });
  const chain = await withRetries(config, log, "readExchange", () =>
    readExchange(config, onEndpointFailure, (endpoint, problem) =>
      log.info("endpointPolled", { endpoint, problem }),
    ),
  );
  if (fallbackBecause !== undefined) {
    log.warn("slowCurve", { reason: fallbackBecause, hint: "install secp256k1 with its binding" });
  }
  const storage = await openStorage(config, chain.genesis, address, log, storageParts);
  const { state, replayed, snapshot, sequence } = storage.recovered;
  const block = state.head?.number ?? "none";
  log.info("recovered", { snapshot, replayed, journal: sequence, block });
  return { ...options, metrics, curve, opened, chain, storage };
}

interface Running {
  /** Resolves when stopped; rejects with the first failure. */
  readonly main: Promise<void>;
  /** Resolves when nothing is under way any more. */
  idle(): Promise<void>;
}

/** Leads or follows, and lets each new head cause what it causes. */
function run(parts: Parts, failure: Promise<never>): Running {
  const { config, log, chain, state, router, slotKeeper, head, storage, signal } = parts;
  const loop = new HeadLoop(parts);
  const hasher = new TreeHasher({
    state,
    onHashed: (round, waited) => {
      log.info("treesHashed", { round, roots: roots(state, round) });
      if (waited) loop.onChain(undefined);
    },
    onFailure: parts.onFailure,
  });
  signal.addEventListener("abort", () => hasher.stop(), { once: true });
  hasher.offer();
  const onApplied = (entry: Entry, outcome: Outcome) => {
    if (entry.kind === "blocks") parts.runner.giveUpCancellations();
    tellOutcome(parts, entry, outcome);
    hasher.offer();
  };
  const chainOptions = {
    config,
    log,
    client: chain.client,
    onChain: loop.onChain,
    onFailedPoll: loop.onFailedPoll,
  };
  const leadOptions = {
    ...chainOptions,
    state,
    history: storage.recovered.history,
    router,
    onApplied,
    othersComing: (settled: () => void) => parts.verifier.onIdle(settled),
    snapshots: { ...storage.snapshots, last: storage.recovered.snapshot },
  };
  const role = storage.run(
    {
      lead: (journal, until) => lead(journal, until, leadOptions),
      onApplied: (entry, outcome) => {
        onApplied(entry, outcome);
        if (entry.kind === "blocks") loop.onChain(undefined);
      },
      onHolder: (holder) => router.close(holder?.url),
      successor: () => slotKeeper.successor,
      cannotLead: () => loop.cannotLead,
      isApproved: () => slotKeeper.isApproved === true,
      progress: () => ({ head: head.number, taken: state.head?.number }),
    },
    signal,
  );
  const standby = watchHeads(() => !router.isOpen, signal, chainOptions);
  // Ends well only when both do.
  const both = standby.then(() => role);
  return {
    main: Promise.race([role, failure, parts.runner.failure, ...loop.failures, both]),
    idle: async () => {
      await Promise.allSettled([role, standby, loop.idle()]);
    },
  };
}

function tellOutcome(parts: Parts, entry: Entry, outcome: Outcome): void {
  const { metrics, log, sources, control, onFailure } = parts;
  metrics.count(outcome.events);
  logOutcome(log, sources, entry, outcome);
  control.applied(outcome);
  if (isTold(outcome, control.isHeard)) {
    control.publish(eventsOf(sources, outcome, control.isHeard))?.catch(onFailure);
  }
  if (outcome.expired !== undefined) tellExpired(parts, outcome.expired).catch(onFailure);
}

/** Orders that are looked at before the event loop turns, and events that are made in between. */
const EXPIRED_AT_ONCE = 1024;
const HEARD_AT_ONCE = 64;

/** In parts, between which the event loop turns: they can be as many as there are clients. */
async function tellExpired(
  { metrics, sources, control, signal }: Parts,
  expired: Iterable<OrderExpired>,
): Promise<void> {
  let seen: OrderExpired[] = [];
  let heard: OrderExpired[] = [];
  const tell = async () => {
    metrics.count(seen);
    if (heard.length > 0) await control.publish(eventsOf(sources, { events: heard }));
    seen = [];
    heard = [];
    await setImmediate();
  };
  for (const event of expired) {
    if (signal.aborted) return;
    seen.push(event);
    if (control.isHeard(event.owner)) heard.push(event);
    if (seen.length === EXPIRED_AT_ONCE || heard.length === HEARD_AT_ONCE) await tell();
  }
  await tell();
}
