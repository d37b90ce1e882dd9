/** What the chain says of the key that sends. */
import type { Address } from "../../base/hex.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import { ask, type ChainClient } from "../rpc/rpc.ts";

/** What must be known before something is sent. */
export interface Start {
  /** The next by the newest block. */
  readonly nonce: number;
  /** The next behind what a node can mine. */
  readonly pendingNonce: number;
  /** Wei. */
  readonly balance: bigint;
}

/** Throws `RpcUnavailable`. */
export async function readStart(client: ChainClient, address: Address): Promise<Start> {
  const [nonce, pendingNonce, balance] = await ask("a nonce", () =>
    Promise.all([
      client.getTransactionCount({ address, blockTag: "latest" }),
      client.getTransactionCount({ address, blockTag: "pending" }),
      client.getBalance({ address }),
    ]),
  );
  return { nonce, pendingNonce, balance };
}

/** One poll while something waits to be mined. */
export interface AccountView {
  /** The newest block. */
  readonly head: BlockNumber;
  /** Wei for a unit of gas. */
  readonly baseFee: bigint;
  /** The key's next nonce. */
  readonly nonce: number;
}

/** Throws `RpcUnavailable`. */
export async function readAccount(client: ChainClient, address: Address): Promise<AccountView> {
  const nonce = await ask("a nonce", () =>
    client.getTransactionCount({ address, blockTag: "latest" }),
  );
  const block = await ask("its head", () => client.getBlock({ blockTag: "latest" }));
  return { head: Number(block.number), baseFee: block.baseFeePerGas ?? 0n, nonce };
}
