/** JSON-RPC over one WebSocket: many requests under way at once, and new heads pushed to us. */
import { RpcRequestError } from "viem";
import {
  type Connection,
  nextId,
  type PublicName,
  type RpcCall,
  requestEach,
  resultOf,
} from "./connection.ts";
import { EndpointFailed, type FailureOptions, shortMessage } from "./errors.ts";

/**
 * A socket on which nothing was asked for so long is closed, unless somebody watches heads: else it
 * would keep the process from ending.
 */
const IDLE_MS = 5000;

interface Waiting {
  readonly call: RpcCall;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Opens the socket. Throws `EndpointFailed`. Once it is closed it stays so: open another. */
export async function overWebSocket(
  url: string,
  name: PublicName,
  timeoutMs: number,
): Promise<Connection> {
  const socket = new WebSocket(url);
  try {
    await opened(socket, timeoutMs);
  } catch (error) {
    socket.close();
    throw new EndpointFailed(name.origin, name.redact(shortMessage(error)), { undelivered: true });
  }
  return new SocketConnection(socket, name, timeoutMs);
}

function opened(socket: WebSocket, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no connection within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const settle = (done: () => void) => () => {
      clearTimeout(timer);
      done();
    };
    const failed = () => reject(new Error("the connection was refused"));
    socket.addEventListener("open", settle(resolve), { once: true });
    socket.addEventListener("error", settle(failed), { once: true });
    socket.addEventListener("close", settle(failed), { once: true });
  });
}

class SocketConnection implements Connection {
  readonly #socket: WebSocket;
  readonly #name: PublicName;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #closed = Promise.withResolvers<void>();
  #onHead: (() => void) | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #lost = false;
  /** No watch is left: the socket is closed after the last request under way, not under it. */
  #isUnwatched = false;

  constructor(socket: WebSocket, name: PublicName, timeoutMs: number) {
    this.#socket = socket;
    this.#name = name;
    this.#timeoutMs = timeoutMs;
    socket.addEventListener("message", ({ data }) => {
      try {
        this.#receive(String(data));
      } catch (error) {
        // Thrown in here it would end the process.
        this.#lose(`what it sent cannot be read: ${shortMessage(error)}`);
      }
    });
    socket.addEventListener("close", () => this.#lose("the connection was closed"));
    socket.addEventListener("error", () => this.#lose("the connection broke"));
    this.#pause();
  }

  get lost(): boolean {
    return this.#lost;
  }

  async request(call: RpcCall): Promise<unknown> {
    if (this.#lost) {
      const problem = "the connection was closed";
      throw new EndpointFailed(this.#name.origin, problem, { undelivered: true });
    }
    const id = nextId();
    clearTimeout(this.#idle);
    const timer = setTimeout(
      // A connection that takes requests and answers none is half dead: the next one may reach
      // another server.
      () => this.#lose(`no answer within ${this.#timeoutMs} ms`, { timedOut: true }),
      this.#timeoutMs,
    );
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(id, { call, resolve, reject });
        const { method, params = [] } = call;
        this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
      this.#pause();
    }
  }

  requestAll(calls: readonly RpcCall[]): Promise<readonly unknown[]> {
    return requestEach({ request: (call) => this.request(call) }, calls);
  }

  watchHeads = async (onHead: () => void, signal: AbortSignal): Promise<void> => {
    this.#onHead = onHead;
    clearTimeout(this.#idle);
    const stopped = Promise.withResolvers<void>();
    const stop = () => stopped.resolve();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      const subscribed = this.request({ method: "eth_subscribe", params: ["newHeads"] });
      await Promise.race([subscribed, stopped.promise]);
      await Promise.race([this.#closed.promise, stopped.promise]);
    } finally {
      signal.removeEventListener("abort", stop);
      this.#onHead = undefined;
      this.#isUnwatched = signal.aborted;
      this.#pause();
    }
  };

  #receive(text: string): void {
    const message = JSON.parse(text) as { id?: number | null; method?: string; error?: unknown };
    if (typeof message !== "object" || message === null) throw new Error("no JSON-RPC message");
    if (message.method === "eth_subscription") {
      this.#onHead?.();
      return;
    }
    if ((message.id ?? null) === null && message.error !== undefined) {
      const said = (message.error as { message?: unknown } | null)?.message ?? message.error;
      this.#lose(`it refuses all: ${this.#name.redact(String(said))}`);
      return;
    }
    const id = Number(message.id);
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    try {
      waiting.resolve(resultOf(message, waiting.call, this.#name, { id }));
    } catch (error) {
      const known = error instanceof RpcRequestError;
      waiting.reject(known ? error : new EndpointFailed(this.#name.origin, shortMessage(error)));
    }
  }

  #lose(problem: string, options?: FailureOptions): void {
    if (this.#lost) return;
    this.#lost = true;
    clearTimeout(this.#idle);
    this.#socket.close();
    const failure = new EndpointFailed(this.#name.origin, problem, options);
    for (const { reject } of this.#waiting.values()) reject(failure);
    this.#closed.resolve();
  }

  #pause(): void {
    clearTimeout(this.#idle);
    if (this.#lost || this.#onHead !== undefined || this.#waiting.size > 0) return;
    if (this.#isUnwatched) return this.#lose("the watch ended");
    this.#idle = setTimeout(() => this.#lose("the connection was idle"), IDLE_MS);
  }
}
