/**
 * How values travel: amounts and order ids as decimal strings, addresses with their checksum,
 * hashes as hex, rounds and blocks as numbers. Each schema parses text into the protocol's own
 * type; `toJson` goes the other way.
 */
import * as z from "zod";
import { parseAddress } from "../base/address.ts";
import { UINT64_MAX, UINT128_MAX } from "../base/bytes.ts";
import { type Address, type Hex, hexToBytes, isHex } from "../base/hex.ts";
import { type CompactSignature, encodeSignature, isLowS, lowS } from "../protocol/signatures.ts";
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
  context.addIssue({ code: "custom", message: `${outcome.problem} ${outcome.hint}` });
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

const path = z.array(hash).max(MAX_PATH).default([]);

export const signature: z.ZodType<Signature> = z.strictObject({
  r: hash,
  vs: hash,
  path,
});

const RSV_BYTES = 65;
const COMPACT_BYTES = 64;
/** v is 27 or 28, or the parity itself as some signers give it. */
const PARITY_OF_V: Readonly<Record<number, 0 | 1>> = { 0: 0, 1: 1, 27: 0, 28: 1 };

/** {r, vs} of (r, s, v): the one of two mirrored forms that counts. Undefined where v is none. */
function fold(r: Hex, s: Hex, v: number): CompactSignature | undefined {
  const yParity = PARITY_OF_V[v];
  if (yParity === undefined) return undefined;
  const low = lowS({ r: hexToBytes(r), s: hexToBytes(s), yParity });
  return isLowS(low.s) ? encodeSignature(low) : undefined;
}

function foldBytes(text: string): CompactSignature | undefined {
  const lower = text.toLowerCase();
  if (isHex(lower, COMPACT_BYTES)) {
    return { r: lower.slice(0, 66) as Hex, vs: `0x${lower.slice(66)}` };
  }
  if (!isHex(lower, RSV_BYTES)) return undefined;
  const s: Hex = `0x${lower.slice(66, 130)}`;
  return fold(lower.slice(0, 66) as Hex, s, Number.parseInt(lower.slice(130), 16));
}

const FORMS =
  'Expected {"r", "vs"} (EIP-2098: vs is s with v - 27 in its highest bit), {"r", "s", "v"} with ' +
  "v 27 or 28, or 0x and 65 bytes r, s, v.";
const vNumber = z.union([
  count,
  countText,
  z
    .string()
    .regex(/^0x[0-9a-f]{1,2}$/i)
    .transform(Number),
]);
const wordsWithV = z.strictObject({
  ...{ r: hash, s: hash, v: vNumber.optional(), yParity: vNumber.optional(), path },
});

/**
 * A signature as signers give it, folded into the form that travels and counts: {r, vs}, {r, s, v}
 * or {r, s, yParity}, or one text of 64 or 65 bytes. A high s is mirrored, so that a signature and
 * its mirror are the same one here.
 */
export const signatureInput: z.ZodType<Signature> = z.unknown().transform((value, context) => {
  const fail = (message: string, at: PropertyKey[] = []): never => {
    context.addIssue({ code: "custom", message, path: at });
    return z.NEVER;
  };
  if (typeof value === "string") {
    const folded = foldBytes(value);
    return folded === undefined ? fail(FORMS) : { ...folded, path: [] };
  }
  const isFolded = typeof value !== "object" || value === null || !("s" in value);
  if (isFolded) {
    const compact = signature.safeParse(value);
    if (compact.success) return compact.data;
    const issue = compact.error.issues[0];
    return fail(`${issue?.message.replace(/\.?$/, ".")} ${FORMS}`, issue?.path);
  }
  const words = wordsWithV.safeParse(value);
  if (!words.success) {
    const issue = words.error.issues[0];
    return fail(`${issue?.message.replace(/\.?$/, ".")} ${FORMS}`, issue?.path);
  }
  const { r, s, v, yParity, path: steps } = words.data;
  const given = v ?? yParity;
  const folded = given === undefined ? undefined : fold(r, s, given);
  return folded === undefined ? fail(FORMS, ["v"]) : { ...folded, path: steps };
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
/** As clients send it; see `signatureInput`. */
export const signedOrderInput: z.ZodType<SignedOrder> = z.strictObject({
  order,
  signature: signatureInput,
});

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
