/** Options of the clients: what callers give, and what it is parsed into. */
import type { Curve } from "../base/curve.ts";
import type { Address } from "../base/hex.ts";
import { type Provider, providerUrl } from "../chain/rpc/provider.ts";
import {
  type Fields,
  LONGEST_MS,
  parseAddressArgument,
  parseCount,
  parseDecimalText,
  parseFields,
  parseMethods,
  parseOperatorUrl,
  parseText,
  parseUrl,
  parseUrls,
  parseWei,
  show,
} from "./arguments.ts";
import { BadArgument } from "./checks/badArgument.ts";
import type { MarketPin } from "./checks/exchangeFacts.ts";
import type { EvidenceStore } from "./evidence/evidence.ts";
import { parseSigner, type SignerOption, type SignerSource } from "./signing/parseSigner.ts";

export interface ClientOptions {
  /** An operator's HTTP address, or several. Addresses that the chain names are learnt from it. */
  readonly operator: string | readonly string[];
  /** Milliseconds for which a question goes round the operators before it fails; 15,000. */
  readonly retryTimeoutMs?: number;
  /** JSON-RPC endpoints of the chain, the client's own choice and not the operator's. */
  readonly rpc: string | readonly string[];
  /** The Mediator that the client means to use, in lower case or with its checksum. */
  readonly mediator: string;
  /**
   * A private key, a viem account, an EIP-1193 wallet (alone, or { wallet, address }), or
   * { owner, tradingKey }.
   */
  readonly signer: SignerOption;
  readonly evidence: EvidenceStore;
  /** Wei for a unit of gas; never more. */
  readonly maxFeePerGas?: bigint;
  /** Milliseconds between two polls for a receipt. */
  readonly pollMs?: number;
  readonly curve?: Curve;
  /**
   * Markets whose lots and ticks the caller is sure of, as `client.markets()` shows them: with
   * others the client does not join. Without, what an operator says when the client joins is shown,
   * bounded and then held fixed.
   */
  readonly markets?: readonly MarketPin[];
}

export interface ParsedOptions {
  readonly operators: readonly string[];
  readonly retryTimeoutMs: number | undefined;
  readonly rpc: readonly string[];
  readonly mediator: Address;
  readonly signer: SignerSource;
  readonly evidence: EvidenceStore;
  readonly maxFeePerGas: bigint | undefined;
  readonly pollMs: number | undefined;
  readonly curve: Curve | undefined;
  readonly markets: readonly MarketPin[];
}

const OPTIONS = [
  "operator",
  "retryTimeoutMs",
  "rpc",
  "mediator",
  "signer",
  "evidence",
  "maxFeePerGas",
  "pollMs",
  "curve",
  "markets",
];
/** Options of `ExchangeClient.join`. */
export function parseOptions(value: unknown): ParsedOptions {
  requireNoOldKey(value);
  const given = parseFields("options", value, OPTIONS);
  const optional = optionalOf(given);
  const curve = optional("curve", (field, one) => parseMethods<Curve>(field, one, CURVE_METHODS));
  return {
    operators: parseUrls("options.operator", given["operator"], parseOperatorUrl),
    retryTimeoutMs: optional("retryTimeoutMs", ms(0)),
    ...parseChainSide(given, curve),
    curve,
    markets: optional("markets", parsePins) ?? [],
  };
}

/** Options of a client about chain, key and evidence, with or without operators. */
export type ParsedChainSide = Pick<
  ParsedOptions,
  "rpc" | "mediator" | "signer" | "evidence" | "maxFeePerGas" | "pollMs"
>;

const CHAIN_OPTIONS = ["rpc", "mediator", "signer", "evidence", "maxFeePerGas", "pollMs"];

/** Options of `ExitClient.open`. */
export function parseExitOptions(value: unknown): ParsedChainSide {
  requireNoOldKey(value);
  return parseChainSide(parseFields("options", value, CHAIN_OPTIONS), undefined);
}

function parseChainSide(given: Fields, curve: Curve | undefined): ParsedChainSide {
  const optional = optionalOf(given);
  const rpcUrl = (field: string, one: unknown) =>
    parseUrl(field, one, ["http:", "https:", "ws:", "wss:"], "http");
  return {
    rpc: isProvider(given["rpc"])
      ? [providerUrl(given["rpc"])]
      : parseUrls("options.rpc", given["rpc"], rpcUrl),
    mediator: parseAddressArgument("options.mediator", given["mediator"]),
    signer: parseSigner("options.signer", given["signer"], curve),
    evidence: parseMethods<EvidenceStore>("options.evidence", given["evidence"], EVIDENCE_METHODS),
    maxFeePerGas: optional("maxFeePerGas", (field, one) => parseWei(field, one, 1n)),
    pollMs: optional("pollMs", ms(1)),
  };
}

function isProvider(value: unknown): value is Provider {
  return typeof (value as { request?: unknown } | null | undefined)?.request === "function";
}

function optionalOf(given: Fields) {
  return <T>(name: string, parse: (field: string, value: unknown) => T) =>
    given[name] === undefined ? undefined : parse(`options.${name}`, given[name]);
}

function ms(min: number) {
  return (field: string, one: unknown) => parseCount(field, one, min, LONGEST_MS);
}

const EVIDENCE_METHODS = [
  "saveProofs",
  "proofs",
  "saveOrder",
  "saveFill",
  "orders",
  "saveStatement",
  "statements",
];
const CURVE_METHODS = ["sign", "recover", "publicKey"];

/** Releases before 0.2 took the key so. */
function requireNoOldKey(value: unknown): void {
  if (typeof value !== "object" || value === null || !("privateKey" in value)) return;
  const hint = "Give the same key as signer, or a wallet or an account.";
  throw new BadArgument("options.privateKey", "Keys are given as signer now", hint);
}

function parsePins(field: string, value: unknown): MarketPin[] {
  if (!Array.isArray(value)) {
    const hint = 'Give a list such as [{ market: "WETH/USDC", lot: "0.001", tick: "0.01" }].';
    throw new BadArgument(field, `${show(value)} is no list`, hint);
  }
  return value.map((one, index) => {
    const at = `${field}.${index}`;
    const given = parseFields(at, one, ["market", "lot", "tick"]);
    return {
      market: parseText(`${at}.market`, given["market"]),
      lot: parseDecimalText(`${at}.lot`, given["lot"]),
      tick: parseDecimalText(`${at}.tick`, given["tick"]),
    };
  });
}
