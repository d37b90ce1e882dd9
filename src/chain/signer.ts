/** Signs transactions with a private key held in memory. */
import { type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { toAddress } from "../base/address.ts";
import type { Address, Hex } from "../base/hex.ts";

export interface TransactionSigner {
  readonly address: Address;
  readonly account: PrivateKeyAccount;
}

/** `privateKey`: 32 bytes. */
export function localSigner(privateKey: Hex): TransactionSigner {
  const account = privateKeyToAccount(privateKey);
  return { address: toAddress(account.address), account };
}
