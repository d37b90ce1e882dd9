/** Stands between a client and an endpoint, and meddles: it delays, cuts, refuses and lies. */
import { createServer, type ServerResponse } from "node:http";
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcp,
  type Socket,
} from "node:net";
import { WebSocketServer } from "ws";

export interface RpcMessage {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** What a JSON-RPC answer holds besides its id. */
export interface RpcAnswer {
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/** Gives the answer; undefined: none ever comes. A number is an HTTP status without one. */
export type Meddle = (
  call: RpcMessage,
  forward: () => Promise<RpcAnswer>,
) => Promise<RpcAnswer | number | undefined>;

export interface HttpProxy {
  readonly url: string;
  /** Methods in the order in which they came, those of batches too. */
  readonly asked: RpcMessage[];
  /** The number of calls in each batch that came. */
  readonly batches: number[];
  meddle: Meddle;
  /** Gives the answer to a whole batch; undefined: each of its calls is answered by itself. */
  onBatch: ((calls: readonly RpcMessage[]) => Whole | Promise<Whole>) | undefined;
  stop(): void;
}

/** An HTTP status, or a JSON body. */
type Whole = number | object | undefined;
type Request = RpcMessage & { readonly id: number };
type Forward = (body: Request) => Promise<RpcAnswer>;

/**
 * Speaks for the endpoint at `target` until it is told otherwise: over HTTP, and over a WebSocket,
 * on which it pushes no heads.
 */
export async function startHttpProxy(target: string, meddle?: Meddle): Promise<HttpProxy> {
  const asked: RpcMessage[] = [];
  const batches: number[] = [];
  const post = async (body: unknown) => {
    const headers = { "Content-Type": "application/json" };
    const rest = { method: "POST", body: JSON.stringify(body), headers };
    return (await fetch(target, rest)).json() as Promise<unknown>;
  };
  /** Undefined: no answer ever comes. */
  const answerTo = async (request: Request, forward: Forward) => {
    const { id, method, params } = request;
    const call: RpcMessage = { method: String(method), params: params ?? [] };
    asked.push(call);
    const answer = await proxy.meddle(call, () => forward(request));
    if (answer === undefined || typeof answer === "number") return answer;
    const { result, error } = answer;
    return { jsonrpc: "2.0", id, result, error };
  };
  const answerToBatch = async (requests: readonly Request[]) => {
    batches.push(requests.length);
    const whole = await proxy.onBatch?.(requests);
    if (whole !== undefined) return whole;
    const forward = together(post);
    const answers = await Promise.all(requests.map((one) => answerTo(one, forward)));
    // What becomes of one call becomes of all.
    const status = answers.find((answer) => typeof answer === "number");
    return status ?? (answers.includes(undefined) ? undefined : answers);
  };
  const alone: Forward = async (one) => (await post(one)) as RpcAnswer;
  const respond = async (body: string, response: ServerResponse) => {
    const request = JSON.parse(body) as Request | Request[];
    const answer = await (Array.isArray(request)
      ? answerToBatch(request)
      : answerTo(request, alone));
    if (answer === undefined) return;
    response.setHeader("Content-Type", "application/json");
    if (typeof answer === "number") response.statusCode = answer;
    response.end(JSON.stringify(typeof answer === "number" ? { jsonrpc: "2.0" } : answer));
  };
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => {
      respond(body, response).catch(() => response.destroy());
    });
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => {
    socket.on("message", async (data) => {
      const answer = await answerTo(JSON.parse(String(data)), alone).catch(() => 0);
      if (typeof answer === "number") socket.terminate();
      else if (answer !== undefined) socket.send(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: HttpProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    batches,
    onBatch: undefined,
    meddle: meddle ?? ((_call, forward) => forward()),
    stop: () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
    },
  };
  return proxy;
}

/** Forwards the calls that are made at the same time as one batch. */
function together(post: (body: unknown) => Promise<unknown>): Forward {
  let waiting: Request[] = [];
  let sent: Promise<Map<number, RpcAnswer>> | undefined;
  const send = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    const bodies = waiting;
    waiting = [];
    sent = undefined;
    const answers = (await post(bodies)) as (RpcAnswer & { readonly id: number })[];
    return new Map(answers.map((answer) => [answer.id, answer]));
  };
  return async (request) => {
    waiting.push(request);
    sent ??= send();
    return (await sent).get(request.id) as RpcAnswer;
  };
}

export interface TcpProxy {
  readonly port: number;
  /** Where new connections go to. */
  target: number;
  /** Swallows whatever comes, without closing. */
  deaf: boolean;
  /** Connections that were made so far. */
  readonly connections: number;
  /** Breaks all connections. */
  cut(): void;
  stop(): void;
}

/** Passes bytes on to a port of this machine. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createTcp((near) => {
    connections += 1;
    const far = connectTcp(proxy.target, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.on("data", (bytes) => {
        if (!proxy.deaf) other.write(bytes);
      });
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    target,
    deaf: false,
    get connections() {
      return connections;
    },
    cut: () => {
      for (const socket of open) socket.destroy();
    },
    stop: () => {
      proxy.cut();
      server.close();
    },
  };
  return proxy;
}
