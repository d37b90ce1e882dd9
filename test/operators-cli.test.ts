/**
 * Changes of the operators' list by the command line, on a real chain. The operators that live are
 * servers that say what an operator would; everything else is the real thing.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Address, Hex } from "../src/base/hex.ts";
import { deployExchange } from "../src/chain/contracts/deploy.ts";
import { MediatorReader } from "../src/chain/contracts/mediator.ts";
import {
  encodeAddOperator,
  encodeSetMaintenance,
  SlotReader,
} from "../src/chain/contracts/roundRobinManager.ts";
import { localSigner } from "../src/chain/signer.ts";
import { KEY_VARIABLE } from "../src/operator/config/config.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import type { Schedule } from "../src/protocol/units.ts";
import { type Anvil, freePort, startAnvil } from "./support/chain/anvil.ts";
import { runCli } from "./support/exchange/cli.ts";
import { commandFile } from "./support/exchange/commandFile.ts";
import { until } from "./support/exchange/exchange.ts";
import { startHttpProxy } from "./support/faults/proxy.ts";

const ROUND_SIZE = 400;
const SLOT_BLOCKS = 10;
const [OWNER, FIRST, SECOND, THIRD] = [0, 1, 2, 3];

describe("the operators' list", () => {
  let anvil: Anvil;
  let folder: string;
  let config: string;
  let access: object;
  let reader: SlotReader;
  let mediator: MediatorReader;
  let schedule: Schedule;
  let snapshot: Hex;
  const servers = new Map<number, Server>();
  const endpoints = new Map<number, string>();

  const address = (index: number) => anvil.addresses[index] as Address;
  const endpoint = (index: number) => endpoints.get(index) as string;

  /** Says what a living operator says. */
  async function live(index: number, port: number): Promise<void> {
    const server = createServer((request, response) => {
      void anvil.blockNumber().then((block) => {
        const [chainId, limits] = [anvil.chainId, { ordersPerClientAndRound: 1 }];
        const exchange = {
          chainId,
          mediator: mediator.mediator,
          manager: reader.manager,
          schedule,
          limits,
          operator: address(index),
          confirmations: 1,
          markets: [],
          tokens: [],
        };
        const clock = {
          chainHead: block,
          block: block - 1,
          round: 0,
          quarter: 0,
          nextQuarterBlock: 0,
          blocksLeft: 0,
          committedRound: 0,
          haltRound: null,
        };
        response.end(JSON.stringify(request.url === "/v1/exchange" ? exchange : clock));
      });
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    servers.set(index, server);
    endpoints.set(index, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  function operators(...args: string[]) {
    return runCli(["operators", ...args, "--config", config], {
      [KEY_VARIABLE]: anvil.keys[OWNER] as string,
    });
  }

  function addThird(...more: string[]) {
    const what = ["--address", address(THIRD), "--name", "third", "--endpoint", endpoint(THIRD)];
    return operators("add", "--unvetted", ...what, ...more);
  }

  beforeAll(async () => {
    anvil = await startAnvil();
    for (const index of [FIRST, SECOND, THIRD]) await live(index, await freePort());
    const operator = (index: number) => ({
      address: address(index),
      name: `operator ${index}`,
      uri: endpoint(index),
    });
    const exchange = await deployExchange({
      client: anvil.client,
      owner: localSigner(anvil.keys[OWNER] as Hex),
      operator: operator(FIRST),
      slots: { genesisBlocks: 40, slotBlocks: SLOT_BLOCKS, others: [operator(SECOND)] },
      roundSize: ROUND_SIZE,
      disputeBond: 0n,
      tokens: [{ name: "Wrapped Ether", symbol: "WETH", decimals: 18 }],
    });
    reader = new SlotReader(anvil.client, exchange.manager);
    mediator = new MediatorReader(anvil.client, exchange.mediator);
    schedule = (await mediator.constants()).schedule;
    folder = mkdtempSync(join(tmpdir(), "quarterdeck-operators-"));
    config = join(folder, "owner.json");
    access = { rpc: [anvil.url], mediator: exchange.mediator, pollMs: 30, maxTries: 6 };
    writeFileSync(config, JSON.stringify(access));
    await anvil.mineTo(firstBlockOf(schedule, 0, 1));
    snapshot = await anvil.snapshot();
  });
  beforeEach(async () => {
    await anvil.revert(snapshot);
    snapshot = await anvil.snapshot();
  });
  afterEach(() => anvil.setAutomine(true));
  afterAll(async () => {
    for (const server of servers.values()) server.close();
    await anvil.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("the list of operators is shown with who lives, and what is due", async () => {
    const { code, stdout } = await operators("list", "--json");
    expect(code).toBe(0);
    const shown = JSON.parse(stdout);
    expect(shown).toMatchObject({ owner: address(OWNER), quorum: 1, inMaintenance: false });
    expect(shown.operators).toMatchObject([
      { address: address(FIRST), living: true, balance: "10000000000000000000000" },
      { address: address(SECOND), living: true },
    ]);
    expect(shown.deadlines[0]).toEqual({
      what: "the commit of round 1",
      lastBlock: firstBlockOf(schedule, 1, 1) - 1,
    });
    expect((await operators("list")).stdout).toContain('"operator 1"');
  });

  test("the list of operators is changed in every way, and left out of maintenance", async () => {
    const added = await addThird("--yes");
    expect(added, added.stderr).toMatchObject({ code: 0 });
    expect(added.stderr).toContain("operators: 2 -> 3");
    expect(await operators("quorum", "3", "--yes")).toMatchObject({ code: 0 });
    expect(await mediator.commitQuorum(reader.manager)).toBe(3);
    expect(await operators("slot-size", "12", "--yes")).toMatchObject({ code: 0 });
    const removed = await operators("remove", address(SECOND), "--yes");
    expect(removed.stderr).toContain("quorum: 3 -> 2");
    const slots = await reader.slots();
    expect(slots).toMatchObject({ inMaintenance: false, slotSize: 12 });
    expect(slots.operators).toEqual([
      { address: address(FIRST), name: "operator 1", endpoint: endpoint(FIRST) },
      { address: address(THIRD), name: "third", endpoint: endpoint(THIRD) },
    ]);
    expect(await mediator.commitQuorum(reader.manager)).toBe(2);
  });

  test("the list of operators is not changed when that could halt the exchange", async () => {
    const refused = async (problem: RegExp, ...args: string[]) => {
      const block = await anvil.blockNumber();
      const { code, stderr } = await operators(...args, "--yes");
      expect([code, stderr]).toEqual([1, expect.stringMatching(problem)]);
      // Nothing was sent.
      expect(await anvil.blockNumber()).toBe(block);
    };
    await refused(/sit out the 75 blocks/, "slot-size", "38");
    await refused(/1 to 2/, "quorum", "3");
    await refused(/may take 206 blocks/, "maintenance", "hold", "200");
    servers.get(SECOND)?.close();
    servers.get(SECOND)?.closeAllConnections();
    try {
      await refused(/Commits would take 2 operators, and 1 live/, "quorum", "2");
      await refused(/No operator that lives would remain/, "remove", address(FIRST));
    } finally {
      await live(SECOND, Number(new URL(endpoint(SECOND)).port));
    }
    // The commit of round 1 is due in 48 blocks, 25 of them its rescue window's.
    await anvil.mineTo(firstBlockOf(schedule, 1) + 52);
    await refused(/the commit of round 1 .* leaves 0 until/, "slot-size", "12");
  });

  test("the list is not changed unasked, by others, or when only calls are wanted", async () => {
    const unasked = await addThird();
    expect(unasked.code).toBe(1);
    expect(unasked.stderr).toMatch(/Not confirmed/);
    const stranger = await runCli(["operators", "quorum", "2", "--yes", "--config", config], {
      [KEY_VARIABLE]: anvil.keys[FIRST] as string,
    });
    expect(stranger.stderr).toMatch(/the manager's owner is/);
    const calls = JSON.parse((await addThird("--print-calls")).stdout);
    expect(calls.map(({ what }: { what: string }) => what)).toEqual([
      "entering maintenance",
      `adding ${address(THIRD)}`,
      "leaving maintenance",
    ]);
    expect((await reader.slots()).operators).toHaveLength(2);
    const safe = join(folder, "safe.json");
    expect(await addThird("--safe", safe)).toMatchObject({ code: 0, stdout: `${safe}\n` });
    const { meta, transactions } = JSON.parse(readFileSync(safe, "utf8"));
    const names = transactions.map((one: { contractMethod: { name: string } }) => {
      return one.contractMethod.name;
    });
    expect(names).toEqual(["setMaintenance", "addOperator", "setMaintenance"]);
    expect(meta.description).toMatch(/Execute it by block \d+\./);
    expect((await reader.slots()).operators).toHaveLength(2);
    for (const { to, data } of transactions) {
      await anvil.transact({ from: address(OWNER), to, data });
    }
    expect((await reader.slots()).operators.at(-1)?.name).toBe("third");
  });

  /**
   * Runs while blocks come one by one; gives the process to disturb. Once maintenance is entered no
   * block comes before that is done, however slow this machine is; `isHeld`: none comes at all.
   */
  async function slowly(
    args: string[],
    disturb: (child: ChildProcess) => Promise<void>,
    isHeld = false,
  ) {
    await anvil.setAutomine(false);
    let mining = true;
    const disturbed = Promise.withResolvers<void>();
    const miner = (async () => {
      if (isHeld) await disturbed.promise;
      while (mining) {
        await anvil.mine();
        if (await inMaintenance()) await disturbed.promise;
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    })();
    const main = commandFile("cli/main");
    const child = spawn(process.execPath, [main, "operators", ...args, "--config", config], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, [KEY_VARIABLE]: anvil.keys[OWNER] as string },
    });
    let stderr = "";
    child.stderr?.setEncoding("utf8").on("data", (part) => {
      stderr += part;
    });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    try {
      await disturb(child);
      disturbed.resolve();
      const code = await ended;
      return { code, stderr };
    } finally {
      child.kill("SIGKILL");
      mining = false;
      disturbed.resolve();
      await miner;
    }
  }

  const hasPending = async () => {
    const count = (blockTag: "latest" | "pending") =>
      anvil.client.getTransactionCount({ address: address(OWNER), blockTag });
    return (await count("pending")) > (await count("latest"));
  };
  const inMaintenance = async () => (await reader.slots()).inMaintenance;

  test.each(["SIGINT", "SIGTERM"] as const)("maintenance is left on %s", async (signal) => {
    const { code, stderr } = await slowly(["maintenance", "hold", "60", "--yes"], async (child) => {
      await until("maintenance is entered", inMaintenance);
      child.kill(signal);
      child.kill(signal);
    });
    expect(stderr).toMatch(/leaving maintenance first/);
    expect(stderr).toMatch(/Interrupted|It was interrupted/);
    expect(code).toBe(1);
    expect(await inMaintenance()).toBe(false);
  });

  test("the command leaves maintenance that it was entering when the signal came", async () => {
    const kill = async (child: ChildProcess) => {
      await until("it is sent", () => hasPending());
      child.kill("SIGINT");
    };
    // A block right after it would have the command go on before anybody sees it pending.
    const { code } = await slowly(["slot-size", "12", "--yes"], kill, true);
    expect(code).toBe(1);
    expect(await inMaintenance()).toBe(false);
    expect((await reader.slots()).slotSize).toBe(SLOT_BLOCKS);
  });

  test("the command leaves nothing that could enter maintenance after it gave up", async () => {
    // A transaction that a node took, and shows nobody until it is too late.
    const held: Hex[] = [];
    const entering = encodeSetMaintenance(true).slice(2);
    const proxy = await startHttpProxy(anvil.url, async ({ method, params }, forward) => {
      const raw = params[0] as Hex;
      if (method !== "eth_sendRawTransaction" || !raw.includes(entering)) return forward();
      held.push(raw);
      return { result: `0x${"00".repeat(32)}` };
    });
    writeFileSync(config, JSON.stringify({ ...access, rpc: [proxy.url] }));
    try {
      const { code, stderr } = await slowly(["slot-size", "12", "--yes"], async () => {
        await until("it is sent", () => held.length > 0);
        await anvil.mineTo(firstBlockOf(schedule, 0, 2) + 60);
      });
      expect([code, stderr]).toEqual([1, expect.stringMatching(/entering .* was due by block/)]);
    } finally {
      proxy.stop();
      writeFileSync(config, JSON.stringify(access));
    }
    for (const raw of held) {
      await anvil.rpc("eth_sendRawTransaction", [raw]).catch(() => {});
    }
    await anvil.mine();
    expect(await inMaintenance()).toBe(false);
  });

  test("the command leaves maintenance when a step is refused meanwhile", async () => {
    const args = ["--address", address(THIRD), "--name", "third", "--endpoint", endpoint(THIRD)];
    const { code, stderr } = await slowly(["add", "--unvetted", ...args, "--yes"], async () => {
      // A second session of the owner's puts the same operator in, under the next nonce.
      await until("maintenance is entered", inMaintenance);
      const third = { address: address(THIRD), name: "x", endpoint: endpoint(THIRD) };
      const nonce = await anvil.client.getTransactionCount({ address: address(OWNER) });
      const sent = { from: address(OWNER), to: reader.manager, data: encodeAddOperator(third) };
      const price = `0x${(10n ** 12n).toString(16)}`;
      await anvil.rpc("eth_sendTransaction", [
        {
          ...sent,
          nonce: `0x${nonce.toString(16)}`,
          maxFeePerGas: price,
          maxPriorityFeePerGas: price,
        },
      ]);
    });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/AlreadyRegistered|not ours/)]);
    expect(await inMaintenance()).toBe(false);
  });

  test("the command says how to leave maintenance when it could not, which works", async () => {
    const { code, stderr } = await slowly(["slot-size", "12", "--yes"], async () => {
      await until("maintenance is entered", inMaintenance);
      // From now on the owner cannot pay.
      await anvil.rpc("anvil_setBalance", [address(OWNER), "0x0"]);
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/MAY STILL BE IN MAINTENANCE/);
    expect(stderr).toContain(`quarterdeck operators maintenance leave --config ${config}`);
    await anvil.setAutomine(true);
    await anvil.rpc("anvil_setBalance", [address(OWNER), "0x8ac7230489e80000"]);
    expect(await operators("maintenance", "leave")).toMatchObject({ code: 0 });
    expect(await inMaintenance()).toBe(false);
    // Leaving again is nothing to complain of.
    expect(await operators("maintenance", "leave")).toMatchObject({ code: 0 });
  });
});
