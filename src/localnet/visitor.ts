/**
 * Provisions for a visitor of the local exchange: its manifest, as `quarterdeck deploy` writes one,
 * and tokens for an account that no trader uses unless there are six.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Address, Hex } from "../base/hex.ts";
import { MediatorReader } from "../chain/contracts/mediator.ts";
import { encodeMint } from "../chain/contracts/tokens.ts";
import type { ChainClient } from "../chain/rpc/rpc.ts";
import { localSigner } from "../chain/signer.ts";
import { Submitter } from "../chain/submit/submitter.ts";
import { toJson } from "../wire/schemas/values.ts";

export const MANIFEST = "exchange.manifest.json";

/** Whole tokens, which a newcomer does not use up. */
const GIFT = 1_000_000n;

export interface LocalExchangeFacts {
  readonly mediator: Address;
  readonly owner: Address;
  readonly operators: readonly {
    readonly address: Address;
    readonly name: string;
    readonly url: string;
  }[];
}

/** Written at each start: the ports of operators are options of it. */
export async function writeLocalManifest(
  storage: string,
  client: ChainClient,
  { mediator, owner, operators }: LocalExchangeFacts,
): Promise<void> {
  const reader = new MediatorReader(client, mediator);
  const { manager, schedule, tokens } = await reader.exchange();
  const { disputeBond, withdrawalBond } = await reader.constants();
  const manifest = {
    version: 1,
    chainId: await client.getChainId(),
    mediator,
    manager,
    managerKind: operators.length === 1 ? "single" : "roundRobin",
    ...schedule,
    disputeBond,
    withdrawalBond,
    owner,
    operators: operators.map(({ address, name, url }) => ({ address, name, endpoint: url })),
    commitQuorum: 1,
    tokens: tokens.map(({ token, symbol, decimals }) => ({ token, symbol, decimals })),
  };
  const text = JSON.stringify(JSON.parse(toJson(manifest)), null, 2);
  writeFileSync(join(storage, MANIFEST), `${text}\n`);
}

/** Mints tokens for the visitor, who pays for it. `tokens`: each with its decimals. */
export async function giveTokens(
  client: ChainClient,
  key: Hex,
  tokens: readonly { readonly token: Address; readonly decimals: number }[],
): Promise<void> {
  const signer = localSigner(key);
  const submitter = new Submitter({
    client,
    signer,
    chainId: await client.getChainId(),
    maxFeePerGas: 10n ** 12n,
    pollMs: 50,
  });
  await Promise.all(
    tokens.map(({ token, decimals }) => {
      const data = encodeMint(signer.address, GIFT * 10n ** BigInt(decimals));
      return submitter.send({ what: "mint of test tokens", to: token, data });
    }),
  );
}
