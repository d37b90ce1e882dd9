/** A chain with the contracts of an exchange of one token, and no operator. */
import type { Address, Hex } from "../../../src/base/hex.ts";
import { type DeployedExchange, deployExchange } from "../../../src/chain/contracts/deploy.ts";
import { localSigner } from "../../../src/chain/signer.ts";
import { type Anvil, startAnvil } from "../chain/anvil.ts";

export interface ChainWithExchange {
  readonly anvil: Anvil;
  readonly exchange: DeployedExchange;
}

/** `roundSize` in blocks. The first account owns, the second operates; the caller stops the chain. */
export async function startDeployedExchange(roundSize = 400): Promise<ChainWithExchange> {
  const anvil = await startAnvil();
  const exchange = await deployExchange({
    client: anvil.client,
    owner: localSigner(anvil.keys[0] as Hex),
    operator: { address: anvil.addresses[1] as Address, name: "a", uri: "b" },
    roundSize,
    disputeBond: 0n,
    tokens: [{ name: "T", symbol: "T", decimals: 18 }],
  });
  return { anvil, exchange };
}
