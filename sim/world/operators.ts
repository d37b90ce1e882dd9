/** The operators of a world: how they start, serve, end, and are started again. */
import { toAddress } from "../../src/base/address.ts";
import type { Hex } from "../../src/base/hex.ts";
import type { RunningOperator } from "../../src/operator/node/node.ts";
import type { OrderResponse } from "../../src/wire/schemas/order.ts";
import type { Chain } from "../chain/chain.ts";
import type { Clock } from "../host/clock.ts";
import { SIMULATED } from "../host/files.ts";
import type { Network } from "../host/network.ts";
import type { Random } from "../host/random.ts";
import { InvariantBroken } from "./invariantBroken.ts";
import type { Invariants } from "./invariants.ts";
import { MARKETS } from "./market.ts";
import { OperatorHost } from "./operatorHost.ts";
import type { Plan } from "./plan.ts";
import type { WorldStorage } from "./storages.ts";
import type { Trace } from "./trace.ts";

/** Errors with which an operator may stop: its environment was at fault. */
const MAY_STOP = new Set([
  "RpcUnavailable",
  "DutyFailed",
  "StorageFull",
  "StorageFailed",
  "JournalStopped",
  "EndpointsDisagree",
  "DatabaseUnreachable",
  "DatabaseUnwritable",
]);

/** Nobody's: whose balances say only up to which record an operator has read. */
const NOBODY = toAddress(`0x${"0e".repeat(20)}`);

export interface OperatorsOptions {
  readonly plan: Plan;
  readonly keys: readonly Hex[];
  readonly chain: Chain;
  readonly clock: Clock;
  readonly network: Network;
  readonly storage: WorldStorage;
  readonly invariants: Invariants;
  readonly trace: Trace;
  /** The world's own. */
  readonly random: Random;
  readonly fail: (error: unknown) => void;
  readonly guard: (work: () => void) => void;
  /** Called when an operator reported an order to its clients. */
  readonly onEvent: (host: OperatorHost, order: OrderResponse) => void;
  /** Whether the host is to have its fair chance now. */
  readonly isCalmed: (host: OperatorHost) => boolean;
  /** Nothing more can come of this world. */
  readonly onOver: () => void;
}

export class Operators {
  readonly hosts: readonly OperatorHost[];
  readonly #options: OperatorsOptions;

  constructor(options: OperatorsOptions) {
    this.#options = options;
    this.hosts = options.keys.map((key, index) => this.#host(key, index));
  }

  #host(key: Hex, index: number): OperatorHost {
    const name = this.#options.plan.kind === "several" ? `operator-${index}` : "operator";
    return new OperatorHost({
      clock: this.#options.clock,
      name,
      key,
      config: () => this.#config(name),
      log: this.#options.trace.log(this.#options.plan.kind === "several" ? name : "node"),
      storage: (one) => this.#options.storage.parts(one),
      onServes: (host, operator) => this.#serve(host, operator),
      onStopped: (host, error) => this.#stopped(host, error),
    });
  }

  start(host: OperatorHost): void {
    this.#options.trace.count("starts");
    const { length } = this.#options.storage;
    if (length >= 2 && this.#options.random.chance(0.3)) {
      this.#options.storage.saveSnapshot(this.#options.random.int(2, length));
    }
    host.start();
  }

  #config(name: string) {
    const { confirmations, pollMs, kind, leaseMs, orderLimit } = this.#options.plan;
    const shared = {
      database: { url: "postgres://simulated/journal", leaseMs },
      publicUrl: `http://${name}.sim`,
      storage: `${SIMULATED}${name}`,
    };
    return {
      rpc: this.#options.network.endpoints.map(({ url }) => url),
      mediator: this.#options.chain.terms.domain.mediator,
      markets: MARKETS.map(({ lot, tick, ...pair }) => ({
        ...pair,
        lot: `${lot}`,
        tick: `${tick}`,
      })),
      confirmations,
      pollMs,
      maxTries: 10,
      // A thread would answer at a time of its own.
      verifyThreads: 0,
      ...(orderLimit === undefined ? {} : { ordersPerClientAndRound: orderLimit }),
      ...(kind === "several" ? shared : {}),
    };
  }

  #serve(host: OperatorHost, operator: RunningOperator): void {
    const alone = this.#options.plan.kind !== "several";
    this.#options.trace.say(alone ? "serves" : `${host.name} serves`);
    this.checkKept(operator);
    const run = alone ? host : operator;
    operator.api.subscribe((event) => {
      if (event.kind !== "order") return;
      this.#options.guard(() => this.#options.invariants.onPublished(event.order, run));
      this.#options.onEvent(host, event.order);
    });
  }

  /** Says why, and is started again by its supervisor. */
  #stopped(host: OperatorHost, error: unknown): void {
    const { code = "unknown", message } = error as { code?: string; message: string };
    this.#options.trace.say(
      `${host.name === "operator" ? "" : `${host.name} `}stops: ${code}: ${message}`,
    );
    this.#options.trace.count(`stopped${code}`);
    const tooDeep = code === "ReorgTooDeep" && this.#options.invariants.reorganisedTooDeep;
    // An operator that was left on a dead fork, and is the only one well, cannot be distinguished
    // from the chain.
    const isOnFork = this.#options.network.endpoints.some(
      ({ stuckAt }) => stuckAt !== undefined && !this.#options.chain.isCanonical(stuckAt),
    );
    // A log that nothing shows to be missing is found out by what cannot follow without it, or by
    // the contract's totals, at the latest.
    const shows = code === "ContractDiffers" || code === "LogsRefused";
    const isMissing = shows && this.#options.invariants.isUnprovable;
    const mayStop = MAY_STOP.has(code) || tooDeep || isMissing;
    if (!mayStop && !(code === "ReorgTooDeep" && isOnFork)) {
      this.#options.fail(new InvariantBroken("stops only for a reason", `${code}: ${message}`));
    }
    this.#end(host);
    if (tooDeep || isMissing) this.#options.onOver();
  }

  crash(host: OperatorHost): void {
    if (!host.isAlive || this.#options.isCalmed(host)) return;
    this.#options.trace.count("crashes");
    this.#options.trace.say(host.name === "operator" ? "crash" : `${host.name} is killed`);
    this.#end(host);
  }

  #end(host: OperatorHost): void {
    host.kill();
    this.#options.guard(() => this.#options.storage.processEnded());
    const wait = this.#options.random.int(100, 3 * this.#options.plan.blockMs);
    this.#options.clock.after(wait, () => {
      if (!host.isAlive) this.start(host);
    });
  }

  checkKept({ api }: RunningOperator): void {
    const upTo = api.balances(NOBODY)[0]?.asOf ?? 0;
    this.#options.invariants.checkKept(api, upTo).catch((error) => this.#options.fail(error));
  }
}
