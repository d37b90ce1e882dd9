/**
 * Headers that prove themselves: the hash of a block is that of its header's fields, so that none
 * of them, such as its time, can be told otherwise. Chains with other fields prove nothing.
 */
import { toHex, toRlp } from "viem";
import { bytesToHex, type Hex, hexToBytes } from "../../base/hex.ts";
import { keccak256 } from "../../base/keccak.ts";

/** Fields in the order in which they are hashed. */
const FIELDS = [
  "parentHash",
  "sha3Uncles",
  "miner",
  "stateRoot",
  "transactionsRoot",
  "receiptsRoot",
  "logsBloom",
  "difficulty",
  "number",
  "gasLimit",
  "gasUsed",
  "timestamp",
  "extraData",
  "mixHash",
  "nonce",
] as const;
/** Fields that later forks added: a block has the first so many of them. */
const LATER_FIELDS = [
  "baseFeePerGas",
  "withdrawalsRoot",
  "blobGasUsed",
  "excessBlobGas",
  "parentBeaconBlockRoot",
  "requestsHash",
] as const;

/** A block as an endpoint gave it: quantities as bigints, the rest as hex. */
export type GivenBlock = object;

/** True if the hash of the block is that of its header as given. */
export function isProven(block: GivenBlock): boolean {
  const { hash } = block as { readonly hash?: unknown };
  try {
    return typeof hash === "string" && headerHash(block) === hash.toLowerCase();
  } catch {
    // A field that is no hex has no bytes to be hashed.
    return false;
  }
}

/** The hash of the header as given; undefined where a field is missing. Throws for no hex. */
export function headerHash(block: GivenBlock): Hex | undefined {
  const given = block as Readonly<Record<string, unknown>>;
  const fields = FIELDS.map((name) => asItem(given[name]));
  const later = LATER_FIELDS.map((name) => asItem(given[name]));
  const count = later.indexOf(undefined);
  const items = [...fields, ...(count === -1 ? later : later.slice(0, count))];
  if (!items.every((item) => item !== undefined)) return undefined;
  return bytesToHex(keccak256(hexToBytes(toRlp(items))));
}

/** Undefined: the field is missing. */
function asItem(value: unknown): Hex | undefined {
  if (typeof value === "bigint") return value === 0n ? "0x" : toHex(value);
  return typeof value === "string" && value.startsWith("0x") ? (value as Hex) : undefined;
}
