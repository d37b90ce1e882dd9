import { keccak256 } from "viem";
import { describe, expect, it } from "vitest";
import { until } from "../../../test/support/exchange/exchange.ts";
import { startHttpProxy } from "../../../test/support/faults/proxy.ts";
import type { Hex } from "../../base/hex.ts";
import { connect } from "../rpc/rpc.ts";
import {
  anvil,
  events,
  exchange,
  foreignTransaction,
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

describe("a reorganisation", () => {
  it("a reorganisation that drops a transaction frees its nonce: it is mined once", async () => {
    const one = submitter();
    await one.send(mint(5n));
    await anvil.rpc("anvil_reorg", [1, []]);
    expect(await minted()).toBe(0n);
    await one.send(mint(5n));
    expect([await minted(), await nonceOf()]).toEqual([5n, 1]);
  });

  it("a dropped transaction does not hold up the one after it: it is rebroadcast", async () => {
    const one = submitter({ pollsBeforeReplacement: 10_000 });
    await one.send(mint(5n));
    await anvil.setAutomine(false);
    const next = one.send(mint(2n));
    await sentAtLeast(2);
    await anvil.rpc("anvil_reorg", [1, []]);
    await mineWhile(next);
    expect([await minted(), await nonceOf()]).toEqual([7n, 2]);
    expect(events).toContain("rebroadcast");
  });

  it("a dropped transaction that nodes rebroadcast themselves is not done twice", async () => {
    const raws: Hex[] = [];
    const proxy = await startHttpProxy(anvil.url, async ({ method, params }, forward) => {
      if (method === "eth_sendRawTransaction") raws.push(params[0] as Hex);
      return forward();
    });
    const one = submitter({ client: connect([proxy.url]) });
    await one.send(mint(5n));
    await anvil.rpc("anvil_reorg", [1, []]);
    await anvil.setAutomine(false);
    // The node may have it back already.
    await anvil.rpc("eth_sendRawTransaction", [raws[0]]).catch(() => {});
    const again = one.send(mint(5n));
    await sentAtLeast(2);
    await mineWhile(again);
    await anvil.mine(2);
    proxy.stop();
    expect([await minted(), await nonceOf()]).toEqual([5n, 1]);
  });

  it("a dropped transaction is done once, whoever repeats it, with others pending", async () => {
    const one = submitter({ pollsBeforeReplacement: 10_000 });
    await one.send(mint(5n));
    await anvil.setAutomine(false);
    const next = one.send(mint(2n));
    await sentAtLeast(2);
    await anvil.rpc("anvil_reorg", [1, []]);
    // At once: before anybody has offered again what was dropped.
    const again = one.send(mint(5n));
    await mineWhile(Promise.all([next, again]));
    await anvil.mine(2);
    expect([await minted(), await nonceOf()]).toEqual([7n, 2]);
  });

  it("a dropped foreign transaction leaves no gap: nothing is sent under its nonce", async () => {
    const one = submitter({ pollsBeforeReplacement: 10_000 });
    await one.send(mint(8n));
    await foreignTransaction(1, 100n, 90n);
    await anvil.setAutomine(false);
    const all = [1n, 2n, 4n].map((amount) => one.send({ ...mint(amount), deadlineBlock: 10_000 }));
    await sentAtLeast(4);
    await anvil.rpc("anvil_reorg", [1, []]);
    await anvil.rpc("anvil_dropAllTransactions");
    await mineWhile(Promise.all(all));
    expect([await minted(), await nonceOf()]).toEqual([15n, 5]);
  });

  it("a reorganisation that drops the first of two equal calls has both done", async () => {
    const one = submitter({ pollsBeforeReplacement: 10_000 });
    await one.send(mint(5n));
    await anvil.setAutomine(false);
    const second = one.send(mint(5n));
    await sentAtLeast(2);
    await anvil.rpc("anvil_reorg", [1, []]);
    await until("both are offered again", () => rebroadcast() >= 2);
    // A block that has room for the first only.
    await anvil.rpc("evm_setBlockGasLimit", ["0x15f90"]);
    await anvil.mine();
    await anvil.rpc("evm_setBlockGasLimit", ["0x1c9c380"]);
    const third = one.send(mint(100n));
    await mineWhile(Promise.all([second, third]));
    await anvil.mine(2);
    expect([await minted(), await nonceOf()]).toEqual([110n, 3]);
  });

  it("a dropped transaction keeps its nonce: another call goes behind it", async () => {
    const one = submitter();
    await one.send(mint(5n));
    await anvil.setAutomine(false);
    await anvil.rpc("anvil_reorg", [1, []]);
    await mineWhile(one.send(mint(2n)));
    expect([await minted(), await nonceOf()]).toEqual([7n, 2]);
  });

  it("a reorganisation has the mined version rebroadcast, not one that came too late", async () => {
    let offers = 0;
    const proxy = await startHttpProxy(anvil.url, async ({ method, params }, forward) => {
      // The greater one gets lost on its way.
      const isLost = method === "eth_sendRawTransaction" && ++offers === 2;
      return isLost ? { result: keccak256(params[0] as Hex) } : forward();
    });
    const one = submitter({ client: connect([proxy.url]), pollsBeforeReplacement: 10_000 });
    await anvil.setAutomine(false);
    const lesser = one.send({ ...mint(1n), deadlineBlock: 10_000 });
    await sentAtLeast(1);
    const greater = one.send({ ...mint(2n), deadlineBlock: 10_000, priority: 2 });
    await sentAtLeast(2);
    await anvil.mine();
    await lesser;
    await sentAtLeast(3);
    await anvil.rpc("anvil_reorg", [1, []]);
    await until("both are offered again", () => rebroadcast() >= 2);
    await mineWhile(greater);
    await anvil.mine(2);
    proxy.stop();
    expect([await minted(), await nonceOf()]).toEqual([3n, 2]);
  });

  it("a dropped transaction that gives way to a no-op has the next call done once", async () => {
    let noOps = 0;
    const proxy = await startHttpProxy(anvil.url);
    const one = submitter({
      client: connect([proxy.url]),
      pollsBeforeReplacement: 5,
      onEvent: ({ kind }, { data }) => {
        events.push(kind);
        if (kind === "replaced" && data === "0x") noOps += 1;
      },
    });
    // So that the lesser takes no more gas once the greater is undone.
    await one.send(mint(8n));
    await anvil.setAutomine(false);
    const lesser = one.send({ ...mint(1n), deadlineBlock: 10_000 });
    await sentAtLeast(2);
    const greater = one.send({ ...mint(2n), deadlineBlock: 10_000, priority: 2 });
    await until("it gives way", () => events.includes("preempted"));
    await anvil.mine();
    await greater;
    // The lesser gave its nonce to the greater, and gets one of its own now.
    await until("both are sent", async () => (await pendingNonce()) === 3);
    await anvil.rpc("anvil_reorg", [1, []]);
    await until("a no-op is sent", () => noOps > 0);
    const polled = proxy.asked.length;
    await until("polls follow", () => proxy.asked.length > polled + 40);
    await mineWhile(lesser);
    await anvil.mine(2);
    proxy.stop();
    expect([await minted(), await nonceOf()]).toEqual([9n, 3]);
  });

  it("a repeated call is refused, not done twice, where no endpoint shows a receipt", async () => {
    let hides = false;
    let again: Promise<unknown> | undefined;
    let polls = 0;
    const proxy = await startHttpProxy(anvil.url, async ({ method }, forward) => {
      if (hides && method === "eth_getTransactionReceipt") return { result: null };
      const answer = await forward();
      // In the poll after which the nonce counts as used by what nobody knows.
      const isUsed = hides && method === "eth_getTransactionCount" && Number(answer.result) === 2;
      if (isUsed && ++polls === 3) {
        again = expect(one.send(mint(5n))).rejects.toMatchObject({ code: "TransactionLost" });
      }
      return answer;
    });
    const one = submitter({ client: connect([proxy.url]), pollsBeforeReplacement: 10_000 });
    await one.send(mint(5n));
    await anvil.setAutomine(false);
    const other = one.send(mint(2n));
    await sentAtLeast(2);
    await anvil.rpc("anvil_reorg", [1, []]);
    await until("both are broadcast again", () => rebroadcast() >= 2);
    hides = true;
    await anvil.mine();
    await expect(other).rejects.toMatchObject({ code: "TransactionLost" });
    await until("the call is repeated", () => again !== undefined);
    await mineWhile(again as Promise<unknown>);
    await anvil.mine(2);
    proxy.stop();
    expect([await minted(), await nonceOf()]).toEqual([7n, 2]);
  });
});

describe("an endpoint that tells an older nonce", () => {
  it("an endpoint that tells an older nonce has no revert counted again and again", async () => {
    let lags = false;
    const proxy = await startHttpProxy(anvil.url, async ({ method, params }, forward) => {
      const answer = await forward();
      if (!lags || method !== "eth_getTransactionCount" || params[1] !== "latest") return answer;
      return { result: `0x${Math.max(0, Number(answer.result) - 1).toString(16)}` };
    });
    const one = submitter({ client: connect([proxy.url]) });
    await anvil.setAutomine(false);
    const sending = one.send(mint(5n));
    await sentAtLeast(1);
    const [token] = exchange.tokens as [Hex];
    const code = await anvil.rpc("eth_getCode", [token, "latest"]);
    await anvil.rpc("anvil_setCode", [token, "0x60006000fd"]);
    lags = true;
    const before = proxy.asked.length;
    await anvil.mine();
    await anvil.rpc("anvil_setCode", [token, code]);
    await until("it has lagged for some looks", () => proxy.asked.length > before + 60);
    lags = false;
    await mineWhile(sending);
    proxy.stop();
    expect(await minted()).toBe(5n);
  });
});

const pendingNonce = () =>
  anvil.client.getTransactionCount({ address: owner(), blockTag: "pending" });
const rebroadcast = () => events.filter((event) => event === "rebroadcast").length;
