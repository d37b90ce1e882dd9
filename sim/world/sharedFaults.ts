/** The faults between several operators, their database, the chain and the clients. */
import type { Address } from "../../src/base/hex.ts";
import type { Process } from "../host/clock.ts";
import type { StatementFate } from "../host/databaseLink.ts";
import type { Random } from "../host/random.ts";
import type { FaultKind } from "./faultKinds.ts";
import type { OperatorHost } from "./operatorHost.ts";

type DatabaseMode = "well" | "refused" | "silent" | "readOnly" | "lossy" | "slow";
type Cut = "refused" | "silent";

const HOUR_MS = 3_600_000;
/** Blocks after which a cut heals, on average. */
const HEALS = 0.15;

export interface SharedSurroundings {
  readonly kinds: ReadonlySet<FaultKind>;
  readonly hosts: readonly OperatorHost[];
  readonly endpoints: number;
  /** The endpoint that is true. */
  readonly truthful: number;
  readonly blockMs: number;
  readonly trace: (text: string) => void;
}

/** Blocks after a cut until an operator has read what came meanwhile. */
const CATCH_UP_BLOCKS = 3;

export class SharedFaults {
  readonly #random: Random;
  readonly #around: SharedSurroundings;
  readonly #databaseCuts = new Map<string, Cut>();
  /** Blocks for which a host may still lack what the journal got while it was cut off. */
  readonly #catchingUp = new Map<string, number>();
  readonly #endpointCuts = new Set<string>();
  readonly #clientCuts = new Set<string>();
  #databaseMode: DatabaseMode = "well";
  /** Milliseconds by which the database's clock is wrong. */
  databaseClockOffset = 0;
  /** In peace this one is left alone. */
  #survivor: OperatorHost | undefined;

  constructor(random: Random, around: SharedSurroundings) {
    this.#random = random;
    this.#around = around;
  }

  /** True if this operator is to have its fair chance now. */
  isSurvivor(host: OperatorHost): boolean {
    return this.#survivor === host;
  }

  isCutFromEndpoint(process: Process | undefined, index: number): boolean {
    return this.#endpointCuts.has(`${process?.name} ${index}`);
  }

  /** True if the operator of that key may not have read the newest records of the journal. */
  mayLackRecords(operator: Address | undefined): boolean {
    const host = this.#around.hosts.find(({ address }) => address === operator);
    if (host === undefined) return false;
    return this.#databaseMode !== "well" || (this.#catchingUp.get(host.name) ?? 0) > 0;
  }

  isCutFromClients({ name }: OperatorHost): boolean {
    return this.#clientCuts.has(name);
  }

  /** The fate of a statement that `process` sends. */
  statementFate({ name }: Process): StatementFate {
    const random = this.#random;
    const times = { there: random.int(1, 15), back: random.int(1, 15) };
    const cut = this.#databaseCuts.get(name);
    if (cut !== undefined) return { kind: cut, ...times };
    switch (this.#databaseMode) {
      case "lossy":
        return { kind: random.chance(0.1) ? "answerLost" : "well", ...times };
      case "slow":
        // Some statements arrive only after their sender has given up.
        return { kind: "well", ...times, there: random.int(1, random.chance(0.05) ? 9000 : 400) };
      case "well":
        return { kind: "well", ...times };
      default:
        return { kind: this.#databaseMode, ...times };
    }
  }

  /** Changes some of it, at each block. */
  inject(isPeaceful: boolean): void {
    if (isPeaceful) this.#survivor ??= this.#random.pick(this.#around.hosts);
    else this.#survivor = undefined;
    const { kinds, hosts } = this.#around;
    for (const host of hosts) {
      if (this.isSurvivor(host)) this.#release(host);
      else this.#injectAt(host);
    }
    if (isPeaceful) this.#databaseMode = "well";
    else if (kinds.has("database")) this.#injectAtDatabase();
    if (!isPeaceful && kinds.has("clocks") && this.#random.chance(0.02)) {
      this.databaseClockOffset = this.#jump();
      this.#around.trace(`the database's clock is ${this.databaseClockOffset} ms off`);
    }
  }

  #release({ name }: OperatorHost): void {
    const { truthful } = this.#around;
    this.#databaseCuts.delete(name);
    this.#clientCuts.delete(name);
    this.#endpointCuts.delete(`${name} ${truthful}`);
  }

  #injectAt(host: OperatorHost): void {
    const { kinds, blockMs, trace } = this.#around;
    const random = this.#random;
    if (kinds.has("partitions")) this.#cut(host);
    if (kinds.has("pauses") && host.isAlive && random.chance(0.04)) {
      const ms = random.int(500, 3 * blockMs);
      trace(`${host.name} is paused for ${ms} ms`);
      host.pause(ms);
    }
    if (kinds.has("clocks") && random.chance(0.02)) {
      const offset = this.#jump();
      trace(`the clock of ${host.name} is ${offset} ms off`);
      host.jumpWallClock(offset);
    }
  }

  #cut({ name }: OperatorHost): void {
    const random = this.#random;
    const { endpoints, trace } = this.#around;
    const left = this.#databaseCuts.has(name) ? CATCH_UP_BLOCKS : this.#catchingUp.get(name);
    this.#catchingUp.set(name, Math.max(0, (left ?? 0) - 1));
    if (random.chance(HEALS)) this.#databaseCuts.delete(name);
    if (random.chance(HEALS)) this.#clientCuts.delete(name);
    if (random.chance(HEALS)) {
      for (let i = 0; i < endpoints; i++) this.#endpointCuts.delete(`${name} ${i}`);
    }
    if (random.chance(0.03)) {
      this.#databaseCuts.set(name, random.pick(["refused", "silent"]));
      this.#catchingUp.set(name, CATCH_UP_BLOCKS);
      trace(`${name} is cut off from the database`);
    }
    if (random.chance(0.03)) {
      const all = random.chance(0.5);
      for (let i = 0; i < endpoints; i++) {
        if (all || random.chance(0.5)) this.#endpointCuts.add(`${name} ${i}`);
      }
      trace(`${name} is cut off from ${all ? "all" : "some"} endpoints`);
    }
    if (random.chance(0.03)) {
      this.#clientCuts.add(name);
      trace(`${name} is cut off from the clients`);
    }
  }

  #injectAtDatabase(): void {
    const random = this.#random;
    if (!random.chance(0.1)) return;
    this.#databaseMode = random.weighted<DatabaseMode>({
      well: 8,
      refused: 1,
      silent: 1,
      readOnly: 1,
      lossy: 2,
      slow: 2,
    });
    this.#around.trace(`the database is ${this.#databaseMode}`);
  }

  #jump(): number {
    const sign = this.#random.chance(0.5) ? 1 : -1;
    return sign * this.#random.int(1000, this.#random.chance(0.5) ? 30_000 : 3 * HOUR_MS);
  }
}
