/**
 * One world under one seed: the operator node's own code between a chain, a disk, a clock and a
 * network that are ours, with clients that use it and laws that watch it.
 */
import { toAddress } from "../src/base/address.ts";
import { nobleCurve } from "../src/base/curve.ts";
import type { Address, Hex } from "../src/base/hex.ts";
import { encodeListToken } from "../src/chain/calls.ts";
import { localSigner } from "../src/chain/signer.ts";
import { stateHash } from "../src/exchange/stateHash.ts";
import { parseConfig } from "../src/operator/config.ts";
import type { Log } from "../src/operator/log.ts";
import { loadCurve } from "../src/operator/nativeCurve.ts";
import { type RunningOperator, startOperator } from "../src/operator/node.ts";
import { replay } from "../src/operator/recover.ts";
import { encodeSaved } from "../src/operator/recovery/savedState.ts";
import { momentOf } from "../src/protocol/rounds.ts";
import { type Block, Chain, GWEI, type Weather } from "./chain.ts";
import { Client } from "./clients.ts";
import { Clock } from "./clock.ts";
import { Disk, type FlushFate } from "./disk.ts";
import { LawBroken, Laws } from "./laws.ts";
import type { Terms } from "./mediatorState.ts";
import { type Mood, Network } from "./network.ts";
import {
  isHaltedAt,
  isPeaceful,
  lateDispute,
  type Plan,
  type PlanOptions,
  planOf,
} from "./plan.ts";
import { Random } from "./random.ts";

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
const OWNER = toAddress(`0x${"0e".repeat(20)}`);
/** Below what the node is allowed to pay, with room for a tip. */
const MOST_FEE = 400n * GWEI;
const BEGIN = 1_770_000_000;
/** Errors with which the node may stop: the environment was at fault. */
const MAY_STOP = new Set([
  ...["RpcUnavailable", "DutyFailed", "StorageFull", "StorageFailed", "JournalStopped"],
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
  readonly #options: WorldOptions;
  readonly #random: Random;
  readonly #plan: Plan;
  readonly #clock = new Clock();
  readonly #chain: Chain;
  readonly #disk: Disk;
  readonly #network: Network;
  readonly #laws: Laws;
  readonly #clients: Client[];
  readonly #key: Hex;
  readonly #trace: string[] = [];
  readonly #counts: Record<string, number> = {};
  #operator: RunningOperator | undefined;
  /** Whether a process is there, serving or about to. */
  #alive = false;
  #failure: string | undefined;
  #weather: Weather;
  /** Blocks are dear, and dearer each time. */
  #spike = false;
  #over = false;

  constructor(seed: string, options: WorldOptions) {
    this.#seed = seed;
    this.#options = options;
    this.#random = new Random(seed);
    this.#plan = planOf(this.#random.split("plan"), options);
    this.#key = this.#random.split("operator").hex(32);
    const mediator = toAddress(`0x${"ee".repeat(20)}`);
    const terms: Terms = {
      domain: { chainId: CHAIN_ID, mediator },
      schedule: this.#plan.schedule,
      operator: localSigner(this.#key).address,
    };
    this.#chain = new Chain(terms, this.#random.split("chain"));
    this.#laws = new Laws(this.#chain, this.#plan.confirmations);
    this.#weather = this.#nextWeather();
    this.#disk = new Disk(this.#clock, this.#flushFate(), (payloads) =>
      this.#guard(() => this.#laws.onDurable(payloads)),
    );
    const network = this.#random.split("network");
    this.#network = new Network(this.#chain, this.#clock, network, this.#plan.endpoints, {
      weather: () => this.#weather,
      onBroadcast: (data) => this.#guard(() => this.#onBroadcast(data)),
      onRefusedTrial: (data, refusal) =>
        this.#guard(() => this.#laws.onRefusedTrial(data, refusal)),
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
      if (this.#failure === undefined) this.#guard(() => this.#laws.checkReplay());
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#clock.endProcess();
      this.#clock.uninstall();
      process.off("unhandledRejection", onRejection);
    }
    const counts = { ...this.#counts, orders: this.#laws.acknowledgedOrders };
    const { failure } = { failure: this.#failure };
    return { seed: this.#seed, plan: this.#plan, failure, counts, trace: this.#trace };
  }

  // ---------------------------------------------------------------- time

  #tick(): void {
    const { schedule, rounds } = this.#plan;
    this.#guard(() => {
      this.#trouble();
      this.#block();
      this.#checkBlock();
    });
    if (this.#chain.head.number >= schedule.genesisBlock + rounds * schedule.roundSize) {
      const face = this.#operator?.face;
      if (face !== undefined) this.#guard(() => this.#laws.checkKept(face));
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
    this.#weather = this.#nextWeather();
    const { deepReorgAt, confirmations, troubles } = this.#plan;
    if (deepReorgAt === head.number + 1) {
      const depth = confirmations + this.#random.int(1, 4);
      if (this.#laws.state?.head !== undefined) this.#laws.reorganisedTooDeep = true;
      return this.#reorganise(depth);
    }
    const depth = random.int(1, confirmations);
    const wanted = troubles.has("reorganisations") && random.chance(0.06);
    if (wanted && !this.#isPeaceful && this.#mayDrop(depth)) return this.#reorganise(depth);
    this.#mine();
  }

  #mine(): void {
    this.#report(this.#chain.mine(this.#timestamp, this.#weather));
  }

  get #timestamp(): number {
    return BEGIN + 100 + Math.floor(this.#clock.now / 1000);
  }

  /** Never so late that what is undone could not be done again in peace. */
  #mayDrop(depth: number): boolean {
    const { blocks, head, terms } = this.#chain;
    const fork = blocks[head.number - depth];
    if (fork === undefined || fork.number < terms.schedule.genesisBlock) return false;
    if (!this.#plan.fair) return true;
    const ending = (number: number) => momentOf(terms.schedule, number).quarter;
    const isWithin = ending(fork.number + 1) === ending(head.number + 1);
    const undoes = blocks
      .slice(-depth)
      .some(({ mined }) => mined.some(({ transaction }) => transaction.nonce !== undefined));
    const after = { ...fork, number: head.number + 1 };
    return (isWithin || !undoes) && !isPeaceful(this.#plan, terms, after);
  }

  #reorganise(depth: number): void {
    this.#count("reorganisations");
    this.#say(`reorganisation of ${depth} blocks`);
    for (const endpoint of this.#network.endpoints) endpoint.stuckAt ??= this.#chain.head;
    this.#report(this.#chain.reorganise(depth, this.#timestamp, this.#weather));
  }

  #report(block: Block): void {
    for (const { transaction, refusal } of block.mined) {
      const own = transaction.nonce !== undefined;
      const who = own ? "operator" : "client";
      if (refusal !== undefined) this.#count(`${who}Reverted`);
      if (own) this.#count("operatorMined");
      if (refusal !== undefined) this.#say(`mined of ${who}, reverted: ${refusal.message}`);
    }
    for (const { emitted } of block.logs) {
      this.#count(emitted.eventName);
      this.#say(`mined ${emitted.eventName} ${Object.values(emitted.args).map(brief).join(" ")}`);
    }
  }

  #checkBlock(): void {
    const { head, terms } = this.#chain;
    this.#laws.checkMoney();
    const face = this.#operator?.face;
    if (face !== undefined && this.#disk.isIdle) this.#laws.checkFace(face);
    const late = isHaltedAt(terms, head) ? "HALTED" : lateDispute(terms, head);
    if (late === undefined) return;
    this.#count("late");
    if (!this.#plan.fair || this.#laws.reorganisedTooDeep) return;
    throw new LawBroken("on time", `block ${head.number}, after a fair chance: ${late}`);
  }

  // ---------------------------------------------------------------- trouble

  #trouble(): void {
    const random = this.#random;
    if (this.#isPeaceful) return this.#calm();
    const { troubles } = this.#plan;
    if (troubles.has("crashes") && this.#alive && random.chance(0.04)) {
      this.#clock.after(random.int(0, this.#plan.blockMs - 1), () => this.#crash());
    }
    if (!troubles.has("endpoints")) return;
    for (const endpoint of this.#network.endpoints) {
      if (!random.chance(0.12)) continue;
      endpoint.mood = random.weighted<Mood>({
        ...{ well: 10, down: 2, silent: 1, failing: 2, limited: 2 },
        ...{ lagging: 3, stuck: 2, pooled: 0, empty: 0, forgetful: 2 },
      });
      endpoint.lag = random.int(1, 5);
      endpoint.stuckAt = endpoint.mood === "stuck" ? this.#chain.head : undefined;
      this.#say(`${endpoint.url} is ${endpoint.mood}`);
    }
  }

  #calm(): void {
    for (const endpoint of this.#network.endpoints) endpoint.mood = "well";
    if (!this.#alive) this.#start();
  }

  /** The base fee moves by an eighth at most, as on Ethereum; in a spike it only rises. */
  #nextWeather(): Weather {
    const random = this.#random;
    const peaceful = this.#chain.blocks.length === 0 || this.#isPeaceful;
    const { troubles } = this.#plan;
    if (peaceful || !troubles.has("fees")) this.#spike = false;
    else if (random.chance(0.1)) this.#spike = !this.#spike;
    const lossy = !peaceful && troubles.has("transactions");
    const before = this.#weather?.baseFee ?? 5n * GWEI;
    const part = this.#spike
      ? random.int(60, 125)
      : random.int(-125, before > 30n * GWEI ? 0 : 125);
    const baseFee = before + (before * BigInt(part)) / 1000n;
    return {
      baseFee: baseFee < GWEI ? GWEI : baseFee > MOST_FEE ? MOST_FEE : baseFee,
      minTip: this.#spike ? BigInt(random.int(0, 10)) * GWEI : 0n,
      fate: () => (lossy ? random.weighted({ kept: 6, dropped: 2, delayed: 2 }) : "kept"),
    };
  }

  #flushFate(): () => FlushFate {
    const random = this.#random.split("disk");
    return () => {
      const survives = random.chance(0.5);
      const isBad = this.#plan.troubles.has("disk") && !this.#isPeaceful;
      if (!isBad) return { ms: random.int(0, 4), survives };
      if (random.chance(0.01)) {
        const failure = random.pick(["StorageFull", "StorageFailed"] as const);
        return { ms: random.int(0, 50), failure, survives };
      }
      return { ms: random.chance(0.1) ? random.int(100, 9000) : random.int(0, 20), survives };
    };
  }

  // ---------------------------------------------------------------- the operator

  #start(): void {
    this.#alive = true;
    this.#count("starts");
    this.#maybeSnapshot();
    const config = parseConfig(this.#config(), { QUARTERDECK_PRIVATE_KEY: this.#key }, "the seed");
    const openJournal = async () => this.#disk.open();
    startOperator(config, this.#log(), { openJournal }).then(
      (operator) => this.#serve(operator),
      (error) => this.#stopped(error),
    );
  }

  #config() {
    const [base, quote, third] = TOKENS;
    const { confirmations, pollMs } = this.#plan;
    return {
      rpc: this.#network.endpoints.map(({ url }) => url),
      mediator: this.#chain.terms.domain.mediator,
      markets: [
        { base, quote, lot: "10", tick: "1" },
        { base: third, quote, lot: "1", tick: "5" },
      ],
      ...{ confirmations, pollMs, maxTries: 10 },
    };
  }

  #serve(operator: RunningOperator): void {
    this.#operator = operator;
    this.#say("serves");
    this.#guard(() => this.#laws.checkKept(operator.face));
    operator.face.subscribe((event) => {
      if (event.kind !== "order") return;
      this.#guard(() => this.#laws.onSaid(event.order));
      this.#clients.find(({ address }) => address === event.order.owner)?.learn(event.order);
    });
    operator.ended.catch((error) => this.#stopped(error));
  }

  /** Says why, and is started again by whoever watches over it. */
  #stopped(error: unknown): void {
    const { code = "unknown", message } = error as { code?: string; message: string };
    this.#say(`stops: ${code}: ${message}`);
    this.#count(`stopped${code}`);
    const tooDeep = code === "ReorgTooDeep" && this.#laws.reorganisedTooDeep;
    if (!MAY_STOP.has(code) && !tooDeep) {
      this.#fail(new LawBroken("stops only for a reason", `${code}: ${message}`));
    }
    this.#end();
    if (tooDeep) this.#over = true;
  }

  #crash(): void {
    if (!this.#alive || this.#isPeaceful) return;
    this.#count("crashes");
    this.#say("crash");
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
    this.#count("broadcasts");
    this.#laws.onBroadcast(data);
  }

  #log(): Log {
    const line = (level: string) => (event: string, fields?: object) => {
      if (event === "unhealthy" || event === "healthy") return;
      const words = Object.entries(fields ?? {}).map(([name, value]) => `${name}=${brief(value)}`);
      this.#say(`  node ${level} ${event} ${words.join(" ")}`);
    };
    return { info: line("info"), warn: line("warn"), error: line("error"), flush: async () => {} };
  }

  // ---------------------------------------------------------------- telling

  #client(index: number): Client {
    return new Client(["Ada", "Bob", "Cy", "Dot", "Eve"][index] as string, {
      chain: this.#chain,
      random: this.#random.split("clients"),
      markets: [
        { base: TOKENS[0], quote: TOKENS[1], lot: 10n, tick: 1n },
        { base: TOKENS[2], quote: TOKENS[1], lot: 1n, tick: 5n },
      ],
      tokens: TOKENS,
      face: () => this.#operator?.face,
      onAcknowledged: (deed, order) => this.#laws.onAcknowledged(deed, order),
      onRefused: (order, code) => this.#laws.onRefused(order, code),
      onError: (error) => this.#fail(error),
      trace: (text) => this.#say(text),
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
    const isLaw = error instanceof LawBroken;
    const detail = error instanceof Error ? (isLaw ? error.message : error.stack) : String(error);
    this.#say(`FAILURE ${detail}`);
    this.#failure ??= detail ?? "unknown";
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }

  #say(text: string): void {
    const { head, terms } = this.#chain;
    const at =
      head.number < terms.schedule.genesisBlock ? undefined : momentOf(terms.schedule, head.number);
    const where = at === undefined ? "" : `${at.block} (${at.round}.${at.quarter})`;
    const line = `${(this.#clock.now / 1000).toFixed(2).padStart(8)} s  ${where.padEnd(10)} ${text}`;
    this.#trace.push(line);
    this.#options.onTrace?.(line);
  }
}

function brief(value: unknown): string {
  if (value instanceof Error) return value.message;
  if (typeof value === "string") return /^0x.{12,}$/.test(value) ? value.slice(0, 8) : value;
  return JSON.stringify(value, (_, part) => (typeof part === "bigint" ? part.toString() : part));
}
