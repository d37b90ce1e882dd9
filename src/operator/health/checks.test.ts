import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Log } from "../../base/log.ts";
import { chainCheck, type SeenBlock } from "../checks/chain.ts";
import { diskCheck } from "../checks/disk.ts";
import { eventLoopCheck } from "../checks/eventLoop.ts";
import { journalCheck } from "../checks/journal.ts";
import { balanceLevels, keyBalanceCheck } from "../checks/keyBalance.ts";
import { memoryCheck, memoryLimit } from "../checks/memory.ts";
import { registrationCheck } from "../checks/registration.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { type Check, FAILS_AT_ONCE, type Reading } from "./check.ts";
import { type Change, Checks } from "./checks.ts";
import { Decline, daysLeft, Spending } from "./forecast.ts";
import { guardsSchema } from "./healthConfig.ts";
import { FIRST_STATE, nextState } from "./level.ts";

const ETHER = 10n ** 18n;
const DAY = 86_400_000;
const HOUR = DAY / 24;
const guards = guardsSchema.parse(undefined);
const ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3" as never;

async function probe(check: Check): Promise<Map<string, Reading>> {
  const readings = await check.probe();
  return new Map(readings.map((reading) => [reading.check, reading]));
}

function watching(check: Check) {
  const changes: Change[] = [];
  const said: string[] = [];
  const say = (event: string) => {
    said.push(event);
  };
  const log: Log = { info: say, warn: say, error: say, flush: async () => {} };
  const metrics = new Metrics();
  const onChange = (change: Change) => {
    changes.push(change);
  };
  const runner = new Checks({ checks: [check], everyMs: 1000, log, metrics, onChange });
  return { runner, changes, said, metrics };
}

/** The words of endpoints, the first of which is http://a. */
function said<T>(...answers: readonly T[]) {
  return answers.map((answer, i) => ({ origin: `http://${"abc"[i]}`, answer }));
}

describe("the key's balance", () => {
  const at = (balance: () => Promise<bigint>, spending = new Spending(0), now = 0) =>
    keyBalanceCheck({
      address: ADDRESS,
      readBalances: async () => said(await balance()),
      minBalance: 10n * ETHER,
      leftDays: guards.keyLeftDays,
      spending,
      metrics: new Metrics(),
      now: () => now,
    });

  it("the balance warns below 10 ETH, fails below a tenth, and is ok again above 11", () => {
    const levels = balanceLevels(10n * ETHER);
    let state = FIRST_STATE;
    const seen = [10n * ETHER, 10n * ETHER - 1n, 11n * ETHER - 1n, 11n * ETHER, 11n * ETHER];
    const healths = seen.map((balance) => {
      state = nextState(levels, state, balance);
      return state.health;
    });
    expect(healths).toEqual(["ok", "warn", "warn", "warn", "ok"]);
    expect(nextState(levels, FIRST_STATE, ETHER - 1n).health).toBe("failed");
  });

  it("the balance foretells its end from what its transactions cost", async () => {
    const spending = new Spending(0);
    for (let day = 1; day <= 4; day++) spending.add(day * DAY, ETHER);
    const readings = await probe(at(async () => 20n * ETHER, spending, 4 * DAY));
    expect(readings.get("keyForecast")).toMatchObject({ value: 20 });
    expect(readings.get("keyForecast")?.detail).toBe("20 days at 1 ETH a day");
    expect(readings.get("keyBalance")?.detail).toContain("20 ETH, warns below 10 ETH");
  });

  it("balances that endpoints disagree about warn, and who says what is told", async () => {
    const check = keyBalanceCheck({
      address: ADDRESS,
      readBalances: async () => said(20n * ETHER, 0n),
      minBalance: 10n * ETHER,
      leftDays: guards.keyLeftDays,
      spending: new Spending(0),
      metrics: new Metrics(),
      now: () => 0,
    });
    const reading = (await probe(check)).get("keyBalance");
    expect(reading).toMatchObject({ value: 10n * ETHER - 1n });
    expect(reading?.detail).toBe("20 ETH by http://a, 0 ETH by http://b, warns below 10 ETH");
    expect(reading?.hint).toMatch(/before you act.*If the balance is low indeed: Send ether/);
  });

  it("a balance that cannot be read is named as such", async () => {
    const readings = await probe(at(() => Promise.reject(new Error("refused\nmore"))));
    expect(readings.get("keyBalance")).toMatchObject({
      value: undefined,
      detail: "cannot be read: refused",
    });
  });

  it("a payment soon after the start counts as that of a day, and is forgotten in a week", () => {
    const spending = new Spending(0);
    spending.add(60_000, ETHER);
    expect(spending.perDay(60_000)).toBe(ETHER);
    expect(spending.perDay(4 * DAY)).toBe(ETHER / 4n);
    expect(spending.perDay(8 * DAY)).toBe(0n);
    expect(daysLeft(ETHER, 0n)).toBe(Number.POSITIVE_INFINITY);
  });

  it("the forecast never foretells a pace above what was paid", () => {
    const pay = fc.tuple(fc.integer({ min: 0, max: 10 * DAY }), fc.bigInt({ min: 0n, max: ETHER }));
    fc.assert(
      fc.property(fc.array(pay, { maxLength: 30 }), (paid) => {
        const spending = new Spending(0);
        const ordered = paid.sort(([a], [b]) => a - b);
        for (const [now, wei] of ordered) spending.add(now, wei);
        const sum = ordered.reduce((total, [, wei]) => total + wei, 0n);
        expect(spending.perDay(ordered.at(-1)?.[0] ?? 0)).toBeLessThanOrEqual(sum);
      }),
    );
  });
});

describe("the forecast of a decline", () => {
  it("the forecast says nothing before an hour, then goes by what was used", () => {
    const decline = new Decline();
    expect(decline.daysLeft(0, 2400)).toBe(Number.POSITIVE_INFINITY);
    expect(decline.daysLeft(HOUR / 2, 2000)).toBe(Number.POSITIVE_INFINITY);
    expect(decline.daysLeft(HOUR, 2300)).toBeCloseTo(2300 / 2400);
    expect(decline.daysLeft(2 * HOUR, 2500)).toBe(Number.POSITIVE_INFINITY);
  });

  it("the forecast forgets what is older than a day", () => {
    const decline = new Decline();
    for (let hour = 0; hour <= 48; hour++) {
      // A burst at first, then nothing more.
      decline.daysLeft(hour * HOUR, hour < 2 ? 1000 - hour * 400 : 200);
    }
    expect(decline.daysLeft(49 * HOUR, 200)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("the machine's checks", () => {
  it("the machine's checks read memory against a container's limit if there is one", async () => {
    const metrics = new Metrics();
    const readings = await probe(memoryCheck({ ...guards, metrics }));
    for (const check of ["memory", "heap"]) {
      const { value } = readings.get(check) as Reading;
      expect(value).toBeGreaterThan(0);
      expect(value).toBeLessThan(1);
    }
    expect(memoryLimit(500, 1000)).toBe(500);
    expect(memoryLimit(0, 1000)).toBe(1000);
    expect(memoryLimit(2 ** 63, 1000)).toBe(1000);
  });

  it("the machine's checks read the room on a real disk, and name a missing folder", async () => {
    const at = (path: string) =>
      diskCheck({ ...guards, folder: "logs", path, metrics: new Metrics(), now: () => 0 });
    const readings = await probe(at("."));
    expect(readings.get("disk.logs")?.value).toBeGreaterThan(0);
    expect(readings.get("inodes.logs")?.value).toBeGreaterThan(0);
    const none = await probe(at("no/such/folder"));
    expect([...none.values()].map(({ value }) => value)).toEqual([undefined, undefined, undefined]);
    expect(none.get("disk.logs")?.detail).toMatch(/cannot be read: ENOENT/);
  });

  it("the machine's checks notice that the event loop stood still", async () => {
    const check = eventLoopCheck({ ...guards, metrics: new Metrics() });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const end = performance.now() + 300;
    while (performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const readings = await probe(check);
    expect(readings.get("eventLoop")?.value).toBeGreaterThan(0.2);
    check.stop?.();
  });

  it("the machine's checks read the journal's writer", async () => {
    const writer = { waiting: 3, longestFlushMs: 250, sinceFlushMs: undefined };
    const check = journalCheck({
      ...guards,
      lagBlocks: () => 4,
      writer: () => writer,
      metrics: new Metrics(),
    });
    const readings = await probe(check);
    expect(readings.get("journalLag")?.value).toBe(4);
    expect(readings.get("journalWaiting")?.value).toBe(3);
    expect(readings.get("journalFlush")?.value).toBe(0.25);
  });
});

describe("the chain's check", () => {
  let ms: number;
  const T0 = 1_700_000_000;
  const chain = (heads: (() => Promise<SeenBlock>)[], metrics = new Metrics()) => {
    ms = 0;
    return chainCheck({
      ...guards,
      endpoints: heads.map((readHead, i) => ({ label: `${i} host`, readHead })),
      metrics,
      now: () => ms,
      wallClock: () => T0 * 1000 + ms,
    });
  };

  it("the chain's check compares our head with the best endpoint, and names the dead", async () => {
    const metrics = new Metrics();
    const best = async () => ({ number: 105, timestamp: T0 });
    const check = chain([best, () => Promise.reject(new Error("down"))], metrics);
    check.heard({ number: 100, timestamp: T0 });
    const readings = await probe(check);
    expect(readings.get("rpcLag")?.value).toBe(5);
    expect(readings.get("rpcEndpoints")).toMatchObject({ value: 1 });
    expect(readings.get("rpcEndpoints")?.detail).toBe("1 of 2 down: 1 host");
    const text = await metrics.text();
    expect(text).toContain('quarterdeck_rpc_endpoint_up{endpoint="1 host"} 0');
    expect(text).toContain('quarterdeck_rpc_endpoint_lag_blocks{endpoint="0 host"} 0');
  });

  it("the chain's check notices that the chain stands still, and that it goes on", async () => {
    const check = chain([]);
    check.heard({ number: 1, timestamp: T0 });
    ms = 130_000;
    check.heard({ number: 1, timestamp: T0 });
    expect((await probe(check)).get("chainSilence")?.value).toBe(130);
    check.heard({ number: 2, timestamp: T0 + 130 });
    expect((await probe(check)).get("chainSilence")?.value).toBe(0);
  });

  it("the chain's check compares clocks both ways, and not by the first block", async () => {
    const check = chain([]);
    check.heard({ number: 1, timestamp: T0 - 9999 });
    expect((await probe(check)).get("clockSkew")?.value).toBe(0);
    check.heard({ number: 2, timestamp: T0 + 40 });
    const ahead = (await probe(check)).get("clockSkew");
    expect(ahead).toMatchObject({
      value: 40,
      detail: "the chain's clock is 40.0 s ahead of ours",
    });
    check.heard({ number: 3, timestamp: T0 - 50 });
    check.heard({ number: 4, timestamp: T0 - 35 });
    const behind = (await probe(check)).get("clockSkew");
    expect(behind).toMatchObject({ value: 35, detail: "new blocks are 35.0 s old" });
  });
});

describe("the registration's check", () => {
  it("the registration's check fails at once when the manager does not know us", async () => {
    let registered = true;
    const check = registrationCheck({
      address: ADDRESS,
      manager: ADDRESS,
      readRegistered: async () => said(registered),
      metrics: new Metrics(),
    });
    const { runner, changes } = watching(check);
    await runner.probe(check);
    expect(changes).toEqual([]);
    registered = false;
    await runner.probe(check);
    expect(changes).toMatchObject([{ name: "registered", before: "ok", state: "failed" }]);
    expect(runner.checks()[0]?.detail).toMatch(/is not registered.*Ask the owner/);
  });
});

describe("endpoints that contradict each other about the registration", () => {
  it("the endpoint that denies the registration is named, and nobody is sent to the owner", async () => {
    const check = registrationCheck({
      address: ADDRESS,
      manager: ADDRESS,
      readRegistered: async () => said(true, false),
      metrics: new Metrics(),
    });
    const { runner, changes } = watching(check);
    await runner.probe(check);
    expect(changes).toMatchObject([{ name: "registered", state: "warn" }]);
    const reading = (await probe(check)).get("registered");
    expect(reading?.detail).toMatch(/by http:\/\/b; other endpoints say that it is$/);
    expect(reading?.hint).toMatch(/before you act/);
    expect(reading?.hint).not.toMatch(/Ask the owner/);
  });
});

describe("the checks' runner", () => {
  it("the runner reports each change once, and exports each state", async () => {
    let value = 0;
    const levels = guards.rpcDownEndpoints;
    const reading = () => ({ check: "x", levels, value, detail: "d", hint: "Correct it." });
    const check = { name: "g", probe: () => [reading()] };
    const { runner, changes, said, metrics } = watching(check);
    for (value of [1, 1, 1, 1, 0, 0, 0, 0, 0]) await runner.probe(check);
    expect(changes.map(({ state }) => state)).toEqual(["warn", "ok"]);
    expect(said).toEqual(["unhealthy", "healthy"]);
    expect(await metrics.text()).toContain('quarterdeck_check_state{check="x"} 0');
  });

  it("the runner's words end with one full stop, also where a reading brought its own", async () => {
    for (const detail of ["The database is away", "The database is away."]) {
      let value = 0;
      const reading = () => ({ check: "x", levels: FAILS_AT_ONCE, value, detail, hint: "Look." });
      const check = { name: "g", probe: () => [reading()] };
      const { runner } = watching(check);
      const words: unknown[] = [];
      for (value of [0, 1]) {
        await runner.probe(check);
        words.push(runner.checks()[0]?.detail);
      }
      expect(words).toEqual(["The database is away.", "The database is away. Look."]);
    }
  });

  it("the runner reports a health check that throws, and goes on", async () => {
    const check: Check = {
      name: "broken",
      probe: () => {
        throw new Error("oops");
      },
    };
    const { runner, changes } = watching(check);
    for (let i = 0; i < 3; i++) await runner.probe(check);
    expect(changes).toMatchObject([{ name: "broken", state: "warn", detail: "cannot look: oops" }]);
  });

  it("the runner lets a slow health check delay no other", async () => {
    const slow: Check = { name: "slow", probe: () => new Promise(() => {}) };
    let looks = 0;
    const quick: Check = {
      name: "quick",
      probe: () => {
        looks += 1;
        return [];
      },
    };
    const log: Log = { info() {}, warn() {}, error() {}, flush: async () => {} };
    const all = [slow, quick];
    const options = { checks: all, everyMs: 1, log, metrics: new Metrics(), onChange() {} };
    const runner = new Checks(options);
    runner.start();
    while (looks < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    runner.stop();
    expect(looks).toBeGreaterThanOrEqual(3);
  });
});

describe("the configuration of health checks", () => {
  it("the configuration of health checks has defaults, and takes single bounds", () => {
    const found = guardsSchema.parse({ chainSilenceSeconds: { warn: 300 } });
    expect(found.chainSilenceSeconds.warn).toEqual({ raise: 300, clear: 60 });
    expect(found.chainSilenceSeconds.failed).toEqual({ raise: 600, clear: 300 });
    expect(guardsSchema.parse({ chainSilenceSeconds: { failed: null } })).toMatchObject({
      chainSilenceSeconds: { failed: undefined },
    });
  });

  it.each([
    [{ chainSilenceSeconds: { warn: 10 } }, /Expected at most warn, 10/],
    [{ chainSilenceSeconds: { failed: 100, failedClear: 90 } }, /beyond warn, 120/],
    [{ diskFreeBytes: { warnClear: 1 } }, /Expected at least warn/],
    [{ diskFreeBytes: { colour: 1 } }, /colour/],
    [{ rpcLagBlocks: { raiseAfter: 0 } }, />=1/],
  ])("bounds that would flap or never be reached are refused: %#", (given, message) => {
    const outcome = guardsSchema.safeParse(given);
    expect(outcome.error?.issues[0]?.message).toMatch(message);
  });
});
