import { afterEach, expect, it } from "vitest";
import { type Anvil, startAnvil } from "../../../test/support/chain/anvil.ts";
import type { Address, Hex } from "../../base/hex.ts";
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
