/** One endpoint of several that has other blocks than the rest, or claims to be far ahead. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Anvil } from "../../../test/support/chain/anvil.ts";
import { startDeployedExchange } from "../../../test/support/exchange/deployedExchange.ts";
import { until } from "../../../test/support/exchange/exchange.ts";
import { type HttpProxy, type Meddle, startHttpProxy } from "../../../test/support/faults/proxy.ts";
import type { Address, Hex } from "../../base/hex.ts";
import type { DeployedExchange } from "../contracts/deploy.ts";
import { encodeDeposit } from "../contracts/mediatorCalls.ts";
import { encodeApprove, encodeMint } from "../contracts/tokens.ts";
import { headerHash } from "../proofs/headerProof.ts";
import { connect } from "../rpc/rpc.ts";
import { localSigner } from "../signer.ts";
import { Submitter } from "../submit/submitter.ts";
import { type FollowOptions, follow, readBlockRef } from "./follow.ts";

const OTHER_HASH: Hex = `0x${"ab".repeat(32)}`;
const CONFIRMATIONS = 1;

let anvil: Anvil;
let exchange: DeployedExchange;
let submitter: Submitter;
let head: number;
let open: HttpProxy[] = [];
let stop = new AbortController();

beforeAll(async () => {
  ({ anvil, exchange } = await startDeployedExchange());
  const signer = localSigner(anvil.keys[3] as Hex);
  const rest = { signer, chainId: 31337, maxFeePerGas: 10n ** 12n, pollMs: 5 };
  submitter = new Submitter({ client: anvil.client, ...rest });
  const [token] = exchange.tokens as [Address];
  const { mediator } = exchange;
  await submitter.send({ what: "mint", to: token, data: encodeMint(signer.address, 99n) });
  await submitter.send({ what: "approve", to: token, data: encodeApprove(mediator, 99n) });
  await anvil.mine(30);
  await deposit();
  await anvil.mine(20);
  head = await anvil.blockNumber();
});
afterAll(() => anvil.stop());
afterEach(() => {
  stop.abort();
  stop = new AbortController();
  for (const proxy of open) proxy.stop();
  open = [];
});

async function deposit(): Promise<void> {
  const data = encodeDeposit((exchange.tokens as [Address])[0], 1n);
  await submitter.send({ what: "deposit", to: exchange.mediator, data });
}

async function proxy(meddle?: Meddle): Promise<HttpProxy> {
  const started = await startHttpProxy(anvil.url, meddle);
  open.push(started);
  return started;
}

/** Another hash for the blocks that `isMeant` names, and no logs by it. */
const strayed = (isMeant: (number: number) => boolean) =>
  proxy(async ({ method, params }, forward) => {
    const [asked] = params as [{ blockHash?: Hex }];
    if (method === "eth_getLogs" && asked.blockHash === OTHER_HASH) return { result: [] };
    const answer = await forward();
    const isOther = method === "eth_getBlockByNumber" && isMeant(Number(params[0]));
    return isOther ? { result: { ...(answer.result as object), hash: OTHER_HASH } } : answer;
  });

async function begin(urls: readonly string[], changes: Partial<FollowOptions> = {}) {
  const failures: string[] = [];
  const onFailure = (origin: string, problem: string) => failures.push(`${origin} ${problem}`);
  const client = connect(urls, { retries: 0, chainId: 31337, onFailure });
  const events = follow({
    client,
    mediator: exchange.mediator,
    after: await readBlockRef(anvil.client, 0),
    confirmations: CONFIRMATIONS,
    pollMs: 1,
    maxTries: 4,
    signal: stop.signal,
    ...changes,
  });
  return { events, client, failures };
}

type Begun = Awaited<ReturnType<typeof begin>>;

async function kindsUpTo({ events }: Begun, last: number): Promise<string[]> {
  const kinds: string[] = [];
  for await (const event of events) {
    if (event.kind !== "final") continue;
    kinds.push(...event.logs.map(({ kind }) => kind));
    if (event.to.number >= last) break;
  }
  return kinds;
}

const asksFor = ({ asked }: HttpProxy, number: number) =>
  asked.filter(({ method, params }) => {
    return method === "eth_getBlockByNumber" && Number(params[0]) === number;
  }).length;

describe("a block that was taken as final and is another now", () => {
  it("all endpoints are asked before ReorgTooDeep, those that are passed over too", async () => {
    const after = await readBlockRef(anvil.client, head - CONFIRMATIONS);
    const all = await Promise.all([1, 2, 3].map(() => strayed((number) => number > 0)));
    const begun = await begin(
      all.map(({ url }) => url),
      { after },
    );
    const [, second, third] = begun.client.transport.endpoints();
    for (const one of [second, third]) {
      if (one !== undefined) begun.client.transport.demote(one, "it was away");
    }
    await expect(kindsUpTo(begun, head)).rejects.toMatchObject({ code: "ReorgTooDeep" });
    expect(all.map((one) => asksFor(one, after.number))).toEqual([1, 1, 1]);
  });

  it("a reorganisation that no second endpoint bears out is a failed poll", async () => {
    const after = await readBlockRef(anvil.client, head - CONFIRMATIONS);
    const first = await strayed((number) => number > 0);
    const away = await proxy(async () => 503);
    const failed = kindsUpTo(await begin([first.url, away.url], { after }), head);
    await expect(failed).rejects.toMatchObject({ code: "RpcUnavailable" });
  });

  it.each([1, 2])("one endpoint that has the block still is believed (number %i)", async (at) => {
    const after = await readBlockRef(anvil.client, head - CONFIRMATIONS);
    const first = await strayed((number) => number > 0);
    const other = await strayed((number) => number > 0);
    const urls = [first.url, other.url];
    urls.splice(at, 0, (await proxy()).url);
    const begun = await begin(urls, { after });
    const honest = begun.client.transport.endpoints()[at];
    if (honest !== undefined) begun.client.transport.demote(honest, "it was away");
    const failed = kindsUpTo(begun, head);
    await expect(failed).rejects.toMatchObject({ code: "EndpointsDisagree" });
    await expect(failed).rejects.toThrow(`${urls[at]} says ${after.hash}`);
  });

  it("an endpoint that alone has another block is passed over for the two others", async () => {
    const after = await readBlockRef(anvil.client, head - CONFIRMATIONS);
    const lone = await strayed((number) => number === after.number);
    const begun = await begin([lone.url, anvil.url, (await proxy()).url], { after });
    await anvil.mine(2);
    head += 2;
    expect(await kindsUpTo(begun, head - CONFIRMATIONS)).toEqual([]);
    expect(begun.failures[0]).toMatch(`${lone.url} its logs are incomplete or doubled: its last`);
  });
});

describe("a range of which one endpoint has another block", () => {
  const quarters = { genesisBlock: 1, roundSize: 40 };

  it.each([
    [0, "the last block", (number: number) => number === head - CONFIRMATIONS],
    [1, "the last block", (number: number) => number === head - CONFIRMATIONS],
    [2, "the last block", (number: number) => number === head - CONFIRMATIONS],
    [0, "the last block of a quarter", (number: number) => number === 30],
    [1, "the last block of a quarter", (number: number) => number === 30],
    [2, "the last block of a quarter", (number: number) => number === 30],
  ])("two endpoints outvote the third (number %i): %s", async (at, _which, isMeant) => {
    const urls = [anvil.url, (await proxy()).url];
    urls.splice(at, 0, (await strayed(isMeant)).url);
    const begun = await begin(urls, { schedule: quarters });
    expect(await kindsUpTo(begun, head - CONFIRMATIONS)).toEqual(["tokenListed", "deposited"]);
  });
});

describe("a dispute about a block of two endpoints, while a third is away", () => {
  let isDisputed = false;

  /**
   * Names no block beyond `last`, and no newest one at all once there is a dispute. Its headers lack
   * a field, and prove nothing.
   */
  const standing = (last: number, block: number, hash?: Hex) =>
    proxy(async ({ method, params: [asked] }, forward) => {
      const isByHash =
        method === "eth_getLogs" && (asked as { blockHash?: Hex }).blockHash === hash;
      if (isByHash && hash !== undefined) return { result: [] };
      if (method !== "eth_getBlockByNumber") return forward();
      if (asked === "latest" && isDisputed) return 503;
      if (Number(asked) > last) return { result: null };
      const number: Hex = `0x${(asked === "latest" ? last : Number(asked)).toString(16)}`;
      const given = await anvil.rpc<object>("eth_getBlockByNumber", [number, false]);
      const found = { ...given, gasLimit: null };
      return {
        result: hash !== undefined && Number(number) === block ? { ...found, hash } : found,
      };
    });

  /** The third one comes back once they disagree, and goes on alone. */
  async function disputed(first: Hex | undefined, second: Hex): Promise<Begun> {
    const block = head - CONFIRMATIONS;
    isDisputed = false;
    const third = await proxy(async (_, forward) => (isDisputed ? forward() : 503));
    const others = [await standing(head, block, first), await standing(head, block, second)];
    const begun = await begin([third.url, ...others.map(({ url }) => url)], {
      after: await readBlockRef(anvil.client, block - 1),
      maxTries: 8,
      onRetry: (problem) => {
        if (problem.startsWith("Endpoints disagree")) isDisputed = true;
      },
    });
    await anvil.mine(6);
    head += 6;
    return begun;
  }

  it("the dispute is settled once the third has the block of one of them", async () => {
    const begun = await disputed(undefined, OTHER_HASH);
    expect(await kindsUpTo(begun, head - CONFIRMATIONS)).toEqual([]);
  });

  it("the dispute goes on where each of the three has another block", async () => {
    const begun = await disputed(`0x${"cd".repeat(32)}`, OTHER_HASH);
    const taken: number[] = [];
    const following = (async () => {
      for await (const event of begun.events)
        if (event.kind === "final") taken.push(event.to.number);
    })();
    await expect(following).rejects.toThrow();
    expect(isDisputed).toBe(true);
    expect(taken).toEqual([]);
  });
});

describe("an endpoint that names a block that nobody else has", () => {
  it.each([1, 3])("the others are asked all the same after %i surveys", async (surveys) => {
    const liar = await proxy(async ({ method }, forward) => {
      if (method === "eth_blockNumber") return { result: "0xffffff" };
      if (method === "eth_getLogs") return { result: [] };
      const answer = await forward();
      if (method !== "eth_getBlockByNumber" || answer.result === null) return answer;
      // By themselves its blocks are sound: they hold nothing.
      const empty = { transactions: [], logsBloom: `0x${"00".repeat(256)}` };
      return { result: { ...(answer.result as object), ...empty } };
    });
    // By the operator's clock its blocks are old, as where that clock is wrong.
    const old = await proxy(async ({ method }, forward) => {
      const answer = await forward();
      if (method !== "eth_getBlockByNumber" || answer.result === null) return answer;
      return { result: { ...(answer.result as object), timestamp: "0x1" } };
    });
    const last = await anvil.blockNumber();
    const after = await readBlockRef(anvil.client, last);
    const begun = await begin([liar.url, old.url], { after });
    const found = kindsUpTo(begun, last + 2);
    found.catch(() => {});
    await until("the true one is taken for old", () =>
      begun.failures.some((text) => text.startsWith(old.url) && text.includes("blocks behind")),
    );
    // Those that are passed over are not asked in the next ones.
    const isSurvey = ({ method }: { method: string }) => method === "eth_blockNumber";
    await until("surveys have passed", () => liar.asked.filter(isSurvey).length >= surveys);
    const [, second] = begun.client.transport.endpoints();
    // Its penalty lasts for more requests than there are until blocks come.
    for (let i = 0; i < 6; i++) if (second) begun.client.transport.demote(second, "it was away");
    await deposit();
    await anvil.mine(2);
    await expect(found).rejects.toMatchObject({ code: "EndpointsDisagree" });
  });

  /** By themselves its blocks are sound: they hold nothing. */
  const hidingLogs = () =>
    proxy(async ({ method }, forward) => {
      if (method === "eth_getLogs") return { result: [] };
      const answer = await forward();
      if (method !== "eth_getBlockByNumber" || answer.result === null) return answer;
      const empty = { transactions: [], logsBloom: `0x${"00".repeat(256)}` };
      return { result: { ...(answer.result as object), ...empty } };
    });

  it("its logs are compared with those of one that is well again, whose penalty is not spent", async () => {
    const hiding = await hidingLogs();
    const after = await readBlockRef(anvil.client, await anvil.blockNumber());
    const begun = await begin([hiding.url, (await proxy()).url], { after });
    const [, well] = begun.client.transport.endpoints();
    // Its penalty lasts for more requests than there are here.
    for (let i = 0; i < 6; i++) if (well) begun.client.transport.demote(well, "it was away");
    await deposit();
    await anvil.mine(2);
    const last = after.number + 1;
    expect(await kindsUpTo(begun, last)).toEqual(["deposited"]);
    expect(begun.failures.at(-1)).toMatch(`${hiding.url} its logs are incomplete or doubled`);
    expect(well?.isFailing).toBe(true);
  });

  it.each(["eth_getLogs", "eth_getBlockByNumber"])(
    "blocks go on beside a failing endpoint that keeps silent about %s",
    async (silent) => {
      const quiet = await proxy(({ method }, forward) =>
        method === silent ? new Promise<never>(() => {}) : forward(),
      );
      const after = await readBlockRef(anvil.client, await anvil.blockNumber());
      const begun = await begin([anvil.url, quiet.url], { after });
      const [, second] = begun.client.transport.endpoints();
      for (let i = 0; i < 6; i++) if (second) begun.client.transport.demote(second, "it was away");
      const kinds: string[] = [];
      const asks: number[] = [];
      for (let last = after.number + 1; asks.length < 3; last++) {
        await deposit();
        await anvil.mine(CONFIRMATIONS);
        for (let taken = 0; taken < last; ) {
          const { value: event } = await begun.events.next();
          if (event?.kind !== "final") continue;
          kinds.push(...event.logs.map(({ kind }) => kind));
          taken = event.to.number;
        }
        asks.push(quiet.asked.filter(({ method }) => method === silent).length);
      }
      expect(kinds).toEqual(Array(3).fill("deposited"));
      // Once it was waited for in vain it is asked no more for a while.
      expect(asks[0]).toBeGreaterThan(0);
      expect(asks[2]).toBe(asks[1]);
      await begun.events.return();
    },
  );

  /** Names 40 blocks after the newest true one, which hold no logs, while `isOn`. */
  const inventor = (isOn = () => true) =>
    proxy(async ({ method, params: [asked] }, forward) => {
      if (!isOn()) return forward();
      const real = await anvil.blockNumber();
      if (method === "eth_blockNumber") return { result: `0x${(real + 40).toString(16)}` };
      const number = asked === "latest" ? real + 40 : Number(asked);
      if (method === "eth_getBlockByNumber" && number > real) {
        const newest = await anvil.rpc<object>("eth_getBlockByNumber", ["latest", false]);
        const [hash, parentHash] = [invented(number), invented(number - 1)];
        return { result: { ...newest, number: `0x${number.toString(16)}`, hash, parentHash } };
      }
      const filter = asked as { blockHash?: Hex; toBlock?: Hex };
      const isInvented = filter?.blockHash?.startsWith("0xeee") || Number(filter?.toBlock) > real;
      return method === "eth_getLogs" && isInvented ? { result: [] } : forward();
    });
  const invented = (number: number): Hex => `0x${number.toString(16).padStart(64, "e")}`;

  it.each([0, 1])(
    "blocks that it makes up are not taken beside a true one (number %i)",
    async (at) => {
      const urls = [anvil.url];
      urls.splice(at, 0, (await inventor()).url);
      const after = await readBlockRef(anvil.client, await anvil.blockNumber());
      const begun = await begin(urls, { after });
      const heads: number[] = [];
      const taken: number[] = [];
      const kinds: string[] = [];
      await deposit();
      await anvil.mine(4);
      for (let rounds = 3; rounds > 0; ) {
        const { value: event } = await begun.events.next();
        if (event?.kind === "head") heads.push(event.number);
        if (event?.kind !== "final") continue;
        taken.push(event.to.number);
        kinds.push(...event.logs.map(({ kind }) => kind));
        if (event.to.number < (await anvil.blockNumber()) - CONFIRMATIONS) continue;
        rounds -= 1;
        await deposit();
        await anvil.mine(4);
      }
      const real = await anvil.blockNumber();
      expect(Math.max(...heads, ...taken)).toBeLessThanOrEqual(real);
      expect(kinds).toEqual(["deposited", "deposited", "deposited"]);
      await begun.events.return();
    },
  );

  it("blocks that it makes up are not taken while a true one is slow to give its newest", async () => {
    let isSlow = false;
    const stuck = Promise.withResolvers<number>();
    const liar = await inventor(() => isSlow);
    const slow = await proxy(({ params }, forward) =>
      isSlow && params[0] === "latest" ? stuck.promise : forward(),
    );
    const after = await readBlockRef(anvil.client, (await anvil.blockNumber()) - 2);
    const { events } = await begin([liar.url, slow.url], { after, maxTries: 100 });
    const told: number[] = [];
    const watching = (async () => {
      for await (const event of events)
        told.push(event.kind === "head" ? event.number : event.to.number);
    })();
    await until("blocks are taken", () => told.length > 1);
    isSlow = true;
    await anvil.mine(1);
    await sleep(4000);
    expect(Math.max(...told)).toBeLessThanOrEqual(await anvil.blockNumber());
    stop.abort();
    stuck.resolve(503);
    await watching;
  });

  it("an endpoint whose height stands still, and which gives no newest, holds up blocks for seconds only", async () => {
    let frozen: number | undefined;
    const still = await proxy(async ({ method, params }, forward) => {
      if (frozen === undefined) return forward();
      if (method === "eth_blockNumber") return { result: `0x${frozen.toString(16)}` };
      return params[0] === "latest" ? 503 : forward();
    });
    const after = await readBlockRef(anvil.client, (await anvil.blockNumber()) - 2);
    const { events } = await begin([anvil.url, still.url], { after, maxTries: 100 });
    const taken: number[] = [];
    const watching = (async () => {
      for await (const event of events) if (event.kind === "final") taken.push(event.to.number);
    })();
    await until("blocks are taken", () => taken.length > 0);
    frozen = await anvil.blockNumber();
    await anvil.mine(3);
    const last = frozen + 3 - CONFIRMATIONS;
    // Ten seconds it may be on time still.
    for (let left = 40; left > 0 && taken.at(-1) !== last; left--) await sleep(1000);
    expect(taken.at(-1)).toBe(last);
    stop.abort();
    await watching;
  });

  /** Gives no block after the one that `last` names, if it names one. */
  const showing = (last: () => number | undefined) =>
    proxy(async ({ method, params }, forward) => {
      const [number, isFull] = params;
      const shown = last();
      if (shown === undefined) return forward();
      if (method === "eth_blockNumber") return { result: `0x${shown.toString(16)}` };
      if (method !== "eth_getBlockByNumber") return forward();
      if (Number(number) > shown) return { result: null };
      const at = number === "latest" ? `0x${shown.toString(16)}` : number;
      return { result: await anvil.rpc(method, [at, isFull]) };
    });

  it("blocks go on by one that failed once beside another that stands still", async () => {
    let isDown = false;
    let stands: number | undefined;
    const well = await proxy(async (_, forward) => (isDown ? 503 : forward()));
    const still = await showing(() => stands);
    const after = await readBlockRef(anvil.client, (await anvil.blockNumber()) - 2);
    const { events, failures } = await begin([well.url, still.url], { after, maxTries: 100 });
    const taken: number[] = [];
    const watching = (async () => {
      for await (const event of events) if (event.kind === "final") taken.push(event.to.number);
    })();
    await until("blocks are taken", () => taken.length > 0);
    stands = await anvil.blockNumber();
    isDown = true;
    await until("it failed", () => failures.length > 0);
    await anvil.mine(20);
    isDown = false;
    const last = stands + 20 - CONFIRMATIONS;
    await until("blocks go on", () => taken.at(-1) === last);
    stop.abort();
    await watching;
  });

  it("the newest block that any endpoint has is told at a start beside an older head", async () => {
    const newest = await anvil.blockNumber();
    const older = await showing(() => newest - 2);
    const { events } = await begin([older.url, anvil.url], { confirmations: 3 });
    const { value: first } = await events.next();
    expect(first).toMatchObject({ kind: "head", number: newest - 2, newest });
    await events.return();
  });

  it("blocks that a true endpoint lacks are not taken, however slowly the other gets ahead", async () => {
    let shown: number | undefined;
    const upToShown = await showing(() => shown);
    const after = await readBlockRef(anvil.client, await anvil.blockNumber());
    const { events } = await begin([anvil.url, upToShown.url], { after, confirmations: 3 });
    const heads: number[] = [];
    const taken: number[] = [];
    const watching = (async () => {
      for await (const event of events) {
        if (event.kind === "head") heads.push(event.number);
        else taken.push(event.to.number);
      }
    })();
    const mineSteadily = async (count: number) => {
      for (let left = count; left > 0; left--) {
        await anvil.mine(1);
        await sleep(30);
      }
    };
    // So many blocks tell the pace of the chain.
    await mineSteadily(80);
    shown = await anvil.blockNumber();
    await mineSteadily(8);
    const newest = shown;
    await until("what both have is taken", () => Math.max(...taken) >= newest - 3);
    // Time for more than that.
    await sleep(500);
    expect(Math.max(...taken)).toBe(shown - 3);
    // Duties follow the blocks that were taken, and no newer head.
    expect(heads.at(-1)).toBe(shown);
    stop.abort();
    await watching;
  });

  it.each<["gives no time of its newest" | "is as far as the first" | "has other logs", number]>([
    ["gives no time of its newest", 1],
    ["gives no time of its newest", 0],
    ["is as far as the first", 1],
    ["is as far as the first", 0],
    ["has other logs", 1],
    ["has other logs", 0],
  ])(
    "blocks that one on time has not under enough are not final by another that %s (it is number %i)",
    async (which, at) => {
      await deposit();
      await anvil.mine(2);
      const behind = (await anvil.blockNumber()) - 1;
      const shown = await showing(() => behind);
      const timeless = await startHttpProxy(shown.url, async ({ params }, forward) => {
        return params[0] === "latest" ? 503 : forward();
      });
      open.push(timeless);
      const others = {
        "gives no time of its newest": timeless,
        "is as far as the first": await proxy(),
        "has other logs": await hidingLogs(),
      };
      const other = others[which];
      const urls = [shown.url];
      urls.splice(at, 0, other.url);
      const after = await readBlockRef(anvil.client, behind - 4);
      const begun = await begin([anvil.url, ...urls], { after, maxTries: 100 });
      const taken: number[] = [];
      const watching = (async () => {
        for await (const event of begun.events)
          if (event.kind === "final") taken.push(event.to.number);
      })();
      await until("blocks are taken", () => taken.length > 0);
      await sleep(300);
      stop.abort();
      await watching;
      expect(taken.at(-1)).toBe(behind - CONFIRMATIONS);
    },
  );

  it("a block that it makes up far behind is told as a dispute, however new its time, and not taken", async () => {
    const number = (await anvil.blockNumber()) - 20;
    const real = await anvil.client.getBlock({ blockNumber: BigInt(number) });
    const timestamp = BigInt(Math.floor(Date.now() / 1000) + 3600);
    const hash = headerHash({ ...real, timestamp });
    const forger = await proxy(async ({ method, params }, forward) => {
      if (method === "eth_blockNumber") return { result: `0x${number.toString(16)}` };
      if (method !== "eth_getBlockByNumber") return forward();
      if (Number(params[0]) > number) return { result: null };
      if (params[0] !== "latest" && Number(params[0]) !== number) return forward();
      const at = `0x${number.toString(16)}`;
      const block = (await anvil.rpc("eth_getBlockByNumber", [at, false])) as object;
      return { result: { ...block, hash, timestamp: `0x${timestamp.toString(16)}` } };
    });
    const problems: string[] = [];
    const onRetry = (problem: string) => void problems.push(problem);
    const { events } = await begin([anvil.url, forger.url], { onRetry });
    const taken: Hex[] = [];
    const watching = (async () => {
      for await (const event of events) if (event.kind === "final") taken.push(event.to.hash);
    })();
    await until("it was told", () => problems.some((one) => one.includes("disagree")));
    stop.abort();
    await watching;
    expect(taken).not.toContain(hash);
  });

  it("blocks go on beside an endpoint that names an old height, and gives no block", async () => {
    const empty = await proxy(async ({ method }, forward) => {
      if (method === "eth_blockNumber") return { result: "0x1" };
      const error = { code: -32000, message: "header not found" };
      return method === "eth_getBlockByNumber" ? { error } : forward();
    });
    const begun = await begin([anvil.url, empty.url]);
    const last = (await anvil.blockNumber()) - CONFIRMATIONS;
    expect(await kindsUpTo(begun, last)).toContain("deposited");
  });
});
