/** What nodes say of transactions, in the words of each, and what the submitter makes of it. */
import { parseTransaction } from "viem";
import { afterEach, describe, expect, it } from "vitest";
import { until } from "../../../test/support/exchange/exchange.ts";
import { type HttpProxy, type Meddle, startHttpProxy } from "../../../test/support/faults/proxy.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { connect } from "../rpc/rpc.ts";
import { localSigner } from "../signer.ts";
import { simulate } from "./simulate.ts";
import {
  anvil,
  events,
  foreignTransaction,
  mineWhile,
  mint,
  minted,
  nonceOf,
  sentAtLeast,
  submitter,
  useChain,
} from "./submit.testkit.ts";
import type { SubmitterOptions } from "./submitter.ts";

useChain();

let proxies: HttpProxy[] = [];
afterEach(() => {
  for (const proxy of proxies) proxy.stop();
  proxies = [];
});

async function behind(meddle: Meddle, changes: Partial<SubmitterOptions> = {}) {
  const proxy = await startHttpProxy(anvil.url, meddle);
  proxies.push(proxy);
  const client = connect([proxy.url], { retries: 0 });
  return { proxy, client, one: submitter({ client, ...changes }) };
}

const isSending = (method: string) => method === "eth_sendRawTransaction";
const refuse = (message: string, code = -32000) => ({ error: { code, message } });

/** What anvil says of a transaction that it has, of one too cheap, and of a key that cannot pay. */
const ANVIL = [/already imported/i, /underpriced/i, /insufficient funds/i] as const;
const WORDS: readonly (readonly [string, readonly [string, string, string]])[] = [
  ["geth", ["already known", "replacement transaction underpriced", "insufficient funds for gas"]],
  ["Nethermind", ["AlreadyKnown", "FeeTooLowToCompete", "InsufficientFunds, Account balance: 1"]],
  [
    "Besu",
    [
      "Known transaction",
      "Replacement transaction underpriced",
      "Upfront cost exceeds account balance",
    ],
  ],
  [
    "Erigon",
    ["existing txn with same hash", "could not replace existing tx", "insufficient funds"],
  ],
  ["ganache", ["already known", "underpriced", "sender doesn't have enough funds to send tx"]],
];

/** Says what anvil says in other words. */
function speaking(words: readonly string[]): Meddle {
  return async ({ method }, forward) => {
    const answer = await forward();
    const said = isSending(method) ? answer.error?.message : undefined;
    const place = ANVIL.findIndex((pattern) => said !== undefined && pattern.test(said));
    return place < 0 ? answer : refuse(words[place] as string);
  };
}

describe.each(WORDS)("refusals in the words of %s", (_client, words) => {
  it("the very transaction that a former process left is waited for", async () => {
    await anvil.setAutomine(false);
    const crash = new AbortController();
    const { one: former, client, proxy } = await behind(speaking(words), { signal: crash.signal });
    former.send(mint(5n)).catch(() => {});
    await sentAtLeast(1);
    crash.abort();
    const again = submitter({ client }).send(mint(5n));
    await until("it is offered again", () => {
      return proxy.asked.filter(({ method }) => isSending(method)).length > 1;
    });
    await mineWhile(again);
    expect([await minted(), await nonceOf()]).toEqual([5n, 1]);
  });

  it("a dearer one under our nonce is outbid", async () => {
    await anvil.setAutomine(false);
    await foreignTransaction(0, 7n, 40n);
    const { one } = await behind(speaking(words));
    const deadlineBlock = (await anvil.blockNumber()) + 30;
    const sending = one.send({ ...mint(5n), deadlineBlock });
    await sentAtLeast(1);
    await mineWhile(sending);
    expect(await minted()).toBe(5n);
  });

  it("a key that cannot pay is told of", async () => {
    const signer = localSigner(`0x${"42".repeat(32)}`);
    await anvil.rpc("anvil_setBalance", [signer.address, "0x3e8"]);
    const { one } = await behind(speaking(words), { signer });
    await expect(one.send(mint(5n))).rejects.toMatchObject({ code: "InsufficientFunds" });
  });
});

describe("a refusal", () => {
  it("a refusal that names a minimum is answered with it, at once", async () => {
    const tips: bigint[] = [];
    const least = 30n * 10n ** 9n;
    const { one } = await behind(async ({ method, params }, forward) => {
      if (!isSending(method)) return forward();
      const tip = parseTransaction(params[0] as Hex).maxPriorityFeePerGas as bigint;
      tips.push(tip);
      return tip >= least
        ? forward()
        : refuse(`transaction underpriced: gas tip cap ${tip}, minimum needed ${least}`);
    });
    await one.send(mint(5n));
    expect(tips).toEqual([tips[0], least]);
    expect(await minted()).toBe(5n);
  });

  it("a minimum above the fee limit never makes the submitter pay more than that", async () => {
    const fees: bigint[] = [];
    const maxFeePerGas = 10n ** 10n;
    const meddle: Meddle = async ({ method, params }, forward) => {
      if (!isSending(method)) return forward();
      fees.push(parseTransaction(params[0] as Hex).maxFeePerGas as bigint);
      return refuse(`transaction underpriced: gas tip cap 1, minimum needed ${10n ** 15n}`);
    };
    const stop = new AbortController();
    const { one } = await behind(meddle, { maxFeePerGas, signal: stop.signal });
    const sending = one.send(mint(5n));
    await until("it was offered", () => fees.length >= 2);
    stop.abort();
    await expect(sending).rejects.toMatchObject({ code: "TransactionLost" });
    expect(fees.every((fee) => fee <= maxFeePerGas)).toBe(true);
  });

  it("a refusal in unknown words is not believed where the transaction is there", async () => {
    const { one } = await behind(async ({ method }, forward) => {
      const answer = await forward();
      return isSending(method) ? refuse("nyet", -32099) : answer;
    });
    await one.send(mint(5n));
    expect(await minted()).toBe(5n);
    expect(events).toContain("sent");
  });

  it("a refusal in unknown words counts where the transaction is nowhere; it is told", async () => {
    const { one } = await behind(async ({ method }, forward) =>
      isSending(method) ? refuse("nyet", -32099) : forward(),
    );
    await expect(one.send(mint(5n))).rejects.toThrow("nyet");
    expect(await nonceOf()).toBe(0);
  });

  it.each([
    ["502", 502],
    ["504", 504],
    ["a connection that breaks", "break"],
  ] as const)(
    "a refusal that is %s of what a node took keeps it watched, also where nobody can be asked",
    async (_, how) => {
      await anvil.setAutomine(false);
      let isTaken = false;
      const { one, proxy } = await behind(async ({ method }, forward) => {
        if (isSending(method)) {
          await forward();
          isTaken = true;
        } else if (!isTaken) {
          return forward();
        }
        if (how === "break") throw new Error("the connection breaks");
        return how;
      });
      const sending = one.send(mint(5n));
      await until("a node has it, and nobody answers", () => isTaken);
      await sentAtLeast(1);
      proxy.meddle = (_call, forward) => forward();
      await mineWhile(sending);
      expect([await minted(), await nonceOf()]).toEqual([5n, 1]);
    },
  );

  it.each([503, 429, 401])(
    "a refusal that is HTTP %i reached no node, and is told at once",
    async (status) => {
      const { one } = await behind(async ({ method }, forward) =>
        isSending(method) ? status : forward(),
      );
      await expect(one.send(mint(5n))).rejects.toMatchObject({ code: "RpcUnavailable" });
      expect(events).not.toContain("sent");
    },
  );

  it("a transaction that was mined at once and reverted is told by its reason", async () => {
    // As hardhat does: it mines first, and answers with what came of it.
    const { one } = await behind(async ({ method }, forward) => {
      const answer = await forward();
      if (method === "eth_estimateGas") return { result: "0x5000" };
      return isSending(method) ? refuse("VM Exception: reverted with an error", -32603) : answer;
    });
    const failing = one.send(mint(5n));
    await expect(failing).rejects.toMatchObject({ code: "TransactionLost" });
    expect(await nonceOf()).toBeGreaterThan(0);
    expect(await minted()).toBe(0n);
  });

  it("a refusal for a gap of nonces holds calls back until those before are mined", async () => {
    await anvil.setAutomine(false);
    const { one } = await behind(async ({ method, params }, forward) => {
      if (!isSending(method)) return forward();
      const { nonce = 0 } = parseTransaction(params[0] as Hex);
      const expected = await nonceOf();
      return nonce > expected
        ? refuse(`Nonce too high. Expected nonce to be ${expected} but got ${nonce}.`)
        : forward();
    });
    const all = Promise.all([1n, 2n, 4n].map((amount) => one.send(mint(amount))));
    await mineWhile(all);
    expect([await minted(), await nonceOf()]).toEqual([7n, 3]);
  });
});

describe("a receipt", () => {
  const without = (change: (receipt: Record<string, unknown>) => void): Meddle => {
    return async ({ method }, forward) => {
      const answer = await forward();
      const receipt = answer.result as Record<string, unknown> | null;
      if (method === "eth_getTransactionReceipt" && receipt) change(receipt);
      return answer;
    };
  };

  it.each([
    [
      "the price",
      (one: Record<string, unknown>) => Reflect.deleteProperty(one, "effectiveGasPrice"),
    ],
    [
      "the price, as null",
      (one: Record<string, unknown>) => Object.assign(one, { effectiveGasPrice: null }),
    ],
    ["the gas", (one: Record<string, unknown>) => Object.assign(one, { gasUsed: null })],
  ])(
    "a receipt that leaves out %s counts as mined, and costs at most what was offered",
    async (_what, change) => {
      const { one } = await behind(without(change));
      const mined = await one.send(mint(5n));
      const real = await anvil.client.getTransactionReceipt({ hash: mined.transactionHash });
      expect(mined.cost).toBeGreaterThanOrEqual(real.gasUsed * real.effectiveGasPrice);
      expect(mined.block).toBe(Number(real.blockNumber));
    },
  );

  it("a receipt that does not say whether it succeeded is read elsewhere", async () => {
    const dumb = await startHttpProxy(
      anvil.url,
      without((one) => Object.assign(one, { status: null })),
    );
    proxies.push(dumb);
    const client = connect([dumb.url, anvil.url], { retries: 0 });
    await submitter({ client }).send(mint(5n));
    expect(await minted()).toBe(5n);
  });

  it("a receipt that cannot be read fails no other call", async () => {
    await anvil.setAutomine(false);
    let spoilt: unknown;
    const { one } = await behind(
      without((receipt) => {
        spoilt ??= receipt.transactionHash;
        if (receipt.transactionHash === spoilt) Object.assign(receipt, { blockNumber: "nonsense" });
      }),
    );
    const all = [1n, 2n, 4n].map((amount) => one.send(mint(amount)));
    const settled = await mineWhile(Promise.allSettled(all));
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
    expect(await minted()).toBe(7n);
  });
});

describe("a trial that one endpoint refuses", () => {
  const refusing = () =>
    startHttpProxy(anvil.url, async ({ method }, forward) =>
      method === "eth_estimateGas"
        ? { error: { code: 3, message: "execution reverted", data: "0x" } }
        : forward(),
    );

  async function beside(others: number) {
    const first = await refusing();
    const more = await Promise.all(Array.from({ length: others }, refusing));
    proxies.push(first, ...more);
    const failures: string[] = [];
    const onFailure = (origin: string, problem: string) => failures.push(`${origin} ${problem}`);
    const urls = [first.url, ...more.map(({ url }) => url)];
    return { urls, onFailure, failures };
  }

  it("a trial counts where another endpoint takes it on the same block", async () => {
    const { urls, onFailure, failures } = await beside(1);
    const client = connect([...urls, anvil.url], { retries: 0, onFailure });
    await submitter({ client }).send(mint(5n));
    expect(await minted()).toBe(5n);
    await until("both are blamed", () => failures.length >= urls.length);
    expect(failures.toSorted()).toEqual(
      urls
        .map((url) => `${url} it refuses ${mint(5n).what}, which another endpoint takes`)
        .toSorted(),
    );
  });

  it("a refusal of one call is overruled twice, and counts then", async () => {
    const { urls, onFailure, failures } = await beside(0);
    const client = connect([...urls, anvil.url], { retries: 0, onFailure });
    const from = anvil.addresses[0] as Address;
    const tried = (what: string) => {
      for (const endpoint of client.transport.endpoints()) endpoint.forgive();
      return simulate(client, from, { ...mint(5n), what }, 0);
    };
    for (const times of [1, 2]) {
      expect(await tried("one call")).toBeGreaterThan(0n);
      await until("the refusal is blamed", () => failures.length === times);
    }
    await expect(tried("one call")).rejects.toMatchObject({ code: "ContractRefused" });
    expect(await tried("another call")).toBeGreaterThan(0n);
  });

  it("a trial that every endpoint refuses is not sent", async () => {
    const { urls, onFailure, failures } = await beside(1);
    const client = connect(urls, { retries: 0, onFailure });
    const sent = submitter({ client }).send(mint(5n));
    await expect(sent).rejects.toMatchObject({ code: "ContractRefused" });
    expect([await minted(), await nonceOf()]).toEqual([0n, 0]);
    expect(failures).toEqual([]);
  });
});

describe("a call with a key", () => {
  it("a call with a key is done once, however often it is sent, also once mined", async () => {
    const one = submitter();
    const call = { ...mint(5n), key: "deposit 1" };
    const [first, second] = await Promise.all([one.send(call), one.send(call)]);
    expect(await one.send({ ...call })).toEqual(first);
    expect(second).toEqual(first);
    expect([await minted(), await nonceOf()]).toEqual([5n, 1]);
    await one.send({ ...call, key: "deposit 2" });
    await one.send(mint(5n));
    expect([await minted(), await nonceOf()]).toEqual([15n, 3]);
  });

  it("a call with a key that failed is repeated without being done twice", async () => {
    await anvil.setAutomine(false);
    const one = submitter();
    const call = { ...mint(5n), key: "deposit 1" };
    const patience = new AbortController();
    const first = one.send({ ...call, signal: patience.signal });
    await sentAtLeast(1);
    patience.abort();
    await expect(first).rejects.toMatchObject({ code: "TransactionLost" });
    await anvil.mine();
    const mined = await one.send(call);
    expect((await one.send(call)).transactionHash).toBe(mined.transactionHash);
    expect([await minted(), await nonceOf()]).toEqual([5n, 1]);
  });

  it("two that look alike are done both, under keys of their own", async () => {
    await anvil.setAutomine(false);
    const one = submitter();
    const keys = ["a", "b"];
    await mineWhile(Promise.all(keys.map((key) => one.send({ ...mint(5n), key }))));
    expect([await minted(), await nonceOf()]).toEqual([10n, 2]);
  });

  it("a key stays with its call: another call under the same key is refused", async () => {
    const one = submitter();
    await one.send({ ...mint(5n), key: "a" });
    const other = one.send({ ...mint(6n), key: "a" });
    await expect(other).rejects.toMatchObject({ code: "KeyInUse" });
    expect(await minted()).toBe(5n);
  });

  it("a call with a key that the contract refused can be sent once it would pass", async () => {
    const one = submitter();
    const call = { ...mint(5n), key: "a" };
    const code = await anvil.client.getCode({ address: call.to });
    await anvil.rpc("anvil_setCode", [call.to, "0x5f5ffd"]);
    await expect(one.send(call)).rejects.toMatchObject({ code: "ContractRefused" });
    await anvil.rpc("anvil_setCode", [call.to, code]);
    await one.send(call);
    expect(await minted()).toBe(5n);
  });
});
