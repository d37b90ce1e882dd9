/** Endpoints that double, drop, invent and refuse logs: a real EVM behind proxies. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Anvil } from "../../../test/support/chain/anvil.ts";
import { startDeployedExchange } from "../../../test/support/exchange/deployedExchange.ts";
import { type Meddle, type RpcAnswer, startHttpProxy } from "../../../test/support/faults/proxy.ts";
import type { Address, Hex } from "../../base/hex.ts";
import type { DeployedExchange } from "../contracts/deploy.ts";
import { encodeDeposit } from "../contracts/mediatorCalls.ts";
import { encodeApprove, encodeMint } from "../contracts/tokens.ts";
import { LogsBloom } from "../proofs/bloom.ts";
import { connect } from "../rpc/rpc.ts";
import { localSigner } from "../signer.ts";
import { Submitter } from "../submit/submitter.ts";
import { type FollowOptions, follow, readBlockRef } from "./follow.ts";
import { TOPICS } from "./soundLogs.ts";

const EMPTY_BLOOM = `0x${"00".repeat(256)}`;
/** The hash of no block. */
const STRANGE = `0x${"77".repeat(32)}`;
const FULL_BLOOM = `0x${"ff".repeat(256)}`;

let anvil: Anvil;
let exchange: DeployedExchange;
/** The block of the deposit, which lies among the newest; the listing is far behind it. */
let deposited: number;
let head: number;
let open: { stop(): void }[] = [];
const stop = new AbortController();

beforeAll(async () => {
  ({ anvil, exchange } = await startDeployedExchange());
  await anvil.mine(30);
  const signer = localSigner(anvil.keys[3] as Hex);
  const rest = { signer, chainId: 31337, maxFeePerGas: 10n ** 12n, pollMs: 5 };
  const submitter = new Submitter({ client: anvil.client, ...rest });
  const [token] = exchange.tokens as [Address];
  const { mediator } = exchange;
  await submitter.send({ what: "mint", to: token, data: encodeMint(signer.address, 9n) });
  await submitter.send({ what: "approve", to: token, data: encodeApprove(mediator, 9n) });
  await submitter.send({ what: "deposit", to: mediator, data: encodeDeposit(token, 5n) });
  deposited = await anvil.blockNumber();
  await anvil.mine(4);
  head = await anvil.blockNumber();
});
afterAll(async () => {
  stop.abort();
  await anvil.stop();
});
afterEach(() => {
  for (const proxy of open) proxy.stop();
  open = [];
});

async function proxy(meddle?: Meddle): Promise<string> {
  const started = await startHttpProxy(anvil.url, meddle);
  open.push(started);
  return started.url;
}

type RawLog = { blockNumber: Hex; logIndex: Hex; data: Hex; address: Hex; topics: Hex[] };

/** Changes the logs of each answer of eth_getLogs. */
const changing = (change: (logs: RawLog[], filter: { blockHash?: Hex }) => unknown[]) =>
  proxy(async ({ method, params }, forward) => {
    const answer = await forward();
    if (method !== "eth_getLogs" || !Array.isArray(answer.result)) return answer;
    return { result: change(answer.result as RawLog[], params[0] as { blockHash?: Hex }) };
  });

const ofBlock = (filter: { blockHash?: Hex }) => filter.blockHash !== undefined;

interface Followed {
  /** Kinds of the logs that came, in order; or why none came any more. */
  readonly kinds: readonly string[] | string;
  readonly failures: readonly string[];
  readonly notices: readonly string[];
}

async function followed(urls: string[], changes: Partial<FollowOptions> = {}): Promise<Followed> {
  const failures: string[] = [];
  const notices: string[] = [];
  const onFailure = (origin: string, problem: string) => failures.push(`${origin} ${problem}`);
  const events = follow({
    client: connect(urls, { retries: 0, chainId: 31337, onFailure }),
    mediator: exchange.mediator,
    after: await readBlockRef(anvil.client, 0),
    confirmations: 1,
    pollMs: 1,
    maxTries: 4,
    signal: stop.signal,
    onNotice: (notice) => notices.push(notice),
    ...changes,
  });
  const kinds: string[] = [];
  try {
    for await (const event of events) {
      if (event.kind !== "final") continue;
      kinds.push(...event.logs.map(({ kind }) => kind));
      if (event.to.number >= head - 1) break;
    }
  } catch (error) {
    return { kinds: (error as Error).message, failures, notices };
  }
  return { kinds, failures, notices };
}

const ALL = ["tokenListed", "deposited"];

describe("logs that stand twice", () => {
  const doubling = () => changing((logs) => logs.flatMap((log) => [log, log]));

  it.each(["first", "second", "only"])("doubled logs count once: %s endpoint", async (which) => {
    const urls = [await doubling()];
    if (which === "first") urls.push(anvil.url);
    if (which === "second") urls.unshift(anvil.url);
    expect(await followed(urls)).toEqual({ kinds: ALL, failures: [], notices: [] });
  });

  it("logs that stand twice and differ speak against the endpoint; another is asked", async () => {
    const url = await changing((logs) =>
      logs.flatMap((log) => [log, { ...log, data: `${log.data.slice(0, -1)}0` }]),
    );
    const alone = await followed([url]);
    expect(alone.kinds).toMatch(`The logs of ${url} are incomplete or doubled: log`);
    expect(alone.kinds).toContain("is there twice, and differs");
    const helped = await followed([url, anvil.url]);
    expect(helped.kinds).toEqual(ALL);
    expect(helped.failures[0]).toContain(url);
  });

  it("logs come in the order of the chain, whatever the endpoint's order is", async () => {
    const url = await changing((logs) => logs.toReversed());
    expect((await followed([url])).kinds).toEqual(ALL);
  });
});

describe("logs that were not asked for", () => {
  it.each<[string, (log: RawLog) => unknown]>([
    ["of another contract", (log) => ({ ...log, address: `0x${"77".repeat(20)}` })],
    ["of an event unknown", (log) => ({ ...log, topics: [`0x${"77".repeat(32)}`] })],
    ["without a topic", (log) => ({ ...log, topics: [] })],
    ["of another block", (log) => ({ ...log, blockNumber: "0xfffff" })],
    ["of no block", (log) => ({ ...log, blockNumber: null })],
    ["removed", (log) => ({ ...log, removed: true })],
  ])("a wrong log is a fault of the endpoint: %s", async (_, change) => {
    const url = await changing((logs) => logs.map(change));
    expect((await followed([url])).kinds).toMatch(`The logs of ${url} are`);
    expect((await followed([url, anvil.url])).kinds).toEqual(ALL);
  });

  it("logs of another block than the hash asked for are found out, and receipts read", async () => {
    const url = await changing((logs, filter) =>
      ofBlock(filter) ? logs.map((log) => ({ ...log, blockHash: STRANGE })) : logs,
    );
    const { kinds, failures } = await followed([url]);
    expect(kinds).toEqual(ALL);
    expect(failures[0]).toMatch(`${url} eth_getLogs gave logs of ${STRANGE} when asked for 0x`);
  });

  it("logs that are changed are found out beside an endpoint that ignores hashes", async () => {
    const liar = await changing((logs, filter) =>
      ofBlock(filter) ? logs.map((log) => ({ ...log, data: `0x${"09".repeat(64)}` })) : logs,
    );
    const real = await anvil.rpc<RawLog[]>("eth_getLogs", [
      { fromBlock: "0x0", address: exchange.mediator },
    ]);
    const other = await changing((logs, filter) =>
      ofBlock(filter) ? real.slice(-1).map((log) => ({ ...log, blockHash: STRANGE })) : logs,
    );
    // Both blooms bear the logs out: the receipts tell.
    const { kinds, failures } = await followed([liar, other]);
    expect(kinds).toEqual(ALL);
    expect(failures[0]).toMatch(new RegExp(`^${liar} .*: the header of block ${deposited}, which`));
  });

  it("logs that are hidden are found out beside an endpoint that refuses hashes", async () => {
    // Its headers and receipts tell of none either.
    const liar = await proxy(async ({ method, params }, forward) => {
      const given = await forward();
      const [filter] = params as [{ blockHash?: Hex }?];
      if (method === "eth_getLogs" && filter?.blockHash !== undefined) return { result: [] };
      if (method === "eth_getBlockReceipts") return { error: { code: -32601, message: "no" } };
      if (method !== "eth_getBlockByNumber" || Number(params[0]) !== deposited) return given;
      const logsBloom = `${EMPTY_BLOOM.slice(0, -1)}1`;
      return { result: { ...(given.result as object), logsBloom } };
    });
    const other = await proxy(async ({ method, params }, forward) => {
      const [filter] = params as [{ blockHash?: Hex }?];
      const isByHash = method === "eth_getLogs" && filter?.blockHash !== undefined;
      return isByHash ? { error: { code: -32602, message: "unknown field" } } : forward();
    });
    const { kinds, failures } = await followed([liar, other]);
    expect(kinds).toEqual(ALL);
    const proven = new RegExp(`^${liar} .*: the header of block ${deposited}, which`);
    expect(failures).toContainEqual(expect.stringMatching(proven));
  });

  it("logs of the newest block, from an endpoint that ignores hashes, stop nothing", async () => {
    const real = await anvil.rpc<RawLog[]>("eth_getLogs", [
      { fromBlock: "0x0", address: exchange.mediator },
    ]);
    const url = await changing((logs, filter) => (ofBlock(filter) ? real.slice(-1) : logs));
    expect((await followed([url])).kinds).toEqual(ALL);
  });

  it("logs that are in no bloom and no receipt are found to be invented", async () => {
    const real = await anvil.rpc<RawLog[]>("eth_getLogs", [
      { fromBlock: "0x0", address: exchange.mediator },
    ]);
    const sample = real.at(-1) as RawLog;
    const url = await proxy(async ({ method, params }, forward) => {
      const [{ blockHash } = {}] = params as [{ blockHash?: Hex }?];
      const ref = await readBlockRef(anvil.client, deposited + 1);
      if (method !== "eth_getLogs" || blockHash !== ref.hash) return forward();
      const place = { blockHash, blockNumber: `0x${ref.number.toString(16)}` };
      return { result: [{ ...sample, ...place }] };
    });
    expect((await followed([url])).kinds).toMatch(/neither in its header's bloom nor in its rec/);
  });
});

describe("logs that are missing among the newest blocks", () => {
  const silent = () => changing((logs, filter) => (ofBlock(filter) ? [] : logs));

  it("missing logs are read from the receipts, also with one endpoint, and reported", async () => {
    const url = await silent();
    const { kinds, failures } = await followed([url]);
    expect(kinds).toEqual(ALL);
    expect(failures).toEqual([
      `${url} eth_getLogs gave 0 of 1 logs of block ${deposited}: its receipts have all`,
    ]);
  });

  const without = (methods: readonly string[]): Meddle => {
    return async ({ method, params }, forward) => {
      if (methods.includes(method)) return { error: { code: -32601, message: "no such method" } };
      const [filter] = params as [{ blockHash?: Hex }?];
      if (method === "eth_getLogs" && filter?.blockHash !== undefined) return { result: [] };
      return forward();
    };
  };

  it("missing logs are read from single receipts where a block's are refused", async () => {
    const url = await proxy(without(["eth_getBlockReceipts"]));
    expect((await followed([url])).kinds).toEqual(ALL);
  });

  it("logs come from single receipts where those of a block are too much at once", async () => {
    const url = await proxy(async (call, forward) =>
      call.method === "eth_getBlockReceipts" ? 413 : without([])(call, forward),
    );
    expect((await followed([url])).kinds).toEqual(ALL);
  });

  it("receipts of many megabytes are read: anybody can fill a block with logs", async () => {
    const padding = "0".repeat(12 * 1024 * 1024);
    const url = await proxy(async (call, forward) => {
      if (call.method !== "eth_getBlockReceipts") return without([])(call, forward);
      const { result } = await forward();
      return { result: (result as object[]).map((receipt) => ({ ...receipt, padding })) };
    });
    expect((await followed([url])).kinds).toEqual(ALL);
  });

  it.each([["no"], ["empty"]])("a lone endpoint that gives %s receipts fails", async (which) => {
    const receipts = ["eth_getBlockReceipts", "eth_getTransactionReceipt"];
    const none: Meddle = async (call, forward) =>
      call.method === "eth_getBlockReceipts" ? { result: [] } : without([])(call, forward);
    const url = await proxy(which === "no" ? without(receipts) : none);
    const { kinds } = await followed([url]);
    expect(kinds).toMatch(which === "no" ? /no such method/ : /0 receipts for 1 transactions/);
    expect((await followed([url, anvil.url])).kinds).toEqual(ALL);
  });

  it.each([
    [-32602, "invalid argument 0: blockHash is not supported"],
    [-32000, "unsupported filter: blockHash"],
  ])("logs by hash that are refused are not missing logs (%i %s)", async (code, message) => {
    const refused: RpcAnswer = { error: { code, message } };
    const url = await proxy(async ({ method, params }, forward) => {
      const [filter] = params as [{ blockHash?: Hex }?];
      return method === "eth_getLogs" && filter?.blockHash !== undefined ? refused : forward();
    });
    expect((await followed([url])).kinds).toEqual(ALL);
  });
});

describe("logs that are missing in blocks far behind", () => {
  const withoutOld = (isHidden: (method: string, isOfBlock: boolean) => boolean) =>
    proxy(async ({ method, params }, forward) => {
      const [filter] = params as [{ blockHash?: Hex }?];
      if (!isHidden(method, filter?.blockHash !== undefined)) return forward();
      return /Receipt/.test(method) ? { result: null } : { result: [] };
    });

  it.each([1, 2])(
    "old logs that all of %i endpoints hide are read by block, and it is told",
    async (count) => {
      const isRange = (method: string, isOfBlock: boolean) =>
        method === "eth_getLogs" && !isOfBlock;
      const urls: string[] = [];
      while (urls.length < count) urls.push(await withoutOld(isRange));
      const { kinds, failures } = await followed(urls);
      expect(kinds).toEqual(ALL);
      expect(failures[0]).toMatch(
        new RegExp(`^${urls[0]} its logs are incomplete or doubled: the bloom of block \\d+ tells`),
      );
    },
  );

  it("old logs that two endpoints hide with their receipts are the third's", async () => {
    const isPruned = (method: string) => method === "eth_getLogs" || /Receipt/.test(method);
    const pruned = [await withoutOld(isPruned), await withoutOld(isPruned)];
    expect((await followed(pruned)).kinds).toMatch(/0 receipts|receipts for 1 transactions/);
    expect((await followed([...pruned, anvil.url])).kinds).toEqual(ALL);
  });
});

describe("blooms", () => {
  const withBloom = (bloom: string | undefined): Meddle => {
    return async ({ method }, forward) => {
      const answer = await forward();
      if (method !== "eth_getBlockByNumber" || !answer.result) return answer;
      return { result: { ...(answer.result as object), logsBloom: bloom } };
    };
  };

  it("blooms hold what the block holds, and hardly anything else", async () => {
    const block = await anvil.client.getBlock({ blockNumber: BigInt(deposited) });
    const bloom = LogsBloom.parse(block.logsBloom) as LogsBloom;
    const receipt = await anvil.client.getTransactionReceipt({
      hash: block.transactions[0] as Hex,
    });
    for (const { address, topics } of receipt.logs) {
      for (const value of [address, ...topics]) expect(bloom.mayHold(value)).toBe(true);
    }
    const strangers = TOPICS.filter((topic) => bloom.mayHold(topic));
    expect(strangers).toHaveLength(1);
    expect(bloom.isEmpty).toBe(false);
  });

  it.each([
    ["fail once", 503, 1],
    ["are too many", 504, Number.POSITIVE_INFINITY],
  ])("blooms that are missing hide no logs where receipts %s", async (_, status, times) => {
    const asked = new Map<unknown, number>();
    const url = await proxy(async (call, forward) => {
      const { method, params } = call;
      if (method === "eth_getLogs") return { result: [] };
      if (method !== "eth_getBlockReceipts") return withBloom(undefined)(call, forward);
      const count = (asked.get(params[0]) ?? 0) + 1;
      asked.set(params[0], count);
      return count <= times ? status : forward();
    });
    expect((await followed([url], { maxTries: 20 })).kinds).toEqual(ALL);
  });

  it.each([
    ["empty", EMPTY_BLOOM, 1],
    ["full", FULL_BLOOM, 0],
    ["missing", undefined, 0],
    ["no bloom", "0x1234", 0],
  ])("blooms that tell nothing are not used, and are told once: %s", async (_, bloom, notices) => {
    const found = await followed([await proxy(withBloom(bloom))]);
    expect(found.kinds).toEqual(ALL);
    expect(found.failures).toEqual([]);
    expect(found.notices).toHaveLength(notices);
  });

  it.each([
    ["full", FULL_BLOOM],
    ["missing", undefined],
  ])("old logs are read by block where blooms tell nothing: %s", async (_, bloom) => {
    const meddle = withBloom(bloom);
    const hiding = await proxy(async (call, forward) => {
      if (call.method === "eth_getLogs") return { result: [] };
      return meddle(call, forward);
    });
    const { kinds, failures } = await followed([hiding]);
    expect(kinds).toEqual(ALL);
    expect(failures).toContainEqual(
      expect.stringMatching(/ incomplete or doubled: block \d+ has more than a range gave$/),
    );
  });

  it("blooms of another form than the logs are not used where receipts have the logs", async () => {
    const odd = `0x${"00".repeat(255)}01`;
    const found = await followed([await proxy(withBloom(odd))]);
    expect(found.kinds).toEqual(ALL);
    expect(found.notices).toHaveLength(1);
    expect(found.notices[0]).toMatch(/blooms are not used$/);
  });

  it.each(["first", "second"])("headers convict the %s of two of hiding logs", async (which) => {
    const hiding = await changing((logs, filter) => (ofBlock(filter) ? logs : []));
    const urls = which === "first" ? [hiding, anvil.url] : [anvil.url, hiding];
    const { kinds, failures } = await followed(urls);
    expect(kinds).toEqual(ALL);
    expect(failures[0]).toMatch(new RegExp(`^${hiding} its logs are incomplete or doubled: `));
    expect(failures.filter((failure) => !failure.startsWith(hiding))).toEqual([]);
  });
});

/** After each log of the deposit's block another one of a higher amount. */
const withInvented = (logs: readonly RawLog[]): RawLog[] =>
  logs.flatMap((log) => {
    if (Number(log.blockNumber) !== deposited) return [log];
    const data: Hex = `0x${log.data.slice(2, -4)}ffff`;
    return [log, { ...log, data, logIndex: `0x${(Number(log.logIndex) + 1).toString(16)}` }];
  });

describe("what headers prove to two endpoints that give other logs", () => {
  /** Invents logs, as `meddle` has it its receipts or headers too. */
  const inventing = (meddle?: Meddle) =>
    proxy(async (call, forward) => {
      if (call.method !== "eth_getLogs") return meddle ? meddle(call, forward) : forward();
      return { result: withInvented((await forward()).result as RawLog[]) };
    });
  /** Receipts that bear the invented logs out. */
  const withReceipts: Meddle = async ({ method }, forward) => {
    const answer = await forward();
    if (method !== "eth_getBlockReceipts") return answer;
    const receipts = answer.result as { logs: RawLog[] }[];
    return { result: receipts.map((one) => ({ ...one, logs: withInvented(one.logs) })) };
  };
  const silent: Meddle = async ({ method, params }, forward) => {
    const isOwn = /Receipt/.test(method) || Number(params[0]) === deposited;
    return isOwn ? new Promise(() => {}) : forward();
  };
  const withoutReceipts: Meddle = async ({ method }, forward) =>
    /Receipt/.test(method) ? { result: null } : forward();

  it.each([
    ["first", "true receipts", undefined],
    ["second", "true receipts", undefined],
    ["first", "false receipts", withReceipts],
    ["second", "false receipts", withReceipts],
    ["second", "nothing else", silent],
  ])("logs that it invents convict the %s of two: it gives %s", async (which, _, meddle) => {
    const lying = await inventing(meddle);
    const urls = which === "first" ? [lying, anvil.url] : [anvil.url, lying];
    const { kinds, failures } = await followed(urls);
    expect(kinds).toEqual(ALL);
    expect(failures.filter((failure) => !failure.startsWith(lying))).toEqual([]);
    expect(failures).toContainEqual(
      `${lying} its logs are incomplete or doubled: ` +
        `the header of block ${deposited}, which it stands by, proves others.`,
    );
  });

  /** Headers of which nobody can tell what was hashed. */
  const unproven =
    (meddle: Meddle): Meddle =>
    async (call, forward) => {
      if (!call.method.startsWith("eth_getBlockBy")) return meddle(call, forward);
      return { result: { ...((await forward()).result as object), gasLimit: null } };
    };

  it.each([[0], [1]])("hex in upper case speaks against nobody (number %i)", async (place) => {
    const urls = [anvil.url];
    const upper = (text: string) => `"0x${text.slice(3).toUpperCase()}`;
    const loud = await proxy(async (_, forward) => {
      const text = JSON.stringify(await forward());
      return JSON.parse(text.replace(/"0x[0-9a-f]+"/g, upper)) as RpcAnswer;
    });
    urls.splice(place, 0, loud);
    expect(await followed(urls)).toEqual({ kinds: ALL, failures: [], notices: [] });
  });

  /** Names another hash for the block of the deposit, and invented logs by that. */
  const replacing = () =>
    proxy(async ({ method, params }, forward) => {
      const [filter] = params as [{ blockHash?: Hex }?];
      if (method === "eth_getLogs" && filter?.blockHash === STRANGE) {
        const real = { fromBlock: "0x0", address: exchange.mediator };
        const logs = await anvil.rpc<RawLog[]>("eth_getLogs", [real]);
        const own = withInvented(logs).filter(
          ({ blockNumber }) => Number(blockNumber) === deposited,
        );
        return { result: own.map((log) => ({ ...log, blockHash: STRANGE })) };
      }
      const answer = await forward();
      const isMeant = method === "eth_getBlockByNumber" && Number(params[0]) === deposited;
      return isMeant ? { result: { ...(answer.result as object), hash: STRANGE } } : answer;
    });

  it.each([
    ["first of two", 0, 2],
    ["second of two", 1, 2],
    ["first of three", 0, 3],
  ])("a made-up hash of an inner block convicts the %s", async (_, place, count) => {
    const urls: string[] = [];
    while (urls.length < count - 1) urls.push(await proxy());
    const liar = await replacing();
    urls.splice(place, 0, liar);
    const { kinds, failures } = await followed(urls);
    expect(kinds).toEqual(ALL);
    expect(failures.filter((failure) => !failure.startsWith(liar))).toEqual([]);
    expect(failures).toContainEqual(
      expect.stringContaining(`its last blocks do not lead to ${deposited} as it gives that`),
    );
  });

  it("a vote of two does not wait long for the word of one that is silent", async () => {
    const mute = unproven(async ({ method }, forward) =>
      /Receipt/.test(method) ? new Promise(() => {}) : forward(),
    );
    const liar = await inventing(mute);
    const plain = unproven((_, forward) => forward());
    const urls = [await proxy(plain), liar, await proxy(plain)];
    const { kinds, failures } = await followed(urls);
    expect(kinds).toEqual(ALL);
    expect(failures[0]).toMatch(`${liar} two others have other logs in blocks`);
  });

  it.each([
    ["has", (async (_, forward) => forward()) satisfies Meddle],
    ["lacks", withoutReceipts],
  ])("disputes without proof stay open, where the true one %s receipts", async (_, meddle) => {
    const lying = await inventing(unproven(withReceipts));
    const other = await proxy(unproven(meddle));
    for (const urls of [
      [lying, other],
      [other, lying],
    ]) {
      const { kinds } = await followed(urls);
      expect(kinds).toMatch(/^Endpoints disagree about the Mediator's logs/);
    }
  });

  it("receipts of its own convict the one that invents logs, without proof", async () => {
    const lying = await inventing(unproven((_, forward) => forward()));
    const other = await proxy(unproven(withoutReceipts));
    for (const urls of [
      [lying, other],
      [other, lying],
    ]) {
      const { kinds, failures } = await followed(urls);
      expect(kinds).toEqual(ALL);
      expect(failures).toContainEqual(
        expect.stringContaining(`${lying} its logs are incomplete or doubled: the receipts of`),
      );
    }
  });

  it("blooms that leave logs out convict nobody whose receipts bear its logs out", async () => {
    const odd = await proxy(async ({ method }, forward) => {
      const answer = await forward();
      if (!method.startsWith("eth_getBlockBy")) return answer;
      const logsBloom = `0x${"00".repeat(255)}01`;
      return { result: { ...(answer.result as object), gasLimit: null, logsBloom } };
    });
    const hiding = await proxy(
      unproven(async ({ method }, forward) => {
        const answer = await forward();
        if (method === "eth_getLogs") return { result: [] };
        if (method !== "eth_getBlockReceipts") return answer;
        return { result: (answer.result as object[]).map((one) => ({ ...one, logs: [] })) };
      }),
    );
    for (const urls of [
      [odd, hiding],
      [hiding, odd],
    ]) {
      const { kinds } = await followed(urls);
      expect(kinds).toMatch(/^Endpoints disagree about the Mediator's logs/);
    }
  });

  it("late receipts end a dispute with one that gives its logs no more", async () => {
    const sick = { error: { code: -32603, message: "internal error" } };
    let [logs, receipts] = [0, 0];
    const hiding = unproven(async ({ method, params }, forward) => {
      const [filter] = params as [{ blockHash?: Hex }?];
      const given = await forward();
      if (/Receipt/.test(method)) return receipts++ < 4 ? sick : given;
      if (method !== "eth_getLogs" || filter?.blockHash === undefined) return given;
      if ((given.result as RawLog[]).length === 0) return given;
      return logs++ === 0 ? { result: [] } : sick;
    });
    const liar = await proxy(hiding);
    const { kinds, failures } = await followed([await proxy(unproven((_, go) => go())), liar], {
      maxTries: 6,
    });
    expect(kinds).toEqual(ALL);
    expect(failures).toContainEqual(expect.stringMatching(`${liar} .*: the receipts of block`));
  });
});

describe("an endpoint that gives a log in another place, or not each time", () => {
  it.each(["first", "second"])("a log under another number is found out: %s", async (which) => {
    const listed = 3;
    const moved = await proxy(async ({ method, params }, forward) => {
      const answer = await forward();
      const [filter] = params as [{ fromBlock?: Hex }?];
      if (method === "eth_getLogs" && filter?.fromBlock !== undefined) {
        const logs = answer.result as RawLog[];
        return { result: logs.map((log) => ({ ...log, blockNumber: "0x5" })) };
      }
      if (method !== "eth_getBlockByNumber" || answer.result === null) return answer;
      // The block of that number as the listing's own, so that all of it fits together.
      if (Number(params[0]) !== 5) return answer;
      const block = await anvil.rpc<object>("eth_getBlockByNumber", ["0x3", false]);
      return { result: { ...block, number: "0x5" } };
    });
    const [listing] = await anvil.rpc<RawLog[]>("eth_getLogs", [
      { fromBlock: "0x0", address: exchange.mediator },
    ]);
    expect(Number(listing?.blockNumber)).toBe(listed);
    const urls = which === "first" ? [moved, anvil.url] : [anvil.url, moved];
    const { kinds, failures } = await followed(urls);
    expect(kinds).toEqual(ALL);
    expect(failures.filter((failure) => !failure.startsWith(moved))).toEqual([]);
  });

  it.each(["first", "second"])(
    "a log far behind that is invented for long ranges alone convicts the %s of two",
    async (which) => {
      await anvil.mine(40);
      const last = await anvil.blockNumber();
      const fickle = await proxy(async ({ method, params }, forward) => {
        const answer = await forward();
        const [filter] = params as [{ fromBlock?: Hex; toBlock?: Hex }?];
        const isRange = method === "eth_getLogs" && filter?.fromBlock !== undefined;
        if (!isRange || Number(filter.toBlock) < deposited + 10) return answer;
        return { result: withInvented(answer.result as RawLog[]) };
      });
      const urls = which === "first" ? [fickle, anvil.url] : [anvil.url, fickle];
      head = last;
      const { kinds, failures } = await followed(urls);
      expect(kinds).toEqual(ALL);
      expect(failures.filter((failure) => !failure.startsWith(fickle))).toEqual([]);
      expect(failures).toContainEqual(
        `${fickle} its logs are incomplete or doubled: ` +
          `it gave other logs of block ${deposited} before.`,
      );
    },
  );

  it("an endpoint that invents logs far behind each time holds up few readings", async () => {
    const [listing] = await anvil.rpc<RawLog[]>("eth_getLogs", [
      { fromBlock: "0x0", address: exchange.mediator },
    ]);
    const lying = await startHttpProxy(anvil.url, async ({ method, params }, forward) => {
      const answer = await forward();
      const [filter] = params as [{ fromBlock?: Hex; toBlock?: Hex }?];
      if (method !== "eth_getLogs" || filter?.fromBlock === undefined) return answer;
      if (Number(filter.toBlock) - Number(filter.fromBlock) < 10) return answer;
      const first = await anvil.rpc<{ hash: Hex }>("eth_getBlockByNumber", [
        filter.fromBlock,
        false,
      ]);
      const place = { blockNumber: filter.fromBlock, blockHash: first.hash, logIndex: "0x9" };
      return { result: [{ ...listing, ...place }, ...(answer.result as RawLog[])] };
    });
    open.push(lying);
    await anvil.mine(60);
    head = await anvil.blockNumber();
    const { kinds, failures } = await followed([anvil.url, lying.url]);
    expect(kinds).toEqual(ALL);
    expect(failures.filter((failure) => !failure.startsWith(lying.url))).toEqual([]);
    const ranges = lying.asked.filter(({ method }) => method === "eth_getLogs");
    // Cut at each block there would be 20 times as many.
    expect(ranges.length).toBeLessThan(200);
  });
});

describe("final blocks that cannot be taken", () => {
  it("blocks with missing logs count against the endpoint, and come from another", async () => {
    const failures: string[] = [];
    const onFailure = (origin: string, problem: string) => failures.push(`${origin} ${problem}`);
    const events = follow({
      client: connect([await proxy(), anvil.url], { retries: 0, onFailure }),
      mediator: exchange.mediator,
      after: await readBlockRef(anvil.client, 0),
      confirmations: 1,
      pollMs: 1,
      maxTries: 3,
      signal: stop.signal,
    });
    await events.next();
    const first = await events.next();
    expect(first.value).toMatchObject({ kind: "final" });
    const again = await events.next("they say what cannot be.");
    expect(again.value).toEqual(first.value);
    expect(failures).toEqual([
      expect.stringMatching(/^http.* its logs are incomplete or doubled: .*what cannot be/),
    ]);
    expect((await events.next("no.")).value).toEqual(first.value);
    await expect(events.next("never.")).rejects.toMatchObject({
      code: "LogsRefused",
      message: expect.stringMatching(/The logs of http.* are incomplete or doubled: never\. Noth/),
    });
  });

  it("final blocks are cut before each quarter that has logs", async () => {
    const schedule = { genesisBlock: deposited - 20, roundSize: 8 };
    const events = follow({
      client: connect([anvil.url], { retries: 0 }),
      mediator: exchange.mediator,
      after: await readBlockRef(anvil.client, 0),
      confirmations: 1,
      pollMs: 1,
      maxTries: 3,
      signal: stop.signal,
      schedule,
    });
    const ends: number[] = [];
    for await (const event of events) {
      if (event.kind !== "final") continue;
      ends.push(event.to.number);
      const { hash } = await readBlockRef(anvil.client, event.to.number);
      expect(event.to.hash).toBe(hash);
      if (event.to.number >= head - 1) break;
    }
    expect(ends).toEqual([deposited - 1, head - 1]);
  });
});
