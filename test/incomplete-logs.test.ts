/** The only endpoint doubles, hides and forgets logs: nothing is lost, or the operator says so. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { decodeEntry } from "../src/exchange/model/entries.ts";
import { openSqliteReader } from "../src/journal/sqlite/reader.ts";
import { startOperator } from "../src/operator/node/node.ts";
import { temporaryFolder } from "../src/operator/replay/journals.testkit.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { runCli } from "./support/exchange/cli.ts";
import { startExchange, type TestExchange, until } from "./support/exchange/exchange.ts";
import { type HttpProxy, type Meddle, startHttpProxy } from "./support/faults/proxy.ts";

const SILENT = { info: () => {}, warn: () => {}, error: () => {}, flush: async () => {} };
const EMPTY_BLOOM = `0x${"00".repeat(256)}`;

let exchange: TestExchange;
let endpoint: HttpProxy;
afterEach(async () => {
  await exchange.stop();
  endpoint.stop();
});

async function start(): Promise<void> {
  exchange = await startExchange({
    operatorRpc: async (url) => {
      endpoint = await startHttpProxy(url);
      return endpoint.url;
    },
  });
}

type RawLog = { readonly blockNumber: string };

/** Changes the logs of each answer. */
function changingLogs(change: (logs: RawLog[], byHash: boolean) => RawLog[]): Meddle {
  return async ({ method, params }, forward) => {
    const answer = await forward();
    if (method !== "eth_getLogs" || !Array.isArray(answer.result)) return answer;
    const isByHash = (params[0] as { blockHash?: string }).blockHash !== undefined;
    return { result: change(answer.result as RawLog[], isByHash) };
  };
}

const truthful: Meddle = (_, forward) => forward();

async function usdcOf(client: Awaited<ReturnType<TestExchange["client"]>>): Promise<bigint> {
  const balances = await client.fetchBalance();
  return balances.find(({ token }) => token === exchange.usdc)?.total ?? 0n;
}

const eventsNamed = (name: string) => exchange.logged.filter(({ event }) => event === name);

describe("logs from the only endpoint", () => {
  it("logs that stand twice count once, and the next start reads what was written", async () => {
    await start();
    const ada = await exchange.client(0);
    endpoint.meddle = changingLogs((logs) => logs.flatMap((log) => [log, log]));
    await ada.deposit("USDC", "100");
    await exchange.settle();
    expect(await usdcOf(ada)).toBe(100_000_000n);
    endpoint.meddle = truthful;
    await exchange.stopOperator();
    await exchange.startOperator();
    expect(await usdcOf(ada)).toBe(100_000_000n);
  });

  it("logs not given by a block's hash come from its receipts, and the round commits", async () => {
    await start();
    const ada = await exchange.client(0);
    endpoint.meddle = changingLogs((logs, byHash) => (byHash ? [] : logs));
    await ada.deposit("USDC", "100");
    await exchange.settle();
    expect(await usdcOf(ada)).toBe(100_000_000n);
    const [failed] = eventsNamed("endpointFailed");
    expect(JSON.stringify(failed?.fields)).toMatch(/eth_getLogs gave 0 of 1 logs of block/);
    await exchange.toQuarter(1, 0);
    expect((await exchange.reader.clock()).committedRound).toBe(1);
  });

  it("hidden old logs are read from the receipts, and another start goes on from there", async () => {
    await start();
    const ada = await exchange.client(0);
    await exchange.stopOperator();
    // A new operator on an exchange that is some blocks old.
    rmSync(exchange.config.storage, { recursive: true });
    await exchange.anvil.mine(20);
    const first = await exchange.anvil.blockNumber();
    await ada.deposit("USDC", "100");
    await exchange.anvil.mine(3);
    endpoint.meddle = changingLogs((logs) =>
      logs.filter(({ blockNumber }) => Number(blockNumber) > first),
    );
    // The header's bloom tells of them, and the receipts have them.
    const operator = await startOperator({ ...exchange.config, maxTries: 3 }, SILENT);
    const credited = () =>
      operator.api.balances(ada.address).find(({ token }) => token === exchange.usdc)?.total;
    await until("the deposit is credited", () => credited() === 100_000_000n);
    await operator.stop();
    endpoint.meddle = truthful;
    await exchange.startOperator();
    expect(await usdcOf(ada)).toBe(100_000_000n);
  });
});

it("duties of an operator that trails the chain are not known, which is no empty list", async () => {
  await start();
  endpoint.meddle = async ({ method }, forward) =>
    method === "eth_getLogs" ? { error: { code: -32000, message: "busy" } } : forward();
  const operator = await (async () => {
    await exchange.stopOperator();
    await exchange.anvil.mine(20);
    return startOperator({ ...exchange.config, maxTries: 1000 }, SILENT);
  })();
  expect(operator.api.duties()).toMatchObject({ unknown: expect.any(String), duties: [] });
  await until("the lag is told", () =>
    /\d+ blocks behind/.test(`${operator.api.duties().unknown}`),
  );
  endpoint.meddle = truthful;
  await until("duties are known", () => operator.api.duties().unknown === null);
  await operator.stop();
});

describe("logs that nothing tells of", () => {
  it("old logs hidden from all end the operator before any is written; a start goes on", async () => {
    await start();
    const ada = await exchange.client(0);
    await exchange.stopOperator();
    // A new operator on an exchange that is some blocks old.
    rmSync(exchange.config.storage, { recursive: true });
    await exchange.anvil.mine(20);
    const first = await exchange.anvil.blockNumber();
    await ada.deposit("USDC", "100");
    await exchange.anvil.mine(3);
    const hiding = changingLogs((logs) =>
      logs.filter(({ blockNumber }) => Number(blockNumber) > first),
    );
    // The headers of old blocks tell of no logs either.
    endpoint.meddle = async (call, forward) => {
      const answer = await hiding(call, forward);
      if (!call.method.startsWith("eth_getBlockBy") || typeof answer !== "object") return answer;
      const block = answer.result as { number: string } | null;
      if (block === null || Number(block.number) > first) return answer;
      return { result: { ...block, logsBloom: EMPTY_BLOOM } };
    };
    const operator = await startOperator({ ...exchange.config, maxTries: 3 }, SILENT);
    await expect(operator.ended).rejects.toMatchObject({
      code: "LogsRefused",
      message: expect.stringMatching(`The logs of ${endpoint.url} are incomplete.*is not listed`),
    });
    const journal = await openSqliteReader(exchange.config.storage);
    expect(journal.head.sequence).toBe(1);
    await journal.close();
    endpoint.meddle = truthful;
    await exchange.startOperator();
    expect(await usdcOf(ada)).toBe(100_000_000n);
  });

  it("hidden logs are missed by the contract's figures in time; repair reads them", async () => {
    await start();
    const { anvil, config, schedule } = exchange;
    const ada = await exchange.client(0);
    // A chain without blooms, whose node has lost the logs of one block.
    endpoint.meddle = async (call, forward) => {
      const answer = await changingLogs((logs, byHash) => (byHash ? [] : logs))(call, forward);
      if (call.method !== "eth_getBlockByNumber" || typeof answer !== "object") return answer;
      return { result: { ...(answer.result as object), logsBloom: EMPTY_BLOOM } };
    };
    await ada.deposit("USDC", "100");
    const lost = await anvil.blockNumber();
    await exchange.settle();
    expect(await usdcOf(ada)).toBe(0n);
    await anvil.mineTo(firstBlockOf(schedule, 0, 1));
    const ended = exchange.operator.ended.catch((error) => error);
    for (let block = 0; block < 6; block++) {
      await anvil.mine(1);
      const head = await anvil.blockNumber();
      await until("the block is taken, or it ended", async () => {
        const { block: taken } = exchange.operator.api.clock();
        return taken >= head - 1 || eventsNamed("contractDiffers").length >= 3;
      });
    }
    const differs = await ended;
    expect(differs).toMatchObject({ code: "ContractDiffers" });
    expect(differs.message).toMatch(
      `deposits of ${exchange.usdc} in round 0: 100000000 in the contract, 0 here`,
    );
    expect(eventsNamed("commitFailed")).toEqual([]);

    endpoint.meddle = truthful;
    await exchange.stopOperator();
    const from = await recordOf(config.storage, lost);
    const copy = join(temporaryFolder(), "dropped.ndjson");
    const place = ["--storage", config.storage, "--from", String(from)];
    const repaired = await runCli(["journal", "repair", ...place, "--drop-to", copy]);
    expect([repaired.code, repaired.stderr]).toEqual([0, ""]);
    await exchange.startOperator();
    expect(await usdcOf(ada)).toBe(100_000_000n);
    await exchange.toQuarter(1, 0);
    expect((await exchange.reader.clock()).committedRound).toBe(1);
  });
});

/** The first record with blocks up to `block` or beyond. */
async function recordOf(storage: string, block: number): Promise<number> {
  const journal = await openSqliteReader(storage);
  try {
    for await (const records of journal.read(1)) {
      for (const { sequence, payload } of records) {
        const entry = decodeEntry(payload);
        if (entry.kind === "blocks" && entry.to.number >= block) return sequence;
      }
    }
    throw new Error(`no record has block ${block}`);
  } finally {
    await journal.close();
  }
}
