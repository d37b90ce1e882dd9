/**
 * A load generator that takes little of the processor that it measures: sockets of their own, the
 * requests as bytes made beforehand, and of an answer only its end and whether it is a refusal.
 */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

/** A way to the operator: how a request is written, and where its answer ends. */
export interface Wire {
  /** The bytes of a request, made before anything is measured. */
  readonly request: (text: string) => Buffer;
  /** What is sent first on each connection; its answer ends with an empty line. */
  readonly hello: Buffer | undefined;
  /** Length of the first whole answer in `bytes`; 0: there is none yet. */
  readonly lengthOf: (bytes: Buffer) => number;
  readonly isRefusal: (answer: Buffer) => boolean;
  /** What is sent back to `answer` where that is no answer but asks whether anybody is there. */
  readonly pongTo?: (answer: Buffer) => Buffer | undefined;
}

const HEAD_END = Buffer.from("\r\n\r\n");
const LENGTH = /content-length: (\d+)/i;

export function httpWire(path: string): Wire {
  return {
    request: (text) => {
      const body = Buffer.from(text);
      const head = [
        `POST ${path} HTTP/1.1`,
        "host: 127.0.0.1",
        "content-type: application/json",
        `content-length: ${body.length}`,
      ].join("\r\n");
      return Buffer.concat([Buffer.from(head), HEAD_END, body]);
    },
    hello: undefined,
    lengthOf: (bytes) => {
      const end = bytes.indexOf(HEAD_END);
      if (end === -1) return 0;
      const length = Number(LENGTH.exec(bytes.toString("latin1", 0, end))?.[1] ?? 0);
      const whole = end + HEAD_END.length + length;
      return bytes.length >= whole ? whole : 0;
    },
    isRefusal: (answer) =>
      answer.toString("latin1", 9, 12) !== "200" || answer.includes('"error":{'),
  };
}

const TEXT_FRAME = 0x81;
const MASKED = 0x80;
const PING = 0x89;
/** Without a text, as the pings of the operator are. */
const PONG = Buffer.from([0x8a, MASKED, 0, 0, 0, 0]);

export function streamWire(path: string): Wire {
  const hello = [
    `GET ${path} HTTP/1.1`,
    "host: 127.0.0.1",
    "upgrade: websocket",
    "connection: Upgrade",
    `sec-websocket-key: ${randomBytes(16).toString("base64")}`,
    "sec-websocket-version: 13",
  ].join("\r\n");
  return {
    // A mask of zeros leaves the text as it is.
    request: (text) => {
      const body = Buffer.from(text);
      const head = Buffer.alloc(body.length < 65_536 ? 8 : 14);
      head[0] = TEXT_FRAME;
      head[1] = MASKED | (body.length < 65_536 ? 126 : 127);
      if (body.length < 65_536) head.writeUInt16BE(body.length, 2);
      else head.writeBigUInt64BE(BigInt(body.length), 2);
      return Buffer.concat([head, body]);
    },
    hello: Buffer.concat([Buffer.from(hello), HEAD_END]),
    lengthOf: (bytes) => {
      if (bytes.length < 2) return 0;
      const short = (bytes[1] as number) & 0x7f;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (bytes.length < head) return 0;
      const long = () => (short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2)));
      const whole = head + (short < 126 ? short : long());
      return bytes.length >= whole ? whole : 0;
    },
    isRefusal: (answer) => answer.includes('"error":{'),
    pongTo: (answer) => (answer[0] === PING ? PONG : undefined),
  };
}

/** One connection: requests in, answers out in their order. */
export class RawConnection {
  readonly #socket: Socket;
  readonly #wire: Wire;
  readonly #waiting: (() => void)[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  #open: (() => void) | undefined;
  refused: string | undefined;

  private constructor(socket: Socket, wire: Wire) {
    this.#socket = socket;
    this.#wire = wire;
    socket.setNoDelay(true);
    socket.on("data", (part) => this.#take(part));
    // Whoever waits for an answer that never comes is told, and finds out why.
    socket.on("close", () => {
      if (this.#waiting.length > 0) this.refused ??= "the operator closed the connection";
      for (const answered of this.#waiting.splice(0)) answered();
    });
  }

  static async open(port: number, wire: Wire): Promise<RawConnection> {
    const socket = connect(port, "127.0.0.1");
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    const connection = new RawConnection(socket, wire);
    const { hello } = wire;
    if (hello !== undefined) {
      await new Promise<void>((resolve) => {
        connection.#open = resolve;
        socket.write(hello);
      });
    }
    return connection;
  }

  /** `answered` is called once the answer has come. */
  send(request: Buffer, answered: () => void): void {
    this.#waiting.push(answered);
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(part: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? part : Buffer.concat([this.#bytes, part]);
    if (this.#open !== undefined) {
      const end = this.#bytes.indexOf(HEAD_END);
      if (end === -1) return;
      this.#bytes = this.#bytes.subarray(end + HEAD_END.length);
      this.#open();
      this.#open = undefined;
    }
    for (;;) {
      const length = this.#wire.lengthOf(this.#bytes);
      if (length === 0) return;
      const answer = this.#bytes.subarray(0, length);
      const pong = this.#wire.pongTo?.(answer);
      if (pong !== undefined) {
        this.#socket.write(pong);
        this.#bytes = this.#bytes.subarray(length);
        continue;
      }
      if (this.#wire.isRefusal(answer)) this.refused ??= String(answer).slice(-600);
      this.#bytes = this.#bytes.subarray(length);
      this.#waiting.shift()?.();
    }
  }
}

/** Milliseconds until all are answered, at most `window` on each connection at a time. */
export async function sendAll(
  connections: readonly RawConnection[],
  requests: readonly Buffer[],
  window: number,
): Promise<number> {
  const began = performance.now();
  let next = 0;
  let open = 0;
  await new Promise<void>((resolve) => {
    const more = (connection: RawConnection) => {
      const request = requests[next++];
      if (request === undefined) {
        if (open === 0) resolve();
        return;
      }
      open += 1;
      connection.send(request, () => {
        open -= 1;
        more(connection);
      });
    };
    for (let i = 0; i < window; i++) for (const connection of connections) more(connection);
  });
  refuseRefused(connections);
  return performance.now() - began;
}

/**
 * Sends so many a second whatever is answered, and gives the milliseconds of each from when it was
 * due to its answer.
 */
export async function sendAt(
  connections: readonly RawConnection[],
  requests: readonly Buffer[],
  perSecond: number,
): Promise<number[]> {
  const took: number[] = [];
  const began = performance.now();
  await new Promise<void>((resolve) => {
    let next = 0;
    const tick = () => {
      const due = Math.floor(((performance.now() - began) / 1000) * perSecond);
      for (; next < Math.min(due, requests.length); next++) {
        const dueMs = began + (next / perSecond) * 1000;
        const connection = connections[next % connections.length] as RawConnection;
        connection.send(requests[next] as Buffer, () => {
          took.push(performance.now() - dueMs);
          if (took.length === requests.length) resolve();
        });
      }
      if (next < requests.length) setTimeout(tick, 1);
    };
    tick();
  });
  refuseRefused(connections);
  return took;
}

function refuseRefused(connections: readonly RawConnection[]): void {
  for (const { refused } of connections) {
    if (refused !== undefined) throw new Error(`refused: ${refused}`);
  }
}
