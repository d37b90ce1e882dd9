/**
 * Orders from the wire to the answer, at a real operator process on SQLite: the CPU that it takes
 * for an order, in units of one raw recovery of a signature, measured in the same run. Resting
 * orders do not meet; crossing ones each take one that rests. Linux only: CPU is read in /proc.
 * `node bench/orders.ts [passes]`
 */
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import type { Address, Hex } from "../src/base/hex.ts";
import { hexToBytes } from "../src/base/hex.ts";
import { keccak256 } from "../src/base/keccak.ts";
import { loadCurve } from "../src/keys/nativeCurve.ts";
import { hashOrder } from "../src/protocol/messages.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { signBatch, signMessage } from "../src/protocol/signatures.ts";
import type { Domain, Order, SignedOrder } from "../src/protocol/units.ts";
import { toJson } from "../src/wire/schemas/values.ts";
import {
  type ProcessExchange,
  startProcessExchange,
} from "../test/support/exchange/processExchange.ts";
import { median } from "./measure.ts";

const CLIENTS = 6;
/** Orders of each client in one pass: within what one may have at a time. */
const ORDERS = 96;
const BATCH = 16;
const CONNECTIONS = 64;
const ROUND_SIZE = 400;
const LOT = 10n ** 15n;
const TICK = 10n;
const MS_PER_JIFFY = 10;

const { curve } = loadCurve();
const passes = Number(process.argv[2] ?? 12);

/** Milliseconds of CPU that a process has taken, all its threads together. */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return MS_PER_JIFFY * (Number(fields[11]) + Number(fields[12]));
}

/** Milliseconds of CPU for one raw recovery by the native curve. */
function recoveryCost(): number {
  const digest = keccak256(Uint8Array.of(1));
  const { r, s, yParity } = curve.sign(digest, keccak256(Uint8Array.of(2)));
  const count = 4000;
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) curve.recover(digest, r, s, yParity);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / count;
}

interface Place {
  /** Each pass has a round of its own: executed orders count towards a client's limit. */
  round: number;
  readonly exchange: ProcessExchange;
  readonly domain: Domain;
  readonly owners: readonly { readonly address: Address; readonly key: Uint8Array }[];
  readonly url: string;
  readonly pid: number;
  readonly sockets: readonly Socket[];
  readonly agent: Agent;
}

/** The stream: answers come in the order of the requests. */
class Socket {
  readonly #socket: WebSocket;
  readonly #waiting: ((text: string) => void)[] = [];

  constructor(url: string) {
    this.#socket = new WebSocket(url);
    this.#socket.on("message", (data) => this.#waiting.shift()?.(String(data)));
  }

  open(): Promise<void> {
    return new Promise((resolve) => this.#socket.once("open", () => resolve()));
  }

  ask(text: string): Promise<string> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#socket.send(text);
    });
  }

  close(): void {
    this.#socket.close();
  }
}

let lastId = 0n;

/** Of one lot each; sellers above buyers where the orders are to rest. */
function ordersOf(place: Place, owner: number, side: "bid" | "ask", price: bigint): Order[] {
  const { weth, usdc } = place.exchange;
  const { address } = place.owners[owner] as Place["owners"][number];
  return Array.from({ length: ORDERS }, () => {
    const common = { owner: address, round: place.round, id: ++lastId };
    return side === "bid"
      ? {
          ...common,
          sellToken: usdc,
          sellAmount: price,
          buyToken: weth,
          buyAmount: LOT,
          intent: "buyAll" as const,
        }
      : {
          ...common,
          sellToken: weth,
          sellAmount: LOT,
          buyToken: usdc,
          buyAmount: price,
          intent: "sellAll" as const,
        };
  });
}

function signed(
  place: Place,
  owner: number,
  orders: readonly Order[],
  batch: number,
): SignedOrder[] {
  const { key } = place.owners[owner] as Place["owners"][number];
  const all: SignedOrder[] = [];
  for (let at = 0; at < orders.length; at += batch) {
    const part = orders.slice(at, at + batch);
    const hashes = part.map(hashOrder);
    const signatures =
      batch === 1
        ? hashes.map((hash) => signMessage(curve, place.domain, hash, key))
        : signBatch(curve, place.domain, hashes, key);
    for (const [i, order] of part.entries()) {
      all.push({ order, signature: signatures[i] as SignedOrder["signature"] });
    }
  }
  return all;
}

/** Sends all, at most `CONNECTIONS` at a time; throws where one is refused. */
async function sendAll(
  texts: readonly string[],
  send: (text: string, at: number) => Promise<string>,
) {
  let next = 0;
  const lane = async () => {
    while (next < texts.length) {
      const at = next++;
      const answer = await send(texts[at] as string, at);
      if (/"error":\{/.test(answer)) throw new Error(`refused: ${answer.slice(0, 300)}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
}

function post({ url, agent }: Place, path: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const asked = request(`${url}${path}`, { method: "POST", agent, headers }, (answer) => {
      let text = "";
      answer.on("data", (part) => {
        text += part;
      });
      answer.on("end", () => resolve(text));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

type Way = "HTTP" | "stream" | "batch";

/** Milliseconds of the operator's CPU for one order. */
async function costOf(place: Place, way: Way, orders: readonly SignedOrder[]): Promise<number> {
  const before = cpuOf(place.pid);
  if (way === "batch") {
    const bodies: string[] = [];
    for (let at = 0; at < orders.length; at += BATCH) {
      bodies.push(toJson({ orders: orders.slice(at, at + BATCH) }));
    }
    await sendAll(bodies, (body) => post(place, "/v1/orders/batch", body));
  } else if (way === "HTTP") {
    await sendAll(
      orders.map((one) => toJson(one)),
      (body) => post(place, "/v1/orders", body),
    );
  } else {
    const texts = orders.map((body, id) => toJson({ kind: "placeOrder", id, body }));
    await sendAll(texts, (text, at) =>
      (place.sockets[at % place.sockets.length] as Socket).ask(text),
    );
  }
  return (cpuOf(place.pid) - before) / orders.length;
}

/** Costs of a pass in recoveries: resting and crossing orders. */
async function pass(place: Place, way: Way): Promise<{ rest: number; cross: number }> {
  const batch = way === "batch" ? BATCH : 1;
  const price = 3000n * TICK;
  const half = CLIENTS / 2;
  const of = (from: number, side: "bid" | "ask", at: bigint) =>
    Array.from({ length: half }, (_, i) =>
      signed(place, from + i, ordersOf(place, from + i, side, at), batch),
    ).flat();
  const rests = of(0, "ask", price);
  const crosses = of(half, "bid", price);
  const recovery = recoveryCost();
  const rest = (await costOf(place, way, rests)) / recovery;
  const cross = (await costOf(place, way, crosses)) / recovery;
  return { rest, cross };
}

/** Opens the next round, has it committed, and the operator take it in. */
async function openNextRound(place: Place): Promise<void> {
  const { anvil, schedule, reader } = place.exchange;
  place.round = (await reader.clock()).round + 1;
  await anvil.mineTo(firstBlockOf(schedule, place.round) + 2);
  while ((await reader.clock()).committedRound < place.round) await sleep(20);
  await anvil.mine(2);
  const clock = async () => (await fetch(`${place.url}/v1/clock`)).json() as Promise<Clock>;
  while ((await clock()).round < place.round) await sleep(20);
}

type Clock = { readonly round: number };

async function open(): Promise<Place> {
  const exchange = await startProcessExchange({ roundSize: ROUND_SIZE });
  const rateLimits = { readsPerSecond: 0, placementsPerSecond: 0, cancelsPerSecond: 0 };
  const operator = await exchange.launch({ rateLimits });
  const clients = await Promise.all(Array.from({ length: CLIENTS }, (_, i) => exchange.client(i)));
  for (const client of clients) {
    await client.deposit("WETH", "100");
    await client.deposit("USDC", "100000");
  }
  await exchange.anvil.mine(3);
  const { domain } = await exchange.reader.constants();
  const owners = clients.map(({ address }) => {
    const at = exchange.anvil.addresses.indexOf(address);
    return { address, key: hexToBytes(exchange.anvil.keys[at] as Hex) };
  });
  const stream = `${operator.url.replace("http", "ws")}/v1/stream`;
  const sockets = Array.from({ length: 4 }, () => new Socket(stream));
  await Promise.all(sockets.map((socket) => socket.open()));
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  return {
    round: 0,
    exchange,
    domain,
    owners,
    url: operator.url,
    pid: operator.pid,
    sockets,
    agent,
  };
}

const place = await open();
try {
  const ways: readonly Way[] = ["HTTP", "stream", "batch"];
  const found = new Map(ways.map((way) => [way, { rest: [] as number[], cross: [] as number[] }]));
  for (let i = 0; i < passes; i++) {
    for (const way of ways) {
      await openNextRound(place);
      const { rest, cross } = await pass(place, way);
      // The first ones warm the operator up.
      if (i < passes / 3) continue;
      found.get(way)?.rest.push(rest);
      found.get(way)?.cross.push(cross);
    }
  }
  for (const [way, { rest, cross }] of found) {
    const name = way === "batch" ? `HTTP, ${BATCH} under one signature` : way;
    console.log(
      `${name}: resting ${median(rest).toFixed(1)}, crossing ${median(cross).toFixed(1)} recoveries`,
    );
  }
} finally {
  for (const socket of place.sockets) socket.close();
  place.agent.destroy();
  await place.exchange.stop();
}
