/** A real EVM for tests: anvil on a port of its own, gone when the test is. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { toAddress } from "../../src/base/address.ts";
import type { Address, Hex } from "../../src/base/hex.ts";
import { type ChainClient, connect } from "../../src/chain/rpc.ts";
import { localSigner } from "../../src/chain/signer.ts";

export interface Anvil {
  readonly url: string;
  readonly client: ChainClient;
  /** Rich accounts by their private keys. */
  readonly keys: readonly Hex[];
  readonly addresses: readonly Address[];
  rpc<T = unknown>(method: string, params?: readonly unknown[]): Promise<T>;
  mine(blocks?: number): Promise<void>;
  /** Mines until `block` is the newest. */
  mineTo(block: number): Promise<void>;
  blockNumber(): Promise<number>;
  stop(): Promise<void>;
}

export interface AnvilOptions {
  /** Seconds; without it a block is mined only on demand or for each transaction. */
  readonly blockTime?: number;
  /** No block for a transaction by itself. */
  readonly noMining?: boolean;
  readonly port?: number;
}

/** The keys that anvil derives from its well-known mnemonic. */
const KEYS: readonly Hex[] = [
  "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
  "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
  "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
  "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
  "0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
  "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
  "0x92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
  "0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
  "0xdbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
  "0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
];

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export async function startAnvil(options: AnvilOptions = {}): Promise<Anvil> {
  const port = options.port ?? (await freePort());
  const args = ["--port", String(port), "--silent", "--hardfork", "prague"];
  if (options.blockTime !== undefined) args.push("--block-time", String(options.blockTime));
  if (options.noMining) args.push("--no-mining");
  const local = join(import.meta.dirname, "../../node_modules/.bin/anvil");
  const child = spawn(existsSync(local) ? local : "anvil", args, { stdio: "ignore" });
  running.add(child);
  const url = `http://127.0.0.1:${port}`;
  const client = connect([url], { retries: 0 });
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
    keys: KEYS,
    addresses: KEYS.map((key) => toAddress(localSigner(key).address)),
    rpc,
    mine,
    mineTo: async (block) => {
      const missing = block - (await blockNumber());
      if (missing > 0) await mine(missing);
    },
    blockNumber,
    stop: async () => {
      running.delete(child);
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
    },
  };
}

async function untilReady(child: ChildProcess, look: () => Promise<number>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`anvil ended with code ${child.exitCode}`);
    try {
      await look();
      return;
    } catch {
      await sleep(50);
    }
  }
  throw new Error("anvil does not answer");
}

/** A port that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === "object" && bound ? bound.port : 0));
    });
  });
}
