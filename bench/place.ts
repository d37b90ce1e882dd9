/** A real operator process with clients whose orders are made and signed beforehand. */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeFunctionData, parseAbi } from "viem";
import { publicKeyToAddress } from "../src/base/address.ts";
import type { Address, Hex } from "../src/base/hex.ts";
import { keccak256 } from "../src/base/keccak.ts";
import { loadCurve } from "../src/keys/nativeCurve.ts";
import { hashOrder } from "../src/protocol/messages.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { signBatch, signMessage } from "../src/protocol/signatures.ts";
import type { Domain, Order, SignedOrder } from "../src/protocol/units.ts";
import { toJson } from "../src/wire/schemas/values.ts";
import type { ProcessExchange } from "../test/support/exchange/processExchange.ts";
import { httpWire, RawConnection, streamWire, type Wire } from "./rawClient.ts";

const CLIENTS = 64;
/** Orders of each client in one round: within what one may have at a time. */
export const ORDERS = 96;
export const CONNECTIONS = 64;
const BATCH = 16;
const ROUND_SIZE = 80;
/** Between two looks at the chain: what is measured is orders. */
const POLL_MS = 500;
const LOT = 10n ** 15n;
const PRICE = 30_000n;
const NS_PER_MS = 1e6;

const { curve } = loadCurve();
const owners = Array.from({ length: CLIENTS }, (_, at) => {
  const key = keccak256(Uint8Array.of(1, at));
  return { key, address: publicKeyToAddress(curve.publicKey(key)) };
});

/** The parts of an operator's process, by its threads' names. */
export type ThreadKind = "main" | "recover" | "snapshot" | "engine";

const KIND_OF_THREAD: Readonly<Record<string, ThreadKind>> = {
  MainThread: "main",
  recover: "recover",
  snapshot: "snapshot",
};

/**
 * Milliseconds of CPU that the threads of a process have taken that live, by kind; "engine" are
 * those of Node.js itself, such as for collecting garbage. Linux only.
 */
export function cpuOf(pid: number): Map<ThreadKind, number> {
  const sums = new Map<ThreadKind, number>();
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const read = (file: string) => readFileSync(`/proc/${pid}/task/${task}/${file}`, "utf8");
    try {
      const kind = KIND_OF_THREAD[read("comm").trim()] ?? "engine";
      const ms = Number(read("schedstat").split(" ")[0]) / NS_PER_MS;
      sums.set(kind, (sums.get(kind) ?? 0) + ms);
    } catch (error) {
      // A thread that has ended meanwhile.
      if ((error as { code?: string }).code !== "ENOENT") throw error;
    }
  }
  return sums;
}

/** Milliseconds of CPU for one raw recovery by the native curve. */
export function recoveryCost(): number {
  const digest = keccak256(Uint8Array.of(1));
  const { r, s, yParity } = curve.sign(digest, keccak256(Uint8Array.of(2)));
  const count = 4000;
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) curve.recover(digest, r, s, yParity);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / count;
}

/** An exchange with one operator of a build. */
export interface Place {
  readonly exchange: ProcessExchange;
  readonly pid: number;
  readonly port: number;
  readonly domain: Domain;
  round: number;
  stop(): Promise<void>;
}

/** How orders are sent: over which wire, in which message, and how many at a time. */
export interface Way {
  readonly name: string;
  readonly wire: Wire;
  readonly batch: number;
  readonly textOf: (orders: readonly SignedOrder[], id: number) => string;
  /** Requests under way on each connection. */
  readonly window: number;
}

const stream = streamWire("/v1/stream");
export const HTTP: Way = {
  name: "HTTP",
  wire: httpWire("/v1/orders"),
  batch: 1,
  textOf: ([one]) => toJson(one),
  window: 1,
};
export const STREAM: Way = {
  name: "stream, 4 under way on each",
  wire: stream,
  batch: 1,
  textOf: ([body], id) => toJson({ kind: "placeOrder", id, body }),
  window: 4,
};
export const STREAM_ONE: Way = { ...STREAM, name: "stream, 1 under way on each", window: 1 };
/** Each message a request of its own. */
export const HTTP_BATCHES: Way = {
  name: `HTTP, ${BATCH} under one signature`,
  wire: httpWire("/v1/orders/batch"),
  batch: BATCH,
  textOf: (orders) => toJson({ orders }),
  window: 1,
};
export const BATCHES: Way = {
  name: `stream, ${BATCH} under one signature`,
  wire: stream,
  batch: BATCH,
  textOf: (orders, id) => toJson({ kind: "placeOrders", id, body: { orders } }),
  window: 1,
};

/**
 * An exchange of the build whose module of the tests' exchanges is given, its operator started.
 * `environment` adds to the operator's.
 */
export async function openPlace(
  support: string,
  settings: object,
  environment: Readonly<Record<string, string>> = {},
): Promise<Place> {
  const module = (await import(support)) as {
    startProcessExchange: (options: object) => Promise<ProcessExchange>;
  };
  const exchange = await module.startProcessExchange({ roundSize: ROUND_SIZE });
  const operator = await exchange.launch({ pollMs: POLL_MS, ...settings }, { environment });
  const { domain } = await exchange.reader.constants();
  const port = Number(new URL(operator.url).port);
  const stop = async () => {
    // Not killed: it may have a profile to write.
    await operator.kill("SIGTERM");
    await exchange.stop();
  };
  const place = { exchange, domain, port, pid: operator.pid, round: 0, stop };
  await fund(place);
  return place;
}

const ABI = parseAbi([
  "function mint(address to, uint256 amount)",
  "function approve(address spender, uint256 amount)",
  "function deposit(address token, uint128 amount)",
]);

/** Gives every client what all of its orders take. */
async function fund({ exchange }: Pick<Place, "exchange">): Promise<void> {
  const { anvil, mediator, weth, usdc } = exchange;
  await anvil.rpc("anvil_autoImpersonateAccount", [true]);
  await anvil.setAutomine(false);
  const send = (from: Address, to: Address, data: Hex) =>
    anvil.rpc("eth_sendTransaction", [{ from, to, data, gas: "0x7a120" }]);
  for (const { address } of owners) {
    await anvil.rpc("anvil_setBalance", [address, "0x56bc75e2d63100000"]);
    for (const [token, amount] of [
      [weth, 10n ** 24n],
      [usdc, 10n ** 15n],
    ] as const) {
      const call = (functionName: "mint" | "approve", to: Address) =>
        send(address, token, encodeFunctionData({ abi: ABI, functionName, args: [to, amount] }));
      await call("mint", address);
      await call("approve", mediator);
      const args = [token, amount / 2n] as const;
      await send(
        address,
        mediator,
        encodeFunctionData({ abi: ABI, functionName: "deposit", args }),
      );
    }
    await anvil.mine(1);
  }
  await anvil.setAutomine(true);
  await anvil.mine(3);
}

/** Opens the next round, has it committed, and the operator take it in. */
export async function openNextRound(place: Place): Promise<void> {
  const { anvil, schedule, reader } = place.exchange;
  place.round = (await reader.clock()).round + 1;
  await anvil.mineTo(firstBlockOf(schedule, place.round) + 2);
  while ((await reader.clock()).committedRound < place.round) await sleep(20);
  await anvil.mine(2);
  const clock = async () => {
    const answer = await fetch(`http://127.0.0.1:${place.port}/v1/clock`);
    return (await answer.json()) as { readonly round: number };
  };
  while ((await clock()).round < place.round) await sleep(20);
}

let lastId = 0n;

/**
 * Every owner's orders by turns, so that they reach the operator mixed; `count`: of each owner, a
 * multiple of the batch.
 */
export function requestsOf(
  place: Place,
  { batch, textOf, wire }: Way,
  side: "bid" | "ask",
  count = ORDERS,
): Buffer[] {
  const half = side === "ask" ? owners.slice(0, CLIENTS / 2) : owners.slice(CLIENTS / 2);
  const requests: Buffer[] = [];
  for (let from = 0; from < count; from += batch) {
    for (const { address, key } of half) {
      const orders = Array.from({ length: batch }, () => orderOf(place, address, side));
      const hashes = orders.map(hashOrder);
      const signatures =
        batch === 1
          ? hashes.map((hash) => signMessage(curve, place.domain, hash, key))
          : signBatch(curve, place.domain, hashes, key);
      const signed = orders.map((order, at) => {
        return { order, signature: signatures[at] as SignedOrder["signature"] };
      });
      requests.push(wire.request(textOf(signed, requests.length)));
    }
  }
  return requests;
}

function orderOf({ exchange, round }: Place, owner: Address, side: "bid" | "ask"): Order {
  const { weth, usdc } = exchange;
  const common = { owner, round, id: ++lastId };
  const amounts = {
    sellAmount: side === "bid" ? PRICE : LOT,
    buyAmount: side === "bid" ? LOT : PRICE,
  };
  return side === "bid"
    ? { ...common, ...amounts, sellToken: usdc, buyToken: weth, intent: "buyAll" }
    : { ...common, ...amounts, sellToken: weth, buyToken: usdc, intent: "sellAll" };
}

/** Runs `work` with connections of their own, of which nothing is left. */
export async function connected<T>(
  { port }: Place,
  wire: Wire,
  work: (connections: readonly RawConnection[]) => Promise<T>,
): Promise<T> {
  const opening = Array.from({ length: CONNECTIONS }, () => RawConnection.open(port, wire));
  const connections = await Promise.all(opening);
  try {
    return await work(connections);
  } finally {
    for (const connection of connections) connection.close();
  }
}
