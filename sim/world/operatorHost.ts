/** One operator of a world: started, stopped, killed and paused, over and over. */
import type { Address, Hex } from "../../src/base/hex.ts";
import type { Log } from "../../src/base/log.ts";
import { localSigner } from "../../src/chain/signer.ts";
import { parseConfig } from "../../src/operator/config/config.ts";
import { type RunningOperator, startOperator } from "../../src/operator/node/node.ts";
import type { StorageParts } from "../../src/operator/sequencing/openStorage.ts";
import { type Clock, Process } from "../host/clock.ts";

export interface HostOptions {
  readonly clock: Clock;
  readonly name: string;
  readonly key: Hex;
  /** The configuration, as a file would hold it. */
  readonly config: () => object;
  readonly log: Log;
  /** Where the process keeps its journal. */
  readonly storage: (process: Process) => StorageParts;
  readonly onServes: (host: OperatorHost, operator: RunningOperator) => void;
  /** The process ended by itself. */
  readonly onStopped: (host: OperatorHost, error: unknown) => void;
}

export class OperatorHost {
  readonly name: string;
  readonly address: Address;
  readonly #options: HostOptions;
  #process: Process | undefined;
  #operator: RunningOperator | undefined;
  /** Milliseconds by which the machine's wall clock is wrong, whichever process runs. */
  #wallClockOffset = 0;

  constructor(options: HostOptions) {
    this.#options = options;
    this.name = options.name;
    this.address = localSigner(options.key).address;
  }

  /** Whether a process is there, serving or about to. */
  get isAlive(): boolean {
    return this.#process !== undefined;
  }

  get process(): Process | undefined {
    return this.#process;
  }

  get isPaused(): boolean {
    return (this.#process?.pausedUntil ?? 0) > this.#options.clock.now;
  }

  /** Undefined while it does not serve. */
  get operator(): RunningOperator | undefined {
    return this.#operator;
  }

  start(): void {
    const { clock, key, config, log, storage } = this.#options;
    const process = new Process(this.name);
    process.wallClockOffset = this.#wallClockOffset;
    this.#process = process;
    const isCurrent = () => this.#process === process;
    const stopped = (error: unknown) => {
      if (isCurrent()) this.#options.onStopped(this, error);
    };
    clock.within(process, () => {
      const parsed = parseConfig(config(), { QUARTERDECK_PRIVATE_KEY: key }, "the seed");
      startOperator(parsed, log, undefined, storage(process)).then((operator) => {
        if (!isCurrent()) return;
        this.#operator = operator;
        operator.ended.catch(stopped);
        this.#options.onServes(this, operator);
      }, stopped);
    });
  }

  /** Nothing of the process happens any more. */
  kill(): void {
    if (this.#process !== undefined) this.#process.ended = true;
    this.#process = undefined;
    this.#operator = undefined;
  }

  /** The operator's process stands still for so long, and goes on then. */
  pause(ms: number): void {
    if (this.#process !== undefined) this.#process.pausedUntil = this.#options.clock.now + ms;
  }

  jumpWallClock(offset: number): void {
    this.#wallClockOffset = offset;
    if (this.#process !== undefined) this.#process.wallClockOffset = offset;
  }
}
