/**
 * Several operators, on a real chain and a real database: whatever happens to one of them, the
 * exchange goes on, nothing acknowledged is lost or doubled, and every commit is on time.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Hex } from "../src/base/hex.ts";
import { encodeSetMaintenance, encodeSetSlotSize } from "../src/chain/turns.ts";
import { Api, RefusedByOperator } from "../src/client/api.ts";
import type { ExchangeClient } from "../src/client/client.ts";
import type { Round } from "../src/protocol/units.ts";
import { until } from "./support/exchange.ts";
import {
  type Member,
  type OperatorsExchange,
  startOperatorsExchange,
} from "./support/severalOperators.ts";

/** Milliseconds between two orders of one client: the limit of orders a round stays far. */
const PACE_MS = 700;

interface Acknowledged {
  readonly orderHash: Hex;
  readonly round: Round;
  readonly at: number;
}

/** Places orders until it is told to stop; remembers what was acknowledged, and when. */
class Load {
  readonly acknowledged: Acknowledged[] = [];
  readonly refusals: string[] = [];
  readonly client: ExchangeClient;
  #running = true;
  readonly #ended: Promise<void>;

  constructor(client: ExchangeClient, side: "buy" | "sell") {
    this.client = client;
    this.#ended = this.#run(side);
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#ended;
  }

  async #run(side: "buy" | "sell"): Promise<void> {
    for (let i = 0; this.#running; i++) {
      const price = `${2000 + (i % 3)}`;
      const order = { market: "WETH/USDC", side, price, amount: "0.001" };
      try {
        const { orderHash, round } = await this.client.createOrder(order);
        this.acknowledged.push({ orderHash, round, at: performance.now() });
      } catch (error) {
        // A round that ended under way is a clear refusal; anything else is not expected here.
        if (!(error instanceof RefusedByOperator)) throw error;
        this.refusals.push(error.code);
      }
      await sleep(PACE_MS);
    }
  }
}

describe("several operators", () => {
  let exchange: OperatorsExchange;
  let loads: Load[];
  const takeovers: number[] = [];

  beforeAll(async () => {
    exchange = await startOperatorsExchange();
    const [ada, bob] = [await exchange.client(0), await exchange.client(1)];
    loads = [new Load(ada, "sell"), new Load(bob, "buy")];
    await until("both trade", () => loads.every((load) => load.acknowledged.length > 2));
  });
  afterAll(async () => {
    await Promise.allSettled(loads.map((load) => load.stop()));
    await exchange.stop();
    const sorted = [...takeovers].sort((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)];
    console.log(`take-over, ms: ${sorted.map(Math.round).join(" ")}; median ${median?.toFixed(0)}`);
  });

  const alive = () => exchange.members.filter(({ process }) => process !== undefined);

  /** Orders are acknowledged again after `since`. */
  async function goesOn(since: number): Promise<void> {
    await until("orders are taken again", () =>
      loads.every((load) => (load.acknowledged.at(-1)?.at ?? 0) > since),
    );
    const first = loads.map((load) => load.acknowledged.find(({ at }) => at > since)?.at ?? since);
    takeovers.push(Math.min(...first) - since);
  }

  /** All that was acknowledged is there, once, and the same at every operator that lives. */
  async function nothingIsLost(): Promise<void> {
    for (const { client, acknowledged } of loads) {
      const { round: newest } = await client.api.call("fetchClock");
      for (const round of [newest - 1, newest].filter((one) => one >= 0)) {
        const wanted = acknowledged.filter((one) => one.round === round).map((o) => o.orderHash);
        const found = (await client.fetchOrders(round)).map(({ orderHash }) => orderHash);
        expect(new Set(found).size).toBe(found.length);
        expect(found).toEqual(expect.arrayContaining(wanted));
      }
    }
    await allAgree();
    expect(await exchange.reader.clock()).toMatchObject({ halted: false });
  }

  /** What both clients hold adds up to what they deposited, at every operator that lives. */
  async function allAgree(): Promise<void> {
    for (const { url } of alive()) {
      const totals = new Map<string, bigint>();
      for (const { client } of loads) {
        const call = { params: { client: client.address }, session: await client.session() };
        for (const { token, total } of await new Api(url).call("fetchBalances", call)) {
          totals.set(token, (totals.get(token) ?? 0n) + total);
        }
      }
      expect([...totals.values()].sort()).toEqual([200n * 10n ** 18n, 200_000n * 10n ** 6n].sort());
    }
  }

  /** Another round is committed in time. */
  async function commitsGoOn(): Promise<void> {
    const { committedRound } = await exchange.reader.clock();
    // A round takes 40 seconds.
    await until("another round is committed", async () => {
      const now = await exchange.reader.clock();
      expect(now.halted).toBe(false);
      return now.committedRound > committedRound;
    });
  }

  async function restart(member: Member): Promise<void> {
    await member.start();
    await until("it follows again", async () => {
      const clocks = await Promise.all(
        alive().map(({ url }) => new Api(url).call("fetchClock").catch(() => undefined)),
      );
      return clocks.every((clock) => clock !== undefined);
    });
  }

  it("go on when the one that takes orders is killed", async () => {
    const leader = await exchange.leader();
    await leader.kill();
    await goesOn(performance.now());
    expect((await exchange.leader()).name).not.toBe(leader.name);
    await nothingIsLost();
    await restart(leader);
  });

  it("let one that slept through its lease do nothing when it wakes", async () => {
    const leader = await exchange.leader();
    const pid = leader.process?.pid as number;
    process.kill(pid, "SIGSTOP");
    await goesOn(performance.now());
    process.kill(pid, "SIGCONT");
    await until("it follows the other", async () => (await exchange.leader()).name !== leader.name);
    await nothingIsLost();
    // What it answers now it was told by the journal.
    const asked = await fetch(`${leader.url}/health/live`);
    expect(asked.ok).toBe(true);
  });

  it("wait for the database, and lose nothing of what was acknowledged", async () => {
    await exchange.postgres.stop();
    await sleep(1500);
    await exchange.postgres.restart();
    await goesOn(performance.now());
    await nothingIsLost();
    expect(alive()).toHaveLength(3);
  });

  it("commit in time when all but one die just before", async () => {
    const [survivor, ...others] = exchange.members as [Member, ...Member[]];
    const { roundSize, genesisBlock } = exchange.schedule;
    await until("a round is about to end", async () => {
      const into = ((await exchange.anvil.blockNumber()) - genesisBlock) % roundSize;
      return into > roundSize - 8;
    });
    await Promise.all(others.map((member) => member.kill()));
    await goesOn(performance.now());
    await commitsGoOn();
    await nothingIsLost();
    await Promise.all(others.map((member) => member.start()));
    expect((await exchange.leader()).name).toBe(survivor.name);
  });

  it("go on through maintenance and another slot size", async () => {
    await exchange.asOwner("maintenance", encodeSetMaintenance(true));
    await exchange.asOwner("slot size", encodeSetSlotSize(20));
    // Nobody has the slot: the rescue window is all there is.
    await commitsGoOn();
    await exchange.asOwner("end of maintenance", encodeSetMaintenance(false));
    await nothingIsLost();
    expect((await exchange.turns.turns()).slotSize).toBe(20);
  });
});
