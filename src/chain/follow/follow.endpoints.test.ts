/** The follower among endpoints that lag, refuse, lie and go away: a real EVM behind proxies. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Anvil } from "../../../test/support/chain/anvil.ts";
import { startDeployedExchange } from "../../../test/support/exchange/deployedExchange.ts";
import { until } from "../../../test/support/exchange/exchange.ts";
import { type HttpProxy, type Meddle, startHttpProxy } from "../../../test/support/faults/proxy.ts";
import type { Address, Hex } from "../../base/hex.ts";
import type { DeployedExchange } from "../contracts/deploy.ts";
import { encodeDeposit } from "../contracts/mediatorCalls.ts";
import { encodeApprove, encodeMint } from "../contracts/tokens.ts";
import { type ChainClient, connect } from "../rpc/rpc.ts";
import { localSigner } from "../signer.ts";
import { Submitter } from "../submit/submitter.ts";
import { type ChainEvent, type FollowOptions, follow, readBlockRef } from "./follow.ts";
import { AdaptiveRange } from "./readRange.ts";

const BLOCKS = 1300;
const DEPOSITS = 4;
const OTHER_HASH: Hex = `0x${"ab".repeat(32)}`;

let anvil: Anvil;
let exchange: DeployedExchange;
let head: number;
let proxies: HttpProxy[] = [];
let stop: AbortController;

beforeAll(async () => {
  ({ anvil, exchange } = await startDeployedExchange(40_000));
  const signer = localSigner(anvil.keys[3] as Hex);
  const rest = { signer, chainId: 31337, maxFeePerGas: 10n ** 12n, pollMs: 5 };
  const submitter = new Submitter({ client: anvil.client, ...rest });
  const [token] = exchange.tokens as [Address];
  const { mediator } = exchange;
  await submitter.send({ what: "mint", to: token, data: encodeMint(signer.address, 100n) });
  await submitter.send({ what: "approve", to: token, data: encodeApprove(mediator, 100n) });
  for (let i = 1; i <= DEPOSITS; i++) {
    for (let mined = 0; mined < BLOCKS / DEPOSITS; mined += 65) await anvil.mine(65);
    const data = encodeDeposit(token, BigInt(i));
    await submitter.send({ what: "deposit", to: mediator, data });
  }
  await anvil.mine(10);
});
afterAll(() => anvil.stop());
beforeEach(async () => {
  stop = new AbortController();
  head = await anvil.blockNumber();
});
afterEach(() => {
  stop.abort();
  for (const proxy of proxies) proxy.stop();
  proxies = [];
});

async function proxy(meddle?: Meddle): Promise<HttpProxy> {
  const started = await startHttpProxy(anvil.url, meddle);
  proxies.push(started);
  return started;
}

interface Followed {
  readonly events: AsyncGenerator<ChainEvent>;
  readonly problems: string[];
  readonly failures: string[];
  readonly client: ChainClient;
}

async function begin(
  urls: string[],
  changes: Partial<FollowOptions> = {},
  timeoutMs = 10_000,
): Promise<Followed> {
  const problems: string[] = [];
  const failures: string[] = [];
  const client = connect(urls, {
    retries: 0,
    timeoutMs,
    chainId: 31337,
    onFailure: (origin, problem) => failures.push(`${origin} ${problem}`),
  });
  const events = follow({
    client,
    mediator: exchange.mediator,
    after: await readBlockRef(anvil.client, 0),
    confirmations: 2,
    pollMs: 1,
    maxTries: 5,
    signal: stop.signal,
    onRetry: (problem) => problems.push(problem),
    ...changes,
  });
  return { events, problems, failures, client };
}

type Final = Extract<ChainEvent, { kind: "final" }>;

async function finalUpTo(events: AsyncGenerator<ChainEvent>, last: number): Promise<Final[]> {
  const found: Final[] = [];
  for await (const event of events) {
    if (event.kind !== "final") continue;
    found.push(event);
    if (event.to.number >= last) break;
  }
  return found;
}

const deposits = (found: Final[]) =>
  found.flatMap(({ logs }) => logs).filter(({ kind }) => kind === "deposited");

/** Blocks of an eth_getLogs. */
function span(params: readonly unknown[]): number {
  const [{ fromBlock, toBlock }] = params as [{ fromBlock: Hex; toBlock: Hex }];
  return Number(toBlock) - Number(fromBlock) + 1;
}

const getLogs = ({ asked }: HttpProxy) => asked.filter(({ method }) => method === "eth_getLogs");

/** Blocks in one reading of logs, at an endpoint that gives few. */
const LIMIT = 300;

describe("logs", () => {
  it.each([
    [-32005, "query returned more than 10000 results"],
    [-32602, "query returned more than 10000 results. Try with this block range [0x1, 0x64]."],
    [-32602, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block"],
    [-32600, "You can make eth_getLogs requests with up to a 500 block range."],
    [-32614, "eth_getLogs is limited to a 10,000 range"],
    [-32000, "exceed maximum block range: 5000"],
    [-32600, "block range is too wide"],
    [-32047, "Invalid eth_getLogs request. 'fromBlock'-'toBlock' range too large. Max range: 800"],
    [-32602, "query exceeds max results 20000, retry with the range 1-100"],
    [-32602, "query exceeds max block range 100000"],
    [-32005, "Requested range exceeds maximum RPC range limit"],
    [-32000, "Too many logs requested. Max logs per response is 20000."],
    [-32000, "please limit the query to at most 1000 blocks"],
    [-32000, "query timeout exceeded"],
    [-32002, "request timed out"],
    [-32603, "backend response too large"],
    [-32602, "eth_getLogs is limited to a 1024 block range"],
  ])("logs refused for their width (%i, %s) are read in narrower ranges", async (code, message) => {
    const strict = await proxy(async ({ method, params }, forward) =>
      method === "eth_getLogs" && span(params) > LIMIT ? { error: { code, message } } : forward(),
    );
    const { events, problems, failures } = await begin([strict.url]);
    const found = await finalUpTo(events, head - 2);
    expect(deposits(found)).toHaveLength(DEPOSITS);
    // It is neither a failed poll, nor does it speak against the endpoint.
    expect([problems, failures]).toEqual([[], []]);
    const refused = getLogs(strict).filter(({ params }) => span(params) > LIMIT);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(8);
  });

  it("logs refused in unknown words are read narrower too, after a failed poll", async () => {
    const strict = await proxy(async ({ method, params }, forward) =>
      method === "eth_getLogs" && span(params) > LIMIT
        ? { error: { code: -32099, message: "non" } }
        : forward(),
    );
    const { events, problems } = await begin([strict.url]);
    expect(deposits(await finalUpTo(events, head - 2))).toHaveLength(DEPOSITS);
    expect(problems).toContain("non");
  });

  it("logs that take too long are read in narrower ranges", async () => {
    const slow = await proxy(async ({ method, params }, forward) =>
      method === "eth_getLogs" && span(params) > LIMIT ? undefined : forward(),
    );
    const { events } = await begin([slow.url], {}, 2000);
    expect(deposits(await finalUpTo(events, head - 2))).toHaveLength(DEPOSITS);
  });

  it("the width of reading settles near what an endpoint gives, and grows again later", () => {
    const range = new AdaptiveRange();
    const read = (limit: number) => {
      const width = range.blocks;
      if (width > limit) range.refused(width, undefined);
      else range.passed(width);
      return width;
    };
    const early = Array.from({ length: 40 }, () => read(2300));
    expect(early.filter((width) => width > 2300).length).toBeLessThan(6);
    expect(early.at(-1)).toBeGreaterThan(2300 * 0.8);
    expect(early.at(-1)).toBeLessThanOrEqual(2300);
    const late = Array.from({ length: 200 }, () => read(Number.POSITIVE_INFINITY));
    expect(late.at(-1)).toBe(10_000);
    // A dense stretch: nothing of what passed before passes now.
    const dense = Array.from({ length: 30 }, () => read(3));
    expect(dense.at(-1)).toBeLessThanOrEqual(3);
    expect(dense.at(-1)).toBeGreaterThanOrEqual(2);
  });

  it("logs of one range come from one endpoint, also when it goes away midway", async () => {
    let left = 9;
    const ranges: string[] = [];
    const watched = (name: string, dies: boolean): Meddle => {
      return async ({ method, params }, forward) => {
        if (dies && left-- <= 0) return 503;
        if (method === "eth_getLogs") ranges.push(`${name} ${Number(rangeOf(params).fromBlock)}`);
        return forward();
      };
    };
    const first = await proxy(watched("first", true));
    const second = await proxy(watched("second", false));
    const { events, failures } = await begin([first.url, second.url]);
    const found = await finalUpTo(events, head - 2);
    expect(deposits(found)).toHaveLength(DEPOSITS);
    expect(failures.every((failure) => failure.startsWith(`${first.url} HTTP 503`))).toBe(true);
    expect(ranges.some((range) => range.startsWith("first"))).toBe(true);
    expect(ranges.some((range) => range.startsWith("second"))).toBe(true);
    // Each batch begins where the one before ended, whoever served it.
    const ends = found.map(({ to }) => to.number);
    expect(ends).toEqual([...ends].sort((a, b) => a - b));
  });

  it("logs of blocks that the endpoint's node does not know yet are not missing logs", async () => {
    // As behind a load balancer: blocks from one machine, logs from one that lags.
    const known = head - 9;
    let asked = 0;
    const pool = await proxy(async ({ method, params }, forward) => {
      if (method !== "eth_getLogs" || asked > 8) return forward();
      asked += 1;
      const [filter] = params as [{ toBlock?: Hex; blockHash?: Hex }];
      if (filter.blockHash !== undefined) {
        const answer = await fetchBlock(filter.blockHash);
        if (answer <= known) return forward();
        return { error: { code: -32000, message: "unknown block" } };
      }
      const { result } = await forward();
      const logs = result as { blockNumber: Hex }[];
      return { result: logs.filter(({ blockNumber }) => Number(blockNumber) <= known) };
    });
    const before = await anvil.snapshot();
    const signer = localSigner(anvil.keys[3] as Hex);
    const rest = { signer, chainId: 31337, maxFeePerGas: 10n ** 12n, pollMs: 5 };
    const submitter = new Submitter({ client: anvil.client, ...rest });
    const data = encodeDeposit((exchange.tokens as [Address])[0], 1n);
    await submitter.send({ what: "deposit", to: exchange.mediator, data });
    await anvil.mine(3);
    head = await anvil.blockNumber();
    const after = await readBlockRef(anvil.client, head - 8);
    const { events, problems } = await begin([pool.url], { after, maxTries: 50 });
    const found = await finalUpTo(events, head - 2);
    expect(deposits(found)).toHaveLength(1);
    expect(problems.length).toBeGreaterThan(0);
    await anvil.revert(before);
  });

  async function fetchBlock(blockHash: Hex): Promise<number> {
    return Number((await anvil.client.getBlock({ blockHash })).number);
  }

  it("logs must lie in blocks of the chain that is followed", async () => {
    let lies = 2;
    const liar = await proxy(async ({ method, params }, forward) => {
      const answer = await forward();
      if (method !== "eth_getLogs" || "blockHash" in rangeOf(params) || lies-- <= 0) return answer;
      const logs = answer.result as { blockHash: Hex }[];
      return { result: logs.map((log) => ({ ...log, blockHash: OTHER_HASH })) };
    });
    const { events, problems } = await begin([liar.url]);
    const found = await finalUpTo(events, head - 2);
    expect(problems).toHaveLength(2);
    expect(problems[0]).toContain(OTHER_HASH);
    for (const log of deposits(found)) {
      expect((await readBlockRef(anvil.client, log.block)).hash).toBe(log.blockHash);
    }
    expect(deposits(found)).toHaveLength(DEPOSITS);
  });

  function rangeOf(params: readonly unknown[]) {
    return (params as [{ fromBlock: Hex; toBlock: Hex }])[0];
  }
});

/** Blocks that a second endpoint is asked for first: its newest, and one before, for the pace. */
const HEAD_READINGS = 2;
/** Newest final blocks that are asked for one by one. */
const NEAR_BLOCKS = 16;

describe("two endpoints", () => {
  /** Says that final blocks have another hash, as often as it is told to; no header is proven. */
  const liar = (times: number) =>
    proxy(async ({ method, params }, forward) => {
      const [filter] = params as [{ blockHash?: Hex }];
      if (method === "eth_getLogs" && filter.blockHash === OTHER_HASH) return { result: [] };
      const answer = await forward();
      if (method !== "eth_getBlockByNumber" || answer.result === null) return answer;
      const result = { ...(answer.result as object), gasLimit: null };
      const isMeant = params[0] !== "latest" && times-- > 0;
      return { result: isMeant ? { ...result, hash: OTHER_HASH } : result };
    });

  /**
   * Has the chain as it is, but no blooms, and for so many readings none of the logs; receipts only
   * where it is said.
   */
  const hiding = (times: number, { receipts = false } = {}) =>
    proxy(async ({ method }, forward) => {
      if (method === "eth_getLogs" && times-- > 0) return { result: [] };
      const isReceipts = /Receipt/.test(method);
      if (isReceipts && !receipts) return { result: null };
      const answer = await forward();
      if (method !== "eth_getBlockByNumber" || answer.result === null) return answer;
      return { result: { ...(answer.result as object), logsBloom: `0x${"00".repeat(256)}` } };
    });

  /** A true one whose headers lack a field, and prove nothing. */
  const unproven = () =>
    proxy(async ({ method }, forward) => {
      const answer = await forward();
      if (method !== "eth_getBlockByNumber" || answer.result === null) return answer;
      return { result: { ...(answer.result as object), gasLimit: null } };
    });

  it("two endpoints that disagree for a while are waited for", async () => {
    // One answer is for the pace of the chain; one is compared, and four look for a shared block.
    const second = await liar(1 + 2 * 5);
    const { events, problems } = await begin([(await unproven()).url, second.url]);
    const found = await finalUpTo(events, head - 2);
    expect(deposits(found)).toHaveLength(DEPOSITS);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems[0]).toMatch(/Endpoints disagree about block \d+/);
  });

  it("two endpoints that go on disagreeing stop the follower, with hashes and a hint", async () => {
    const second = await liar(Number.POSITIVE_INFINITY);
    const { events, problems } = await begin([anvil.url, second.url]);
    const failed = finalUpTo(events, head);
    await expect(failed).rejects.toMatchObject({ code: "EndpointsDisagree" });
    await expect(failed).rejects.toThrow(
      new RegExp(`${anvil.url} says 0x.{64}, ${second.url} says ${OTHER_HASH}.*third source`),
    );
    expect(problems).toHaveLength(4);
  });

  it("two endpoints that disagree stop the follower, also when one of them goes away", async () => {
    let answers = 0;
    const honest = await proxy(async ({ method }, forward) => {
      // Good for one comparison, then gone.
      if (method === "eth_getBlockByNumber") answers += 1;
      return answers > HEAD_READINGS + 1 ? 503 : forward();
    });
    const lying = await liar(Number.POSITIVE_INFINITY);
    const after = await readBlockRef(anvil.client, head - 5);
    const lies = lying.meddle;
    lying.meddle = (call, forward) =>
      Number(call.params[0]) === after.number ? forward() : lies(call, forward);
    const { events } = await begin([lying.url, honest.url], { after });
    await expect(finalUpTo(events, head)).rejects.toMatchObject({ code: "EndpointsDisagree" });
  });

  it("a chain that only one of two endpoints has left is no reorganisation", async () => {
    const known = await readBlockRef(anvil.client, head - 2);
    const strayed = await liar(Number.POSITIVE_INFINITY);
    const { events } = await begin([strayed.url, anvil.url], { after: known });
    await expect(finalUpTo(events, head)).rejects.toMatchObject({ code: "EndpointsDisagree" });
    const alone = await begin([strayed.url], { after: known });
    await expect(finalUpTo(alone.events, head)).rejects.toMatchObject({ code: "ReorgTooDeep" });
  });

  it("a second endpoint that is behind does not hold up the follower, and is named", async () => {
    const old = await proxy(async ({ method, params }, forward) =>
      method === "eth_getBlockByNumber" && Number(params[0]) > 500 ? { result: null } : forward(),
    );
    const { events, failures, problems } = await begin([anvil.url, old.url]);
    expect(deposits(await finalUpTo(events, head - 2))).toHaveLength(DEPOSITS);
    expect(failures[0]).toMatch(new RegExp(`${old.url} it does not know block \\d+`));
    expect(problems).toEqual([]);
  });

  it("a first endpoint that stands still gives way to the second", async () => {
    const frozen = `0x${(head - 40).toString(16)}`;
    const stuck = await proxy(async ({ method, params }, forward) => {
      if (method === "eth_blockNumber") return { result: frozen };
      if (method !== "eth_getBlockByNumber" || params[0] !== "latest") return forward();
      const block = (await anvil.rpc("eth_getBlockByNumber", [frozen, false])) as object;
      // Blocks of this chain came at once: as old as blocks are that were left behind.
      const { timestamp } = block as { timestamp: Hex };
      return { result: { ...block, timestamp: `0x${(Number(timestamp) - 480).toString(16)}` } };
    });
    const { events, failures } = await begin([stuck.url, anvil.url]);
    expect((await finalUpTo(events, head - 2)).at(-1)?.to.number).toBe(head - 2);
    expect(failures).toEqual([`${stuck.url} its newest block ${head - 40} is 40 blocks behind`]);
  });

  it("a first endpoint that lost its newest blocks gives way to the second at once", async () => {
    const after = await readBlockRef(anvil.client, head - 4);
    const old = `0x${(head - 6).toString(16)}`;
    const forgetful = await proxy(async ({ method, params }, forward) => {
      if (method !== "eth_getBlockByNumber") return forward();
      if (params[0] !== "latest") return { result: null };
      return { result: await anvil.rpc("eth_getBlockByNumber", [old, false]) };
    });
    const { events, failures } = await begin([forgetful.url, anvil.url], { after, maxTries: 2 });
    expect((await finalUpTo(events, head - 2)).at(-1)?.to.number).toBe(head - 2);
    expect(failures[0]).toContain(`${forgetful.url} it does not know`);
  });

  it("a first endpoint without answers gives way to the second, not to narrow ranges", async () => {
    const hanging = await proxy(async ({ method }, forward) =>
      method === "eth_getLogs" ? undefined : forward(),
    );
    const { events } = await begin([hanging.url, anvil.url], { maxTries: 2 }, 2000);
    expect(deposits(await finalUpTo(events, head - 2))).toHaveLength(DEPOSITS);
    const ranges = getLogs(hanging).filter(({ params }) => "fromBlock" in (params[0] as object));
    const narrowest = Math.min(...ranges.map(({ params }) => span(params)));
    expect(narrowest).toBeGreaterThan(LIMIT);
  });

  it("an endpoint that hides logs for a while is waited for", async () => {
    const second = await hiding(4);
    const { events, problems } = await begin([(await unproven()).url, second.url]);
    expect(deposits(await finalUpTo(events, head - 2))).toHaveLength(DEPOSITS);
    expect(problems).toHaveLength(2);
    expect(problems[0]).toMatch(/disagree about the Mediator's logs in blocks 1 to \d+/);
  });

  it.each(["first", "second"])(
    "the %s of two endpoints, which hides logs, stops the follower before it misses any",
    async (which) => {
      const [honest, silent] = [await unproven(), await hiding(Number.POSITIVE_INFINITY)];
      const urls = which === "first" ? [silent.url, honest.url] : [honest.url, silent.url];
      const { events } = await begin(urls);
      const failed = finalUpTo(events, head);
      await expect(failed).rejects.toMatchObject({ code: "EndpointsDisagree" });
      await expect(failed).rejects.toThrow(`${silent.url} says 0 logs`);
    },
  );

  it.each(["first", "second"])(
    "the %s endpoint, which hides logs that its own receipts have, is named and passed over",
    async (which) => {
      const silent = await hiding(Number.POSITIVE_INFINITY, { receipts: true });
      const honest = await unproven();
      const urls = which === "first" ? [silent.url, honest.url] : [honest.url, silent.url];
      const { events, failures } = await begin(urls);
      expect(deposits(await finalUpTo(events, head - 2))).toHaveLength(DEPOSITS);
      expect(failures[0]).toMatch(
        new RegExp(`${silent.url} its logs are incomplete.*the receipts of block \\d+.* differ`),
      );
    },
  );

  it.each(["first", "second"])(
    "the %s endpoint, which hides logs that the other proves, is named and passed over",
    async (which) => {
      const silent = await hiding(Number.POSITIVE_INFINITY);
      const urls = which === "first" ? [silent.url, anvil.url] : [anvil.url, silent.url];
      const { events, failures, problems } = await begin(urls);
      expect(deposits(await finalUpTo(events, head - 2))).toHaveLength(DEPOSITS);
      expect(failures[0]).toMatch(
        new RegExp(`${silent.url} its logs are incomplete.*the header of block \\d+.* proves`),
      );
      expect(problems.length).toBeLessThan(2);
    },
  );

  it.each([0, 1, 2])("two endpoints are believed against a third (number %i)", async (place) => {
    const silent = await hiding(Number.POSITIVE_INFINITY);
    const urls = [(await unproven()).url, (await unproven()).url];
    urls.splice(place, 0, silent.url);
    const { events, failures, problems } = await begin(urls);
    expect(deposits(await finalUpTo(events, head - 2))).toHaveLength(DEPOSITS);
    expect(problems.length).toBeLessThan(3);
    if (place === 2) return expect(failures).toEqual([]);
    expect(failures[0]).toContain(`${silent.url} two others have other logs in blocks 1 to`);
  });

  it("an endpoint that hides the logs of the newest block stops the follower", async () => {
    const last = deposits(await finalUpTo((await begin([anvil.url])).events, head - 2)).at(-1);
    const after = await readBlockRef(anvil.client, (last?.block ?? 0) - 1);
    const silent = await hiding(Number.POSITIVE_INFINITY);
    const { events } = await begin([silent.url, (await unproven()).url], { after });
    await expect(finalUpTo(events, head)).rejects.toThrow(`${silent.url} says 0 logs`);
  });

  it("a second endpoint with narrow ranges or no logs does not hold up the follower", async () => {
    const limited = (most: number) =>
      proxy(async ({ method, params }, forward) => {
        const [filter] = params as [{ fromBlock?: Hex } | undefined];
        const isRange = method === "eth_getLogs" && filter?.fromBlock !== undefined;
        if (!isRange || span(params) <= most) return forward();
        return { error: { code: -32005, message: "block range is too wide" } };
      });
    const narrow = await limited(LIMIT);
    const { events, problems } = await begin([anvil.url, narrow.url]);
    expect(deposits(await finalUpTo(events, head - 2))).toHaveLength(DEPOSITS);
    expect(problems).toEqual([]);
    const passed = getLogs(narrow).filter(
      ({ params }) => "fromBlock" in (params[0] as object) && span(params) <= LIMIT,
    );
    expect(passed.reduce((sum, { params }) => sum + span(params), 0)).toBeGreaterThan(BLOCKS);
    const without = await limited(0);
    const alone = await begin([anvil.url, without.url]);
    expect(deposits(await finalUpTo(alone.events, head - 2))).toHaveLength(DEPOSITS);
    expect(alone.problems).toEqual([]);
  });

  it("two endpoints compare the last block, the near ones and the logs of each range", async () => {
    const second = await proxy();
    const { events } = await begin([anvil.url, second.url]);
    const found = await finalUpTo(events, head - 2);
    const compared = second.asked.filter(({ method }) => method === "eth_getBlockByNumber");
    const last = head - 2;
    const near = Array.from({ length: NEAR_BLOCKS - 1 }, (_, i) => last - NEAR_BLOCKS + 1 + i);
    expect(compared.slice(HEAD_READINGS).map(({ params }) => Number(params[0]))).toEqual([
      ...found.map(({ to }) => to.number),
      ...near,
    ]);
    const filters = getLogs(second).map(({ params }) => params[0] as { fromBlock?: Hex });
    const begins = filters.flatMap(({ fromBlock }) => (fromBlock ? [Number(fromBlock)] : []));
    expect(begins).toEqual([1, ...found.slice(0, -1).map(({ to }) => to.number + 1)]);
  });
});

describe("a head", () => {
  it("a head is reported again once a failed poll is over, though no block came", async () => {
    const endpoint = await proxy();
    const after = await readBlockRef(anvil.client, head - 2);
    const { events, problems } = await begin([endpoint.url], { after });
    const first = await events.next();
    endpoint.meddle = async () => {
      endpoint.meddle = (_, forward) => forward();
      return 503;
    };
    // Or it would be awaited for as long as the chain stands still.
    const second = await Promise.race([events.next(), sleep(60_000, undefined, { ref: false })]);
    expect(problems).toHaveLength(1);
    expect(second).toEqual(first);
  });
  it("a head that an endpoint pushes is seen long before the next poll", async () => {
    const url = anvil.url.replace("http", "ws");
    const after = await readBlockRef(anvil.client, head - 2);
    const { events, client } = await begin([url], { after, pollMs: 3_600_000 });
    const seen: number[] = [];
    const following = (async () => {
      for await (const event of events) if (event.kind === "head") seen.push(event.number);
    })();
    await until("the first poll was taken", () => seen.length === 1);
    await until("a push comes through", async () => {
      await anvil.mine();
      return seen.length >= 3;
    });
    stop.abort();
    await following;
    expect(client.transport.health()).toEqual([{ origin: url, penalty: 0 }]);
    head = await anvil.blockNumber();
  });
});
