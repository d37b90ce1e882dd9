/**
 * A pooler of connections before a real PostgreSQL. In transaction mode each transaction of a
 * client gets whichever backend is free, as with PgBouncer's `pool_mode = transaction`; in session
 * mode a client keeps its backend until it leaves.
 */
import { connect, createServer, type Socket } from "node:net";
import {
  errorMessage,
  Framer,
  listen,
  message,
  ready,
  type WireMessage,
  type WireServer,
} from "./postgresWire.ts";

export interface PoolerOptions {
  /** Port of the server. */
  readonly target: number;
  readonly mode: "transaction" | "session";
  readonly backends: number;
  /** Which of the free backends is given first. */
  readonly order?: "lastReleased" | "firstReleased";
  /** Parameters of the startup message that it takes; PgBouncer's unless told. */
  readonly startup?: readonly string[];
}

const PGBOUNCER_STARTUP = ["user", "database", "client_encoding", "application_name"];
const PROTOCOL = 196_608;

interface Backend {
  readonly socket: Socket;
  readonly framer: Framer;
  client: Client | undefined;
}

interface Client {
  readonly socket: Socket;
  backend: Backend | undefined;
  /** Sent while no backend was free. */
  queued: Buffer[];
  begun: boolean;
}

export async function startPooler(options: PoolerOptions): Promise<WireServer> {
  const pooler = new Pooler(options);
  await pooler.fill();
  const server = createServer((socket) => pooler.serve(socket));
  return listen(server, pooler.sockets);
}

class Pooler {
  readonly sockets = new Set<Socket>();
  readonly #options: PoolerOptions;
  readonly #free: Backend[] = [];
  readonly #waiting: Client[] = [];
  #clients = 0;

  constructor(options: PoolerOptions) {
    this.#options = options;
  }

  async fill(): Promise<void> {
    const { backends } = this.#options;
    this.#free.push(...(await Promise.all(Array.from({ length: backends }, () => this.#open()))));
  }

  serve(socket: Socket): void {
    const client: Client = { socket, backend: undefined, queued: [], begun: false };
    const framer = new Framer(true);
    this.#keep(socket);
    socket.on("data", (data) => {
      for (const part of framer.push(data)) this.#take(client, part);
    });
    socket.on("close", () => this.#leave(client));
  }

  #keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("error", () => {});
  }

  /** Logs in as the test's user, whom the server trusts. */
  async #open(): Promise<Backend> {
    const socket = connect(this.#options.target, "127.0.0.1");
    this.#keep(socket);
    const backend: Backend = { socket, framer: new Framer(false), client: undefined };
    const fields = ["user", "quarterdeck", "database", "postgres", ""].join("\0");
    const body = Buffer.from(`${fields}\0`);
    const head = Buffer.alloc(8);
    head.writeInt32BE(8 + body.length, 0);
    head.writeInt32BE(PROTOCOL, 4);
    socket.write(Buffer.concat([head, body]));
    await new Promise<void>((resolve) => {
      socket.on("data", (data) => {
        for (const answer of backend.framer.push(data)) {
          if (backend.client === undefined) {
            if (answer.type === "Z") resolve();
          } else this.#answer(backend, answer);
        }
      });
    });
    return backend;
  }

  #take(client: Client, { type, bytes }: WireMessage): void {
    if (!client.begun) {
      this.#begin(client, bytes);
      return;
    }
    if (type === "X") {
      client.socket.end();
      return;
    }
    client.queued.push(bytes);
    if (client.backend === undefined && !this.#waiting.includes(client)) {
      this.#waiting.push(client);
    }
    this.#match();
    if (client.backend !== undefined) this.#flush(client, client.backend);
  }

  #begin(client: Client, bytes: Buffer): void {
    const fields = bytes.subarray(8).toString().split("\0");
    const names = fields.filter((_, i) => i % 2 === 0 && fields[i] !== "");
    const known = this.#options.startup ?? PGBOUNCER_STARTUP;
    const unknown = names.find((name) => !known.includes(name));
    if (unknown !== undefined) {
      client.socket.end(errorMessage("08P01", `unsupported startup parameter: ${unknown}`));
      return;
    }
    client.begun = true;
    const key = Buffer.alloc(8);
    // A number of its own, as poolers have: cancelling goes through them.
    key.writeInt32BE(0x7000_0000 + ++this.#clients, 0);
    client.socket.write(Buffer.concat([message("R", Buffer.alloc(4)), message("K", key), ready()]));
  }

  #match(): void {
    while (this.#waiting.length > 0 && this.#free.length > 0) {
      const client = this.#waiting.shift() as Client;
      const last = this.#options.order !== "firstReleased";
      const backend = (last ? this.#free.pop() : this.#free.shift()) as Backend;
      client.backend = backend;
      backend.client = client;
      this.#flush(client, backend);
    }
  }

  #flush(client: Client, backend: Backend): void {
    for (const bytes of client.queued.splice(0)) backend.socket.write(bytes);
  }

  #answer(backend: Backend, { type, bytes }: WireMessage): void {
    const { client } = backend;
    client?.socket.write(bytes);
    const isIdle = type === "Z" && bytes[5] === "I".charCodeAt(0);
    if (isIdle && this.#options.mode === "transaction") this.#release(backend);
  }

  #release(backend: Backend): void {
    if (backend.client !== undefined) backend.client.backend = undefined;
    backend.client = undefined;
    this.#free.push(backend);
    this.#match();
  }

  /** Whoever left in a transaction leaves it open: its backend goes too, and another one comes. */
  #leave(client: Client): void {
    const at = this.#waiting.indexOf(client);
    if (at !== -1) this.#waiting.splice(at, 1);
    const { backend } = client;
    if (backend === undefined) return;
    client.backend = undefined;
    backend.socket.destroy();
    void this.#open().then((opened) => this.#release(opened));
  }
}
