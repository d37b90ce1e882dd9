/** Stands between a client and an endpoint, and meddles: it delays, cuts, refuses and lies. */
import { createServer, type ServerResponse } from "node:http";
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcp,
  type Socket,
} from "node:net";

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
  /** Methods in the order in which they came. */
  readonly asked: RpcMessage[];
  meddle: Meddle;
  stop(): void;
}

/** Speaks for the endpoint at `target` until it is told otherwise. */
export async function startHttpProxy(target: string, meddle?: Meddle): Promise<HttpProxy> {
  const asked: RpcMessage[] = [];
  const respond = async (body: string, response: ServerResponse) => {
    const { id, method, params = [] } = JSON.parse(body) as Partial<RpcMessage> & { id: number };
    const call: RpcMessage = { method: String(method), params };
    asked.push(call);
    const answer = await proxy.meddle(call, async () => {
      const headers = { "Content-Type": "application/json" };
      const answered = await fetch(target, { method: "POST", body, headers });
      return (await answered.json()) as RpcAnswer;
    });
    if (answer === undefined) return;
    response.setHeader("Content-Type", "application/json");
    if (typeof answer === "number") response.statusCode = answer;
    const { result, error } = typeof answer === "number" ? {} : (answer as RpcAnswer);
    response.end(JSON.stringify({ jsonrpc: "2.0", id, result, error }));
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
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: HttpProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    meddle: meddle ?? ((_call, forward) => forward()),
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return proxy;
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
