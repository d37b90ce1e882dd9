import { describe, expect, it } from "vitest";
import { startHttpProxy } from "../../../test/support/proxy.ts";
import type { Hex } from "../../base/hex.ts";
import { connect } from "../rpc.ts";
import {
  anvil,
  events,
  mineWhile,
  mint,
  minted,
  nonceOf,
  sentAtLeast,
  stranger,
  submitter,
  useChain,
} from "./sending.fixture.ts";

useChain();

describe("a reorganisation", () => {
  it("that drops a transaction leaves its nonce free: sent again, it is mined once", async () => {
    const one = submitter();
    await one.send(mint(5n));
    await anvil.rpc("anvil_reorg", [1, []]);
    expect(await minted()).toBe(0n);
    await one.send(mint(5n));
    expect([await minted(), await nonceOf()]).toEqual([5n, 1]);
  });

  it("that drops a transaction does not hold up the one after it: it is offered again", async () => {
    const one = submitter({ looksBeforeReplacing: 10_000 });
    await one.send(mint(5n));
    await anvil.setAutomine(false);
    const next = one.send(mint(2n));
    await sentAtLeast(2);
    await anvil.rpc("anvil_reorg", [1, []]);
    await mineWhile(next);
    expect([await minted(), await nonceOf()]).toEqual([7n, 2]);
    expect(events).toContain("offeredAgain");
  });

  it("after which nodes offer it themselves does not have it done twice", async () => {
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

  it("that drops a transaction has it done once, whoever sends it again, with others in flight", async () => {
    const one = submitter({ looksBeforeReplacing: 10_000 });
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

  it("that drops what others sent leaves no gap: nothing is sent under its nonce", async () => {
    const one = submitter({ looksBeforeReplacing: 10_000 });
    await one.send(mint(8n));
    await stranger(1, 100n, 90n);
    await anvil.setAutomine(false);
    const all = [1n, 2n, 4n].map((amount) => one.send({ ...mint(amount), deadlineBlock: 10_000 }));
    await sentAtLeast(4);
    await anvil.rpc("anvil_reorg", [1, []]);
    await anvil.rpc("anvil_dropAllTransactions");
    await mineWhile(Promise.all(all));
    expect([await minted(), await nonceOf()]).toEqual([15n, 5]);
  });
});
