/** An operator as a process of its own, to be killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Hex } from "../../../src/base/hex.ts";
import { OPERATOR_FLAGS } from "../../../src/localnet/supervise.ts";
import { KEY_VARIABLE, PASSWORD_VARIABLE } from "../../../src/operator/config/config.ts";
import { commandFile } from "./commandFile.ts";
import { until } from "./exchange.ts";

/** The fields of a configuration file; see operator/config/config.ts. */
export type OperatorFile = Readonly<Record<string, unknown>> & { readonly port: number };

export interface OperatorProcess {
  readonly url: string;
  readonly pid: number;
  /** What it wrote to its standard error. */
  complaint(): string;
  /** What it wrote to its standard output, if it was not told to be quiet. */
  output(): string;
  /** Resolves with its exit code, null when a signal ended it. */
  readonly ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

/** How a process is started otherwise than with a bare key, quietly. */
export interface SpawnOptions {
  /** Instead of a bare key in its variable. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly loud?: boolean;
  /** A command that runs the one given after it, such as `["bash", "-c", …]`. */
  readonly wrapper?: readonly string[];
}

const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** Writes the configuration to `file`, starts an operator with it, and waits until it is ready. */
export async function startOperatorProcess(
  file: string,
  config: OperatorFile,
  privateKey: Hex,
  options?: SpawnOptions,
): Promise<OperatorProcess> {
  const operator = spawnOperator(file, config, privateKey, options);
  let ended = false;
  operator.ended.then(() => {
    ended = true;
  });
  await until("the operator is ready", async () => {
    if (ended) throw new Error(`the operator ended: ${operator.complaint()}`);
    const answer = await fetch(`${operator.url}/health/ready`).catch(() => undefined);
    if (answer?.ok !== true) await sleep(20);
    return answer?.ok === true;
  });
  return operator;
}

/** The same without waiting: for operators that are expected to end. */
export function spawnOperator(
  file: string,
  config: OperatorFile,
  privateKey: Hex,
  { environment = { [KEY_VARIABLE]: privateKey }, loud = false, wrapper = [] }: SpawnOptions = {},
): OperatorProcess {
  writeFileSync(file, JSON.stringify(config));
  const main = commandFile("cli/main");
  const { [KEY_VARIABLE]: _key, [PASSWORD_VARIABLE]: _password, ...inherited } = process.env;
  const args = [
    ...OPERATOR_FLAGS,
    main,
    "operator",
    "--config",
    file,
    ...(loud ? [] : ["--quiet"]),
  ];
  const [command, ...words] = [...wrapper, process.execPath, ...args] as [string, ...string[]];
  const child = spawn(command, words, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...inherited, ...environment },
  });
  children.add(child);
  let complaint = "";
  let output = "";
  child.stdout.on("data", (part) => {
    output += part;
  });
  child.stderr.on("data", (part) => {
    complaint += part;
  });
  const ended = new Promise<number | null>((resolve) => {
    // Only then all that it wrote is here.
    child.once("close", (code) => {
      children.delete(child);
      resolve(code);
    });
  });
  return {
    url: `http://127.0.0.1:${config.port}`,
    pid: child.pid as number,
    complaint: () => complaint,
    output: () => output,
    ended,
    kill: (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}
