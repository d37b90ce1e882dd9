/** Signers of the kinds that people have: keys, accounts of libraries, trading keys. */
import { publicKeyToAddress } from "../../base/address.ts";
import { type Curve, nobleCurve } from "../../base/curve.ts";
import { QuarterdeckError } from "../../base/errors.ts";
import { type Address, type Hex, hexToBytes } from "../../base/hex.ts";
import {
  localSigner,
  type Signer,
  SignerUnavailable,
  type TransactionSigner,
  type UnsignedTransaction,
} from "../../chain/signer.ts";
import { Submitter } from "../../chain/submit/submitter.ts";
import { recoverSigner } from "../../protocol/signatures.ts";
import type { Domain, Signature } from "../../protocol/units.ts";
import { signatureInput } from "../../wire/schemas/signature.ts";
import {
  type ClientMessageName,
  type ClientMessages,
  type ClientSigner,
  hashClientMessage,
  type SenderOptions,
  type TransactionSender,
  typedData,
} from "./signer.ts";

/** A private key in memory. `privateKey`: 0x and 64 digits. */
export function keySigner(privateKey: Hex, curve: Curve = nobleCurve): ClientSigner {
  return heldSigner(localSigner(privateKey, curve));
}

/** A key wherever it is held: in a keystore that was opened, or in Web3Signer. */
export function heldSigner(signer: Signer): ClientSigner {
  return {
    address: signer.address,
    sign: (domain, name, message) => signer.signMessage(domain, hashClientMessage(name, message)),
    sender: (options) => submitterOf(signer, options),
  };
}

/** An account of viem, or of whatever has these methods. It holds its key by itself. */
export interface SigningAccount {
  readonly address: string;
  /** EIP-712; 65 bytes r, s, v. */
  signTypedData(message: never): Promise<Hex>;
  /** The transaction as it goes over the wire. */
  signTransaction(transaction: never): Promise<Hex>;
}

/** Signs with an account; each signature is checked before it is used. */
export function accountSigner(account: SigningAccount, address: Address): ClientSigner {
  const signer: TransactionSigner = {
    address,
    signTransaction: (transaction: UnsignedTransaction) =>
      account.signTransaction({ type: "eip1559", ...transaction } as never),
  };
  return {
    address,
    sign: async (domain, name, message) => {
      const given = await account.signTypedData(typedData(domain, name, message) as never);
      return requireSignature(given, { domain, name, message, by: address });
    },
    sender: (options) => submitterOf(signer, options),
  };
}

/**
 * A client whose messages are signed by its trading key (`setTradingKey`; good from the next round
 * on). `owner`: the client's own signer, which sends its transactions and delegates disputes, or
 * its address alone: then it trades and reads, and can move nothing.
 */
export function tradingKeySigner(owner: ClientSigner | Address, key: ClientSigner): ClientSigner {
  const self = typeof owner === "string" ? undefined : owner;
  const address = typeof owner === "string" ? owner : owner.address;
  return {
    address,
    sign: async (domain, name, message) => {
      if (name !== "DisputeDelegation") return key.sign(domain, name, message);
      if (self === undefined) throw needsOwner("A delegation of disputes");
      return self.sign(domain, name, message);
    },
    sender: (options) => self?.sender(options) ?? NO_SENDER,
  };
}

const NO_SENDER: TransactionSender = {
  send: async ({ what }) => {
    throw needsOwner(`A transaction (${what})`);
  },
};

function needsOwner(what: string): QuarterdeckError {
  return new QuarterdeckError({
    code: "NeedsOwner",
    message: `${what} needs the client's own key; there is only its trading key here.`,
    hint: "Join with signer: { owner: <the client's own signer>, tradingKey: … }.",
  });
}

function submitterOf(signer: TransactionSigner, options: SenderOptions): TransactionSender {
  return new Submitter({ ...options, signer });
}

interface Expected<Name extends ClientMessageName> {
  readonly domain: Domain;
  readonly name: Name;
  readonly message: ClientMessages[Name];
  readonly by: Address;
}

/**
 * A signature as wallets and accounts give it, folded into the form that counts. Throws
 * `SignerUnavailable` where it is not by whom it should be: wallets sign with another account, or
 * for a contract, and no operator and no Mediator could use that.
 */
export function requireSignature<Name extends ClientMessageName>(
  given: unknown,
  { domain, name, message, by }: Expected<Name>,
): Signature {
  const parsed = signatureInput.safeParse(given);
  const hash = hashClientMessage(name, message);
  const signer = parsed.success ? recoverSigner(nobleCurve, domain, hash, parsed.data) : undefined;
  if (parsed.success && signer === by) return parsed.data;
  throw new SignerUnavailable(
    `What signed the ${name} is ${signer ?? "nobody"}, and not ${by}.`,
    "Choose that account in the wallet; contracts sign through a trading key.",
  );
}

/** Address of a private key. */
export function addressOfKey(privateKey: Hex, curve: Curve = nobleCurve): Address {
  return publicKeyToAddress(curve.publicKey(hexToBytes(privateKey)));
}
