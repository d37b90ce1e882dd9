/**
 * The gateway over WebSocket: `{"id", "method", "args"}` is answered by `{"id", "result"}` or
 * `{"id", "error"}`. A method that watches is answered once, and then tells `{"watch", "result"}`,
 * with its request's id, until `unwatch` or the end of the connection.
 */
import type { WebSocket } from "ws";
import type { ExchangeClient } from "../client/client.ts";
import { toUnifiedError, UnifiedError } from "../unified/errors.ts";
import { UnifiedClient } from "../unified/unifiedClient.ts";
import { Watches } from "../unified/watches.ts";
import { errorOf, find, METHODS, toText, WATCHES } from "./methods.ts";

type Id = string | number;

/** Unsent bytes at which a bot counts as gone. */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;
const MOST_WATCHES = 64;
/** WebSocket close code for "try again later". */
const TOO_SLOW = 1013;

export class GatewaySocket {
  readonly #client: ExchangeClient;
  readonly #socket: WebSocket;
  readonly #watching = new Set<Id>();
  #watches: Watches | undefined;

  constructor(client: ExchangeClient, socket: WebSocket) {
    this.#client = client;
    this.#socket = socket;
    socket.on("message", (data) => void this.#receive(String(data)));
    // The close that follows cleans up.
    socket.on("error", () => socket.terminate());
    socket.on("close", () => {
      this.#watching.clear();
      void this.#watches?.close();
    });
  }

  async #receive(text: string): Promise<void> {
    let id: Id | null = null;
    try {
      const request = parse(text);
      id = request.id;
      this.#send({ id, result: await this.#answer(request) });
    } catch (error) {
      this.#send({ id, error: errorOf(toUnifiedError(error)) });
    }
  }

  async #answer({ id, method, args }: Request): Promise<unknown> {
    if (method === "unwatch") {
      const { watch } = (args ?? {}) as { readonly watch?: Id };
      const wasThere = watch !== undefined && this.#watching.delete(watch);
      if (wasThere) return { watch };
      throw new UnifiedError("BadRequest", `watch: ${watch} is no id of a watching request.`);
    }
    if (!Object.hasOwn(WATCHES, method)) {
      return find(METHODS, method, args)(new UnifiedClient(this.#client));
    }
    const next = find(WATCHES, method, args);
    if (this.#watching.has(id) || this.#watching.size >= MOST_WATCHES) {
      throw new UnifiedError(
        "BadRequest",
        "id: each watch wants its own, and there are 64 at most.",
      );
    }
    this.#watches ??= new Watches(this.#client);
    this.#watching.add(id);
    void this.#tell(id, next, this.#watches);
    return { watch: id };
  }

  async #tell(
    id: Id,
    next: (watches: Watches) => Promise<unknown>,
    watches: Watches,
  ): Promise<void> {
    try {
      while (this.#watching.has(id)) {
        const result = await next(watches);
        if (this.#watching.has(id)) this.#send({ watch: id, result });
      }
    } catch (error) {
      if (this.#watching.delete(id)) {
        this.#send({ watch: id, error: errorOf(toUnifiedError(error)) });
      }
    }
  }

  #send(message: object): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > MAX_BUFFERED_BYTES) {
      this.#socket.close(TOO_SLOW, "too slow: connect again");
      return;
    }
    this.#socket.send(toText(message));
  }
}

interface Request {
  readonly id: Id;
  readonly method: string;
  readonly args: unknown;
}

function parse(text: string): Request {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UnifiedError("BadRequest", "It is no JSON.");
  }
  const { id, method, args } = (value ?? {}) as Partial<Request>;
  const isId = typeof id === "string" || typeof id === "number";
  if (isId && typeof method === "string") return { id, method, args };
  throw new UnifiedError("BadRequest", "A request has an id (text or number) and a method.");
}
