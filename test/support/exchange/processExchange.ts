/** An exchange whose operator is a process of its own: it can be killed, and started again. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Hex } from "../../../src/base/hex.ts";
import { Api } from "../../../src/client/api.ts";
import { KEY_VARIABLE } from "../../../src/operator/config/config.ts";
import type { Anvil } from "../chain/anvil.ts";
import { CONFIRMATIONS, startExchange, type TestExchange, until } from "./exchange.ts";
import {
  type OperatorFile,
  type OperatorProcess,
  type SpawnOptions,
  spawnOperator,
  startOperatorProcess,
} from "./operatorProcess.ts";

export interface ProcessExchange extends Omit<TestExchange, "stop"> {
  /** Goes with the exchange. Holds storage, logs and configurations. */
  readonly folder: string;
  readonly file: OperatorFile;
  /**
   * Starts the operator with its key in the environment, which `how` may add to. Waits until it is
   * ready, and has taken in what is final now.
   */
  launch(changes?: Partial<OperatorFile>, how?: SpawnOptions): Promise<OperatorProcess>;
  /** Starts one that need not become ready. */
  spawn(changes?: Partial<OperatorFile>, how?: SpawnOptions): OperatorProcess;
  /** Ends every operator that still runs. */
  killAll(): Promise<void>;
  stop(): Promise<void>;
}

export async function startProcessExchange(
  options: Parameters<typeof startExchange>[0] = {},
): Promise<ProcessExchange> {
  const exchange = await startExchange(options);
  // Its own operator steps aside: the port goes to processes.
  await exchange.stopOperator();
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-process-"));
  const { weth, usdc, mediator, anvil } = exchange;
  const file: OperatorFile = {
    rpc: [anvil.url],
    mediator,
    markets: [{ base: weth, quote: usdc, lot: "1000000000000000", tick: "10" }],
    confirmations: 1,
    port: Number(new URL(exchange.url).port),
    storage: join(folder, "storage"),
    logs: join(folder, "logs"),
    pollMs: 20,
    maxTries: 4,
  };
  const key = anvil.keys[1] as Hex;
  let spawned = 0;
  const running = new Set<OperatorProcess>();
  const withKey = (how: SpawnOptions) => ({
    ...how,
    environment: { [KEY_VARIABLE]: key, ...how.environment },
  });
  const nextFile = () => join(folder, `operator-${++spawned}.json`);
  const keep = (operator: OperatorProcess) => {
    running.add(operator);
    operator.ended.then(() => running.delete(operator));
    return operator;
  };
  const killAll = async () => {
    await Promise.all([...running].map((operator) => operator.kill("SIGKILL")));
  };
  return {
    ...exchange,
    folder,
    file,
    launch: async (changes = {}, how = {}) => {
      const changed = { ...file, ...changes };
      const operator = keep(await startOperatorProcess(nextFile(), changed, key, withKey(how)));
      await follows(operator, anvil);
      return operator;
    },
    spawn: (changes = {}, how = {}) =>
      keep(spawnOperator(nextFile(), { ...file, ...changes }, key, withKey(how))),
    killAll,
    stop: async () => {
      await killAll();
      await exchange.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Ready is also who trails a few blocks, in which a new chain may have listed all its tokens. */
async function follows({ url }: OperatorProcess, anvil: Anvil): Promise<void> {
  const head = await anvil.blockNumber();
  await until("the operator follows", async () => {
    return (await new Api(url).call("fetchClock")).block >= head - CONFIRMATIONS;
  });
}
