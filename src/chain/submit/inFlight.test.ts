import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { until } from "../../../test/support/exchange/exchange.ts";
import { startHttpProxy } from "../../../test/support/faults/proxy.ts";
import { connect } from "../rpc/rpc.ts";
import { MOST_IN_FLIGHT } from "./nonceLine.ts";
import {
  anvil,
  events,
  faultySigner,
  mineNothing,
  mineWhile,
  mint,
  minted,
  nonceOf,
  owner,
  sentAtLeast,
  submitter,
  useChain,
} from "./submit.testkit.ts";

useChain();

/** Time for a poll of the chain, and some more. */
const LOOK_MS = 50;

describe("pending transactions", () => {
  const amounts = (count: number) => Array.from({ length: count }, (_, i) => 1n << BigInt(i));
  const sum = (all: readonly bigint[]) => all.reduce((total, one) => total + one, 0n);
  const inPool = () => anvil.client.getTransactionCount({ address: owner(), blockTag: "pending" });

  it("pending transactions are several at once, so that one block can take them", async () => {
    await anvil.setAutomine(false);
    const one = submitter();
    const sending = amounts(6).map((amount) => one.send(mint(amount)));
    await until("all are out", async () => (await inPool()) === 6);
    await anvil.mine();
    const mined = await Promise.all(sending);
    expect(new Set(mined.map(({ block }) => block)).size).toBe(1);
    expect([await minted(), await nonceOf()]).toEqual([sum(amounts(6)), 6]);
  });

  it("pending transactions stay below the nodes' limit for an account; others follow", async () => {
    await anvil.setAutomine(false);
    const one = submitter();
    const sending = amounts(MOST_IN_FLIGHT + 4).map((amount) => one.send(mint(amount)));
    await until("as many are out", async () => (await inPool()) === MOST_IN_FLIGHT);
    await anvil.mine();
    const mined = await mineWhile(Promise.all(sending));
    expect(new Set(mined.map(({ block }) => block)).size).toBeGreaterThan(1);
    expect([await minted(), await nonceOf()]).toEqual([sum(amounts(20)), 20]);
  });

  it("a pending transaction pays enough for the most pressing one behind it", async () => {
    await anvil.setAutomine(false);
    const fees = new Map<string, bigint>();
    const one = submitter({
      pollsBeforeReplacement: 10_000,
      onEvent: (event, { what }) => {
        if ("fees" in event) fees.set(what, event.fees.maxPriorityFeePerGas);
      },
    });
    const calm = one.send({ ...mint(1n), deadlineBlock: 10_000 });
    await until("it is out", () => fees.has("mint of 1"));
    const before = fees.get("mint of 1") as bigint;
    const deadlineBlock = (await anvil.blockNumber()) + 6;
    const pressing = one.send({ ...mint(2n), deadlineBlock });
    await until("both are out", () => fees.has("mint of 2"));
    // Two blocks that take neither.
    for (let i = 0; i < 2; i++) await mineNothing();
    await until("the first is dearer", () => (fees.get("mint of 1") as bigint) > before * 2n);
    await mineWhile(Promise.all([calm, pressing]));
    expect([await minted(), await nonceOf()]).toEqual([3n, 2]);
  });

  it("a pending transaction that nobody wants any more holds up none behind it", async () => {
    await anvil.setAutomine(false);
    const one = submitter();
    const deadlineBlock = (await anvil.blockNumber()) + 1;
    const late = one.send({ ...mint(1n), deadlineBlock });
    const missed = expect(late).rejects.toMatchObject({ code: "DeadlineMissed" });
    const next = one.send(mint(2n));
    await until("both are out", async () => (await inPool()) === 2);
    await mineNothing();
    await missed;
    await until("it is filled", () => events.filter((event) => event === "replaced").length > 0);
    await anvil.mine();
    await next;
    // The late one was replaced by nothing, which costs less than to have it refused.
    expect([await minted(), await nonceOf()]).toEqual([2n, 2]);
  });

  it("a pending transaction keeps its nonce when its caller sends it again", async () => {
    await anvil.setAutomine(false);
    const one = submitter();
    const deadlineBlock = (await anvil.blockNumber()) + 1;
    const first = one.send({ ...mint(1n), deadlineBlock });
    const missed = expect(first).rejects.toMatchObject({ code: "DeadlineMissed" });
    await sentAtLeast(1);
    // Too dear for what waits; nobody could estimate on a block without room.
    await anvil.rpc("anvil_setNextBlockBaseFeePerGas", [`0x${(10n ** 13n).toString(16)}`]);
    await anvil.mine();
    await anvil.rpc("anvil_setNextBlockBaseFeePerGas", [`0x${(10n ** 9n).toString(16)}`]);
    await missed;
    const again = [one.send(mint(4n)), one.send(mint(1n))];
    await mineWhile(Promise.all(again));
    expect(await minted()).toBe(5n);
  });

  it("transactions are sent one by one where the key cannot pay for all at once", async () => {
    await anvil.setAutomine(false);
    const one = submitter();
    const fee = 3n * 10n ** 9n;
    await anvil.rpc("anvil_setNextBlockBaseFeePerGas", [`0x${(10n ** 9n).toString(16)}`]);
    await anvil.mine();
    await anvil.rpc("anvil_setBalance", [owner(), `0x${(fee * 130_000n).toString(16)}`]);
    const sending = amounts(4).map((amount) =>
      one.send({ ...mint(amount), deadlineBlock: 10_000 }),
    );
    await mineWhile(Promise.all(sending));
    expect([await minted(), await nonceOf()]).toEqual([15n, 4]);
  });

  it("a rebroadcast does not wait for an endpoint that never answers", async () => {
    await anvil.setAutomine(false);
    let offers = 0;
    const hole = await startHttpProxy(anvil.url, async ({ method }, forward) => {
      if (method !== "eth_sendRawTransaction") return forward();
      offers += 1;
      return undefined;
    });
    const client = connect([anvil.url, hole.url], { timeoutMs: 60_000 });
    const one = submitter({ client, pollsBeforeReplacement: 5 });
    const sending = amounts(4).map((amount) =>
      one.send({ ...mint(amount), deadlineBlock: 10_000 }),
    );
    // Each once, and once more.
    await until("all are offered again", () => offers >= 8);
    await mineWhile(Promise.all(sending));
    hole.stop();
    expect([await minted(), await nonceOf()]).toEqual([sum(amounts(4)), 4]);
  });

  it("a pending transaction is priced for the one that had to give way, too", async () => {
    await anvil.setAutomine(false);
    const tips: bigint[] = [];
    const one = submitter({
      pollsBeforeReplacement: 10_000,
      onEvent: (event) => {
        events.push(event.kind);
        if ("fees" in event) tips.push(event.fees.maxPriorityFeePerGas);
      },
    });
    const deadlineBlock = (await anvil.blockNumber()) + 9;
    const lesser = one.send({ ...mint(1n), deadlineBlock });
    await sentAtLeast(1);
    const greater = one.send({ ...mint(2n), priority: 3, deadlineBlock: deadlineBlock - 1 });
    await until("it gives way", () => events.includes("preempted"));
    const before = tips.at(-1) as bigint;
    for (let blocks = 0; blocks < 4; blocks++) {
      await mineNothing();
      await sleep(LOOK_MS);
    }
    await until("it is raised", () => tips.at(-1) !== before);
    expect(tips.at(-1)).toBeGreaterThan(before);
    await anvil.mine();
    await greater.catch(() => undefined);
    // No block comes by itself: the one that takes it must not come too early.
    await until("the lesser is out again", async () => (await inPool()) === 2);
    await anvil.mine();
    await lesser.catch(() => undefined);
    expect([await minted(), await nonceOf()]).toEqual([3n, 2]);
  });

  it("a pending transaction keeps its nonce from a call that no node took", async () => {
    await anvil.setAutomine(false);
    let refused = 0;
    let refuses = false;
    const proxy = await startHttpProxy(anvil.url, async ({ method }, forward) => {
      if (method !== "eth_sendRawTransaction" || !refuses) return forward();
      refused += 1;
      return 503;
    });
    const one = submitter({
      client: connect([proxy.url], { retries: 0 }),
      pollsBeforeReplacement: 3,
    });
    const all = [1n, 2n].map((amount) => one.send({ ...mint(amount), deadlineBlock: 10_000 }));
    await sentAtLeast(2);
    refuses = true;
    const greater = one.send({ ...mint(4n), priority: 3, deadlineBlock: 9_000 });
    await expect(greater).rejects.toMatchObject({ code: "RpcUnavailable" });
    expect(refused).toBeGreaterThan(0);
    refuses = false;
    await mineWhile(Promise.all([...all, one.send(mint(8n))]));
    proxy.stop();
    expect([await minted(), await nonceOf()]).toEqual([11n, 3]);
  });

  it("a pending transaction stays the call's own while the signer does not answer", async () => {
    await anvil.setAutomine(false);
    let isDown = false;
    const signer = faultySigner(() => isDown);
    const one = submitter({ signer, pollsBeforeReplacement: 3 });
    const sending = one.send({ ...mint(1n), deadlineBlock: 10_000 });
    await sentAtLeast(1);
    isDown = true;
    await until("it cannot be raised", () => events.includes("broadcastFailed"));
    await anvil.mine();
    await sending;
    expect([await minted(), await nonceOf()]).toEqual([1n, 1]);
  });

  it("a nonce that cannot be filled is reported, and filled once it can be", async () => {
    await anvil.setAutomine(false);
    let isDown = false;
    const signer = faultySigner(() => isDown);
    const one = submitter({ signer, pollsBeforeReplacement: 10_000 });
    const unwanted = new AbortController();
    const first = one.send({ ...mint(1n), signal: unwanted.signal });
    const lost = expect(first).rejects.toMatchObject({ code: "TransactionLost" });
    const next = one.send(mint(2n));
    await sentAtLeast(2);
    isDown = true;
    unwanted.abort();
    await lost;
    await until("it is told", () => events.includes("broadcastFailed"));
    isDown = false;
    await sentAtLeast(3);
    await mineWhile(next);
    expect([await minted(), await nonceOf()]).toEqual([2n, 2]);
  });

  it("a call that is withdrawn while it is signed is not sent", async () => {
    await anvil.setAutomine(false);
    const unwanted = new AbortController();
    const signer = faultySigner(() => {
      unwanted.abort();
      return false;
    });
    const one = submitter({ signer });
    const first = one.send({ ...mint(1n), signal: unwanted.signal });
    await expect(first).rejects.toMatchObject({ code: "TransactionLost" });
    expect([events, await inPool()]).toEqual([[], 0]);
    await mineWhile(one.send(mint(2n)));
    expect([await minted(), await nonceOf()]).toEqual([2n, 1]);
  });

  it("a call that is withdrawn once it is mined counts as mined", async () => {
    await anvil.setAutomine(false);
    const unwanted = new AbortController();
    const seen = new Set<unknown>();
    const proxy = await startHttpProxy(anvil.url, async ({ method, params }, forward) => {
      if (method !== "eth_sendRawTransaction") return forward();
      // While the call behind it is rebroadcast: its own receipt is read at the next poll.
      if (seen.has(params[0]) && !unwanted.signal.aborted) {
        await anvil.mine();
        unwanted.abort();
      }
      seen.add(params[0]);
      return forward();
    });
    onTestFinished(() => proxy.stop());
    const one = submitter({ client: connect([proxy.url]), pollsBeforeReplacement: 1 });
    const sending = [one.send({ ...mint(1n), signal: unwanted.signal }), one.send(mint(2n))];
    const mined = await Promise.all(sending);
    expect(mined.map(({ block }) => block > 0)).toEqual([true, true]);
    expect([await minted(), await nonceOf()]).toEqual([3n, 2]);
  });

  it("a call that is withdrawn once it is mined, and sent again at once, is done once", async () => {
    await anvil.setAutomine(false);
    const unwanted = new AbortController();
    const seen = new Set<unknown>();
    let again: Promise<unknown> | undefined;
    const proxy = await startHttpProxy(anvil.url, async ({ method, params }, forward) => {
      if (method !== "eth_sendRawTransaction") return forward();
      if (seen.has(params[0]) && again === undefined) {
        again = Promise.resolve();
        await anvil.mine();
        unwanted.abort();
        again = one.send(mint(1n));
      }
      seen.add(params[0]);
      return forward();
    });
    onTestFinished(() => proxy.stop());
    const one = submitter({ client: connect([proxy.url]), pollsBeforeReplacement: 1 });
    const first = one.send({ ...mint(1n), signal: unwanted.signal });
    const lost = expect(first).rejects.toMatchObject({ code: "TransactionLost" });
    await one.send(mint(2n));
    await mineWhile(again as Promise<unknown>);
    await lost;
    await anvil.mine(2);
    expect([await minted(), await nonceOf()]).toEqual([3n, 2]);
  });

  it("a call that is withdrawn while its fee bump is signed is not bumped", async () => {
    await anvil.setAutomine(false);
    const unwanted = new AbortController();
    let signed = 0;
    const signer = faultySigner(() => {
      signed += 1;
      if (signed === 2) unwanted.abort();
      return false;
    });
    const one = submitter({ signer, pollsBeforeReplacement: 2 });
    const first = one.send({ ...mint(1n), deadlineBlock: 10_000, signal: unwanted.signal });
    await expect(first).rejects.toMatchObject({ code: "TransactionLost" });
    expect([signed, events.includes("replaced")]).toEqual([2, false]);
  });

  it("an attempt that failed counts once", async () => {
    await anvil.setAutomine(false);
    let signed = 0;
    const signer = faultySigner(() => ++signed > 1);
    const one = submitter({ signer, pollsBeforeReplacement: 2, maxReplacements: 8 });
    await expect(one.send(mint(1n))).rejects.toMatchObject({ code: "TransactionLost" });
    expect(events.filter((event) => event === "broadcastFailed")).toHaveLength(8);
  });

  it("a refusal of one endpoint is told while another does not answer", async () => {
    const hole = await startHttpProxy(anvil.url, async ({ method }, forward) =>
      method === "eth_sendRawTransaction" ? undefined : forward(),
    );
    await anvil.setAutomine(false);
    await anvil.rpc("anvil_setBalance", [owner(), "0x1"]);
    const client = connect([anvil.url, hole.url], { timeoutMs: 200 });
    const sending = submitter({ client }).send({ ...mint(1n), deadlineBlock: 10_000 });
    await expect(sending).rejects.toMatchObject({ code: "InsufficientFunds" });
    hole.stop();
  });

  it("an unwanted transaction gets no more fee bumps, and holds up none behind it", async () => {
    await anvil.setAutomine(false);
    const one = submitter({ pollsBeforeReplacement: 10_000 });
    const unwanted = new AbortController();
    const first = one.send({ ...mint(1n), deadlineBlock: 10_000, signal: unwanted.signal });
    const lost = expect(first).rejects.toMatchObject({ code: "TransactionLost" });
    const next = one.send({ ...mint(2n), deadlineBlock: 10_000 });
    await sentAtLeast(2);
    unwanted.abort();
    await lost;
    await sentAtLeast(3);
    await mineWhile(next);
    expect([await minted(), await nonceOf()]).toEqual([2n, 2]);
  });

  it("the submitter keeps a reserve that the fee bumps of pending transactions take", async () => {
    await anvil.setAutomine(false);
    const budget = 10n ** 9n * 300_000n * 12n;
    await anvil.rpc("anvil_setNextBlockBaseFeePerGas", [`0x${(10n ** 9n).toString(16)}`]);
    await anvil.mine();
    await anvil.rpc("anvil_setBalance", [owner(), `0x${budget.toString(16)}`]);
    const one = submitter();
    const sending = amounts(12).map((amount) =>
      one.send({ ...mint(amount), deadlineBlock: 10_000 }),
    );
    await sentAtLeast(2);
    await sleep(10 * LOOK_MS);
    const out = Number(
      await anvil.client.getTransactionCount({ address: owner(), blockTag: "pending" }),
    );
    expect(out).toBeGreaterThan(1);
    expect(out).toBeLessThan(12);
    await mineWhile(Promise.all(sending));
    expect([await minted(), await nonceOf()]).toEqual([sum(amounts(12)), 12]);
  });

  it("a pending transaction is left alone once the submitter is told to stop", async () => {
    await anvil.setAutomine(false);
    const stopping = new AbortController();
    const one = submitter({ signal: stopping.signal, pollsBeforeReplacement: 1 });
    const sending = amounts(6).map((amount) =>
      one.send({ ...mint(amount), deadlineBlock: 10_000 }),
    );
    const lost = Promise.allSettled(sending);
    await sentAtLeast(6);
    stopping.abort();
    const told = events.length;
    for (const one of await lost) expect(one).toMatchObject({ status: "rejected" });
    // One may have been under way.
    expect(events.length).toBeLessThanOrEqual(told + 1);
  });
});
