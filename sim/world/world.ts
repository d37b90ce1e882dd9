/**
 * One world under one seed: the operators' own code between a chain, a journal, a clock and a
 * network that are simulated, with clients that use them and invariants that watch them.
 */
import { toAddress } from "../../src/base/address.ts";
import { nobleCurve } from "../../src/base/curve.ts";
import type { Address, Hex } from "../../src/base/hex.ts";
import { encodeListToken } from "../../src/chain/contracts/mediatorCalls.ts";
import { localSigner } from "../../src/chain/signer.ts";
import { loadCurve } from "../../src/keys/nativeCurve.ts";
import type { Block } from "../chain/block.ts";
import { Chain, type NetworkConditions } from "../chain/chain.ts";
import type { Terms } from "../chain/terms.ts";
import { Clock, START } from "../host/clock.ts";
import { Files } from "../host/files.ts";
import { takeOver } from "../host/globals.ts";
import { Network } from "../host/network.ts";
import { Random } from "../host/random.ts";
import { webSocketsTo } from "../host/webSockets.ts";
import { Client } from "./clients.ts";
import { isPeaceful, lateIn, mayDrop, requireInGoodTime } from "./fairness.ts";
import { FaultInjector, MILD } from "./faults.ts";
import { InvariantBroken } from "./invariantBroken.ts";
import { Invariants } from "./invariants.ts";
import { CHAIN_ID, MARKETS, TOKENS } from "./market.ts";
import type { OperatorHost } from "./operatorHost.ts";
import { Operators } from "./operators.ts";
import { lastBlockOf, maySkipNonces, type Plan, type PlanOptions, planOf } from "./plan.ts";
import { describePlan, headersOf } from "./planText.ts";
import { directFace, routedFace } from "./router.ts";
import { SharedFaults } from "./sharedFaults.ts";
import { OwnStorage, SharedStorage, type WorldStorage } from "./storages.ts";
import { brief, Trace } from "./trace.ts";

export interface Report {
  readonly seed: string;
  readonly plan: Plan;
  /** The invariant that was broken, and how; undefined when all held. */
  readonly failure: string | undefined;
  readonly counts: Readonly<Record<string, number>>;
  /** The events of the world, a line each, the last one last. */
  readonly trace: readonly string[];
}

export interface WorldOptions extends PlanOptions {
  /** Called with each line as it happens. */
  readonly onTrace?: (line: string) => void;
}

const OWNER = toAddress(`0x${"0e".repeat(20)}`);
const BEGIN = START / 1000 - 100;
/**
 * Runs the world of `seed` to its end. Meanwhile the process has no other clock and network: one
 * world at a time.
 */
export async function runWorld(seed: string, options: WorldOptions = {}): Promise<Report> {
  // The machine asks the slow curve, to depend on nothing; tests hold the two together.
  const slow = { ...nobleCurve };
  Object.assign(nobleCurve, { recover: loadCurve().curve.recover });
  const traces = Error.stackTraceLimit;
  if (options.onTrace === undefined) Error.stackTraceLimit = 0;
  try {
    return await new World(seed, options).run();
  } finally {
    Object.assign(nobleCurve, slow);
    Error.stackTraceLimit = traces;
  }
}

class World {
  readonly #seed: string;
  readonly #random: Random;
  readonly #plan: Plan;
  readonly #clock = new Clock();
  readonly #files = new Files(this.#clock);
  readonly #chain: Chain;
  readonly #storage: WorldStorage;
  readonly #network: Network;
  readonly #invariants: Invariants;
  readonly #clients: readonly Client[];
  readonly #operators: Operators;
  readonly #trace: Trace;
  readonly #faults: FaultInjector;
  readonly #shared: SharedFaults;
  #conditions: NetworkConditions = MILD;
  #failure: string | undefined;
  #over = false;

  constructor(seed: string, options: WorldOptions) {
    this.#seed = seed;
    this.#random = new Random(seed);
    const plan = planOf(this.#random.split("plan"), options);
    this.#plan = plan;
    const keys = Array.from({ length: plan.operators }, (_, i) =>
      this.#random.split(i === 0 ? "operator" : `operator ${i}`).hex(32),
    );
    const terms: Terms = {
      domain: { chainId: CHAIN_ID, mediator: toAddress(`0x${"ee".repeat(20)}`) },
      schedule: plan.schedule,
      operators: keys.map((key) => localSigner(key).address),
      slots: plan.slots,
    };
    // Not "faults": older seeds mean what they meant.
    this.#faults = new FaultInjector(plan, this.#random.split("troubles"));
    const headers = headersOf(plan, this.#random.split("blooms"));
    this.#chain = new Chain(terms, this.#random.split("chain"), headers);
    this.#trace = new Trace(this.#clock, this.#chain, options.onTrace, (event, error) =>
      this.#fail(new InvariantBroken("errors are typed", `${event}: ${error.stack}`)),
    );
    this.#invariants = new Invariants(this.#chain, plan, () => this.#network.hasTruth);
    this.#storage = this.#makeStorage();
    this.#network = this.#makeNetwork();
    this.#operators = new Operators({
      plan,
      keys,
      chain: this.#chain,
      clock: this.#clock,
      network: this.#network,
      storage: this.#storage,
      invariants: this.#invariants,
      trace: this.#trace,
      random: this.#random,
      fail: (error) => this.#fail(error),
      guard: (work) => this.#guard(work),
      onEvent: (host, order) => {
        if (this.#shared.isCutFromClients(host)) return;
        this.#clients.find(({ address }) => address === order.owner)?.learn(order);
      },
      isCalmed: (host) => this.#isCalmed(host),
      onOver: () => {
        this.#over = true;
      },
    });
    this.#shared = new SharedFaults(this.#random.split("shared"), {
      kinds: plan.faults,
      hosts: this.#operators.hosts,
      endpoints: plan.endpoints.length,
      truthful: plan.truthful ?? 0,
      blockMs: plan.blockMs,
      trace: (text) => this.#trace.say(text),
    });
    this.#clients = Array.from({ length: plan.clients }, (_, i) => this.#client(i));
  }

  async run(): Promise<Report> {
    const onRejection = (reason: unknown) => this.#fail(reason);
    process.on("unhandledRejection", onRejection);
    const giveBack = takeOver({
      clock: this.#clock,
      files: this.#files,
      request: (url, body) => this.#network.request(url, body),
      WebSocket: webSocketsTo(this.#network, this.#clock),
    });
    try {
      this.#chain.begin(BEGIN);
      for (const line of describePlan(this.#plan)) this.#trace.say(line);
      for (const token of TOKENS.slice(0, 2)) this.#chain.send(OWNER, encodeListToken(token));
      this.#chain.send(OWNER, encodeListToken(TOKENS[2]), this.#random.int(12, 120));
      this.#faults.injectPlanned(this.#network.endpoints, this.#chain.head);
      this.#mine();
      for (const host of this.#operators.hosts) this.#operators.start(host);
      this.#clock.after(this.#plan.blockMs, () => this.#tick());
      await this.#clock.run(() => this.#over || this.#failure !== undefined);
      if (this.#failure === undefined) this.#guard(() => this.#invariants.checkReplay());
    } catch (error) {
      this.#fail(error);
    } finally {
      for (const host of this.#operators.hosts) host.kill();
      giveBack();
      process.off("unhandledRejection", onRejection);
    }
    const { lines, counts: told } = this.#trace;
    const { acknowledgedOrders: orders, statements } = this.#invariants;
    const counts = { ...told, orders, ...statements.counts };
    return { seed: this.#seed, plan: this.#plan, failure: this.#failure, counts, trace: lines };
  }

  // ---------------------------------------------------------------- time

  #tick(): void {
    this.#guard(() => {
      this.#injectFaults();
      this.#block();
      this.#checkBlock();
    });
    if (this.#chain.head.number >= lastBlockOf(this.#plan)) {
      for (const { operator } of this.#operators.hosts)
        if (operator !== undefined) this.#operators.checkKept(operator);
      this.#over = true;
      return;
    }
    for (const client of this.#clients) {
      const when = this.#random.int(0, this.#plan.blockMs - 1);
      this.#clock.after(when, () => this.#guard(() => client.act()));
    }
    this.#clock.after(this.#plan.blockMs, () => this.#tick());
  }

  get #isPeaceful(): boolean {
    return isPeaceful(this.#plan, this.#chain.terms, this.#chain.head);
  }

  #block(): void {
    const { head } = this.#chain;
    const random = this.#random;
    this.#conditions = this.#faults.nextNetworkConditions(this.#conditions, this.#isPeaceful);
    const { deepReorgAt, confirmations } = this.#plan;
    if (deepReorgAt === head.number + 1) {
      const depth = confirmations + this.#random.int(1, 4);
      if (this.#invariants.state?.head !== undefined) this.#invariants.reorganisedTooDeep = true;
      return this.#reorganise(depth);
    }
    const depth = random.int(1, confirmations);
    const wanted = !this.#isPeaceful && this.#faults.reorganises();
    if (wanted && mayDrop(this.#plan, this.#chain, depth)) return this.#reorganise(depth);
    this.#mine();
  }

  #mine(): void {
    this.#report(this.#chain.mine(this.#timestamp, this.#conditions));
  }

  get #timestamp(): number {
    return BEGIN + 100 + Math.floor(this.#clock.now / 1000);
  }

  #reorganise(depth: number): void {
    this.#trace.count("reorganisations");
    this.#trace.say(`reorganisation of ${depth} blocks`);
    for (const endpoint of this.#network.endpoints) endpoint.stuckAt ??= this.#chain.head;
    this.#report(this.#chain.reorganise(depth, this.#timestamp, this.#conditions));
  }

  #report(block: Block): void {
    for (const { transaction, refusal } of block.mined) {
      const own = transaction.nonce !== undefined;
      const who = own ? "operator" : "client";
      if (refusal !== undefined) this.#trace.count(`${who}Reverted`);
      if (own) this.#trace.count("operatorMined");
      if (refusal === undefined) continue;
      this.#trace.say(`mined of ${who}, reverted: ${refusal.message}`);
      if (own && this.#isLasting) throw new InvariantBroken("nothing in vain", refusal.message);
    }
    for (const { emitted } of block.logs) {
      if (emitted.eventName === "Committed") requireInGoodTime(this.#plan, block.number);
      this.#trace.count(emitted.eventName);
      this.#trace.say(
        `mined ${emitted.eventName} ${Object.values(emitted.args).map(brief).join(" ")}`,
      );
    }
    this.#network.announceHead();
  }

  /**
   * An operator's action stays done, whichever endpoint reports it. Of several, one that fails may
   * leave a transaction behind which another does not know of.
   */
  get #isLasting(): boolean {
    const { faults, fair, deepReorgAt, kind } = this.#plan;
    if (maySkipNonces(this.#plan) || (kind === "several" && faults.size > 0)) return false;
    return fair && deepReorgAt === undefined && !faults.has("reorganisations");
  }

  #checkBlock(): void {
    const { head, terms } = this.#chain;
    this.#invariants.checkMoney();
    for (const { operator } of this.#operators.hosts) {
      if (operator !== undefined && this.#storage.isIdle) {
        this.#invariants.checkFace(operator.api, this.#storage.length);
      }
    }
    const late = lateIn(terms, head);
    if (late === undefined) return;
    this.#trace.count("late");
    if (!this.#plan.fair || this.#invariants.reorganisedTooDeep) return;
    throw new InvariantBroken("on time", `block ${head.number}, after a fair chance: ${late}`);
  }

  // ---------------------------------------------------------------- faults

  #injectFaults(): void {
    const { endpoints } = this.#network;
    const { kind } = this.#plan;
    for (const said of this.#faults.injectPlanned(endpoints, this.#chain.head))
      this.#trace.say(said);
    if (kind === "several") this.#shared.inject(this.#isPeaceful);
    if (this.#isPeaceful) this.#calm();
    for (const host of this.#operators.hosts) {
      if (this.#isCalmed(host) || !host.isAlive || !this.#faults.crashes()) continue;
      const when = this.#random.int(0, this.#plan.blockMs - 1);
      this.#clock.after(when, () => this.#operators.crash(host));
    }
    if (this.#isPeaceful) return;
    for (const changed of this.#faults.injectFaults(endpoints, this.#chain.head))
      this.#trace.say(changed);
  }

  /** Whether the host is to have its fair chance now. */
  #isCalmed(host: OperatorHost): boolean {
    if (!this.#isPeaceful) return false;
    return this.#plan.kind !== "several" || this.#shared.isSurvivor(host);
  }

  /** The parts that must be well in peace: all, or one true endpoint and one operator. */
  #calm(): void {
    const { kind, truthful } = this.#plan;
    for (const [index, endpoint] of this.#network.endpoints.entries()) {
      if (kind === "alone" || index === truthful) endpoint.mode = "well";
    }
    for (const host of this.#operators.hosts) {
      if (this.#isCalmed(host) && !host.isAlive) this.#operators.start(host);
    }
  }

  // ---------------------------------------------------------------- the operators

  #makeStorage(): WorldStorage {
    const { kind, leaseMs } = this.#plan;
    const onDurable: ConstructorParameters<typeof OwnStorage>[2] = (appending) =>
      this.#guard(() => this.#invariants.onDurable(appending));
    if (kind !== "several") {
      const fate = () => this.#faults.flush(this.#isPeaceful);
      return new OwnStorage(this.#clock, fate, onDurable);
    }
    return new SharedStorage({
      clock: this.#clock,
      leaseMs,
      onDurable,
      fate: (one) => this.#shared.statementFate(one),
      clockOffset: () => this.#shared?.databaseClockOffset ?? 0,
      onAcquired: (operator, epoch) =>
        this.#guard(() => this.#invariants.onAcquired(operator, epoch)),
    });
  }

  #makeNetwork(): Network {
    const random = this.#random.split("network");
    return new Network(this.#chain, this.#clock, random, {
      endpoints: this.#plan.endpoints,
      conditions: () => this.#conditions,
      onBroadcast: (data, sent) => this.#guard(() => this.#onBroadcast(data, sent?.from)),
      onRefusedTrial: (data, refusal) =>
        this.#guard(() => this.#invariants.onRefusedTrial(data, refusal)),
      isCut: (one, index) => this.#shared.isCutFromEndpoint(one, index),
    });
  }

  #onBroadcast(data: Hex, from: Address | undefined): void {
    this.#trace.count("broadcasts");
    this.#invariants.onBroadcast(data, this.#shared.mayLackRecords(from));
  }

  // ---------------------------------------------------------------- telling

  #client(index: number): Client {
    const name = ["Ada", "Bob", "Cy", "Dot", "Eve"][index] as string;
    const routes = this.#random.split(`routes of ${name}`);
    const [only] = this.#operators.hosts;
    return new Client(name, {
      chain: this.#chain,
      random: this.#random.split("clients"),
      markets: MARKETS,
      tokens: TOKENS,
      api: () =>
        this.#plan.kind === "several"
          ? routedFace({
              clock: this.#clock,
              random: routes,
              hosts: this.#operators.hosts,
              isCut: (host) => this.#shared.isCutFromClients(host),
              urlOf: (host) => `http://${host.name}.sim`,
            })
          : directFace(this.#clock, only as OperatorHost),
      onAcknowledged: (action, order) => this.#invariants.onAcknowledged(action, order),
      onRefused: (order, code) => this.#invariants.onRefused(order, code),
      clock: this.#clock,
      orderLimit: this.#plan.orderLimit,
      watch: this.#invariants,
      onError: (error) => this.#fail(error),
      trace: (text) => this.#trace.say(text),
    });
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const isInvariant = error instanceof InvariantBroken;
    const detail =
      error instanceof Error ? (isInvariant ? error.message : error.stack) : String(error);
    this.#trace.say(`FAILURE ${detail}`);
    this.#failure ??= detail ?? "unknown";
  }
}
