/**
 * SIGKILL at random moments, again and again, under load from several clients and with rounds
 * passing: nothing acknowledged is lost or done twice, and no deadline is missed.
 *
 * `QUARTERDECK_CRASHES` kills instead of eight; `QUARTERDECK_SEED` repeats a run's choices.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { encodeFunctionData } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Address } from "../src/base/hex.ts";
import { testTokenAbi } from "../src/chain/abi/testToken.ts";
import { firstBlockOf, momentOf, quarterSize } from "../src/protocol/rounds.ts";
import { Blocks } from "./support/chain/blocks.ts";
import { CrashChecks } from "./support/checks/crashChecks.ts";
import { chooseSeed, Random } from "./support/checks/random.ts";
import { until } from "./support/exchange/exchange.ts";
import { LoadTrader } from "./support/exchange/loadTrader.ts";
import type { OperatorProcess } from "./support/exchange/operatorProcess.ts";
import { type ProcessExchange, startProcessExchange } from "./support/exchange/processExchange.ts";

const CRASHES = Number(process.env["QUARTERDECK_CRASHES"] ?? 8);
const CLIENTS = 6;
const ROUND_SIZE = 160;
/** Blocks between two checks: fewer than a round, so that no round passes unseen. */
const BLOCKS_BETWEEN_CHECKS = 120;
/** Orders that are acknowledged before a kill. */
const FEWEST_ORDERS = 5;
const MOST_ORDERS = 50;
const LONGEST_PAUSE_MS = 30;
const LONGEST_START_MS = 700;
const LONGEST_ABSENCE_MS = 200;
const MILLISECONDS_A_CRASH = 60_000;

const seed = chooseSeed();

describe(`an operator that is killed ${CRASHES} times under load`, () => {
  let exchange: ProcessExchange;
  let operator: OperatorProcess;
  let traders: LoadTrader[];
  let blocks: Blocks;
  const random = new Random(seed);

  beforeAll(async () => {
    exchange = await startProcessExchange({ roundSize: ROUND_SIZE });
    operator = await exchange.launch();
    const clients = [];
    for (let i = 0; i < CLIENTS; i++) clients.push(await exchange.client(i));
    const addresses = clients.map(({ address }) => address);
    blocks = new Blocks(exchange, addresses, BLOCKS_BETWEEN_CHECKS);
    traders = clients.map(
      (client, i) => new LoadTrader(client, i, new Random(seed + i + 1), blocks),
    );
    for (const { client } of traders) {
      await approveAll(client.address);
      await client.deposit("WETH", "20");
      await client.deposit("USDC", "60000");
    }
    // Withdrawals need the commit of the round before.
    await toNextRound();
    await toNextRound();
  });
  afterAll(async () => {
    for (const trader of traders) trader.close();
    await exchange.stop();
  });

  /** So that a deposit is one transaction. */
  async function approveAll(from: Address): Promise<void> {
    const args = [exchange.mediator, 2n ** 255n] as const;
    const data = encodeFunctionData({ abi: testTokenAbi, functionName: "approve", args });
    await exchange.anvil.rpc("anvil_impersonateAccount", [from]);
    for (const to of [exchange.weth, exchange.usdc]) {
      await exchange.anvil.transact({ from, to, data });
    }
  }

  /** Time passes and everybody trades until `moment` is over; fails with what any of them met. */
  async function under<T>(moment: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new AbortController();
    await blocks.allow();
    const work = [blocks, ...traders].map((one) => one.run(stop.signal));
    try {
      return (await Promise.race([moment(stop.signal), Promise.all(work)])) as T;
    } finally {
      stop.abort();
      await Promise.all(work);
    }
  }

  async function launch(): Promise<void> {
    blocks.operatorIsUp = false;
    if (random.chance(0.2)) {
      const hasty = exchange.spawn();
      await sleep(random.from(0, LONGEST_START_MS));
      expect(await hasty.kill("SIGKILL"), hasty.complaint()).toBeNull();
    }
    operator = await exchange.launch();
    blocks.operatorIsUp = true;
  }

  /** Some kills fall close to the boundary of a quarter, where most is done at once. */
  async function untilItsTime(signal: AbortSignal): Promise<void> {
    const placed = () => traders.reduce((sum, { ledger }) => sum + ledger.counts.placed, 0);
    const enough = placed() + random.from(FEWEST_ORDERS, MOST_ORDERS);
    const { schedule, anvil } = exchange;
    const { round, quarter } = momentOf(schedule, await anvil.blockNumber());
    const boundary = firstBlockOf(schedule, round, quarter) + quarterSize(schedule);
    const block = random.chance(0.35) ? boundary + random.from(0, 4) : 0;
    await until("it is time for a kill", async () => {
      if (signal.aborted) return true;
      return placed() >= enough && (await anvil.blockNumber()) >= block;
    });
    await sleep(random.from(0, LONGEST_PAUSE_MS));
  }

  it(`a killed operator loses nothing and misses nothing (QUARTERDECK_SEED=${seed})`, {
    timeout: 60_000 + CRASHES * MILLISECONDS_A_CRASH,
  }, async () => {
    const checks = new CrashChecks(exchange, traders);
    for (let crash = 1; crash <= CRASHES; crash++) {
      for (const trader of traders) await trader.listen();
      await under(async (signal) => {
        await untilItsTime(signal);
        expect(await operator.kill("SIGKILL"), operator.complaint()).toBeNull();
        await sleep(random.from(0, LONGEST_ABSENCE_MS));
        await launch();
      });
      await checks.run().catch((error: Error) => {
        throw new Error(`after crash ${crash}, seed ${seed}: ${error.message}`, { cause: error });
      });
    }
    await toNextRound();
    await checks.run();
    const { rounds, closed } = await checks.checkDeadlines();
    report({ rounds, closed, ...checks.counts });
  });

  async function toNextRound(): Promise<void> {
    const { anvil, schedule, reader } = exchange;
    const next = momentOf(schedule, await anvil.blockNumber()).round + 1;
    await anvil.mineTo(firstBlockOf(schedule, next) + 2);
    await until("the last round is committed", async () => {
      return (await reader.clock()).committedRound === next;
    });
  }

  /** A history in which nothing happens proves nothing. */
  function report(figures: Readonly<Record<string, number>>): void {
    const sums: Record<string, number> = { ...figures };
    for (const { counts, ledger } of traders) {
      for (const [name, count] of Object.entries({ ...counts, ...ledger.counts })) {
        sums[name] = (sums[name] ?? 0) + count;
      }
    }
    const enough = { placed: 4, cancelled: 1, trades: 5, unreachable: 1 };
    for (const [name, each] of Object.entries(enough)) {
      expect(sums[name], name).toBeGreaterThan(CRASHES * each);
    }
    for (const name of ["rounds", "deposits", "withdrawals", "debited"]) {
      expect(sums[name], `${name}: ${JSON.stringify(sums)}`).toBeGreaterThan(1);
    }
    if (process.env["QUARTERDECK_CRASHES"] !== undefined) console.log(JSON.stringify(sums));
  }
});
