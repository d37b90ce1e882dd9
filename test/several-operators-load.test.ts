/**
 * Three operators on one journal under load from clients that also cancel, deposit, withdraw and
 * dispute. After each drill what they were told, the operators' views and the chain's events must
 * agree to the last unit, every round is audited, and every commit was on time.
 *
 * A tenth of `QUARTERDECK_CRASHES` is how often a leader is killed; `QUARTERDECK_SEED` repeats a
 * run's choices.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeSetMaintenance, encodeSetSlotSize } from "../src/chain/turns.ts";
import { DEFAULT_LEASE_MS } from "../src/journal/postgres/journal.ts";
import { firstBlockOf, momentOf } from "../src/protocol/rounds.ts";
import { Blocks } from "./support/blocks.ts";
import { CrashChecks } from "./support/crashChecks.ts";
import { until } from "./support/exchange.ts";
import { LoadTrader } from "./support/loadTrader.ts";
import { chooseSeed, Random } from "./support/random.ts";
import {
  type Member,
  type OperatorsExchange,
  startOperatorsExchange,
} from "./support/severalOperators.ts";

const KILLS = Math.ceil(Number(process.env["QUARTERDECK_CRASHES"] ?? 30) / 10);
const CLIENTS = 4;
const SLOT_BLOCKS = 120;
const PACE_MS = 60;
const BLOCKS_BETWEEN_CHECKS = 150;
const LEASE_MS = DEFAULT_LEASE_MS;
const seed = chooseSeed();

/** Part of `npm run test:deep`: `several-operators.test.ts` is what every run plays. */
const isDeep = process.env["QUARTERDECK_CRASHES"] !== undefined;

describe.runIf(isDeep)(`three operators (QUARTERDECK_SEED=${seed})`, { timeout: 180_000 }, () => {
  let exchange: OperatorsExchange;
  let traders: LoadTrader[];
  let blocks: Blocks;
  let checks: CrashChecks;
  /** Milliseconds from the silence of the leader to the first new acknowledgement. */
  const takeOvers: Record<"killed" | "stopped", number[]> = { killed: [], stopped: [] };

  beforeAll(async () => {
    exchange = await startOperatorsExchange({ blockSeconds: 0, slotBlocks: SLOT_BLOCKS });
    const clients = [];
    for (let i = 0; i < CLIENTS; i++) clients.push(await exchange.client(i));
    const addresses = clients.map(({ address }) => address);
    blocks = new Blocks(exchange, addresses, BLOCKS_BETWEEN_CHECKS, PACE_MS);
    traders = clients.map(
      (client, i) => new LoadTrader(client, i, new Random(seed + i + 1), blocks),
    );
    checks = new CrashChecks(exchange, traders);
    await until("the first round is committed", async () => {
      await exchange.anvil.mine();
      return (await exchange.reader.clock()).committedRound === 1;
    });
  }, 120_000);
  afterAll(async () => {
    for (const trader of traders ?? []) trader.close();
    await exchange?.stop();
    for (const [how, each] of Object.entries(takeOvers)) report(how, each);
  });

  const placed = () => traders.reduce((sum, { ledger }) => sum + ledger.counts.placed, 0);

  /** Time passes and everybody trades until `drill` is over; then everything is checked. */
  async function under(drill: () => Promise<void>): Promise<void> {
    const leader = await exchange.leader();
    for (const { client } of traders) client.api.prefer(leader.url);
    for (const trader of traders) await trader.listen();
    const stop = new AbortController();
    await blocks.allow();
    const work = [blocks, ...traders].map((one) => one.run(stop.signal));
    try {
      await orders(10);
      await Promise.race([drill(), Promise.all(work)]);
      await orders(10);
    } finally {
      stop.abort();
      await Promise.all(work);
    }
    await check();
  }

  async function check(): Promise<void> {
    const leader = await exchange.leader();
    for (const { client } of traders) client.api.prefer(leader.url);
    await checks.run();
    await toCommit();
    await checks.checkDeadlines();
    for (const { process } of exchange.members) expect(process?.complaint()).toBe("");
  }

  /** Waits for `count` new acknowledgements. */
  async function orders(count: number): Promise<void> {
    const enough = placed() + count;
    await until(`${count} orders are acknowledged`, () => placed() >= enough);
  }

  /** The commit of this round is there; it may be due still. */
  async function toCommit(): Promise<void> {
    await until("this round is committed", async () => {
      const { round, committedRound } = await exchange.reader.clock();
      if (committedRound < round) await exchange.anvil.mine();
      return committedRound === round;
    });
  }

  /** Lets time pass while nobody trades, no faster than slots can be claimed. */
  async function nearTo(block: number): Promise<void> {
    while ((await exchange.anvil.blockNumber()) < block) {
      await exchange.anvil.mine();
      await sleep(PACE_MS / 2);
    }
  }

  /** Waits until another leads and has acknowledged something, since `began`. */
  async function untilTakenOver(
    how: keyof typeof takeOvers,
    began: number,
    before: number,
  ): Promise<Member> {
    await until("another leads", async () => {
      const { epoch, holder } = await exchange.lease();
      return epoch > before && holder !== undefined;
    });
    const known = placed();
    await until("it acknowledges", () => placed() > known);
    takeOvers[how].push(performance.now() - began);
    return exchange.leader();
  }

  it.each(Array.from({ length: KILLS }, (_, i) => i + 1))(
    "go on when the leader is killed (%i)",
    async () => {
      let killed: Member | undefined;
      await under(async () => {
        killed = await exchange.leader();
        const { epoch } = await exchange.lease();
        const began = performance.now();
        await killed.kill();
        const next = await untilTakenOver("killed", began, epoch);
        expect(next.address).not.toBe(killed.address);
        await killed.start();
      });
    },
  );

  it("take nothing more from a leader that slept longer than its lease", async () => {
    await under(async () => {
      const slept = await exchange.leader();
      const before = await exchange.lease();
      const began = performance.now();
      slept.process?.kill("SIGSTOP");
      // Whatever of it was under way in the database comes to its end there.
      await sleep(LEASE_MS / 2);
      const { sequence } = await exchange.lease();
      await untilTakenOver("stopped", began, before.epoch);
      slept.process?.kill("SIGCONT");
      await orders(20);
      expect(await exchange.recordsOf(before.epoch, sequence)).toBe(0);
    });
  });

  it("go on when the database was away", async () => {
    await under(async () => {
      await exchange.postgres.stop();
      await sleep(LEASE_MS);
      await exchange.postgres.restart();
      await orders(20);
    });
  });

  it.each(["database", "chain", "clients"] as const)(
    "go on when the leader is cut off from the %s",
    async (line) => {
      await under(async () => {
        const lonely = await exchange.leader();
        const { epoch } = await exchange.lease();
        lonely.cut(line);
        await until("another leads", async () => {
          const lease = await exchange.lease();
          return (
            lease.epoch > epoch && lease.holder !== undefined && lease.holder !== lonely.address
          );
        });
        await orders(20);
        lonely.mend(line);
      });
    },
  );

  it("commit on time when all but one are killed just before", async () => {
    const { anvil, schedule, reader } = exchange;
    const { round } = momentOf(schedule, await anvil.blockNumber());
    const boundary = firstBlockOf(schedule, round + 1);
    // The load begins late in the round: from one check to the next no round passes unseen.
    await nearTo(boundary - 40);
    await under(async () => {
      await until("the round is nearly over", async () => {
        return (await anvil.blockNumber()) >= boundary - 5;
      });
      const { operator } = await exchange.turns.turns();
      const survivor = exchange.members.find(({ address }) => address !== operator) as Member;
      const dead = exchange.members.filter((one) => one !== survivor);
      await Promise.all(dead.map((one) => one.kill()));
      await until("it is committed", async () => {
        return (await reader.clock()).committedRound > round;
      });
      await Promise.all(dead.map((one) => one.start()));
    });
  });

  it("go on when slots change their size in maintenance", async () => {
    await under(async () => {
      await exchange.asOwner("maintenance", encodeSetMaintenance(true));
      await exchange.asOwner("slot size", encodeSetSlotSize(SLOT_BLOCKS / 2));
      await exchange.asOwner("maintenance", encodeSetMaintenance(false));
      await orders(20);
    });
  });
});

function report(how: string, takeOvers: readonly number[]): void {
  if (takeOvers.length === 0) return;
  const sorted = takeOvers.map((one) => Math.round(one)).sort((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  const all = sorted.join(", ");
  console.log(`leader ${how}, first new acknowledgement after ${all} ms; median ${median} ms`);
}
