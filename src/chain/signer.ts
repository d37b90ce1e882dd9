/**
 * A source of signatures. Every holder of a key, near or far, can do one thing: sign the keccak-256
 * of bytes. Messages and transactions are both such bytes, so a signing service that hashes by
 * itself serves as well as a key in memory, and the bytes sent are always those built here.
 */
import { serializeTransaction, type TransactionSerializableEIP1559 } from "viem";
import { publicKeyToAddress } from "../base/address.ts";
import { type Curve, type EcdsaSignature, nobleCurve } from "../base/curve.ts";
import { QuarterdeckError } from "../base/errors.ts";
import { type Address, bytesToHex, type Hex, hexToBytes } from "../base/hex.ts";
import { keccak256 } from "../base/keccak.ts";
import { digestPreimage, hashBatch } from "../protocol/messages.ts";
import { buildBatch, encodeSignature } from "../protocol/signatures.ts";
import type { Domain, Signature } from "../protocol/units.ts";

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

/** Holds one key, here or in another process. */
export interface KeyHolder {
  readonly address: Address;
  /**
   * The signature over keccak256(`preimage`), its s low. The bytes are the callee's to keep.
   * Throws `SignerUnavailable` when it cannot sign now.
   */
  sign(preimage: Uint8Array): Promise<EcdsaSignature>;
}

/** Signs what the protocol and the chain know. Throws `SignerUnavailable`, as its holder does. */
export interface Signer {
  readonly address: Address;
  /** An EIP-712 message, by itself. `structHash` from protocol/messages.ts. */
  signMessage(domain: Domain, structHash: Uint8Array): Promise<Signature>;
  /**
   * EIP-712 messages, one or more, with one signature, in their order: docs/protocol.md section 5.
   */
  signMessages(domain: Domain, structHashes: readonly Uint8Array[]): Promise<Signature[]>;
  /** The transaction as it goes over the wire. */
  signTransaction(transaction: UnsignedTransaction): Promise<Hex>;
}

/** The part of a signer that sends transactions. */
export type TransactionSigner = Pick<Signer, "address" | "signTransaction">;

/** The key's holder gives no valid signature. The caller may ask for the same signature again. */
export class SignerUnavailable extends QuarterdeckError {
  override readonly name = "SignerUnavailable";

  constructor(message: string, hint: string, cause?: unknown) {
    super({ code: "SignerUnavailable", message, hint, cause });
  }
}

export function signerOf(holder: KeyHolder): Signer {
  const sign = async (domain: Domain, structHash: Uint8Array) =>
    encodeSignature(await holder.sign(digestPreimage(domain, structHash)));
  const signMessage: Signer["signMessage"] = async (domain, structHash) => {
    return { ...(await sign(domain, structHash)), path: [] };
  };
  return {
    address: holder.address,
    signMessage,
    signMessages: async (domain, structHashes) => {
      const [first, ...more] = structHashes;
      if (first === undefined) return [];
      if (more.length === 0) return [await signMessage(domain, first)];
      const batch = buildBatch(structHashes);
      const words = await sign(domain, hashBatch(batch.root));
      return structHashes.map((_, index) => ({ ...words, path: batch.pathOf(index) }));
    },
    signTransaction: async (transaction) => {
      const unsigned: TransactionSerializableEIP1559 = {
        type: "eip1559",
        ...transaction,
        to: transaction.to ?? null,
      };
      const signature = await holder.sign(hexToBytes(serializeTransaction(unsigned)));
      const { r, s, yParity } = signature;
      return serializeTransaction(unsigned, { r: bytesToHex(r), s: bytesToHex(s), yParity });
    },
  };
}

/** A key held in memory: the same bytes always get the same signature. `privateKey`: 32 bytes. */
export function localSigner(privateKey: Hex, curve: Curve = nobleCurve): Signer {
  const key = hexToBytes(privateKey);
  return signerOf({
    address: publicKeyToAddress(curve.publicKey(key)),
    sign: async (preimage) => curve.sign(keccak256(preimage), key),
  });
}
