/** A real EVM for tests: anvil on a port of its own, gone when the test is. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TransactionReceipt } from "viem";
import { toAddress } from "../../../src/base/address.ts";
import type { Address, Hex } from "../../../src/base/hex.ts";
import { untilMined } from "../../../src/chain/contracts/deploy.ts";
import { type ChainClient, connect } from "../../../src/chain/rpc/rpc.ts";
import { localSigner } from "../../../src/chain/signer.ts";
import { CHAIN_ARGUMENTS, LOCAL_KEYS } from "../../../src/localnet/localChain.ts";

export interface Anvil {
  /** For HTTP, as operators and clients are given it. */
  readonly url: string;
  /** The test's own: over a WebSocket. */
  readonly client: ChainClient;
  readonly chainId: number;
  /** Rich accounts by their private keys. */
  readonly keys: readonly Hex[];
  readonly addresses: readonly Address[];
  rpc<T = unknown>(method: string, params?: readonly unknown[]): Promise<T>;
  /**
   * Sends from an account of the node's own and waits until it is mined: the node answers before it
   * mines, whatever its mode. Throws when it is reverted.
   */
  transact(transaction: LocalTransaction): Promise<TransactionReceipt>;
  mine(blocks?: number): Promise<void>;
  /** Mines until `block` is the newest. */
  mineTo(block: number): Promise<void>;
  blockNumber(): Promise<number>;
  /** Whether a transaction makes a block of its own at once. */
  setAutomine(automine: boolean): Promise<void>;
  /** Gives what `revert` takes to come back to this state, once. */
  snapshot(): Promise<Hex>;
  revert(snapshot: Hex): Promise<void>;
  stop(): Promise<void>;
}

export interface LocalTransaction {
  readonly from: Address;
  /** Wei. */
  readonly value?: Hex;
  /** Absent: a contract is created. */
  readonly to?: Address;
  readonly data: Hex;
}

export interface AnvilOptions {
  /** Seconds; without it a block is mined only on demand or for each transaction. */
  readonly blockTime?: number;
  /** No block for a transaction by itself. */
  readonly noMining?: boolean;
  readonly port?: number;
  readonly chainId?: number;
  /** Another than the project's own. */
  readonly hardfork?: string;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

const DEFAULT_CHAIN_ID = 31_337;
const PATIENCE_MS = 120_000;
/** Until it answers first. */
const READY_MS = 50_000;

export async function startAnvil(options: AnvilOptions = {}): Promise<Anvil> {
  const port = options.port ?? (await freePort());
  const chainId = options.chainId ?? DEFAULT_CHAIN_ID;
  const args: string[] = ["--port", String(port), ...CHAIN_ARGUMENTS];
  if (options.hardfork !== undefined) args[args.indexOf("--hardfork") + 1] = options.hardfork;
  args.push("--chain-id", String(chainId));
  if (options.blockTime !== undefined) args.push("--block-time", String(options.blockTime));
  if (options.noMining) args.push("--no-mining");
  const local = join(import.meta.dirname, "../../../node_modules/.bin/anvil");
  const child = spawn(existsSync(local) ? local : "anvil", args, { stdio: "ignore" });
  running.add(child);
  const url = `http://127.0.0.1:${port}`;
  // Mining is not repeatable, and hundreds of blocks take their time on a busy machine. A request
  // over a WebSocket costs a tenth of the processor time of one over HTTP.
  const client = connect([url.replace("http", "ws")], { retries: 0, timeoutMs: PATIENCE_MS });
  const rpc = async <T>(method: string, params: readonly unknown[] = []): Promise<T> =>
    (await client.request({ method, params } as never)) as T;
  const blockNumber = async () => Number(await client.getBlockNumber());
  const mine = async (blocks = 1) => {
    await rpc("anvil_mine", [`0x${blocks.toString(16)}`]);
  };
  await untilReady(child, blockNumber);
  return {
    url,
    client,
    chainId,
    keys: LOCAL_KEYS,
    addresses: LOCAL_KEYS.map((key) => toAddress(localSigner(key).address)),
    rpc,
    transact: async (transaction) => {
      const hash = await rpc<Hex>("eth_sendTransaction", [transaction]);
      const receipt = await untilMined(client, hash);
      if (receipt.status !== "success") throw new Error(`transaction ${hash} was reverted`);
      return receipt;
    },
    mine,
    mineTo: async (block) => {
      const missing = block - (await blockNumber());
      if (missing > 0) await mine(missing);
    },
    blockNumber,
    setAutomine: (automine) => rpc("evm_setAutomine", [automine]),
    snapshot: () => rpc<Hex>("evm_snapshot"),
    revert: async (snapshot) => {
      if (!(await rpc<boolean>("evm_revert", [snapshot]))) {
        throw new Error(`no snapshot ${snapshot}: each serves once`);
      }
    },
    stop: async () => {
      running.delete(child);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
    },
  };
}

async function untilReady(child: ChildProcess, poll: () => Promise<number>): Promise<void> {
  for (const end = performance.now() + READY_MS; performance.now() < end; ) {
    if (child.exitCode !== null) throw new Error(`anvil ended with code ${child.exitCode}`);
    try {
      await poll();
      return;
    } catch {
      await sleep(50);
    }
  }
  throw new Error("anvil does not answer");
}

/**
 * Below the ports that systems give to connections: a connection of anybody's cannot take one while
 * nobody listens there, nor a client that tries it again and again connect to itself.
 */
const FIRST_PORT = 10_000;
const PORT_COUNT = 20_000;

/**
 * The first of `count` ports in a row that nobody listens on now. No other test gets one of them
 * while this process lives: who listens there may come later, go and come again, or never.
 */
export async function freePort(count = 1): Promise<number> {
  for (;;) {
    const first = FIRST_PORT + randomInt(PORT_COUNT);
    const ports = Array.from({ length: count }, (_, i) => first + i);
    const free = await Promise.all(ports.map(async (one) => (await reserve(one)) && isFree(one)));
    if (!free.includes(false)) return first;
  }
}

/**
 * Takes the port's number for UDP, which nobody else here uses: processes see each other's, and the
 * system gives them back when they end. False: another has it.
 */
function reserve(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => socket.close(() => resolve(false)));
    socket.bind({ port, address: "127.0.0.1", exclusive: true }, () => {
      socket.unref();
      resolve(true);
    });
  });
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
