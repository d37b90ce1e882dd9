/** PostgreSQL's protocol as whoever stands between two of its ends sees it: message by message. */
import { connect, createServer, type Server, type Socket } from "node:net";

/** One message, its header included. `type` is empty for the first one of a client. */
export interface WireMessage {
  readonly type: string;
  readonly bytes: Buffer;
}

const TYPE_BYTES = 1;
const LENGTH_BYTES = 4;

/** Cuts a stream into messages; a client's first has no type. */
export class Framer {
  #rest: Buffer = Buffer.alloc(0);
  #untyped: boolean;

  constructor(startsUntyped: boolean) {
    this.#untyped = startsUntyped;
  }

  push(data: Buffer): WireMessage[] {
    this.#rest = Buffer.concat([this.#rest, data]);
    const messages: WireMessage[] = [];
    for (;;) {
      const header = this.#untyped ? 0 : TYPE_BYTES;
      if (this.#rest.length < header + LENGTH_BYTES) return messages;
      const size = header + this.#rest.readInt32BE(header);
      if (this.#rest.length < size) return messages;
      const type = this.#untyped ? "" : String.fromCharCode(this.#rest[0] as number);
      messages.push({ type, bytes: this.#rest.subarray(0, size) });
      this.#rest = this.#rest.subarray(size);
      this.#untyped = false;
    }
  }
}

export function message(type: string, body: Buffer): Buffer {
  const header = Buffer.alloc(TYPE_BYTES + LENGTH_BYTES);
  header.write(type, 0, "latin1");
  header.writeInt32BE(body.length + LENGTH_BYTES, TYPE_BYTES);
  return Buffer.concat([header, body]);
}

/** As a server tells of one. `code`: SQLSTATE. */
export function errorMessage(code: string, text: string): Buffer {
  const fields = [`SERROR`, `VERROR`, `C${code}`, `M${text}`].map((field) => `${field}\0`);
  return message("E", Buffer.from(`${fields.join("")}\0`));
}

/** `status`: I outside of a transaction. */
export function ready(status = "I"): Buffer {
  return message("Z", Buffer.from(status, "latin1"));
}

export interface WireServer {
  readonly port: number;
  close(): Promise<void>;
}

export async function listen(server: Server, sockets: ReadonlySet<Socket>): Promise<WireServer> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : 0,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** What a client gets for a message of the server; undefined: nothing; `cut`: the end. */
export type Tamper = (answer: WireMessage) => Buffer | "cut" | undefined;

/**
 * Stands before a real server. `tamper` is made anew for each connection and sees each message of
 * the server; a string is the text of the statements that the client sends.
 */
export async function startTamperer(
  target: number,
  tamperOf: (statements: () => string) => Tamper,
): Promise<WireServer> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    const answers = new Framer(false);
    let said = "";
    const tamper = tamperOf(() => said);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
    }
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
    client.on("data", (data) => {
      said = data.toString("latin1");
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      for (const answer of answers.push(data)) {
        const passed = tamper(answer);
        if (passed === "cut") client.destroy();
        else if (passed !== undefined) client.write(passed);
      }
    });
  });
  return listen(server, sockets);
}
