/** Endpoints whose answers are none to the question: another is asked as long as they do so. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Anvil } from "../../../test/support/chain/anvil.ts";
import { startDeployedExchange } from "../../../test/support/exchange/deployedExchange.ts";
import { type Meddle, startHttpProxy } from "../../../test/support/faults/proxy.ts";
import type { Hex } from "../../base/hex.ts";
import type { DeployedExchange } from "../contracts/deploy.ts";
import { MediatorReader } from "../contracts/mediator.ts";
import { connect } from "../rpc/rpc.ts";
import { follow, readBlockRef } from "./follow.ts";

const NO_HASH = `0x${"00".repeat(32)}`;

let anvil: Anvil;
let exchange: DeployedExchange;
let head: number;
let open: { stop(): void }[] = [];
const stop = new AbortController();

beforeAll(async () => {
  ({ anvil, exchange } = await startDeployedExchange());
  await anvil.mine(30);
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

/** A client of an endpoint that meddles, before one that does not. */
async function behind(meddle: Meddle) {
  const odd = await startHttpProxy(anvil.url, meddle);
  open.push(odd);
  const failures: string[] = [];
  const onFailure = (origin: string, problem: string) => failures.push(`${origin} ${problem}`);
  const client = connect([odd.url, anvil.url], { retries: 0, chainId: 31337, onFailure });
  return { client, failures, odd: odd.url };
}

/** The meddler gives `result` to `method`, or changes the true one. */
const giving =
  (method: string, result: unknown): Meddle =>
  async (call, forward) => {
    const answer = await forward();
    if (call.method !== method || answer.error !== undefined) return answer;
    const change = result as (found: unknown) => unknown;
    return { result: typeof result === "function" ? change(answer.result) : result };
  };

const without = (name: string) => (block: object) => ({ ...block, [name]: undefined });
const changed = (name: string, value: unknown) => (block: object) => ({ ...block, [name]: value });
const everyLog = (change: (log: object) => unknown) => (logs: object[]) => logs.map(change);

describe("odd answers to the follower and to questions", () => {
  it.each<[string, string, unknown]>([
    ["eth_getBlockByNumber", "an empty object", {}],
    ["eth_getBlockByNumber", "a text", "maintenance"],
    ["eth_getBlockByNumber", "a list", []],
    ["eth_getBlockByNumber", "a block without its number", without("number")],
    ["eth_getBlockByNumber", "a block without its hash", without("hash")],
    ["eth_getBlockByNumber", "a block without its time", without("timestamp")],
    ["eth_getBlockByNumber", "another hash's form", changed("hash", "0x12")],
    ["eth_getBlockByNumber", "another block", changed("number", "0x3")],
    ["eth_getLogs", "null", null],
    ["eth_getLogs", "an object", {}],
    ["eth_getLogs", "nothing in a list", everyLog(() => null)],
    ["eth_getLogs", "logs without topics", everyLog(without("topics"))],
    ["eth_getLogs", "topics of another form", everyLog(changed("topics", ["0x12"]))],
    ["eth_getLogs", "logs without data", everyLog(without("data"))],
  ])("the follower goes on where %s gives %s", async (method, _what, result) => {
    const { client, failures, odd } = await behind(giving(method, result));
    const events = follow({
      client,
      mediator: exchange.mediator,
      after: await readBlockRef(anvil.client, 0),
      confirmations: 1,
      pollMs: 1,
      maxTries: 3,
      signal: stop.signal,
    });
    const kinds: string[] = [];
    for await (const event of events) {
      if (event.kind !== "final") continue;
      kinds.push(...event.logs.map(({ kind }) => kind));
      if (event.to.number >= head - 1) break;
    }
    expect(kinds).toEqual(["tokenListed"]);
    expect(failures[0]).toContain(odd);
    expect(failures[0]).toContain(`it answered ${method} with what is no answer to it`);
  });

  it.each([
    ["eth_blockNumber", "soon"],
    ["eth_blockNumber", null],
    ["eth_call", null],
    ["eth_call", "0xabc"],
    ["eth_call", {}],
    ["eth_getBalance", "1 ether"],
    ["eth_getTransactionCount", "many"],
    ["eth_getTransactionReceipt", "mined"],
    ["eth_getTransactionByHash", []],
  ])("another endpoint is asked where %s gives %j", async (method, result) => {
    const { client, failures } = await behind(giving(method, result));
    const ask: Record<string, () => Promise<unknown>> = {
      eth_blockNumber: () => client.getBlockNumber(),
      eth_call: () => new MediatorReader(client, exchange.mediator).constants(),
      eth_getBalance: () => client.getBalance({ address: exchange.mediator }),
      eth_getTransactionCount: () => client.getTransactionCount({ address: exchange.mediator }),
      eth_getTransactionReceipt: () =>
        client.request({ method: "eth_getTransactionReceipt", params: [NO_HASH as Hex] }),
      eth_getTransactionByHash: () =>
        client.request({ method: "eth_getTransactionByHash", params: [NO_HASH as Hex] }),
    };
    await expect(ask[method]?.()).resolves.toBeDefined();
    expect(failures[0]).toContain(`it answered ${method} with what is no answer to it`);
  });
});
