/** Who signs: an interface, so that keys may live elsewhere, and keys held in memory. */
import { privateKeyToAccount } from "viem/accounts";
import { toAddress } from "../base/address.ts";
import { type EcdsaSignature, nobleCurve } from "../base/curve.ts";
import { type Address, type Hex, hexToBytes } from "../base/hex.ts";

/** An EIP-1559 transaction without its signature. Fees and value in wei. */
export interface UnsignedTransaction {
  readonly chainId: number;
  readonly nonce: number;
  readonly gas: bigint;
  /** Undefined: it deploys `data`. */
  readonly to?: Address;
  readonly data: Hex;
  readonly value: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** One key. Both deeds may take a network: a key can live in a signing service. */
export interface Signer {
  readonly address: Address;
  /** `digest`: 32 bytes, signed as they are. The signature's s is low. */
  signDigest(digest: Uint8Array): Promise<EcdsaSignature>;
  /** The transaction as it goes over the wire. */
  signTransaction(transaction: UnsignedTransaction): Promise<Hex>;
}

/** A key held in memory. `privateKey`: 32 bytes. */
export function localSigner(privateKey: Hex): Signer {
  const account = privateKeyToAccount(privateKey);
  const key = hexToBytes(privateKey);
  return {
    address: toAddress(account.address),
    signDigest: async (digest) => nobleCurve.sign(digest, key),
    signTransaction: (transaction) =>
      account.signTransaction({ type: "eip1559", ...transaction, to: transaction.to ?? null }),
  };
}
