/** An endpoint that says what is not so of an account and its transactions, beside a true one. */
import { afterEach, describe, expect, it } from "vitest";
import { type HttpProxy, type Meddle, startHttpProxy } from "../../../test/support/faults/proxy.ts";
import type { Hex } from "../../base/hex.ts";
import { connect } from "../rpc/rpc.ts";
import { anvil, mineWhile, mint, minted, nonceOf, submitter, useChain } from "./submit.testkit.ts";
import type { Call, Mined, Submitter, SubmitterOptions } from "./submitter.ts";

useChain();

let proxies: HttpProxy[] = [];
afterEach(() => {
  for (const proxy of proxies) proxy.stop();
  proxies = [];
});

/** A submitter whose first endpoint meddles, and whose second one is true. */
async function beside(meddle: Meddle, changes: Partial<SubmitterOptions> = {}) {
  const proxy = await startHttpProxy(anvil.url, meddle);
  proxies.push(proxy);
  const client = connect([proxy.url, anvil.url], { retries: 0 });
  return { proxy, client, one: submitter({ client, ...changes }) };
}

/** Sends as a duty is: again while the chain does not show it as done, at most five times. */
async function persist(one: Submitter, call: Call, isDone: () => Promise<boolean>) {
  const ends: string[] = [];
  for (let i = 0; i < 5 && !(await isDone()); i++) {
    const end = await one.send(call).then(
      ({ transactionHash }: Mined) => (transactionHash.length > 0 ? "mined" : "nothing"),
      (error: Error) => error.name,
    );
    ends.push(end);
  }
  return ends;
}

const quantity = (value: number | bigint): Hex => `0x${value.toString(16)}`;
const isMinted = async () => (await minted()) === 5n;

function receiptOf(hash: unknown, block: number, status: Hex) {
  const word = `0x${"5e".repeat(32)}`;
  return {
    result: {
      transactionHash: hash,
      blockHash: word,
      blockNumber: quantity(block),
      status,
      logs: [],
      gasUsed: "0x5208",
      effectiveGasPrice: "0x1",
    },
  };
}

describe("an endpoint that lies about an account", () => {
  it.each([
    ["a little ahead", (nonce: number) => nonce + 3],
    ["far ahead", (nonce: number) => nonce + 1000],
    ["behind", () => 0],
  ] as const)("a nonce that is %s costs time, and no call", async (_where, change) => {
    await submitter().send(mint(1n));
    await anvil.setAutomine(false);
    const { one } = await beside(async ({ method }, forward) => {
      if (method !== "eth_getTransactionCount") return forward();
      return { result: quantity(change(Number((await forward()).result))) };
    });
    const isDone = async () => (await minted()) === 6n;
    await mineWhile(persist(one, { ...mint(5n), deadlineBlock: 10 ** 6 }, isDone));
    expect(await minted()).toBe(6n);
  });

  it("a receipt of what is not mined holds up nothing", async () => {
    await anvil.setAutomine(false);
    const { one } = await beside(async ({ method, params }, forward) => {
      if (method !== "eth_getTransactionReceipt") return forward();
      const answer = await forward();
      return answer.result === null ? receiptOf(params[0], 10 ** 6, "0x1") : answer;
    });
    // So cheap that no block takes it, and said to be mined: it is wanted again.
    await anvil.rpc("anvil_setNextBlockBaseFeePerGas", [quantity(10n ** 9n)]);
    const ends = await mineWhile(persist(one, mint(5n), isMinted));
    expect(ends[0]).toBe("mined");
    expect([await minted(), await nonceOf()]).toEqual([5n, 1]);
    // A block that nobody has is no reason to try on no other.
    await mineWhile(persist(one, mint(7n), async () => (await minted()) === 12n));
    expect(await minted()).toBe(12n);
  });

  it("a transaction that one endpoint alone calls reverted is not sent again", async () => {
    await anvil.setAutomine(false);
    let lies = 0;
    const { one } = await beside(async ({ method, params }, forward) => {
      if (method !== "eth_getTransactionReceipt") return forward();
      lies += 1;
      return receiptOf(params[0], 3, "0x0");
    });
    await mineWhile(one.send(mint(5n)));
    expect(lies).toBeGreaterThan(0);
    expect([await minted(), await nonceOf()]).toEqual([5n, 1]);
  });

  it("a transaction whose receipt one endpoint hides is not lost", async () => {
    const { one } = await beside(async ({ method }, forward) =>
      method === "eth_getTransactionReceipt" ? { result: null } : forward(),
    );
    await one.send(mint(5n));
    expect([await minted(), await nonceOf()]).toEqual([5n, 1]);
  });

  it("calls are sent side by side where one endpoint says that there is no ether", async () => {
    await anvil.setAutomine(false);
    const { one } = await beside(async ({ method }, forward) =>
      method === "eth_getBalance" ? { result: "0x0" } : forward(),
    );
    const all = Promise.all([1n, 2n, 3n].map((amount) => one.send(mint(amount))));
    await expect.poll(async () => anvil.rpc("txpool_status")).toMatchObject({ pending: "0x3" });
    await mineWhile(all);
    expect(await minted()).toBe(6n);
  });

  it("a head beyond a deadline is not believed for ever", async () => {
    const { one } = await beside(async ({ method, params }, forward) => {
      const answer = await forward();
      if (method !== "eth_getBlockByNumber" || params[0] !== "latest") return answer;
      return { result: { ...(answer.result as object), number: quantity(10 ** 6) } };
    });
    const call = { ...mint(5n), deadlineBlock: 1000 };
    const ends = await persist(one, call, isMinted);
    expect(ends).toHaveLength(2);
    expect(ends[1]).toBe("mined");
  });

  it("a trial that one endpoint says cannot be paid for counts where another takes it", async () => {
    const { one } = await beside(async ({ method }, forward) =>
      method === "eth_estimateGas"
        ? { error: { code: -32000, message: "insufficient funds for gas * price + value" } }
        : forward(),
    );
    await one.send(mint(5n));
    expect(await minted()).toBe(5n);
  });

  it("one endpoint alone is believed as ever", async () => {
    const proxy = await startHttpProxy(anvil.url, async ({ method, params }, forward) =>
      method === "eth_getTransactionReceipt" ? receiptOf(params[0], 3, "0x1") : forward(),
    );
    proxies.push(proxy);
    await anvil.setAutomine(false);
    const one = submitter({ client: connect([proxy.url], { retries: 0 }) });
    expect((await one.send(mint(5n))).block).toBe(3);
  });
});
