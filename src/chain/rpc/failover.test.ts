import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Anvil, freePort, startAnvil } from "../../../test/support/chain/anvil.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { deployExchange } from "../contracts/deploy.ts";
import { encodeDeposit } from "../contracts/mediatorCalls.ts";
import { localSigner } from "../signer.ts";
import type { Endpoint } from "./endpoint.ts";
import type { FailoverOptions } from "./failover.ts";
import { ask, askEach, connect, readChainId } from "./rpc.ts";

let anvil: Anvil;
let mediator: Address;
let servers: Server[] = [];
beforeAll(async () => {
  anvil = await startAnvil();
  ({ mediator } = await deployExchange({
    client: anvil.client,
    owner: localSigner(anvil.keys[0] as Hex),
    operator: { address: anvil.addresses[1] as Address, name: "a", uri: "b" },
    roundSize: 400,
    disputeBond: 0n,
    tokens: [],
  }));
});
afterAll(() => anvil.stop());
afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers = [];
});

/** An endpoint with manners of its own, and what it was asked. */
async function endpoint(answer: (method: string, response: ServerResponse) => void) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => {
      const { id, method } = JSON.parse(body) as { id: number; method: string };
      asked.push(method);
      const end = response.end.bind(response);
      const answerIt = (text: string) => end(text.replace('"id":"its"', `"id":${id}`));
      response.end = answerIt as typeof response.end;
      response.setHeader("Content-Type", "application/json");
      answer(method, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push(server);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const result = (value: unknown) => JSON.stringify({ jsonrpc: "2.0", id: "its", result: value });
const refusal = (code: number, message: string) =>
  JSON.stringify({ jsonrpc: "2.0", id: "its", error: { code, message } });

const broken = () =>
  endpoint((_method, response) => {
    response.statusCode = 503;
    response.end("{}");
  });

/** Options that never wait, and what was waited for and complained of. */
function watched(changes: FailoverOptions = {}) {
  const pauses: number[] = [];
  const failures: string[] = [];
  const options: FailoverOptions = {
    sleep: async (ms) => pauses.push(ms),
    onFailure: (origin) => failures.push(origin),
    ...changes,
  };
  return { options, pauses, failures };
}

describe("several endpoints", () => {
  it("several endpoints answer for one that fails, which is passed over ever longer", async () => {
    const bad = await broken();
    const { options, failures, pauses } = watched();
    const client = connect([bad.url, anvil.url], options);
    await client.getBlockNumber();
    expect(bad.asked).toHaveLength(1);
    for (let i = 0; i < 7; i++) await client.getBlockNumber();
    expect(bad.asked).toHaveLength(1);
    await client.getBlockNumber();
    expect(bad.asked).toHaveLength(2);
    for (let i = 0; i < 15; i++) await client.getBlockNumber();
    expect(bad.asked).toHaveLength(2);
    await client.getBlockNumber();
    expect(bad.asked).toHaveLength(3);
    expect(failures).toEqual([bad.url, bad.url, bad.url]);
    expect(pauses).toEqual([]);
  });

  it("several endpoints prefer the first again once it is well", async () => {
    let ill = true;
    const first = await endpoint((_method, response) => {
      response.statusCode = ill ? 500 : 200;
      response.end(result("0x7"));
    });
    const client = connect([first.url, anvil.url], watched().options);
    expect(await client.getBlockNumber()).not.toBe(7n);
    ill = false;
    for (let i = 0; i < 7; i++) expect(await client.getBlockNumber()).not.toBe(7n);
    expect(await client.getBlockNumber()).toBe(7n);
    expect(await client.getBlockNumber()).toBe(7n);
  });

  it("several endpoints are asked in rounds with doubling pauses, up to the limit", async () => {
    const bad = await broken();
    const gone = `http://127.0.0.1:${await freePort()}`;
    const { options, pauses, failures } = watched({ retries: 3, pauseMs: 100 });
    const client = connect([bad.url, gone], options);
    await expect(ask("the head", () => client.getBlockNumber())).rejects.toMatchObject({
      code: "RpcUnavailable",
    });
    expect(pauses).toEqual([100, 200, 400]);
    expect(failures).toHaveLength(8);
  });

  it("several endpoints take turns at being asked first, until the turns end", async () => {
    const named = (name: string) => endpoint((_method, response) => response.end(result(name)));
    const [a, b, c] = [await named("0xa"), await named("0xb"), await named("0xc")];
    const client = connect([a.url, b.url, c.url], watched().options);
    const { rotate, endRotation } = client.transport;
    const heads: (bigint | undefined)[] = [];
    for (let turn = 0; turn < 4; turn++) {
      heads.push(await client.getBlockNumber(), await client.getBlockNumber());
      rotate();
    }
    expect(heads).toEqual([10n, 10n, 11n, 11n, 12n, 12n, 10n, 10n]);
    endRotation();
    expect(await client.getBlockNumber()).toBe(10n);
  });

  it("an endpoint that fails gets no turn, and loses the one that it has", async () => {
    let ill = true;
    const first = await endpoint((_method, response) => response.end(result("0xa")));
    const second = await endpoint((_method, response) => {
      response.statusCode = ill ? 503 : 200;
      response.end(result("0xb"));
    });
    const client = connect([first.url, second.url], watched().options);
    const { rotate, endpoints } = client.transport;
    // Its own state is not known before it is asked.
    expect(rotate()?.origin).toBe(second.url);
    for (let i = 0; i < 4; i++) expect(await client.getBlockNumber()).toBe(10n);
    expect(second.asked).toHaveLength(1);
    expect(rotate()).toBeUndefined();
    ill = false;
    const [, other] = endpoints();
    await other?.client.getBlockNumber();
    for (let i = 0; i < 8; i++) await client.getBlockNumber();
    // Well again in its own turn.
    expect(await client.getBlockNumber()).toBe(11n);
    expect(rotate()?.origin).toBe(first.url);
    expect(await client.getBlockNumber()).toBe(10n);
  });

  it("an endpoint that others contradict has a turn, and loses it by the next fault", async () => {
    const client = connect(["http://a.test", "http://b.test"], watched().options);
    const { rotate, endpoints, contradict } = client.transport;
    const [a, b] = endpoints() as [Endpoint, Endpoint];
    contradict(b, "it refuses what a takes");
    expect(endpoints()).toEqual([a, b]);
    expect(rotate()).toBe(b);
    expect(endpoints()).toEqual([b, a]);
    contradict(b, "it refuses what a takes");
    expect(endpoints()).toEqual([a, b]);
  });

  it("the third endpoint has its turn though the second loses its own each time", () => {
    const client = connect(["http://a.test", "http://b.test", "http://c.test"]);
    const { rotate, endRotation, endpoints, contradict } = client.transport;
    const [a, b, c] = endpoints() as [Endpoint, Endpoint, Endpoint];
    const lose = () => {
      for (let i = 0; i < 6; i++) contradict(b, "it refuses a view");
    };
    expect(rotate()).toBe(b);
    lose();
    // The next in turn stands in, and not the one whose word is doubted.
    expect(endpoints()).toEqual([c, a, b]);
    expect(rotate()).toBe(a);
    endRotation();
    lose();
    expect(endpoints()[0]).toBe(a);
    expect([rotate(), rotate(), rotate()]).toEqual([b, c, a]);
  });

  it("each endpoint that answers says its own word, and none is an error", async () => {
    const named = (name: string) => endpoint((_method, response) => response.end(result(name)));
    const [a, b, bad] = [await named("0xa"), await named("0xb"), await broken()];
    const head = (urls: string[]) =>
      askEach(connect(urls, watched().options), "its head", (one) => one.getBlockNumber());
    expect(await head([a.url, bad.url, b.url])).toEqual([
      { origin: a.url, answer: 10n },
      { origin: b.url, answer: 11n },
    ]);
    expect(await head([a.url])).toEqual([{ origin: a.url, answer: 10n }]);
    await expect(head([bad.url, bad.url])).rejects.toMatchObject({ code: "RpcUnavailable" });
    await expect(head([bad.url])).rejects.toMatchObject({ code: "RpcUnavailable" });
  });

  it("requests that fail at the same time are one failure of the endpoint", async () => {
    const bad = await broken();
    const client = connect([bad.url, anvil.url], watched().options);
    await Promise.all(Array.from({ length: 6 }, () => client.getBlockNumber()));
    const [, second] = client.transport.endpoints();
    expect(second?.origin).toBe(bad.url);
    expect(second?.penalty).toBeLessThanOrEqual(8);
  });

  it("one endpoint alone has no turns", async () => {
    const client = connect([anvil.url], watched().options);
    expect(client.transport.rotate()).toBeUndefined();
    expect(await client.getBlockNumber()).toBeGreaterThan(0n);
  });

  it("an endpoint is passed over longer each time also when one method alone fails", async () => {
    const partial = await endpoint((method, response) => {
      response.statusCode = method === "eth_getLogs" ? 503 : 200;
      response.end(result("0x7"));
    });
    const client = connect([partial.url, anvil.url], watched().options);
    for (let i = 0; i < 60; i++) {
      await client.getBlockNumber();
      await client.getLogs({ address: mediator, fromBlock: 0n, toBlock: 0n });
    }
    // 120 requests: after 8, 16, 32 and 64 others, not after every 8.
    const failed = partial.asked.filter((method) => method === "eth_getLogs").length;
    expect(failed).toBeGreaterThan(2);
    expect(failed).toBeLessThan(7);
  });

  it("a list without endpoints is refused before anything is asked", () => {
    expect(() => connect([])).toThrow(/Name at least one/);
  });
});

describe("an answer", () => {
  it("an answer that never ends is cut off by the timeout, body included", async () => {
    const slow = await endpoint((_method, response) => {
      response.write('{"jsonrpc":');
    });
    const { options, failures } = watched({ timeoutMs: 1000 });
    const client = connect([slow.url, anvil.url], options);
    expect(await client.getBlockNumber()).toBe(BigInt(await anvil.blockNumber()));
    expect(failures).toEqual([slow.url]);
  });

  it("an answer of the contract is no failure of the endpoint: no other is asked", async () => {
    const other = await endpoint((_method, response) => response.end(result("0x0")));
    const { options, failures } = watched();
    const client = connect([anvil.url, other.url], options);
    const data = encodeDeposit(mediator, 1n);
    const call = ask("a deposit", () => client.call({ to: mediator, data }));
    await expect(call).rejects.toMatchObject({
      code: "ContractRefused",
      errorName: "TokenNotListed",
    });
    expect(failures).toEqual([]);
    expect(other.asked).toEqual([]);
  });

  it.each([
    [-32005, "limit exceeded"],
    [-32603, "internal error"],
    [-32601, "the method does not exist"],
    [-32000, "header not found"],
    [-32016, "over rate limit"],
    [-32000, "Too many requests, please slow down"],
    [15, "Too many request, try again later"],
    [4444, "pruned history unavailable"],
    [-32602, "historical state 00ab is not available"],
    [-32600, "Must be authenticated!"],
    [-32000, "request timed out"],
    [-32099, "words that nobody knows"],
  ])("an answer that it cannot serve now (%i, %s) sends us to the next", async (code, message) => {
    const busy = await endpoint((_method, response) => response.end(refusal(code, message)));
    const { options, failures } = watched();
    await connect([busy.url, anvil.url], options).getBlockNumber();
    expect(failures).toEqual([busy.url]);
  });

  it.each([
    [429, -32600, "slow"],
    [503, -32602, "try again"],
    [403, 0, "no"],
  ])("an answer with HTTP %i sends us to the next, always", async (status, code, message) => {
    const busy = await endpoint((_method, response) => {
      response.statusCode = status;
      response.end(refusal(code, message));
    });
    const { options, failures } = watched();
    await connect([busy.url, anvil.url], options).getBlockNumber();
    expect(failures).toEqual([busy.url]);
  });

  it("an answer with HTTP 400 or 500 that refuses the question is final all the same", async () => {
    for (const status of [400, 500]) {
      const strict = await endpoint((_method, response) => {
        response.statusCode = status;
        response.end(refusal(-32000, "execution reverted: no"));
      });
      const { options, failures } = watched();
      const client = connect([strict.url, anvil.url], options);
      await expect(client.call({ to: mediator })).rejects.toThrow("execution reverted");
      expect(failures).toEqual([]);
    }
  });

  it.each([
    ["to another request", { id: 4_000_000, result: "0x7" }],
    ["to no request", { id: null, result: "0x7" }],
    ["that is a bare text", { id: "its", error: "too busy" }],
    ["that nobody asked for, an error", { id: null, error: { code: -32000, message: "busy" } }],
  ])("an answer %s is none: the next is asked", async (_which, body) => {
    const confused = await endpoint((_method, response) => response.end(JSON.stringify(body)));
    const { options, failures } = watched();
    const head = await connect([confused.url, anvil.url], options).getBlockNumber();
    expect(head).toBe(BigInt(await anvil.blockNumber()));
    expect(failures).toEqual([confused.url]);
  });

  it("a method that no endpoint serves is not asked for again", async () => {
    const without = await endpoint((_method, response) =>
      response.end(refusal(-32601, "the method eth_blockNumber does not exist/is not available")),
    );
    const { options, pauses } = watched();
    await expect(connect([without.url], options).getBlockNumber()).rejects.toThrow();
    expect([without.asked.length, pauses]).toEqual([1, []]);
  });

  it.each([
    [-32602, "too many arguments, want at most 1"],
    [-32600, "invalid request"],
  ])(
    "the next endpoint is asked where one takes the question for a bad one (%i, %s)",
    async (code, message) => {
      const strict = await endpoint((_method, response) => response.end(refusal(code, message)));
      const { options, failures, pauses } = watched({ retries: 2, pauseMs: 100 });
      const head = await connect([strict.url, anvil.url], options).getBlockNumber();
      expect(head).toBe(BigInt(await anvil.blockNumber()));
      await expect(connect([strict.url], options).getBlockNumber()).rejects.toThrow(message);
      expect([failures, pauses]).toEqual([[], []]);
      expect(strict.asked).toHaveLength(2);
    },
  );

  it.each([
    [-32000, "nonce too low"],
    [-32602, "query returned more than 10000 results"],
    [-32603, "execution reverted: no"],
    [3, "execution reverted"],
  ])("an answer about the question itself (%i, %s) is final", async (code, message) => {
    const strict = await endpoint((_method, response) => response.end(refusal(code, message)));
    const other = await endpoint((_method, response) => response.end(result("0x0")));
    const { options, failures, pauses } = watched();
    const client = connect([strict.url, other.url], options);
    await expect(client.call({ to: mediator })).rejects.toThrow(message);
    expect([failures, pauses, other.asked]).toEqual([[], [], []]);
    expect(strict.asked).toHaveLength(1);
  });

  it.each([
    [3, "execution reverted"],
    [-32000, "execution reverted: no"],
    [-32603, "execution reverted"],
    [-32015, "VM execution error."],
    [-32000, "nonce too low"],
    [-32000, "insufficient funds for gas * price + value"],
  ])("an answer about a run, where nothing ran, is none (%i, %s)", async (code, message) => {
    const odd = await endpoint((_method, response) => response.end(refusal(code, message)));
    const reads: readonly ((client: ReturnType<typeof connect>) => Promise<unknown>)[] = [
      (client) => client.getBlock({ blockNumber: 0n }),
      (client) => client.getLogs({ address: mediator, fromBlock: 0n, toBlock: 0n }),
      (client) => client.getBalance({ address: mediator }),
    ];
    for (const read of reads) {
      const { options, failures } = watched();
      await read(connect([odd.url, anvil.url], options));
      expect(failures).toEqual([odd.url]);
      const alone = ask("it", () => read(connect([odd.url], options)));
      await expect(alone).rejects.toMatchObject({ code: "RpcUnavailable" });
    }
  });
});

describe("the chain", () => {
  it("the chain must be one: endpoints that disagree are named", async () => {
    const other = await endpoint((_method, response) => response.end(result("0x5")));
    await expect(readChainId([anvil.url, other.url])).rejects.toMatchObject({
      code: "ChainMismatch",
      message: expect.stringContaining(
        `${anvil.url} serves chain 31337, ${other.url} serves chain 5`,
      ),
    });
    const gone = `http://127.0.0.1:${await freePort()}`;
    expect(await readChainId([gone, anvil.url], watched().options)).toBe(31337);
    expect(await readChainId([anvil.url], { chainId: 31337 })).toBe(31337);
    await expect(readChainId([anvil.url], { chainId: 1 })).rejects.toMatchObject({
      code: "ChainMismatch",
      message: expect.stringContaining(`${anvil.url} serves chain 31337 instead of 1`),
    });
    await expect(readChainId([gone], watched().options)).rejects.toMatchObject({
      code: "RpcUnavailable",
    });
  });

  it("the chain of an endpoint that comes later is checked before it is believed", async () => {
    const other = await endpoint((_method, response) => response.end(result("0x5")));
    const { options, failures } = watched({ chainId: 31337, retries: 0 });
    const head = await connect([other.url, anvil.url], options).getBlockNumber();
    expect(head).toBe(BigInt(await anvil.blockNumber()));
    expect(failures).toEqual([other.url]);
    expect(other.asked).toEqual(["eth_chainId"]);
    const alone = connect([other.url], options);
    await expect(ask("the head", () => alone.getBlockNumber())).rejects.toMatchObject({
      code: "ChainMismatch",
    });
  });

  it("the chain of one endpoint does not hide that the others are down", async () => {
    const other = await endpoint((_method, response) => response.end(result("0x5")));
    const gone = `http://127.0.0.1:${await freePort()}`;
    for (const urls of [
      [other.url, gone],
      [gone, other.url],
    ]) {
      const client = connect(urls, watched({ chainId: 31337, retries: 0 }).options);
      await expect(ask("the head", () => client.getBlockNumber())).rejects.toMatchObject({
        code: "RpcUnavailable",
      });
    }
  });
});

describe("a method that an endpoint may lack", () => {
  it("a method that an endpoint may lack is asked elsewhere, and the endpoint is well", async () => {
    const message = "the method eth_maxPriorityFeePerGas does not exist/is not available";
    const plain = await endpoint((_method, response) => response.end(refusal(-32601, message)));
    const { options, failures } = watched({ retries: 0 });
    const client = connect([plain.url, anvil.url], options);
    expect(await client.estimateMaxPriorityFeePerGas()).toBeGreaterThan(0n);
    expect(failures).toEqual([]);
    expect(client.transport.health().map(({ penalty }) => penalty)).toEqual([0, 0]);
  });

  it.each(["0x20000000000000", "0xffffffffffffffffff"])(
    "a head of %s is no answer",
    async (number) => {
      const odd = await endpoint((_method, response) => response.end(result(number)));
      const { options, failures } = watched({ retries: 0 });
      const head = await connect([odd.url, anvil.url], options).getBlockNumber();
      expect([head, failures]).toEqual([BigInt(await anvil.blockNumber()), [odd.url]]);
    },
  );
});
