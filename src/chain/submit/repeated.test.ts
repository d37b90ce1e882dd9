/** A call that is sent again without a key, while what was sent for it before is being mined. */
import { afterEach, describe, expect, it } from "vitest";
import { type HttpProxy, startHttpProxy } from "../../../test/support/faults/proxy.ts";
import { connect } from "../rpc/rpc.ts";
import {
  anvil,
  mineWhile,
  mint,
  minted,
  nonceOf,
  sentAtLeast,
  submitter,
  useChain,
} from "./submit.testkit.ts";
import type { Submitter } from "./submitter.ts";

useChain();

describe("a call that is sent again while its transaction is mined", () => {
  let proxy: HttpProxy;
  afterEach(() => proxy.stop());

  /** A submitter with a transaction in the pool that nobody waits for any more. */
  async function withAbandoned(amount: bigint): Promise<Submitter> {
    await anvil.setAutomine(false);
    proxy = await startHttpProxy(anvil.url);
    const one = submitter({ client: connect([proxy.url], { retries: 0 }) });
    const abandoned = new AbortController();
    const first = one.send({ ...mint(amount), signal: abandoned.signal });
    const lost = expect(first).rejects.toMatchObject({ code: "TransactionLost" });
    await sentAtLeast(1);
    abandoned.abort();
    await lost;
    return one;
  }

  /** The block comes before the submitter asks for its nonce; receipts are hidden on demand. */
  function mineOnNextNonce({ hidesReceipts }: { readonly hidesReceipts: boolean }): void {
    let isMined = false;
    proxy.meddle = async ({ method }, forward) => {
      if (method === "eth_getTransactionReceipt" && hidesReceipts) return { result: null };
      if (method === "eth_getTransactionCount" && !isMined) {
        isMined = true;
        await anvil.mine();
      }
      return forward();
    };
  }

  it("a repeated call is done once, and answered with what was mined", async () => {
    const one = await withAbandoned(1n);
    mineOnNextNonce({ hidesReceipts: false });
    const again = await mineWhile(one.send(mint(1n)));
    expect(again.gasUsed).toBeGreaterThan(0n);
    expect([await minted(), await nonceOf()]).toEqual([1n, 1]);
  });

  it("a repeated call is done once where another call is sent before it", async () => {
    const one = await withAbandoned(1n);
    mineOnNextNonce({ hidesReceipts: false });
    const urgent = one.send({ ...mint(2n), deadlineBlock: 10_000 });
    await mineWhile(Promise.all([urgent, one.send(mint(1n))]));
    expect([await minted(), await nonceOf()]).toEqual([3n, 2]);
  });

  it("a repeated call is refused, not done twice, where no endpoint has the receipt", async () => {
    const one = await withAbandoned(1n);
    mineOnNextNonce({ hidesReceipts: true });
    const again = mineWhile(one.send(mint(1n)));
    await expect(again).rejects.toMatchObject({ code: "TransactionLost" });
    expect([await minted(), await nonceOf()]).toEqual([1n, 1]);
  });
});
