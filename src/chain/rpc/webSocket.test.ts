import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { type Anvil, freePort, startAnvil } from "../../../test/support/chain/anvil.ts";
import { until } from "../../../test/support/exchange/exchange.ts";
import {
  startHttpProxy,
  startTcpProxy,
  type TcpProxy,
} from "../../../test/support/faults/proxy.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { deployExchange } from "../contracts/deploy.ts";
import { encodeDeposit } from "../contracts/mediatorCalls.ts";
import { localSigner } from "../signer.ts";
import type { FailoverOptions } from "./failover.ts";
import { ask, connect } from "./rpc.ts";

let anvil: Anvil;
let other: Anvil;
let mediator: Address;
let proxies: TcpProxy[] = [];
beforeAll(async () => {
  anvil = await startAnvil();
  other = await startAnvil({ chainId: 5 });
  ({ mediator } = await deployExchange({
    client: anvil.client,
    owner: localSigner(anvil.keys[0] as Hex),
    operator: { address: anvil.addresses[1] as Address, name: "a", uri: "b" },
    roundSize: 400,
    disputeBond: 0n,
    tokens: [],
  }));
});
afterAll(() => Promise.all([anvil.stop(), other.stop()]));
afterEach(() => {
  for (const proxy of proxies) proxy.stop();
  proxies = [];
});

const portOf = ({ url }: Anvil) => Number(new URL(url).port);

/** A WebSocket endpoint whose line can be cut, and a client of it. */
async function line(urls: readonly string[] = [], changes: FailoverOptions = {}) {
  const proxy = await startTcpProxy(portOf(anvil));
  proxies.push(proxy);
  const url = `ws://127.0.0.1:${proxy.port}`;
  const failures: string[] = [];
  const client = connect([url, ...urls], {
    retries: 0,
    onFailure: (origin, problem) => failures.push(`${origin} ${problem}`),
    ...changes,
  });
  return { proxy, url, client, failures };
}

describe("a WebSocket endpoint", () => {
  it("a WebSocket endpoint answers many questions at once over one connection", async () => {
    const { client, proxy } = await line();
    await anvil.mine(3);
    const numbers = [0n, 1n, 2n, 3n];
    const blocks = await Promise.all(
      numbers.map((blockNumber) => client.getBlock({ blockNumber })),
    );
    expect(blocks.map(({ number }) => number)).toEqual(numbers);
    expect(proxy.connections).toBe(1);
  });

  it("a WebSocket endpoint passes the contract's refusals on, which are no failures", async () => {
    const { client, failures } = await line();
    const data = encodeDeposit(mediator, 1n);
    const call = ask("a deposit", () => client.call({ to: mediator, data }));
    await expect(call).rejects.toMatchObject({ errorName: "TokenNotListed" });
    expect(failures).toEqual([]);
  });

  it("a WebSocket endpoint is connected anew after a cut, and its chain read again", async () => {
    const { client, proxy } = await line([], { chainId: 31337 });
    await client.getBlockNumber();
    proxy.cut();
    await until("it is back", async () => (await client.getBlockNumber().catch(() => -1n)) >= 0n);
    expect(proxy.connections).toBe(2);

    proxy.target = portOf(other);
    proxy.cut();
    await until("the other chain is there", async () => {
      await client.getBlockNumber().catch(() => {});
      return proxy.connections === 3;
    });
    await expect(ask("the head", () => client.getBlockNumber())).rejects.toMatchObject({
      code: "ChainMismatch",
      message: expect.stringContaining(`127.0.0.1:${proxy.port} serves chain 5 instead of 31337`),
    });
  });

  it("a WebSocket endpoint is not used while it serves another chain; the next is", async () => {
    const { client, proxy, failures, url } = await line([anvil.url], { chainId: 31337 });
    proxy.target = portOf(other);
    const data = encodeDeposit(mediator, 1n);
    for (let i = 0; i < 12; i++) {
      const call = ask("a deposit", () => client.call({ to: mediator, data }));
      await expect(call).rejects.toMatchObject({ errorName: "TokenNotListed" });
    }
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures) expect(failure).toContain(`${url} ${url} serves chain 5`);
  });

  it("a WebSocket endpoint that swallows questions is given up after the timeout", async () => {
    const { client, proxy, failures, url } = await line([anvil.url], { timeoutMs: 1000 });
    await client.getBlockNumber();
    proxy.deaf = true;
    expect(await client.getBlockNumber()).toBe(BigInt(await anvil.blockNumber()));
    expect(failures).toEqual([`${url} no answer within 1000 ms`]);
  });

  it("a WebSocket endpoint reports heads, also after a cut, until nobody listens", async () => {
    const { client, proxy } = await line();
    const stop = new AbortController();
    let heads = 0;
    const watching = client.transport.endpoints()[0]?.watchHeads(() => heads++, stop.signal);
    const mineUntil = (count: number) =>
      until(`${count} heads are told`, async () => {
        await anvil.mine();
        return heads >= count;
      });
    await mineUntil(2);
    proxy.cut();
    await mineUntil(heads + 2);
    expect(proxy.connections).toBe(2);
    stop.abort();
    await watching;
    const told = heads;
    await anvil.mine(3);
    expect(heads).toBe(told);
  });
});

describe("a WebSocket endpoint that pushes no heads", () => {
  /** Passes requests on, and answers eth_subscribe itself. */
  async function without(answer: (socket: WebSocket, id: number) => void) {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    const forward = async (socket: WebSocket, text: string) => {
      const { id, method } = JSON.parse(text) as { id: number; method: string };
      if (method === "eth_subscribe") return answer(socket, id);
      const headers = { "Content-Type": "application/json" };
      const response = await fetch(anvil.url, { method: "POST", body: text, headers });
      socket.send(await response.text());
    };
    server.on("connection", (socket: WebSocket) => {
      socket.on("message", (data) => void forward(socket, String(data)));
    });
    onTestFinished(() => {
      for (const socket of server.clients) socket.terminate();
      server.close();
    });
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const refuse = (code: number, message: string) => (socket: WebSocket, id: number) =>
    socket.send(JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } }));

  function watching(url: string) {
    const failures: string[] = [];
    const polled: string[] = [];
    const client = connect([url], {
      retries: 0,
      chainId: 31337,
      onFailure: (origin, problem) => failures.push(`${origin} ${problem}`),
      onPolled: (origin, problem) => polled.push(`${origin} ${problem}`),
    });
    const watch = (signal: AbortSignal) =>
      client.transport.endpoints()[0]?.watchHeads(() => {}, signal);
    return { client, failures, polled, watch };
  }

  it.each([
    [-32601, "the method eth_subscribe does not exist/is not available"],
    [-32000, "words that nobody knows"],
  ])("an endpoint without pushes is polled, which is told once (%i, %s)", async (code, message) => {
    const url = await without(refuse(code, message));
    const { client, failures, polled, watch } = watching(url);
    const stop = new AbortController();
    await watch(stop.signal);
    await watch(stop.signal);
    expect(await client.getBlockNumber()).toBe(BigInt(await anvil.blockNumber()));
    expect(polled).toEqual([`${url} ${message}`]);
    expect([failures, client.transport.health()]).toEqual([[], [{ origin: url, penalty: 0 }]]);
  });

  it("an endpoint that refuses pushes for a limit is tried again, and not blamed", async () => {
    let tries = 0;
    const url = await without((socket, id) => {
      tries += 1;
      refuse(-32005, "too many requests")(socket, id);
    });
    const { failures, polled, watch } = watching(url);
    const stop = new AbortController();
    const watched = watch(stop.signal);
    await until("it was tried again", () => tries >= 2);
    stop.abort();
    await watched;
    expect([failures.length, polled.length]).toEqual([0, 1]);
  });

  it("requests under way are answered when a watch ends, and none is a failure", async () => {
    const asked = Promise.withResolvers<void>();
    const url = await without((socket, id) => {
      asked.resolve();
      setTimeout(() => refuse(-32005, "too many requests")(socket, id), 50);
    });
    const { client, failures, polled, watch } = watching(url);
    const stop = new AbortController();
    const watched = watch(stop.signal);
    await asked.promise;
    const answer = client.getBlockNumber();
    stop.abort();
    await watched;
    expect(await answer).toBe(BigInt(await anvil.blockNumber()));
    expect([failures, polled]).toEqual([[], []]);
  });

  it("an endpoint that hangs up at subscriptions is polled after a few tries", async () => {
    const url = await without((socket) => socket.terminate());
    const { client, failures, polled, watch } = watching(url);
    await watch(new AbortController().signal);
    expect([failures.length, polled.length]).toEqual([2, 1]);
    expect(await client.getBlockNumber()).toBe(BigInt(await anvil.blockNumber()));
  });

  it("an endpoint that refuses any subscription is quoted when it is told", async () => {
    const error = { code: -32005, message: "over quota" };
    const url = await without((socket) =>
      socket.send(JSON.stringify({ jsonrpc: "2.0", id: null, error })),
    );
    const client = connect([url], { retries: 0 });
    const ask = client.request({ method: "eth_subscribe", params: ["newHeads"] } as never);
    await expect(ask).rejects.toThrow("over quota");
  });
});

describe("a WebSocket endpoint that sends what is no message", () => {
  it.each([
    ["null", "no JSON-RPC message"],
    ["5", "no JSON-RPC message"],
    ["{", "cannot be read"],
    ['{"id":null,"error":{"message":{"toString":1}}}', "cannot be read"],
  ])("a WebSocket that sends %s is passed over, and nothing ends", async (text, problem) => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    server.on("connection", (socket: WebSocket) => {
      socket.on("message", () => socket.send(text));
    });
    onTestFinished(() => {
      for (const socket of server.clients) socket.terminate();
      server.close();
    });
    const failures: string[] = [];
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const onFailure = (_origin: string, what: string) => failures.push(what);
    const client = connect([url, anvil.url], { retries: 0, onFailure });
    expect(await client.getBlockNumber()).toBe(BigInt(await anvil.blockNumber()));
    expect(failures).toEqual([expect.stringContaining(problem)]);
  });
});

describe("a secret in a URL", () => {
  const KEY = "b7c1f0e29d8a4c55";

  it.each([
    ["path", (port: number) => `http://127.0.0.1:${port}/v3/${KEY}`],
    ["odd path", (port: number) => `http://127.0.0.1:${port}/%zz/${KEY}`],
    ["query", (port: number) => `http://127.0.0.1:${port}/?key=${KEY}`],
    ["user", (port: number) => `http://someone:${KEY}@127.0.0.1:${port}/`],
    ["path of a socket", (port: number) => `ws://127.0.0.1:${port}/v3/${KEY}`],
  ])("a secret in a URL in its %s is never told, whoever repeats it", async (_where, urlOf) => {
    const gossip = await startHttpProxy("", async () => ({
      error: { code: -32005, message: `daily quota of project ${KEY} reached` },
    }));
    const ports = [Number(new URL(gossip.url).port), await freePort()];
    const heard: string[] = [];
    for (const port of ports) {
      const client = connect([urlOf(port)], {
        retries: 0,
        onFailure: (origin, problem) => heard.push(`${origin} ${problem}`),
      });
      for (const question of [
        () => client.getBlockNumber(),
        () => ask("the head", () => client.getBlockNumber()),
      ]) {
        const error = (await question().catch((failure) => failure)) as Error;
        expect(error).toBeInstanceOf(Error);
        for (let part: unknown = error; part instanceof Error; part = part.cause) {
          heard.push(part.message, part.stack ?? "", JSON.stringify(part));
        }
      }
    }
    gossip.stop();
    expect(heard.length).toBeGreaterThan(4);
    expect(heard.filter((text) => text.includes(KEY))).toEqual([]);
  });
});
