/** What a person does with the journal of an operator that is taking orders, and after its loss. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Hex } from "../src/base/hex.ts";
import type { ExchangeClient } from "../src/client/client.ts";
import { vandalise } from "../src/journal/sqlite/storage.testkit.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { runCli } from "./support/exchange/cli.ts";
import { startExchange, type TestExchange, until } from "./support/exchange/exchange.ts";
import {
  type OperatorFile,
  type OperatorProcess,
  startOperatorProcess,
} from "./support/exchange/operatorProcess.ts";

/** Below what a client may place in a round, in all of a test's time. */
const MOST_ORDERS = 80;
const PAUSE_MS = 20;
/** Acknowledged beside backups: they show that orders flow. */
const SOME_ORDERS = 5;
const MOST_BACKUPS = 10;
const RECORDS = /(\d+) records/;

describe("quarterdeck journal", () => {
  let exchange: TestExchange;
  let folder: string;
  let config: OperatorFile;
  let operator: OperatorProcess;
  let [ada, bob]: ExchangeClient[] = [];
  const place = (name: string) => join(folder, name);
  const start = (storage: string) =>
    startOperatorProcess(
      place("operator.json"),
      { ...config, storage },
      exchange.anvil.keys[1] as Hex,
    );
  const ask = async (client = bob) => {
    const order = { market: "WETH/USDC", price: "3000", amount: "0.001", side: "sell" } as const;
    return String((await client?.createOrder(order))?.id);
  };

  /** Orders, one after the other, until `work` is done; returns its result and their ids. */
  async function whileOrdering<T>(work: Promise<T>, client = bob) {
    const ids: string[] = [];
    let done = false;
    const settled = work.finally(() => {
      done = true;
    });
    while (!done) {
      if (ids.length < MOST_ORDERS) ids.push(await ask(client));
      await sleep(PAUSE_MS);
    }
    return { result: await settled, ids };
  }

  async function exportedIds(args: readonly string[]): Promise<string[]> {
    const { code, stdout } = await runCli(["journal", "export", ...args]);
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ sequence }) => sequence)).toEqual(lines.map((_, i) => i + 1));
    expect(lines[0].payload).toMatchObject({ kind: "genesis", mediator: exchange.mediator });
    return lines
      .filter(({ payload }) => payload.kind === "placeOrder")
      .map(({ payload }) => payload.order.id);
  }

  beforeAll(async () => {
    exchange = await startExchange();
    await exchange.stopOperator();
    folder = mkdtempSync(join(tmpdir(), "quarterdeck-journal-cli-"));
    const { weth, usdc, mediator, anvil } = exchange;
    config = {
      rpc: [anvil.url],
      mediator,
      markets: [{ base: weth, quote: usdc, lot: "1000000000000000", tick: "10" }],
      confirmations: 1,
      port: Number(new URL(exchange.url).port),
      logs: place("logs"),
      pollMs: 20,
    };
    operator = await start(place("storage"));
    for (const client of [await exchange.client(0), await exchange.client(1)]) {
      await client.deposit("WETH", "10");
      await anvil.mine(2);
      await until("the deposit is credited", async () =>
        (await client.fetchBalance()).some(({ total }) => total > 0n),
      );
      if (ada === undefined) ada = client;
      else bob = client;
    }
    await anvil.mineTo(firstBlockOf(exchange.schedule, 1));
    await until("round 1 is committed", async () => {
      await anvil.mine(1);
      return (await exchange.reader.clock()).committedRound === 1;
    });
    await anvil.mine(2);
    await until("the operator has seen it", async () => {
      const clock = (await (await fetch(`${operator.url}/v1/clock`)).json()) as { block: number };
      return clock.block >= (await anvil.blockNumber()) - 1;
    });
  });
  afterAll(async () => {
    await operator.kill("SIGKILL");
    await exchange.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("verify proves the journal of a running operator, with the Mediator's roots", async () => {
    const args = ["journal", "verify", "--storage", place("storage")];
    const { result } = await whileOrdering(runCli([...args, "--rpc", exchange.anvil.url]), ada);
    expect(result.stdout).toMatch(/ok {4}2 roots are those of the Mediator\n/);
    expect(result.stdout).toMatch(/the journal is whole\n$/);
    expect(result.code).toBe(0);

    const { stdout, code } = await runCli(args);
    expect(stdout).toMatch(/left out: the roots in the Mediator; name an endpoint with --rpc/);
    expect(code).toBe(0);
  });

  it("verify finds a root that is not the Mediator's, and a journal of another chain", async () => {
    const { anvil, mediator } = exchange;
    const args = ["journal", "verify", "--storage", place("storage"), "--rpc", anvil.url];
    const code = await anvil.rpc<Hex>("eth_getCode", [mediator, "latest"]);
    // PUSH32 <word>, then return it: whatever is asked for.
    const liar = `0x7f${"ab".repeat(32)}60005260206000f3`;
    await anvil.rpc("anvil_setCode", [mediator, liar]);
    const lied = await runCli(args).finally(() => anvil.rpc("anvil_setCode", [mediator, code]));
    expect(lied.code).toBe(1);
    expect(lied.stdout).toMatch(/FAIL {2}root: The root of 0x.* in round 1 is 0x.*0xabab/);

    const chainId = `0x${anvil.chainId.toString(16)}`;
    await anvil.rpc("anvil_setChainId", [1]);
    const other = await runCli(args).finally(() =>
      anvil.rpc("anvil_setChainId", [Number(chainId)]),
    );
    expect(other.code).toBe(1);
    expect(other.stdout).toMatch(/FAIL {2}chain: The journal is of chain 31337, .* chain 1\./);
  });

  it("a backup holds every order acknowledged before it began, while orders flow", async () => {
    const args = ["journal", "backup", "--storage", place("storage"), "--to", place("backup")];
    const ids: string[] = [];
    let before = "";
    let stdout = "";
    // A backup may be done before that many orders have come.
    for (let backups = 0; ids.length <= SOME_ORDERS; backups++) {
      expect(backups).toBeLessThan(MOST_BACKUPS);
      rmSync(place("backup"), { force: true });
      before = await ask();
      const { result, ids: placed } = await whileOrdering(runCli(args));
      expect(result.code).toBe(0);
      expect(result.stdout).toMatch(/verified, head 0x/);
      expect(readdirSync(folder)).not.toContain("backup.partial");
      ids.push(...placed);
      ({ stdout } = result);
    }

    const verified = await runCli(["journal", "verify", "--file", place("backup")]);
    expect(verified.code).toBe(0);
    expect(readdirSync(folder).filter((name) => name.startsWith("backup"))).toEqual(["backup"]);
    expect(verified.stdout).toContain(`${RECORDS.exec(stdout)?.[1]} records`);
    expect(await exportedIds(["--file", place("backup")])).toContain(before);
    expect(await exportedIds(["--storage", place("storage")])).toEqual(
      expect.arrayContaining([before, ...ids]),
    );
  });

  it("the commands find the journal by the configuration, and ask which of two", async () => {
    const args = ["journal", "verify", "--config", place("operator.json")];
    const { code, stdout } = await runCli(args);
    expect(code).toBe(0);
    expect(stdout).toContain(place("storage"));
    const both = await runCli([...args, "--storage", place("storage")]);
    expect(both).toMatchObject({
      code: 78,
      stderr: expect.stringMatching(/--config and --storage/),
    });
    const shared = { QUARTERDECK_DATABASE: "postgres://127.0.0.1:9/x" };
    const unsaid = await runCli(["journal", "verify"], shared);
    expect(unsaid.code).toBe(78);
    expect(unsaid.stderr).toMatch(/QUARTERDECK_DATABASE is set.*--schema.*--storage/);
  });

  it("a variable of blanks names no database, and one with blanks around it does", async () => {
    const blank = { QUARTERDECK_DATABASE: "  " };
    const inFolder = await runCli(["journal", "verify", "--storage", place("storage")], blank);
    expect(inFolder.code).toBe(0);
    const byDefault = await runCli(["journal", "verify"], blank);
    expect(byDefault.stderr).not.toMatch(/QUARTERDECK_DATABASE is set/);
    for (const verb of ["verify", "repair-head"]) {
      const args = ["journal", verb, "--schema", "quarterdeck"];
      const unsaid = await runCli(args, blank);
      expect(unsaid.code).toBe(78);
      expect(unsaid.stderr).toMatch(/QUARTERDECK_DATABASE does not name the database/);
      const named = await runCli(args, { QUARTERDECK_DATABASE: " postgres://127.0.0.1:9/x\n" });
      expect(named.stderr).toMatch(/127\.0\.0\.1:9/);
    }
  });

  it("neither backup nor export overwrites a file", async () => {
    const from = ["--storage", place("storage"), "--to", place("backup")];
    for (const verb of ["backup", "export"]) {
      const { code, stderr } = await runCli(["journal", verb, ...from]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/is there already: .*backup\. Move what is there aside/);
    }
  });

  it("restore refuses a folder in use and names who uses it", async () => {
    const args = ["journal", "restore", "--from", place("backup"), "--storage", place("storage")];
    const { code, stderr } = await runCli(args);
    expect(code).toBe(1);
    expect(stderr).toContain(`in use by process ${operator.pid}`);
  });

  it("restore brings the operator back, and the next start says that something is lost", async () => {
    await ask();
    await operator.kill("SIGKILL");
    const kept = await exportedIds(["--file", place("backup")]);
    // The disk is gone; what remembers the acknowledged records was kept.
    for (const name of readdirSync(place("storage"))) {
      if (name.startsWith("journal.sqlite")) rmSync(join(place("storage"), name));
    }
    const args = ["journal", "restore", "--from", place("backup"), "--storage", place("storage")];
    const restored = await runCli(args);
    expect(restored.code).toBe(0);
    expect(restored.stdout).toMatch(/Records \d+ to \d+ were acknowledged and are lost/);
    expect((await runCli(args)).stderr).toMatch(/There is a journal already/);

    operator = await start(place("storage"));
    const logs = readdirSync(place("logs")).map((name) => readFileSync(join(place("logs"), name)));
    expect(Buffer.concat(logs).toString()).toMatch(/"restoredFromBackup"/);
    const placed = await ask();
    const ids = await exportedIds(["--storage", place("storage")]);
    expect(ids).toEqual([...kept, placed]);
  });

  it("verify and export stop at a damaged record and name it", async () => {
    await operator.kill("SIGTERM");
    vandalise(place("storage"), "UPDATE record SET payload = x'00' WHERE sequence = 7");
    const args = ["--storage", place("storage")];
    const verified = await runCli(["journal", "verify", ...args]);
    expect(verified.code).toBe(1);
    expect(verified.stdout).toMatch(/FAIL {2}record: .*recordAltered at sequence 7\): expected/);
    const exported = await runCli(["journal", "export", ...args]);
    expect(exported.code).toBe(1);
    expect(exported.stderr).toMatch(/recordAltered at sequence 7/);
  });
});
