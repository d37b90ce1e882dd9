import { afterEach, expect, it } from "vitest";
import { type Anvil, startAnvil } from "../../../test/support/chain/anvil.ts";
import { startHttpProxy } from "../../../test/support/faults/proxy.ts";
import type { Address, Hex } from "../../base/hex.ts";
import { connect } from "../rpc/rpc.ts";
import { localSigner } from "../signer.ts";
import { deployExchange } from "./deploy.ts";

let anvil: Anvil | undefined;
afterEach(() => anvil?.stop());

async function deployOn(hardfork: string) {
  anvil = await startAnvil({ hardfork });
  return deployExchange({
    client: anvil.client,
    owner: localSigner(anvil.keys[0] as Hex),
    operator: { address: anvil.addresses[1] as Address, name: "a", uri: "b" },
    roundSize: 400,
    disputeBond: 0n,
    tokens: [{ name: "T", symbol: "T", decimals: 18 }],
  });
}

it("an exchange can be deployed on Cancun", async () => {
  expect((await deployOn("cancun")).tokens).toHaveLength(1);
});

it.each([
  ["shanghai", "Cancun"],
  ["paris", "Shanghai"],
])("a deployment on %s fails before anything is sent, and names %s", async (fork, missing) => {
  const failed = deployOn(fork);
  await expect(failed).rejects.toMatchObject({ code: "DeploymentFailed" });
  await expect(failed).rejects.toThrow(`a fork before ${missing}`);
  expect(await anvil?.blockNumber()).toBe(0);
});

it("a deployment goes on where the node shows receipts later than their block, and no block more", async () => {
  anvil = await startAnvil();
  const asked = new Map<unknown, number>();
  const proxy = await startHttpProxy(anvil.url, async ({ method, params: [hash] }, forward) => {
    if (method !== "eth_getTransactionReceipt") return forward();
    const times = (asked.get(hash) ?? 0) + 1;
    asked.set(hash, times);
    return times > 3 ? forward() : { result: null };
  });
  const [key, operator] = [anvil.keys[0] as Hex, anvil.addresses[1] as Address];
  const { mediator } = await deployExchange({
    client: connect([proxy.url]),
    owner: localSigner(key),
    operator: { address: operator, name: "one", uri: "http://one" },
    roundSize: 64,
    disputeBond: 0n,
    tokens: [],
  }).finally(() => proxy.stop());
  expect(await anvil.client.getCode({ address: mediator })).toMatch(/^0x../);
  expect([...asked.values()].every((times) => times === 4)).toBe(true);
});
