/** What the doctor finds: one test for each thing that would keep an operator from working. */
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Hex } from "../src/base/hex.ts";
import type { SlotView } from "../src/chain/contracts/roundRobinManager.ts";
import { encodeEntry } from "../src/exchange/model/entries.ts";
import { GENESIS } from "../src/exchange/world.testkit.ts";
import { StorageFailure } from "../src/journal/errors.ts";
import { openPostgresJournal } from "../src/journal/postgres/journal.ts";
import { openSqliteJournal } from "../src/journal/sqlite/journal.ts";
import { openSqliteReader } from "../src/journal/sqlite/reader.ts";
import { vandalise } from "../src/journal/sqlite/storage.testkit.ts";
import { KEY_VARIABLE } from "../src/operator/config/config.ts";
import { examine } from "../src/operator/doctor/doctor.ts";
import { checkEndpoints, reach } from "../src/operator/doctor/endpoints.ts";
import {
  judgeBalance,
  judgeBonds,
  judgeBytecode,
  judgeGenesis,
  judgeQuorum,
  judgeSchedule,
} from "../src/operator/doctor/exchange.ts";
import type { Finding } from "../src/operator/doctor/finding.ts";
import { judgeFileSystem, judgeFlushes, judgeFreeSpace } from "../src/operator/doctor/machine.ts";
import { freePort, startAnvil } from "./support/chain/anvil.ts";
import { startPooler } from "./support/database/pooler.ts";
import { runSql, startPostgres } from "./support/database/postgres.ts";
import { runCli } from "./support/exchange/cli.ts";
import { startExchange, type TestExchange, until } from "./support/exchange/exchange.ts";
import { spawnOperator, startOperatorProcess } from "./support/exchange/operatorProcess.ts";
import { type Meddle, startHttpProxy } from "./support/faults/proxy.ts";

/** Those that are not as they should be, each with its hint. */
function faults(findings: readonly Finding[]): [string, string, string][] {
  const found = findings.filter(({ state }) => state !== "ok");
  for (const { hint } of found) expect(hint).toMatch(/\w+/);
  return found.map(({ state, check, detail }) => [state, check, detail]);
}

/** In wei. */
const ETHER = 10n ** 18n;

describe("the doctor", () => {
  let exchange: TestExchange;
  let folder: string;
  let good: Record<string, unknown>;
  const file = () => join(folder, "operator.json");
  const operatorKey = () => exchange.anvil.keys[1] as Hex;

  /** Examines the good configuration with `changes`. */
  function examined(changes: object = {}, key: string | undefined = operatorKey()) {
    writeFileSync(file(), JSON.stringify({ ...good, ...changes }), { mode: 0o600 });
    return examine(file(), key === undefined ? {} : { [KEY_VARIABLE]: key });
  }

  /** A storage folder with the journal that an operator left, for this test alone. */
  async function usedStorage(): Promise<string> {
    const storage = mkdtempSync(join(folder, "used-"));
    const config = { ...good, storage, port: 0, logs: join(folder, "logs") };
    const operator = spawnOperator(
      join(folder, "used.json"),
      { ...config, port: 0 },
      operatorKey(),
    );
    await exchange.anvil.mine(3);
    await until("the operator has taken blocks in", () => hasBlocks(storage));
    await operator.kill("SIGTERM");
    return storage;
  }

  beforeAll(async () => {
    exchange = await startExchange({ disputeBond: ETHER, withdrawalBond: ETHER });
    await exchange.stopOperator();
    folder = mkdtempSync(join(tmpdir(), "quarterdeck-doctor-"));
    const { weth, usdc, mediator, anvil } = exchange;
    good = {
      rpc: [anvil.url],
      mediator,
      markets: [{ base: weth, quote: usdc, lot: "1000000000000000", tick: "10" }],
      confirmations: 1,
      // Not one that the system may give to a server of these tests.
      port: await freePort(),
      storage: join(folder, "storage"),
      logs: join(folder, "logs"),
      pollMs: 20,
      minBalance: "1",
    };
  });
  afterAll(async () => {
    await exchange.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("the doctor finds nothing where nothing is wrong, and makes nothing", async () => {
    const findings = await examined();
    expect(faults(findings)).toEqual([]);
    const checks = new Set(findings.map(({ check }) => check));
    for (const check of ["endpoint", "one chain", "clock", "bytecode", "operator", "journal"]) {
      expect(checks).toContain(check);
    }
    expect(existsSync(join(folder, "storage"))).toBe(false);
  });

  it("configuration: a field, the file, the key", async () => {
    expect(faults(await examined({ confirmations: -1 }))).toEqual([
      ["fail", "configuration", expect.stringContaining("confirmations")],
    ]);
    const missing = await examine(join(folder, "none.json"), {});
    expect(faults(missing)).toEqual([["fail", "configuration", expect.stringContaining("none")]]);
    expect(faults(await examined({}, "0x12"))).toEqual([
      ["fail", "configuration", expect.stringContaining(KEY_VARIABLE)],
    ]);
  });

  it("key: a keystore that is not there or is shared, a signer that does not answer", async () => {
    const passwordFile = join(folder, "password");
    const keystore = { path: join(folder, "no-keystore"), passwordFile };
    const keyless = async (changes: object) => faults(await examined(changes, ""));
    expect(await keyless({ keystore })).toEqual([
      ["fail", "key", expect.stringContaining("no-keystore cannot be read")],
    ]);
    const path = join(folder, "keystore");
    writeFileSync(path, "{}", { mode: 0o644 });
    expect(await keyless({ keystore: { path, passwordFile } })).toEqual([
      ["fail", "key", expect.stringContaining("others may read or change it")],
    ]);
    const web3signer = { url: "http://127.0.0.1:1", address: exchange.anvil.addresses[1] };
    expect(await keyless({ web3signer })).toEqual([
      ["fail", "key", expect.stringContaining("127.0.0.1:1")],
    ]);
  });

  it("endpoints: one that is down, and all of them", async () => {
    const { url } = exchange.anvil;
    const down = "http://127.0.0.1:1";
    const expected = ["fail", "endpoint", expect.stringContaining(`${down} does not answer`)];
    expect(faults(await examined({ rpc: [url, down] }))).toEqual([expected]);
    expect(faults(await examined({ rpc: [down] }))).toEqual([expected]);
  });

  it("endpoints: of another chain, and of another fork of the same", async () => {
    const { anvil } = exchange;
    for (const chainId of [1, anvil.chainId]) {
      const other = await startAnvil({ chainId });
      onTestFinished(() => other.stop());
      await other.mine(await anvil.blockNumber());
      const found = faults(await examined({ rpc: [anvil.url, other.url] }));
      const detail = chainId === 1 ? /serves 1$/ : /block \d+: .* has 0x.* has 0x/;
      expect(found).toContainEqual(["fail", "one chain", expect.stringMatching(detail)]);
    }
  });

  it("endpoints: a head that has stopped, and a clock that is behind", async () => {
    const { endpoints } = await reach([exchange.anvil.url]);
    const head = endpoints[0]?.head.timestamp ?? 0;
    const at = async (now: number) => faults(await checkEndpoints(endpoints, 1, now));
    expect(await at(head + 5)).toEqual([]);
    expect(await at(head + 200)).toEqual([["warn", "endpoint", expect.stringContaining("200 s")]]);
    expect(await at(head + 901)).toEqual([["fail", "endpoint", expect.stringContaining("901 s")]]);
    expect(await at(head - 60)).toEqual([["fail", "clock", expect.stringContaining("60 s")]]);
  });

  it("endpoints: one that keeps no logs", async () => {
    const { server, url } = await logless(exchange.anvil.url);
    onTestFinished(() => void server.close());
    expect(faults(await examined({ rpc: [url] }))).toEqual([
      ["fail", "logs", expect.stringMatching(/does not serve logs of blocks \d+ to \d+ .*pruned/)],
    ]);
  });

  /** Refuses logs of more than `most` blocks at once. */
  const narrow = (most: number, message: string): Meddle => {
    return async ({ method, params }, forward) => {
      const { fromBlock, toBlock } = (params[0] ?? {}) as { fromBlock?: Hex; toBlock?: Hex };
      const isRange = method === "eth_getLogs" && fromBlock !== undefined;
      const isTooWide = isRange && Number(toBlock) - Number(fromBlock) >= most;
      return isTooWide ? { error: { code: -32602, message } } : forward();
    };
  };

  it.each([
    [5, "query exceeds max block range 5", /of blocks (\d+) to (\d+), 5 blocks at once at most$/],
    [5, "block range is too wide", /of blocks (\d+) to (\d+), [2-5] blocks at once$/],
  ])("endpoints: one that serves logs of %i blocks at once (%s)", async (most, words, detail) => {
    await exchange.anvil.mine(12);
    const odd = await startHttpProxy(exchange.anvil.url, narrow(most, words));
    onTestFinished(() => odd.stop());
    const findings = await examined({ rpc: [odd.url] });
    expect(faults(findings)).toEqual([]);
    const told = findings.filter(({ check }) => check === "logs");
    expect(told.map((one) => one.detail)).toEqual([expect.stringMatching(detail)]);
    const [, from, to] = detail.exec(told[0]?.detail ?? "") ?? [];
    expect(Number(to) - Number(from)).toBeLessThan(most);
  });

  it("endpoints: one that calls the logs of one block too wide", async () => {
    const odd = await startHttpProxy(exchange.anvil.url, narrow(0, "block range is too wide"));
    onTestFinished(() => odd.stop());
    expect(faults(await examined({ rpc: [odd.url] }))).toEqual([
      [
        "fail",
        "logs",
        expect.stringMatching(/does not serve logs of blocks (\d+) to \1 .*too wide/),
      ],
    ]);
  });

  /** Of a block that is not the one that was asked for. */
  const LOG = {
    blockHash: `0x${"0b".repeat(32)}`,
    blockNumber: "0x1",
    transactionHash: `0x${"0c".repeat(32)}`,
    transactionIndex: "0x0",
    logIndex: "0x0",
    topics: [],
    data: "0x",
    removed: false,
  };
  const notServed = { error: { code: -32601, message: "the method is not available" } };
  const badParams = { error: { code: -32602, message: "too many arguments" } };
  const missingState = { error: { code: -32000, message: "missing trie node 00ab" } };
  const QUIRKS: readonly (readonly [string, readonly string[], Meddle])[] = [
    [
      "blocks without a base fee",
      ["base fee", "log proofs"],
      async ({ method }, forward) => {
        const answer = await forward();
        if (/^eth_getBlockBy/.test(method)) {
          delete (answer.result as { baseFeePerGas?: Hex }).baseFeePerGas;
        }
        return answer;
      },
    ],
    [
      "estimates on no numbered block",
      ["estimates"],
      async ({ method, params }, forward) =>
        method === "eth_estimateGas" && params.length > 1 ? badParams : forward(),
    ],
    [
      "no logs by hash",
      ["logs by hash"],
      async ({ method, params }, forward) =>
        method === "eth_getLogs" && "blockHash" in (params[0] as object) ? badParams : forward(),
    ],
    [
      "no heed of the hash",
      ["logs by hash"],
      async ({ method, params }, forward) => {
        const isByHash = method === "eth_getLogs" && "blockHash" in (params[0] as object);
        return isByHash ? { result: [{ ...LOG, address: exchange.mediator }] } : forward();
      },
    ],
    [
      "no transactions taken",
      ["sending"],
      async ({ method }, forward) => (method === "eth_sendRawTransaction" ? notServed : forward()),
    ],
    [
      "no receipts",
      ["receipts"],
      async ({ method }, forward) =>
        method === "eth_getTransactionReceipt" ? notServed : forward(),
    ],
    [
      "state of the newest block alone",
      ["older state"],
      async ({ method, params }, forward) => {
        const block = Number(params.at(-1));
        const isOld = method === "eth_call" && block < (await exchange.anvil.blockNumber());
        return isOld ? missingState : forward();
      },
    ],
    [
      "headers that lack a field",
      ["log proofs"],
      async ({ method }, forward) => {
        const answer = await forward();
        if (!/^eth_getBlockBy/.test(method)) return answer;
        return { result: { ...(answer.result as object), mixHash: null } };
      },
    ],
    [
      "receipts that are not hashed",
      ["log proofs"],
      async ({ method }, forward) => {
        const answer = await forward();
        const own = { type: "0x0", status: "0x1", cumulativeGasUsed: "0x0", logs: [] };
        if (method !== "eth_getBlockReceipts") return answer;
        return { result: [...(answer.result as object[]), own] };
      },
    ],
  ];
  /** The operator works all the same without these. */
  const OPTIONAL = ["log proofs", "logs by hash"];

  it.each(QUIRKS)(
    "endpoints: one that has %s, in second place too",
    async (_what, names, meddle) => {
      const odd = await startHttpProxy(exchange.anvil.url, meddle);
      onTestFinished(() => odd.stop());
      const good = exchange.anvil.url;
      for (const rpc of [[odd.url], [good, odd.url]]) {
        expect(faults(await examined({ rpc }))).toEqual(
          names.map((name) => [
            OPTIONAL.includes(name) ? "warn" : "fail",
            name,
            expect.stringContaining(odd.url),
          ]),
        );
      }
    },
  );

  it("endpoints: one that gives the logs of a block neither by its hash nor by receipts", async () => {
    const odd = await startHttpProxy(exchange.anvil.url, async ({ method, params }, forward) => {
      if (method === "eth_getBlockReceipts") return { result: [{ logs: [] }, { logs: [] }] };
      const isByHash = method === "eth_getLogs" && "blockHash" in (params[0] as object);
      return isByHash ? badParams : forward();
    });
    onTestFinished(() => odd.stop());
    expect(faults(await examined({ rpc: [odd.url] }))).toContainEqual([
      "fail",
      "logs by hash",
      expect.stringMatching(/nor by receipts \(of block \d+ it has 2 receipts for \d+ transact/),
    ]);
  });

  it("endpoints: one whose contracts see another number than it tells", async () => {
    const shift = 1_000_000;
    const odd = await startHttpProxy(exchange.anvil.url, async ({ method, params }, forward) => {
      if (method !== "eth_call" || !/^0x/.test(String(params[1]))) return forward();
      const block = `0x${Math.max(1, Number(params[1]) - shift).toString(16)}`;
      const { client } = exchange.anvil;
      const call = [params[0], Number(params[1]) > shift ? block : params[1]] as never;
      const result = await client.request({ method: "eth_call", params: call });
      return { result };
    });
    odd.meddle = (
      (inner: Meddle): Meddle =>
      async (call, forward) => {
        const answer = await inner(call, forward);
        if (call.method !== "eth_blockNumber" || typeof answer !== "object") return answer;
        return { result: `0x${(Number(answer.result) + shift).toString(16)}` };
      }
    )(odd.meddle);
    onTestFinished(() => odd.stop());
    expect(faults(await examined({ rpc: [odd.url] }))).toContainEqual([
      "fail",
      "block numbers",
      expect.stringContaining("contracts there see round"),
    ]);
  });

  it("endpoints: one that pushes no heads", async () => {
    const url = exchange.anvil.url.replace("http", "ws");
    expect(faults(await examined({ rpc: [url] }))).toEqual([]);
  });

  it("bonds: below what the dearest answers cost", () => {
    const judged = (disputeBond: bigint, withdrawalBond: bigint, gasPrice: bigint) =>
      judgeBonds({ disputeBond, withdrawalBond }, 2, gasPrice);
    const [dispute, withdrawal] = [2_559_000n, 3_245_000n];
    expect(judged(10n * dispute, 10n * withdrawal, 10n).state).toBe("ok");
    expect(judged(10n * dispute - 1n, 10n * withdrawal, 10n).state).toBe("warn");
    expect(judged(10n * dispute, 10n * withdrawal - 1n, 10n).state).toBe("warn");
    expect(judged(0n, 0n, 10n ** 9n).hint).toContain("0.002559 ETH and 0.003245 ETH");
  });

  it("deployment: rounds without a rescue window, a first slot beyond the first deadline", () => {
    const schedule = { genesisBlock: 100, roundSize: 40 };
    expect(judgeSchedule(schedule)).toEqual([]);
    expect(judgeSchedule({ ...schedule, roundSize: 16 })).toEqual([]);
    expect(judgeSchedule({ ...schedule, roundSize: 12 })).toMatchObject([
      { state: "warn", check: "rescue window" },
    ]);
    const slots = { slot: 0, firstBlock: 100, inMaintenance: false } as SlotView;
    // The first commit is due by the end of round 1, quarter 0: block 149.
    const judged = (lastBlock: number, slot = 0) =>
      judgeGenesis({ ...slots, lastBlock, slot }, schedule).map(({ state }) => state);
    expect([judged(148), judged(149), judged(1099)]).toEqual([["ok"], ["warn"], ["warn"]]);
    expect(judged(1099, 1)).toEqual([]);
    expect(judgeGenesis({ ...slots, lastBlock: undefined }, schedule)).toEqual([]);
  });

  it("mediator: no contract, another contract, settings that do not fit", async () => {
    const nowhere = "0x000000000000000000000000000000000000dEaD";
    const mediator = async (changes: object) => faults(await examined(changes));
    expect(await mediator({ mediator: nowhere })).toEqual([
      ["fail", "mediator", expect.stringContaining("no contract")],
    ]);
    expect(await mediator({ mediator: exchange.weth })).toEqual([
      ["fail", "mediator", expect.stringContaining("refuses")],
    ]);
    expect(await mediator({ confirmations: 39 })).toEqual([
      ["fail", "mediator", expect.stringContaining("no commit can land")],
    ]);
    const { weth, usdc } = exchange;
    const market = { base: weth, quote: usdc, lot: "7", tick: "10" };
    expect(await mediator({ markets: [market] })).toEqual([
      ["fail", "mediator", expect.stringContaining("markets.0.lot")],
    ]);
  });

  it("mediator: no manager, and bytecode of another release", async () => {
    const { anvil, manager, mediator } = exchange;
    const code = await anvil.rpc<Hex>("eth_getCode", [mediator, "latest"]);
    const disputes = await anvil.rpc<Hex>("eth_getCode", [
      await exchange.reader.disputes(),
      "latest",
    ]);
    const judge = (...codes: [string, string]) => judgeBytecode(mediator, ...codes).state;
    const altered = (text: string) =>
      `${text.slice(0, 1000)}${text[1000] === "0" ? "1" : "0"}${text.slice(1001)}`;
    expect(judge(code, disputes)).toBe("ok");
    for (const other of [altered, (text: string) => `${text}00`, () => "0x"]) {
      expect(judge(other(code), disputes)).toBe("warn");
      expect(judge(code, other(disputes))).toBe("warn");
    }
    expect(judge(code.slice(0, -2), disputes)).toBe("warn");
    expect(judge(disputes, code)).toBe("warn");

    const managed = await anvil.rpc<Hex>("eth_getCode", [manager, "latest"]);
    await anvil.rpc("anvil_setCode", [manager, "0x"]);
    const all = await examined().finally(() => anvil.rpc("anvil_setCode", [manager, managed]));
    const found = faults(all).filter(([, check]) => check === "mediator");
    expect(found).toEqual([["fail", "mediator", expect.stringContaining("no contract at its")]]);
  });

  it("mediator: HALTED", async () => {
    const { anvil, schedule } = exchange;
    const snapshot = await anvil.snapshot();
    await anvil.mine(2 * schedule.roundSize);
    const found = faults(await examined().finally(() => anvil.revert(snapshot)));
    expect(found).toContainEqual(["fail", "mediator", expect.stringMatching(/^HALTED in round/)]);
  });

  it("operator: not registered, without money, with little", async () => {
    const stranger: Hex = `0x${"17".repeat(32)}`;
    expect(faults(await examined({}, stranger)).map(([state, check]) => [state, check])).toEqual([
      ["fail", "operator"],
      ["fail", "key balance"],
    ]);
    expect(judgeBalance(exchange.weth, 5n, 6n).state).toBe("warn");
    expect(judgeBalance(exchange.weth, 6n, 6n).state).toBe("ok");
  });

  it("operator: alone where a commit takes several", () => {
    expect(judgeQuorum(1, false).state).toBe("ok");
    expect(judgeQuorum(2, true).state).toBe("ok");
    expect(judgeQuorum(2, false)).toMatchObject({ state: "fail", hint: /`database`/ });
  });

  it("machine: disk, file system, flushes", async () => {
    expect(judgeFreeSpace("x", 255).state).toBe("fail");
    expect(judgeFreeSpace("x", 2047).state).toBe("warn");
    expect(judgeFreeSpace("x", 2048).state).toBe("ok");
    expect(judgeFileSystem("x", 0x6969)).toMatchObject({ state: "warn", detail: /nfs/ });
    expect(judgeFileSystem("x", 0x01021994)).toMatchObject({ state: "warn", detail: /tmpfs/ });
    expect(judgeFileSystem("x", 0xef53).state).toBe("ok");
    expect(judgeFlushes(51).state).toBe("warn");

    writeFileSync(join(folder, "no-folder"), "");
    const found = faults(await examined({ storage: join(folder, "no-folder", "storage") }));
    expect(found).toContainEqual(["fail", "disk flush", expect.stringContaining("cannot write")]);
  });

  it("machine: the port is in use, the files are open to others", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    expect(faults(await examined({ port }))).toEqual([
      ["fail", "port", expect.stringContaining(`${port} on 127.0.0.1 is in use`)],
    ]);

    const storage = mkdtempSync(join(folder, "open-"));
    chmodSync(storage, 0o777);
    writeFileSync(file(), JSON.stringify({ ...good, storage }));
    chmodSync(file(), 0o644);
    const found = await examine(file(), { [KEY_VARIABLE]: operatorKey() });
    rmSync(file());
    expect(faults(found).map(([state, check]) => [state, check])).toEqual([
      ["warn", "file modes"],
      ["fail", "file modes"],
    ]);
  });

  it("journal: what an operator left is fine, and what is wrong with it is named", async () => {
    const storage = await usedStorage();
    const findings = await examined({ storage });
    expect(faults(findings)).toEqual([]);
    expect(findings.map(({ check }) => check)).toContain("journal's chain");

    const others = faults(await examined({ storage, ordersPerClientAndRound: 7 }));
    expect(others).toEqual([["fail", "journal", expect.stringContaining("limits")]]);

    const { anvil } = exchange;
    const journal = await openSqliteJournal(storage);
    await journal.append([new TextEncoder().encode("later")]);
    await journal.close();
    vandalise(storage, "UPDATE record SET payload = x'00' WHERE sequence = 2");
    expect(faults(await examined({ storage }))).toEqual([
      ["fail", "journal", expect.stringMatching(/recordAltered at sequence 2/)],
    ]);
    vandalise(storage, "PRAGMA user_version = 99");
    expect(faults(await examined({ storage, rpc: [anvil.url] }))).toEqual([
      ["fail", "journal", expect.stringMatching(/format 99, this release knows/)],
    ]);
  });

  it("journal: a shared one that is not there yet, that is, and that cannot be reached", async () => {
    const postgres = await startPostgres();
    onTestFinished(() => postgres.remove());
    const schema = postgres.schema();
    const shared = { database: { url: postgres.url, schema }, publicUrl: "http://127.0.0.1:1" };
    const findings = await examined(shared);
    expect(faults(findings)).toEqual([]);
    expect(findings).toContainEqual(
      expect.objectContaining({ check: "journal", detail: expect.stringContaining("none yet") }),
    );

    const { port } = new URL(postgres.url);
    expect(findings).toContainEqual(
      expect.objectContaining({ check: "database", detail: expect.stringContaining(port) }),
    );
    await runSql(postgres.url, "CREATE ROLE poor LOGIN");
    const poor = { ...shared.database, url: postgres.url.replace("quarterdeck@", "poor@") };
    expect(faults(await examined({ ...shared, database: poor }))).toEqual([
      ["fail", "database", expect.stringContaining(`to create the schema ${schema}`)],
    ]);
    const pooler = await startPooler({ target: postgres.port, mode: "transaction", backends: 3 });
    onTestFinished(() => pooler.close());
    const pooled = { ...shared.database, url: postgres.url.replace(port, String(pooler.port)) };
    expect(faults(await examined({ ...shared, database: pooled }))).toEqual([
      ["fail", "journal", expect.stringContaining("keeps no session")],
    ]);

    const journal = await openPostgresJournal({
      url: postgres.url,
      schema,
      operator: "tester",
      operatorUrl: "http://127.0.0.1:1",
    });
    onTestFinished(() => journal.close());
    const leased = await journal.acquire();
    await leased?.append([encodeEntry({ ...GENESIS, chainId: 5 })]);
    await leased?.close();
    expect(faults(await examined(shared))).toEqual([
      ["fail", "journal", expect.stringContaining("on chain 5")],
    ]);
    const environment = { QUARTERDECK_DATABASE: postgres.url };
    const exported = await runCli(["journal", "export", "--schema", schema], environment);
    expect(JSON.parse(exported.stdout)).toMatchObject({ sequence: 1, payload: { chainId: 5 } });

    const unnamed = await runCli(["journal", "export"], environment);
    expect(unnamed.stderr).toContain("--schema is missing");
    expect(unnamed.code).toBe(78);

    await postgres.stop();
    expect(faults(await examined(shared))).toEqual([
      ["fail", "journal", expect.stringContaining("head cannot be read")],
    ]);
    await postgres.restart();
  });

  it("journal: the chain has lost the block that it is at", async () => {
    const { anvil } = exchange;
    const snapshot = await anvil.snapshot();
    const storage = await usedStorage();
    await anvil.revert(snapshot);
    const behind = faults(await examined({ storage }));
    expect(behind).toEqual([["fail", "journal's chain", expect.stringContaining("and the chain")]]);
    // Blocks that came at once are ahead of the clock, and no time is taken that is not later.
    const { timestamp } = await anvil.client.getBlock();
    const latest = Math.max(Math.floor(Date.now() / 1000), Number(timestamp));
    await anvil.rpc("evm_setNextBlockTimestamp", [latest + 3]);
    await anvil.mine(10);
    const forked = faults(await examined({ storage }));
    expect(forked).toContainEqual([
      "fail",
      "journal's chain",
      expect.stringMatching(/0x.* in the journal, and 0x.* on the chain/),
    ]);
  });

  it("the doctor works beside a running operator: in words, in JSON, with exit codes", async () => {
    const storage = join(folder, "running");
    const config = { ...good, storage, port: good["port"] as number };
    const operator = await startOperatorProcess(file(), config, operatorKey());
    onTestFinished(() => void operator.kill("SIGKILL"));
    chmodSync(file(), 0o600);
    const environment = { [KEY_VARIABLE]: operatorKey() };
    const { code, stdout } = await runCli(["doctor", "--config", file()], environment);
    expect(stdout).toMatch(new RegExp(`WARN {2}running .*in use by process ${operator.pid}`));
    expect(stdout).toMatch(/\d+ ok, 1 warnings, 0 failures\n$/);
    expect(code).toBe(0);

    const bad = await runCli(["doctor", "--config", file(), "--json"], { [KEY_VARIABLE]: "0x1" });
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.stdout)).toEqual({
      ok: false,
      findings: [expect.objectContaining({ check: "configuration", state: "fail" })],
    });
  });
});

/** Whether there is more than the genesis. */
async function hasBlocks(storage: string): Promise<boolean> {
  if (!existsSync(join(storage, "journal.sqlite"))) return false;
  try {
    const journal = await openSqliteReader(storage);
    await journal.close();
    return journal.head.sequence > 1;
  } catch (error) {
    // Its tables are being made.
    if (error instanceof StorageFailure) return false;
    throw error;
  }
}

/** An endpoint before `target` that answers everything but for logs. */
async function logless(target: string): Promise<{ server: Server; url: string }> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const call = JSON.parse(body) as { method: string; id: number };
    response.setHeader("content-type", "application/json");
    if (call.method === "eth_getLogs") {
      const error = { code: -32000, message: "history has been pruned" };
      response.end(JSON.stringify({ jsonrpc: "2.0", id: call.id, error }));
      return;
    }
    const headers = { "content-type": "application/json" };
    response.end(await (await fetch(target, { method: "POST", headers, body })).text());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
