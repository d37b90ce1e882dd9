/** The option `signer`, in each form that it has. */
import { parseAddress } from "../../base/address.ts";
import { type Curve, isPrivateKey } from "../../base/curve.ts";
import { type Address, hexToBytes, isHex } from "../../base/hex.ts";
import { BadArgument } from "../checks/badArgument.ts";
import type { ClientSigner } from "./signer.ts";
import { accountSigner, keySigner, type SigningAccount, tradingKeySigner } from "./signers.ts";
import { openWallet, type WalletProvider } from "./wallet.ts";

/**
 * A signer: a private key (0x and 64 digits), an account (viem's), an EIP-1193 wallet (the account
 * that its user grants, or the one of `address`), a trading key with its owner, or your own.
 */
export type SignerOption =
  | string
  | SigningAccount
  | WalletProvider
  | { readonly wallet: WalletProvider; readonly address?: string }
  | { readonly tradingKey: SignerOption; readonly owner: SignerOption }
  | ClientSigner;

/** The signer that an option names. `open` asks a wallet's user, and settles at once for others. */
export interface SignerSource {
  open(): Promise<ClientSigner>;
}

const FORMS =
  "Give a private key (0x and 64 hexadecimal digits), a viem account, an EIP-1193 wallet, " +
  "{ wallet, address }, or { owner, tradingKey }.";

/** Throws `BadArgument`. Never repeats what was given: it may be a key. */
export function parseSigner(field: string, value: unknown, curve: Curve | undefined): SignerSource {
  if (typeof value === "string") return given(parseKey(field, value, curve));
  if (typeof value !== "object" || value === null) {
    throw new BadArgument(field, "It is nothing that signs", FORMS);
  }
  const fields = value as Readonly<Record<string, unknown>>;
  const has = (name: string) => typeof fields[name] === "function";
  if ("tradingKey" in fields) return parseTradingKey(field, fields, curve);
  if (typeof fields["wallet"] === "object" && fields["wallet"] !== null) {
    const { wallet, address } = fields;
    const chosen = address === undefined ? undefined : parseOwner(`${field}.address`, address);
    if (typeof (wallet as WalletProvider).request !== "function") {
      throw new BadArgument(`${field}.wallet`, "It has no method request", FORMS);
    }
    return { open: () => openWallet(wallet as WalletProvider, chosen) };
  }
  if (has("sign") && has("sender")) return given(value as ClientSigner);
  if (has("signTypedData") && has("signTransaction")) {
    const address = parseOwner(`${field}.address`, fields["address"]);
    return given(accountSigner(value as SigningAccount, address));
  }
  if (has("request")) {
    const { address } = (fields["account"] ?? {}) as { readonly address?: unknown };
    const chosen = address === undefined ? undefined : parseOwner(`${field}.account`, address);
    return { open: () => openWallet(value as WalletProvider, chosen) };
  }
  throw new BadArgument(field, "It is nothing that signs", FORMS);
}

function given(signer: ClientSigner): SignerSource {
  return { open: async () => signer };
}

function parseTradingKey(
  field: string,
  { tradingKey, owner }: Readonly<Record<string, unknown>>,
  curve: Curve | undefined,
): SignerSource {
  const key = parseSigner(`${field}.tradingKey`, tradingKey, curve);
  const isAddress = typeof owner === "string" && isHex(owner.trim().toLowerCase(), 20);
  const address = isAddress ? parseOwner(`${field}.owner`, owner) : undefined;
  const source = isAddress ? undefined : parseSigner(`${field}.owner`, owner, curve);
  return {
    open: async () => {
      const self = (await source?.open()) ?? (address as Address);
      return tradingKeySigner(self, await key.open());
    },
  };
}

function parseKey(field: string, value: string, curve: Curve | undefined): ClientSigner {
  const text = value.trim().toLowerCase();
  const hint = "Give 0x and the 64 hexadecimal digits of the key.";
  if (!isHex(text, 32)) throw new BadArgument(field, "It is no private key", hint);
  if (!isPrivateKey(hexToBytes(text))) {
    throw new BadArgument(field, "It is not a key of secp256k1", hint);
  }
  return keySigner(text, curve);
}

function parseOwner(field: string, value: unknown): Address {
  const outcome = parseAddress(typeof value === "string" ? value.trim() : String(value));
  if (outcome.ok) return outcome.value;
  throw new BadArgument(field, outcome.problem, outcome.hint);
}
