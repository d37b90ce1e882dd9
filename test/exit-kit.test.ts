/** Everything out, without asking any operator: while the exchange lives, and after a halt. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Hex } from "../src/base/hex.ts";
import { ExchangeClient } from "../src/client/client.ts";
import { type EvidenceStore, MemoryEvidence } from "../src/client/evidence/evidence.ts";
import { FileEvidence } from "../src/client/node/fileEvidence.ts";
import { ExitClient } from "../src/client/rounds/exitClient.ts";
import { exitPlan } from "../src/client/rounds/exitPlan.ts";
import { exitStep } from "../src/client/rounds/exitStep.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { firstPayableBlock } from "../src/protocol/withdrawalRule.ts";
import { runCli } from "./support/exchange/cli.ts";
import { startExchange, type TestExchange, WITHDRAWAL_BOND } from "./support/exchange/exchange.ts";

const WETH = 10n ** 18n;
const [ADA, BOB] = [0, 1];

describe("an exit", () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-exit-"));
  const config = join(folder, "trader.json");
  const file = join(folder, "evidence.jsonl");
  let exchange: TestExchange;
  let kept: MemoryEvidence;
  let ada: ExchangeClient;
  let bob: ExchangeClient;

  const keyOf = (index: number) => exchange.anvil.keys[2 + index] as Hex;
  const joinKept = async (index: number, evidence: EvidenceStore) => {
    await exchange.client(index);
    return ExchangeClient.join({
      operator: exchange.url,
      rpc: exchange.anvil.url,
      mediator: exchange.mediator,
      signer: keyOf(index),
      evidence,
      pollMs: 15,
      retryTimeoutMs: 0,
    });
  };
  const exit = (index: number, evidence: EvidenceStore) =>
    ExitClient.open({
      rpc: exchange.anvil.url,
      mediator: exchange.mediator,
      signer: keyOf(index),
      evidence,
      pollMs: 15,
    });
  const run = (...args: string[]) =>
    runCli(["exit", ...args, "--config", config], { QUARTERDECK_PRIVATE_KEY: keyOf(BOB) });

  beforeAll(async () => {
    exchange = await startExchange();
    kept = new MemoryEvidence();
    ada = await joinKept(ADA, kept);
    bob = await joinKept(BOB, await FileEvidence.open(file));
    const place = { rpc: [exchange.anvil.url], mediator: exchange.mediator, pollMs: 15 };
    writeFileSync(config, JSON.stringify({ ...place, evidence: file }));
    await ada.deposit("WETH", "10");
    await bob.deposit("WETH", "5");
    await exchange.settle();
  });
  afterAll(async () => {
    await exchange.stop();
    rmSync(folder, { recursive: true });
  });

  it("an exit is planned from what is kept, and from deposits that the chain shows", async () => {
    const { weth, schedule } = exchange;
    const fresh = await exitPlan(await exit(ADA, kept));
    expect(fresh).toMatchObject({ round: 0, halted: false });
    expect(fresh.items).toEqual([
      {
        what: "deposits",
        token: weth,
        amount: 10n * WETH,
        fromBlock: firstPayableBlock(schedule, 2),
        evidence: { kind: "chain" },
      },
    ]);
    await exchange.toQuarter(1, 1);
    for (const client of [ada, bob]) await client.audit(1);
    await exchange.toQuarter(2, 1);
    await bob.audit(2);
    const { items } = await exitPlan(await exit(ADA, kept));
    expect(items).toEqual([
      {
        what: "balance",
        token: weth,
        amount: 10n * WETH,
        fromBlock: firstPayableBlock(schedule, 2),
        evidence: { kind: "proof", round: 1 },
      },
    ]);
    const without = await exitPlan(await exit(ADA, new MemoryEvidence()));
    expect(without.items).toMatchObject([
      { what: "balance", amount: undefined, fromBlock: undefined, evidence: { kind: "missing" } },
    ]);
  });

  it("an exit asks once for what is proven, whoever is started again, and takes it when it is ripe", async () => {
    const { weth } = exchange;
    const client = await exit(ADA, kept);
    const asked = await exitStep(client);
    expect(asked.requested).toEqual([{ token: weth, amount: 10n * WETH }]);
    expect(asked.isDone).toBe(false);
    expect(asked.left.items).toMatchObject([{ what: "request", amount: 10n * WETH }]);
    expect((await exitStep(await exit(ADA, kept))).requested).toEqual([]);
    await exchange.toQuarter(3, 1);
    await bob.audit(3);
    expect((await exitStep(client)).isDone).toBe(false);
    await exchange.toQuarter(4, 1);
    await bob.audit(4);
    const before = await exchange.balanceOf(weth, ada.address);
    const paid = await exitStep(client);
    expect(paid.confirmed).toEqual([{ token: weth, amount: 10n * WETH }]);
    expect(paid).toMatchObject({ isDone: true, left: { items: [] } });
    expect((await exchange.balanceOf(weth, ada.address)) - before).toBe(10n * WETH);
  });

  it("an exit goes on after a halt, by commands alone", async () => {
    const { weth, anvil, schedule } = exchange;
    // An order may sell 1.5 of it: that is not asked for, since it could be cancelled.
    const order = { market: "WETH/USDC", side: "sell", price: "9000", amount: "1.5" } as const;
    await bob.createOrder(order);
    // Asked for too late to be paid: the halt makes it void, and gives the bond back.
    const asked = await exitStep(await exit(BOB, await FileEvidence.open(file)));
    expect(asked.requested).toEqual([{ token: weth, amount: (7n * WETH) / 2n }]);
    await exchange.stopOperator();
    await anvil.mineTo(firstBlockOf(schedule, 5, 1));

    const unproven = await exitPlan(await exit(BOB, new MemoryEvidence()));
    expect(unproven.halted).toBe(true);
    expect(unproven.items).toContainEqual({
      what: "balance",
      token: weth,
      amount: undefined,
      fromBlock: undefined,
      evidence: { kind: "missing", round: 3 },
    });

    const planned = await run("plan");
    expect(planned, planned.stderr).toMatchObject({ code: 0 });
    expect(planned.stdout).toContain(", HALTED");
    expect(planned.stdout).toContain("balance  5 WETH  now  by the kept proof of round 3");
    expect(planned.stdout).toContain("bond  0.001 ether  now  by the chain alone");
    expect(WITHDRAWAL_BOND).toBe(10n ** 15n);

    const before = await exchange.balanceOf(weth, bob.address);
    const done = await run("run");
    expect(done, done.stderr).toMatchObject({ code: 0 });
    expect(done.stdout).toContain("recovered balance: 5 WETH");
    expect(done.stdout).toContain("everything is out");
    expect((await exchange.balanceOf(weth, bob.address)) - before).toBe(5n * WETH);
    const again = await run("run", "--once", "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({ recovered: [], isDone: true });
  });
});
