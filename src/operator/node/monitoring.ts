/** The health checks of one running operator, wired to what they check. */
import { resolve } from "node:path";
import type { Address } from "../../base/hex.ts";
import type { Log } from "../../base/log.ts";
import type { MediatorReader } from "../../chain/contracts/mediator.ts";
import { askEach, type ChainClient, connect } from "../../chain/rpc/rpc.ts";
import type { Mined } from "../../chain/submit/submitter.ts";
import type { State } from "../../exchange/model/state.ts";
import { clock } from "../../exchange/queries/views.ts";
import { quarterSize } from "../../protocol/rounds.ts";
import { MAX_EXCHANGE_LAG_BLOCKS } from "../../protocol/tolerances.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import type { Duties, DutyHealth, HealthCheck } from "../../wire/schemas/health.ts";
import type { Alerts } from "../alerts/alerts.ts";
import type { Situation } from "../alerts/shutdownAlert.ts";
import { chainCheck, type Endpoint, type SeenBlock } from "../checks/chain.ts";
import { databaseCheck } from "../checks/database.ts";
import { diskCheck } from "../checks/disk.ts";
import { dutiesCheck } from "../checks/duties.ts";
import { eventLoopCheck } from "../checks/eventLoop.ts";
import { haltCheck } from "../checks/halt.ts";
import { journalCheck } from "../checks/journal.ts";
import { keyBalanceCheck } from "../checks/keyBalance.ts";
import { memoryCheck } from "../checks/memory.ts";
import { quorumCheck } from "../checks/quorum.ts";
import { registrationCheck } from "../checks/registration.ts";
import type { OperatorConfig } from "../config/config.ts";
import type { CommitQuorum } from "../duties/commitQuorum.ts";
import type { DutyRunner } from "../duties/dutyRunner.ts";
import { nearest, type ScheduledDuty, scheduleDuties } from "../duties/schedule.ts";
import { Checks } from "../health/checks.ts";
import { Spending } from "../health/forecast.ts";
import type { ChainHead } from "../sequencing/chainHead.ts";
import type { WriteRouter } from "../sequencing/writeRouter.ts";
import { withMoment } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export interface MonitoringOptions {
  readonly config: OperatorConfig;
  readonly client: ChainClient;
  readonly reader: MediatorReader;
  readonly manager: Address;
  readonly address: Address;
  readonly state: State;
  readonly router: WriteRouter;
  readonly runner: DutyRunner;
  readonly quorum: CommitQuorum;
  readonly head: ChainHead;
  /** Why the shared journal cannot be written now, if so; not there where it is not shared. */
  readonly storageProblem?: () => string | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly alerts: Alerts;
}

export interface Monitoring {
  /** To be called with each new head, each mined transaction of ours, and each failed poll. */
  heard(block: SeenBlock): void;
  mined(kind: string, mined: Mined): void;
  failedPoll(): void;
  /** To be called when the runner has read the chain: deadlines are checked at once. */
  sawChain(): void;
  /** To be called when the attestations of a commit were read. */
  sawAttestations(): void;
  checks(): HealthCheck[];
  duties(): Duties;
  situation(): Situation;
  start(): void;
  stop(): void;
}

/** Milliseconds that one endpoint may take to name its newest block. */
const HEAD_TIMEOUT_MS = 5000;

export function monitor(options: MonitoringOptions): Monitoring {
  const { config, state, runner, metrics, log, alerts, head } = options;
  const lagBlocks = () => head.lagBlocks;
  const spending = new Spending(performance.now());
  const chain = watchChain(options);
  let failingSince: BlockNumber | undefined;
  const open = (): ScheduledDuty[] | undefined => {
    const { view } = runner;
    if (view === undefined || head.lagBlocks > MAX_EXCHANGE_LAG_BLOCKS) return undefined;
    return scheduleDuties(state, view, head.number);
  };
  const { schedule } = state.genesis;
  const halt = haltCheck({
    ...config.guards,
    schedule,
    readClock: () => options.reader.clock(),
    metrics,
  });
  const duties = dutiesCheck({ ...config.guards, schedule, duties: open, metrics });
  const quorum = watchQuorum(options, state.genesis);
  const database =
    options.storageProblem && databaseCheck({ problem: options.storageProblem, metrics });
  const checks = new Checks({
    checks: [
      ...watchMachine(options, spending),
      chain,
      journalCheck({
        ...config.guards,
        lagBlocks,
        writer: () => options.router.status(),
        metrics,
      }),
      registrationCheck({
        ...options,
        readRegistered: () => options.reader.registrations(options.manager, options.address),
      }),
      halt,
      duties,
      quorum,
      ...(database === undefined ? [] : [database]),
    ],
    everyMs: config.guards.everyMs,
    log: withMoment(log, () => state.moment),
    metrics,
    onChange: ({ name, state: severity, detail, hint }) =>
      alerts.tell({ id: name, severity, detail, hint }),
  });
  countAlerts(alerts, metrics);
  return {
    heard: (block) => {
      failingSince = undefined;
      chain.heard(block);
    },
    mined: (kind, { gasUsed, cost }) => {
      metrics.countGas(kind, gasUsed);
      spending.add(performance.now(), cost);
    },
    failedPoll: () => {
      failingSince ??= head.number;
    },
    checks: () => checks.checks(),
    sawChain: () => void checks.probe(duties),
    sawAttestations: () => void checks.probe(quorum),
    duties: () => {
      const known = open();
      const duties = (known ?? []).map((duty) => dutyHealth(duty, options));
      return { unknown: known === undefined ? unknownDuties(head.lagBlocks) : null, duties };
    },
    situation: () => {
      const nextDuty = nearest(open() ?? []);
      const failed = nextDuty === undefined ? undefined : runner.failureOf(nextDuty.id);
      const sinceBlock = failingSince ?? failed?.since;
      const block = state.moment.block;
      const haltBlock = halt.haltBlock() ?? clock(state).haltBlock;
      return { head: head.number, block, sinceBlock, nextDuty, haltBlock };
    },
    start: () => checks.start(),
    stop: () => checks.stop(),
  };
}

function unknownDuties(lagBlocks: number): string {
  return lagBlocks > MAX_EXCHANGE_LAG_BLOCKS
    ? `The exchange is ${lagBlocks} blocks behind the chain.`
    : "The chain has not been read since the start.";
}

function watchQuorum(options: MonitoringOptions, { schedule }: State["genesis"]) {
  const { config, metrics, quorum, head, reader, manager } = options;
  return quorumCheck({
    ...config.guards,
    schedule,
    metrics,
    quorum,
    head: () => head.number,
    isShared: config.database !== undefined,
    readQuorum: () => reader.commitQuorum(manager),
  });
}

function watchMachine({ config, client, address, metrics }: MonitoringOptions, spending: Spending) {
  const { guards, storage, logs } = config;
  const now = () => performance.now();
  return [
    keyBalanceCheck({
      address,
      readBalances: () =>
        askEach(client, "the key's balance", (one) => one.getBalance({ address })),
      minBalance: config.minBalance,
      leftDays: guards.keyLeftDays,
      spending,
      metrics,
      now,
    }),
    memoryCheck({ ...guards, metrics }),
    diskCheck({ ...guards, folder: "storage", path: resolve(storage), metrics, now }),
    diskCheck({ ...guards, folder: "logs", path: resolve(logs), metrics, now }),
    eventLoopCheck({ ...guards, metrics }),
  ];
}

function watchChain({ config, metrics, state }: MonitoringOptions) {
  return chainCheck({
    ...config.guards,
    endpoints: config.rpc.map((url, i) => endpointOf(url, i, state.genesis.chainId)),
    metrics,
    now: () => performance.now(),
    wallClock: () => Date.now(),
  });
}

/**
 * An endpoint, named by its place and host: the rest of a URL may hold a secret. One that serves
 * another chain counts as down.
 */
function endpointOf(url: string, index: number, chainId: number): Endpoint {
  const client = connect([url], { retries: 0, timeoutMs: HEAD_TIMEOUT_MS, chainId });
  return {
    label: `${index} ${new URL(url).host}`,
    readHead: async () => {
      const { number, timestamp } = await client.getBlock({ blockTag: "latest" });
      return { number: Number(number), timestamp: Number(timestamp) };
    },
  };
}

function countAlerts(alerts: Alerts, metrics: Metrics): void {
  const count = (outcome: string, by: number) => metrics.add("alerts_total", by, { outcome });
  for (const outcome of ["delivered", "undelivered", "dropped"]) count(outcome, 0);
  alerts.observe((outcome) => count(outcome, 1));
}

function dutyHealth(duty: ScheduledDuty, { runner, config, state }: MonitoringOptions): DutyHealth {
  const { id, deadlineBlock, blocksLeft, blocksNeeded, inTime } = duty;
  const { failed, warn } = config.guards.deadlineLeftQuarters;
  const danger = Number((failed ?? warn)?.raise ?? 0) * quarterSize(state.genesis.schedule);
  const failure = runner.failureOf(id);
  return {
    kind: id.kind,
    client: "client" in id ? id.client : null,
    token: "token" in id ? id.token : null,
    round: id.round,
    deadlineBlock,
    blocksLeft,
    blocksNeeded,
    state: !inTime ? "late" : blocksLeft <= danger ? "danger" : "open",
    tries: failure?.tries ?? 0,
    sinceBlock: failure?.since ?? null,
    problem: failure?.problem.message ?? null,
  };
}
