/** Runs an operator as its own process, and again when it ends by itself. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { QuarterdeckError } from "../base/errors.ts";
import type { Hex } from "../base/hex.ts";
import { EXIT_CONFIGURATION } from "../cli/report.ts";
import {
  DATABASE_VARIABLE,
  KEY_VARIABLE,
  PASSWORD_VARIABLE,
  RPC_VARIABLE,
} from "../operator/config/config.ts";
import { endOf } from "./endOf.ts";

export interface SupervisedOptions {
  readonly name: string;
  /** Where it serves, for messages. */
  readonly url: string;
  readonly key: Hex;
  /** Path of its configuration. */
  readonly config: string;
  /** Folder of its logs, for messages. */
  readonly logs: string;
  readonly tell: (line: string) => void;
  /** How its process is started, where it is another way than usual. */
  readonly launch?: LaunchOptions;
}

export interface LaunchOptions {
  /** Runs an operator with the arguments of `quarterdeck` that follow it. */
  readonly command?: readonly [string, ...string[]];
  /** Milliseconds between an end and the next start. */
  readonly restartPauseMs?: number;
}

/** Ends in a row before we give up on it. */
const MAX_ENDS = 5;
/** Milliseconds of life after which an end is the first in a row again. */
const LONG_LIFE_MS = 60_000;
/** See tools/child.mjs. */
const LAUNCHER_VARIABLE = "QUARTERDECK_LAUNCHER";
const RESTART_PAUSE_MS = 1000;
const COMPLAINT_CHARACTERS = 1000;

/**
 * Options of Node.js for operators that share processors: one helper of V8 and not four, which with
 * a snapshot's thread at work took both of two processors from the operator's own.
 */
export const OPERATOR_FLAGS = ["--v8-pool-size=1"] as const;
/** Ends with us, also when nobody tells it to. */
const MAIN = join(import.meta.dirname, "../../bin/quarterdeck.mjs");

interface End {
  /** Exit code, or the signal that ended it. */
  readonly code: number | NodeJS.Signals;
  readonly complaint: string;
}

export class SupervisedOperator {
  readonly #options: SupervisedOptions;
  #child: ChildProcess | undefined;
  /** Aborted when somebody wants it to run; undefined while it is wanted. */
  #rest: AbortController | undefined;

  constructor(options: SupervisedOptions) {
    this.#options = options;
  }

  /** Kills it as a crash would, and lets it pause; or ends its pause. */
  toggle(): void {
    if (this.#rest === undefined) {
      this.#rest = new AbortController();
      this.#child?.kill("SIGKILL");
    } else {
      this.#rest.abort();
      this.#rest = undefined;
    }
  }

  /**
   * Resolves after `signal` is aborted and the process is gone. Throws `OperatorFailed` when it
   * ended too often in a row, or said that starting it again is in vain.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { name, tell, launch } = this.#options;
    let ends = 0;
    while (!signal.aborted) {
      if (this.#rest !== undefined) {
        ends = 0;
        tell(`${name} was killed`);
        await pause(AbortSignal.any([signal, this.#rest.signal]));
        continue;
      }
      const began = performance.now();
      const { code, complaint } = await this.#runOnce(signal);
      if (signal.aborted) return;
      // Also when that was between its end and the next start.
      if (this.#rest !== undefined) continue;
      // Somebody killed it: that says nothing against the next start.
      const isKilled = code === "SIGKILL";
      ends = isKilled ? 0 : performance.now() - began > LONG_LIFE_MS ? 1 : ends + 1;
      if (code === EXIT_CONFIGURATION || ends > MAX_ENDS) {
        this.#rest = new AbortController();
        throw this.#failed(ends, code, complaint);
      }
      tell(`${name} ended (${code}) and is started again${complaint && `: ${complaint}`}`);
      await pause(signal, launch?.restartPauseMs ?? RESTART_PAUSE_MS);
    }
  }

  /** After it was given up: resolves when somebody wants it to run again, or at the signal. */
  async untilWanted(signal: AbortSignal): Promise<void> {
    if (this.#rest !== undefined) await pause(AbortSignal.any([signal, this.#rest.signal]));
  }

  #failed(ends: number, code: End["code"], complaint: string): QuarterdeckError {
    const { name, logs } = this.#options;
    const often = ends > 1 ? ` ${ends} times in a row, last` : "";
    return new QuarterdeckError({
      code: "OperatorFailed",
      message: `${name} ended${often} with ${code}: ${complaint}`,
      hint: `Look at the logs in ${logs}.`,
    });
  }

  async #runOnce(signal: AbortSignal): Promise<End> {
    const { name, url, config, key, tell, launch } = this.#options;
    const [command, ...words] = launch?.command ?? [process.execPath, ...OPERATOR_FLAGS, MAIN];
    // The database and chain of somebody's real operator, in this shell, are none of ours.
    const { [DATABASE_VARIABLE]: _, [RPC_VARIABLE]: __, ...environment } = process.env;
    const child = spawn(command, [...words, "operator", "--config", config, "--quiet"], {
      stdio: ["ignore", "ignore", "pipe"],
      env: {
        ...environment,
        [KEY_VARIABLE]: key,
        [PASSWORD_VARIABLE]: "",
        [LAUNCHER_VARIABLE]: String(process.pid),
      },
    });
    this.#child = child;
    if (child.pid !== undefined) tell(`${name} ${url} · pid ${child.pid}`);
    let complaint = "";
    child.stderr.on("data", (part) => {
      complaint = (complaint + part).slice(-COMPLAINT_CHARACTERS);
    });
    const end = () => child.kill("SIGTERM");
    signal.addEventListener("abort", end, { once: true });
    const code = await endOf(child);
    signal.removeEventListener("abort", end);
    this.#child = undefined;
    return { code, complaint: complaint.trim() };
  }
}

/** How those who watch the operators are told of one that was given up. */
export interface OperateOptions {
  readonly signal: AbortSignal;
  /** Whether keys are heard: 1 for the first operator, and so on. */
  readonly hasKeys: boolean;
  readonly tell: (line: string) => void;
}

/**
 * Runs all operators until the signal. An operator that is given up is reported, and the others go
 * on, until a key starts it again; rejects when none is left.
 */
export async function operateAll(
  supervised: readonly SupervisedOperator[],
  { signal, hasKeys, tell }: OperateOptions,
): Promise<void> {
  let left = supervised.length;
  const operate = async (one: SupervisedOperator, number: number) => {
    while (!signal.aborted) {
      try {
        await one.run(signal);
      } catch (error) {
        left -= 1;
        if (left === 0 || !(error instanceof Error)) throw error;
        const again = hasKeys ? ` Press ${number} to start it again.` : "";
        tell(`${error.message}${again}`);
        await one.untilWanted(signal);
        left += 1;
      }
    }
  };
  await Promise.all(supervised.map((one, i) => operate(one, i + 1)));
}

/** Until `signal` is aborted, or the time is over. */
async function pause(signal: AbortSignal, milliseconds = 2 ** 31 - 1): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => {});
}
