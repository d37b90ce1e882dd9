/**
 * One world under one seed: the operator node's own code between a chain, a disk, a clock and a
 * network that are ours, with clients that use it and laws that watch it.
 */
import { toAddress } from "../../src/base/address.ts";
import { nobleCurve } from "../../src/base/curve.ts";
import type { Address, Hex } from "../../src/base/hex.ts";
import { encodeListToken } from "../../src/chain/calls.ts";
import { localSigner } from "../../src/chain/signer.ts";
import type { Market } from "../../src/exchange/entries.ts";
import { stateHash } from "../../src/exchange/stateHash.ts";
import { parseConfig } from "../../src/operator/config.ts";
import { type RunningOperator, startOperator } from "../../src/operator/node.ts";
import { replay } from "../../src/operator/recover.ts";
import { encodeSaved } from "../../src/operator/recovery/savedState.ts";
import { loadCurve } from "../../src/operator/signers/nativeCurve.ts";
import { type Block, Chain, type NetworkConditions } from "../chain/chain.ts";
import type { Terms } from "../chain/mediatorState.ts";
import { Clock } from "../host/clock.ts";
import { Disk } from "../host/disk.ts";
import { Network } from "../host/network.ts";
import { Random } from "../host/random.ts";
import { Client } from "./clients.ts";
import { FaultInjector, MILD } from "./faults.ts";
import { InvariantBroken, Invariants } from "./invariants.ts";
import {
  isPeaceful,
  lateIn,
  mayDrop,
  type Plan,
  type PlanOptions,
  planOf,
  requireInGoodTime,
} from "./plan.ts";
import { brief, Trace } from "./trace.ts";

export interface Report {
  readonly seed: string;
  readonly plan: Plan;
  /** The law that was broken, and how; undefined when all held. */
  readonly failure: string | undefined;
  readonly counts: Readonly<Record<string, number>>;
  /** What happened, a line each, last last. */
  readonly trace: readonly string[];
}

export interface WorldOptions extends PlanOptions {
  /** Called with each line as it happens. */
  readonly onTrace?: (line: string) => void;
}

const CHAIN_ID = 31_337;
const TOKENS = [0x11, 0x22, 0x33].map((byte) => toAddress(`0x${byte.toString(16).repeat(20)}`)) as [
  Address,
  Address,
  Address,
];
const MARKETS: readonly Market[] = [
  { base: TOKENS[0], quote: TOKENS[1], lot: 10n, tick: 1n },
  { base: TOKENS[2], quote: TOKENS[1], lot: 1n, tick: 5n },
];
const OWNER = toAddress(`0x${"0e".repeat(20)}`);
const BEGIN = 1_770_000_000;
/** Errors with which the node may stop: the environment was at fault. */
const MAY_STOP = new Set([
  ...["RpcUnavailable", "DutyFailed", "StorageFull", "StorageFailed", "JournalStopped"],
  "EndpointsDisagree",
]);

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
  readonly #chain: Chain;
  readonly #disk: Disk;
  readonly #network: Network;
  readonly #invariants: Invariants;
  readonly #clients: Client[];
  readonly #key: Hex;
  readonly #trace: Trace;
  #operator: RunningOperator | undefined;
  /** Whether a process is there, serving or about to. */
  #alive = false;
  #failure: string | undefined;
  readonly #faults: FaultInjector;
  #conditions: NetworkConditions = MILD;
  #over = false;

  constructor(seed: string, options: WorldOptions) {
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#plan = planOf(this.#random.split("plan"), options);
    this.#key = this.#random.split("operator").hex(32);
    const mediator = toAddress(`0x${"ee".repeat(20)}`);
    const terms: Terms = {
      domain: { chainId: CHAIN_ID, mediator },
      schedule: this.#plan.schedule,
      operator: localSigner(this.#key).address,
    };
    this.#faults = new FaultInjector(this.#plan.faults, this.#random.split("troubles"));
    this.#chain = new Chain(terms, this.#random.split("chain"));
    this.#trace = new Trace(this.#clock, this.#chain, options.onTrace);
    this.#invariants = new Invariants(this.#chain, this.#plan.confirmations);
    this.#disk = new Disk(
      this.#clock,
      () => this.#faults.flush(this.#isPeaceful),
      (payloads) => this.#guard(() => this.#invariants.onDurable(payloads)),
    );
    const network = this.#random.split("network");
    this.#network = new Network(this.#chain, this.#clock, network, this.#plan.endpoints, {
      conditions: () => this.#conditions,
      onBroadcast: (data) => this.#guard(() => this.#onBroadcast(data)),
      onRefusedTrial: (data, refusal) =>
        this.#guard(() => this.#invariants.onRefusedTrial(data, refusal)),
    });
    this.#clients = Array.from({ length: this.#plan.clients }, (_, i) => this.#client(i));
  }

  async run(): Promise<Report> {
    const onRejection = (reason: unknown) => this.#fail(reason);
    process.on("unhandledRejection", onRejection);
    this.#clock.install((url, body) => this.#network.request(url, body));
    try {
      this.#chain.begin(BEGIN);
      for (const token of TOKENS.slice(0, 2)) this.#chain.send(OWNER, encodeListToken(token));
      this.#chain.send(OWNER, encodeListToken(TOKENS[2]), this.#random.int(12, 120));
      this.#mine();
      this.#start();
      this.#clock.after(this.#plan.blockMs, () => this.#tick());
      await this.#clock.run(() => this.#over || this.#failure !== undefined);
      if (this.#failure === undefined) this.#guard(() => this.#invariants.checkReplay());
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#clock.endProcess();
      this.#clock.uninstall();
      process.off("unhandledRejection", onRejection);
    }
    const counts = { ...this.#trace.counts, orders: this.#invariants.acknowledgedOrders };
    const { lines } = this.#trace;
    return { seed: this.#seed, plan: this.#plan, failure: this.#failure, counts, trace: lines };
  }

  // ---------------------------------------------------------------- time

  #tick(): void {
    const { schedule, rounds } = this.#plan;
    this.#guard(() => {
      this.#injectFaults();
      this.#block();
      this.#checkBlock();
    });
    if (this.#chain.head.number >= schedule.genesisBlock + rounds * schedule.roundSize) {
      if (this.#operator !== undefined) this.#checkKept(this.#operator);
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
  }

  /** What the node does stays done, whoever it hears of it from. */
  get #isLasting(): boolean {
    const { faults, fair, deepReorgAt } = this.#plan;
    return fair && deepReorgAt === undefined && !faults.has("reorganisations");
  }

  #checkKept({ face }: RunningOperator): void {
    this.#invariants.checkKept(face).catch((error) => this.#fail(error));
  }

  #checkBlock(): void {
    const { head, terms } = this.#chain;
    this.#invariants.checkMoney();
    const face = this.#operator?.face;
    if (face !== undefined && this.#disk.isIdle) this.#invariants.checkFace(face);
    const late = lateIn(terms, head);
    if (late === undefined) return;
    this.#trace.count("late");
    if (!this.#plan.fair || this.#invariants.reorganisedTooDeep) return;
    throw new InvariantBroken("on time", `block ${head.number}, after a fair chance: ${late}`);
  }

  // ---------------------------------------------------------------- faults

  #injectFaults(): void {
    if (this.#isPeaceful) return this.#calm();
    if (this.#alive && this.#faults.crashes()) {
      const when = this.#random.int(0, this.#plan.blockMs - 1);
      this.#clock.after(when, () => this.#crash());
    }
    const { endpoints } = this.#network;
    for (const changed of this.#faults.injectFaults(endpoints, this.#chain.head))
      this.#trace.say(changed);
  }

  #calm(): void {
    for (const endpoint of this.#network.endpoints) endpoint.mode = "well";
    if (!this.#alive) this.#start();
  }

  // ---------------------------------------------------------------- the operator

  #start(): void {
    this.#alive = true;
    this.#trace.count("starts");
    this.#maybeSnapshot();
    const config = parseConfig(this.#config(), { QUARTERDECK_PRIVATE_KEY: this.#key }, "the seed");
    const openJournal = async () => this.#disk.open();
    startOperator(config, this.#trace.log(), undefined, { openJournal }).then(
      (operator) => this.#serve(operator),
      (error) => this.#stopped(error),
    );
  }

  #config() {
    const { confirmations, pollMs } = this.#plan;
    return {
      rpc: this.#network.endpoints.map(({ url }) => url),
      mediator: this.#chain.terms.domain.mediator,
      markets: MARKETS.map(({ lot, tick, ...pair }) => ({
        ...pair,
        lot: `${lot}`,
        tick: `${tick}`,
      })),
      ...{ confirmations, pollMs, maxTries: 10 },
    };
  }

  #serve(operator: RunningOperator): void {
    this.#operator = operator;
    this.#trace.say("serves");
    this.#checkKept(operator);
    operator.face.subscribe((event) => {
      if (event.kind !== "order") return;
      this.#guard(() => this.#invariants.onPublished(event.order));
      this.#clients.find(({ address }) => address === event.order.owner)?.learn(event.order);
    });
    operator.ended.catch((error) => this.#stopped(error));
  }

  /** Says why, and is started again by whoever watches over it. */
  #stopped(error: unknown): void {
    const { code = "unknown", message } = error as { code?: string; message: string };
    this.#trace.say(`stops: ${code}: ${message}`);
    this.#trace.count(`stopped${code}`);
    const tooDeep = code === "ReorgTooDeep" && this.#invariants.reorganisedTooDeep;
    // One that was left on a dead fork, and is the only one well, cannot be told from the chain.
    const isOnFork = this.#network.endpoints.some(
      ({ stuckAt }) => stuckAt !== undefined && !this.#chain.isCanonical(stuckAt),
    );
    if (!MAY_STOP.has(code) && !tooDeep && !(code === "ReorgTooDeep" && isOnFork)) {
      this.#fail(new InvariantBroken("stops only for a reason", `${code}: ${message}`));
    }
    this.#end();
    if (tooDeep) this.#over = true;
  }

  #crash(): void {
    if (!this.#alive || this.#isPeaceful) return;
    this.#trace.count("crashes");
    this.#trace.say("crash");
    this.#end();
  }

  #end(): void {
    this.#clock.endProcess();
    this.#guard(() => this.#disk.crash());
    this.#operator = undefined;
    this.#alive = false;
    const wait = this.#random.int(100, 3 * this.#plan.blockMs);
    this.#clock.after(wait, () => {
      if (!this.#alive) this.#start();
    });
  }

  /** As if the node had saved one before it ended. */
  #maybeSnapshot(): void {
    if (this.#disk.records.length < 2 || !this.#random.chance(0.3)) return;
    const reader = new Disk(this.#clock, this.#disk.fate, () => {});
    const length = this.#random.int(2, this.#disk.records.length);
    reader.records.push(...this.#disk.records.slice(0, length));
    void replay(reader.open(), () => {}).then(({ state, history }) => {
      const bytes = encodeSaved(state, history);
      this.#disk.snapshot = { sequence: length, bytes, stateHash: stateHash(state) };
    });
  }

  #onBroadcast(data: Hex): void {
    this.#trace.count("broadcasts");
    this.#invariants.onBroadcast(data);
  }

  // ---------------------------------------------------------------- telling

  #client(index: number): Client {
    return new Client(["Ada", "Bob", "Cy", "Dot", "Eve"][index] as string, {
      chain: this.#chain,
      random: this.#random.split("clients"),
      markets: MARKETS,
      tokens: TOKENS,
      face: () => this.#operator?.face,
      onAcknowledged: (action, order) => this.#invariants.onAcknowledged(action, order),
      onRefused: (order, code) => this.#invariants.onRefused(order, code),
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
    const isLaw = error instanceof InvariantBroken;
    const detail = error instanceof Error ? (isLaw ? error.message : error.stack) : String(error);
    this.#trace.say(`FAILURE ${detail}`);
    this.#failure ??= detail ?? "unknown";
  }
}
