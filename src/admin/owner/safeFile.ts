/**
 * Calls as a file that the Transaction Builder of a Safe takes: each with its function and
 * arguments, so that signers read what they sign, and the last blocks in the description.
 */
import type { Address, Hex } from "../../base/hex.ts";
import { bytesToHex } from "../../base/hex.ts";
import { keccak256 } from "../../base/keccak.ts";
import { decodeCall } from "../../chain/contracts/ownerCalls.ts";
import type { BlockNumber } from "../../protocol/units.ts";

export interface SafeCall {
  readonly what: string;
  readonly to: Address;
  readonly data: Hex;
  /** Last block in which it is of use; undefined: any. */
  readonly lastBlock?: BlockNumber;
}

export interface SafeBatch {
  readonly name: string;
  readonly chainId: number;
  /** The Safe. */
  readonly owner: Address;
  /** The chain's head when it was made. */
  readonly block: BlockNumber;
  readonly calls: readonly SafeCall[];
  /** Further lines of the description. */
  readonly notes: readonly string[];
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** The file's JSON, with the checksum that the Transaction Builder compares. */
export function safeFileOf(batch: SafeBatch): string {
  const { name, chainId, owner, createdAt, calls } = batch;
  const meta = {
    name,
    description: descriptionOf(batch),
    txBuilderVersion: "1.18.0",
    createdFromSafeAddress: owner,
    createdFromOwnerAddress: "",
  };
  const file = {
    version: "1.0",
    chainId: String(chainId),
    createdAt,
    meta,
    transactions: calls.map(transactionOf),
  };
  const checksum = checksumOf(file);
  return `${JSON.stringify({ ...file, meta: { ...meta, checksum } }, null, 2)}\n`;
}

function transactionOf({ to, data }: SafeCall) {
  const { name, inputs, values } = decodeCall(data);
  return {
    to,
    value: "0",
    data,
    contractMethod: {
      inputs: inputs.map((one) => ({ internalType: one.type, ...one })),
      name,
      payable: false,
    },
    contractInputsValues: Object.fromEntries(inputs.map((one, at) => [one.name, values[at]])),
  };
}

function descriptionOf({ block, calls, notes }: SafeBatch): string {
  const limits = calls.map(({ lastBlock }) => lastBlock).filter((one) => one !== undefined);
  const all = limits.length === 0 ? [] : [`Execute it by block ${Math.min(...limits)}.`];
  const each = calls.map(({ what, data, lastBlock }, at) => {
    const { name, values } = decodeCall(data);
    const until = lastBlock === undefined ? "" : `, last block ${lastBlock}`;
    return `${at + 1}. ${what}: ${name}(${values.join(", ")})${until}`;
  });
  return [`Made at block ${block}.`, ...all, ...each, ...notes].join("\n");
}

/** Keccak-256 of the file's canonical text, in which its name counts as null. */
export function checksumOf(file: { readonly meta: object; readonly [name: string]: unknown }): Hex {
  const canonical = canonicalText({ ...file, meta: { ...file.meta, name: null } });
  return bytesToHex(keccak256(new TextEncoder().encode(canonical)));
}

/** As the Transaction Builder writes it: keys ascending and first, a comma after each value. */
function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  const keys = JSON.stringify(fields.map(([key]) => key));
  return `{${keys}${fields.map(([, part]) => `${canonicalText(part)},`).join("")}}`;
}
