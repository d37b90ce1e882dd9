/** Stands between two that talk JSON over HTTP, and tampers with what they say. */
import { createServer, type IncomingMessage } from "node:http";

export interface RelayedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** The body, parsed; undefined where there is none. */
  readonly json: unknown;
}

/** Gives the answer's body. `pass` asks the other side. What it throws ends as status 500. */
export type Tamper = (request: RelayedRequest, pass: () => Promise<unknown>) => Promise<unknown>;

export interface Relay {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startRelay(target: string, tamper: Tamper): Promise<Relay> {
  const server = createServer(async (request, response) => {
    const text = await bodyOf(request);
    const { method = "GET", url = "/", headers } = request;
    let status = 200;
    const pass = async () => {
      const { authorization } = headers;
      const answer = await fetch(target + url, {
        method,
        headers: { "content-type": "application/json", ...(authorization && { authorization }) },
        ...(method === "POST" && { body: text }),
      });
      status = answer.status;
      return answer.json();
    };
    try {
      const json = text === "" ? undefined : JSON.parse(text);
      const body = JSON.stringify(await tamper({ method, path: url, json }, pass));
      response.writeHead(status, { "content-type": "application/json" }).end(body);
    } catch (error) {
      response.writeHead(500).end(JSON.stringify({ relay: String(error) }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
