/**
 * How values travel: amounts and order ids as decimal strings, addresses with their checksum,
 * hashes as hex, rounds and blocks as numbers. Each schema parses text into the protocol's own
 * type; `toJson` goes the other way.
 */
import { z } from "zod";
import { parseAddress } from "../base/address.ts";
import { UINT64_MAX, UINT128_MAX } from "../base/bytes.ts";
import { type Address, type Hex, isHex } from "../base/hex.ts";
import type {
  BalanceProof,
  CancelOrder,
  Fill,
  Order,
  Session,
  Signature,
  SignedFill,
  SignedOrder,
} from "../protocol/units.ts";

export const address = z.string().transform((text, context): Address => {
  const outcome = parseAddress(text);
  if (outcome.ok) return outcome.value;
  context.addIssue({ code: "custom", message: `${outcome.problem} ${outcome.mend}` });
  return z.NEVER;
});

function uint(max: bigint, name: string) {
  return z.string().transform((text, context): bigint => {
    const value = /^(0|[1-9][0-9]{0,38})$/.test(text) ? BigInt(text) : undefined;
    if (value !== undefined && value <= max) return value;
    context.addIssue({
      code: "custom",
      message: `Expected a whole number as a decimal string that fits ${name}, such as "1000".`,
    });
    return z.NEVER;
  });
}

/** Base units of a token. */
export const amount = uint(UINT128_MAX, "uint128");
export const uint64 = uint(UINT64_MAX, "uint64");

function hex(byteLength: number) {
  return z.string().transform((text, context): Hex => {
    const lower = text.toLowerCase();
    if (isHex(lower, byteLength)) return lower;
    context.addIssue({
      code: "custom",
      message: `Expected 0x and ${2 * byteLength} hexadecimal digits.`,
    });
    return z.NEVER;
  });
}

export const hash = hex(32);
/** Rounds, blocks, indices and counts. */
export const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** The same as text, for paths and queries. */
export const countText = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,14})$/, "Expected a whole number, such as 12.")
  .transform(Number);

/** Longest path that the protocol accepts; see MAX_PATH_LENGTH. */
const MAX_PATH = 16;

export const signature: z.ZodType<Signature> = z.strictObject({
  r: hash,
  vs: hash,
  path: z.array(hash).max(MAX_PATH).default([]),
});

export const order: z.ZodType<Order> = z.strictObject({
  owner: address,
  round: count,
  id: uint64,
  sellToken: address,
  sellAmount: amount,
  buyToken: address,
  buyAmount: amount,
  intent: z.enum(["buyAll", "sellAll"]),
});

export const signedOrder: z.ZodType<SignedOrder> = z.strictObject({ order, signature });

export const cancelOrder: z.ZodType<CancelOrder> = z.strictObject({
  owner: address,
  round: count,
  id: uint64,
});

export const fill: z.ZodType<Fill> = z.strictObject({
  orderHash: hash,
  owner: address,
  round: count,
  sold: amount,
  bought: amount,
  sequence: uint64,
});

export const signedFill: z.ZodType<SignedFill> = z.strictObject({ fill, signature });

export const balanceProof: z.ZodType<BalanceProof> = z.strictObject({
  balance: amount,
  index: count,
  leafCount: count,
  siblings: z.array(z.strictObject({ hash, sum: amount })).max(64),
});

export const session: z.ZodType<Session> = z.strictObject({ client: address, validUntil: count });

/** JSON text of a value in the forms above: every bigint becomes a decimal string. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === "bigint" ? part.toString() : part));
}
