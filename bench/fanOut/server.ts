/**
 * The operator's stream over a book that trades, in a process of its own whose CPU is measured. With
 * "feeds" it is told as the operator tells it; with "frames" every trade goes to every connection
 * in a frame of its own, the change of its level made into JSON for each.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type WebSocket, WebSocketServer } from "ws";
import { toAddress } from "../../src/base/address.ts";
import type { ApiEvent, OperatorApi } from "../../src/operator/api/operatorApi.ts";
import { serveStream } from "../../src/server/stream.ts";
import { toJson } from "../../src/wire/schemas/values.ts";

export interface ServerOptions {
  readonly how: "feeds" | "frames";
  readonly tradesPerSecond: number;
  readonly seconds: number;
}

const [BASE, QUOTE] = [
  toAddress(`0x${"b0".repeat(20)}`),
  toAddress(`0x${"c0".repeat(20)}`),
] as const;
const LEVELS = 100;
const LOT = 10n ** 15n;

/** A book whose asks shrink by a lot with each trade, and are full again once they are gone. */
class TradedBook {
  readonly #sizes = new Map<bigint, bigint>();
  #changed = new Set<bigint>();
  #trades = 0;
  readonly #listeners = new Set<(event: ApiEvent) => void>();

  constructor() {
    for (let i = 1; i <= LEVELS; i++) this.#sizes.set(BigInt(1000 + i), 50n * LOT);
  }

  trade(): { price: bigint; amount: bigint; asOf: number } {
    const price = BigInt(1001 + ((this.#trades * 7) % LEVELS));
    const left = (this.#sizes.get(price) as bigint) - LOT;
    const amount = left <= 0n ? 50n * LOT : left;
    this.#sizes.set(price, amount);
    this.#changed.add(price);
    this.#trades++;
    for (const tell of this.#listeners) tell({ kind: "applied", clients: [] } as never);
    return { price, amount, asOf: this.#trades };
  }

  /** The part of the operator's API that a book's channel reads. */
  api(): Partial<OperatorApi> {
    const level = (price: bigint) => ({ price, amount: this.#sizes.get(price) as bigint });
    return {
      asOf: () => this.#trades,
      whenWhole: () => undefined,
      book: () =>
        ({ bids: [], asks: [...this.#sizes.keys()].map(level), asOf: this.#trades }) as never,
      watchBook: () => ({
        take: () => {
          const asks = [...this.#changed].map(level);
          this.#changed = new Set();
          return { isCleared: false, bids: [], asks, asOf: this.#trades };
        },
        stop: () => {},
      }),
      subscribe: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
  }
}

async function main({ how, tradesPerSecond, seconds }: ServerOptions): Promise<void> {
  const book = new TradedBook();
  const server = createServer();
  const plain = how === "frames" ? new WebSocketServer({ server }) : undefined;
  if (plain === undefined) serveStream(server, book.api() as OperatorApi);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  process.send?.({ port: (server.address() as AddressInfo).port });
  process.once("message", async () => {
    globalThis.gc?.();
    const began = process.cpuUsage();
    const trades = await tradeFor(book, plain?.clients, tradesPerSecond, seconds);
    const { user, system } = process.cpuUsage(began);
    process.send?.({ cpuUs: user + system, trades });
  });
}

/** In bursts of a hundredth of a second, as orders come out of a flush. */
async function tradeFor(
  book: TradedBook,
  sockets: ReadonlySet<WebSocket> | undefined,
  tradesPerSecond: number,
  seconds: number,
): Promise<number> {
  const BURST_MS = 10;
  const began = performance.now();
  let trades = 0;
  while (performance.now() - began < 1000 * seconds) {
    const due = Math.floor(((performance.now() - began) * tradesPerSecond) / 1000);
    for (; trades < due; trades++) {
      const { price, amount, asOf } = book.trade();
      for (const socket of sockets ?? []) {
        socket.send(toJson({ kind: "bookUpdate", base: BASE, quote: QUOTE, price, amount, asOf }));
      }
    }
    await sleep(BURST_MS);
  }
  return trades;
}

await main(JSON.parse(process.argv[2] as string) as ServerOptions);
