/**
 * Usual slips in signing: digests of what was likely signed in place of a message. A server that
 * refuses a signature can say by them what went wrong; nothing signed so ever counts.
 */
import { viewOf } from "../base/bytes.ts";
import { unreachable } from "../base/errors.ts";
import { type Address, hexToBytes } from "../base/hex.ts";
import { keccak256 } from "../base/keccak.ts";
import { DOMAIN_NAME, DOMAIN_VERSION, digest, hashOrder } from "./messages.ts";
import type { SignatureSlip } from "./refusals.ts";
import type { Domain, Order } from "./units.ts";

export interface LikelySlip {
  readonly digest: Uint8Array;
  readonly slip: SignatureSlip;
}

interface LooseDomain {
  readonly version: string | undefined;
  readonly chainId: number | undefined;
  readonly contract: Address | undefined;
}

const WORD = 32;
/** Ids that examples and wallets put in: Ethereum, hardhat and anvil, ganache. */
const USUAL_CHAINS = [1, 31337, 1337];
const USUAL_VERSIONS = ["1.0", "1.0.0", "2"];

/**
 * The likeliest first. `order`: the message, if it is one. `manager`: the exchange's other contract,
 * which is easily taken for the Mediator.
 */
export function likelySlips(
  domain: Domain,
  structHash: Uint8Array,
  { order, manager }: { readonly order?: Order; readonly manager?: Address } = {},
): LikelySlip[] {
  const { chainId, mediator: contract } = domain;
  const right: LooseDomain = { version: DOMAIN_VERSION, chainId, contract };
  const inDomain = (changes: Partial<LooseDomain>, slip: SignatureSlip): LikelySlip => ({
    digest: looseDigest({ ...right, ...changes }, structHash),
    slip,
  });
  const whole = digest(domain, structHash);
  const found = [
    inDomain({ chainId: undefined }, { slip: "domainWithout", field: "chainId" }),
    { digest: personal(whole), slip: { slip: "personalSign" } as const },
    { digest: personal(structHash), slip: { slip: "personalSign" } as const },
    inDomain({ version: undefined }, { slip: "domainWithout", field: "version" }),
    inDomain({ contract: undefined }, { slip: "domainWithout", field: "verifyingContract" }),
  ];
  for (const used of USUAL_CHAINS) {
    if (used === chainId) continue;
    const slip = { slip: "otherDomain", field: "chainId", used: String(used) } as const;
    found.push(inDomain({ chainId: used }, slip));
  }
  for (const used of USUAL_VERSIONS) {
    found.push(inDomain({ version: used }, { slip: "otherDomain", field: "version", used }));
  }
  if (manager !== undefined) {
    found.push(inDomain({ contract: manager }, { slip: "otherContract", used: manager }));
  }
  found.push({ digest: structHash, slip: { slip: "bareHash" } });
  found.push({ digest: keccak256(whole), slip: { slip: "hashedTwice" } });
  if (order !== undefined) {
    const intent = order.intent === "buyAll" ? "sellAll" : "buyAll";
    const other = digest(domain, hashOrder({ ...order, intent }));
    found.push({ digest: other, slip: { slip: "otherIntent" } });
  }
  return found;
}

/** An explanation of a slip and its remedy, to be set between sentences; empty if there is none. */
export function slipText(slip: SignatureSlip | undefined): string {
  if (slip === undefined) return "";
  switch (slip.slip) {
    case "domainWithout":
      return slip.field === "chainId"
        ? " The owner signed a domain without chainId: give it as a number, for libraries drop text."
        : ` The owner signed a domain without ${slip.field}: it belongs in there.`;
    case "otherDomain": {
      const right = slip.field === "version" ? `"${DOMAIN_VERSION}"` : "that of /v1/exchange";
      return ` The owner signed a domain with ${slip.field} ${slip.used}: write ${right}.`;
    }
    case "otherContract":
      return ` The owner signed for ${slip.used}: the domain's contract is the Mediator.`;
    case "personalSign":
      return " The owner signed a personal message: sign typed data (eth_signTypedData_v4).";
    case "bareHash":
      return " The owner signed the message's hash without the domain: sign the EIP-712 digest.";
    case "hashedTwice":
      return " The owner signed the digest hashed once more: sign it as it is.";
    case "otherIntent":
      return " The owner signed the other intent: the number is 0 for buyAll and 1 for sellAll.";
    default:
      return unreachable(slip);
  }
}

function looseDigest(domain: LooseDomain, structHash: Uint8Array): Uint8Array {
  return keccak256(concat([Uint8Array.of(0x19, 0x01), separatorOf(domain), structHash]));
}

/** The separator of a domain with the fields that are given, as EIP-712 has it. */
function separatorOf({ version, chainId, contract }: LooseDomain): Uint8Array {
  const types = ["string name"];
  const words = [hashText(DOMAIN_NAME)];
  if (version !== undefined) {
    types.push("string version");
    words.push(hashText(version));
  }
  if (chainId !== undefined) {
    types.push("uint256 chainId");
    const word = new Uint8Array(WORD);
    viewOf(word).setBigUint64(WORD - 8, BigInt(chainId));
    words.push(word);
  }
  if (contract !== undefined) {
    types.push("address verifyingContract");
    const word = new Uint8Array(WORD);
    word.set(hexToBytes(contract), 12);
    words.push(word);
  }
  return keccak256(concat([hashText(`EIP712Domain(${types.join(",")})`), ...words]));
}

/** EIP-191: what personal_sign signs of 32 bytes. */
function personal(bytes: Uint8Array): Uint8Array {
  const prefix = `\x19Ethereum Signed Message:\n${bytes.length}`;
  return keccak256(concat([new TextEncoder().encode(prefix), bytes]));
}

function hashText(text: string): Uint8Array {
  return keccak256(new TextEncoder().encode(text));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
