/**
 * How values travel: amounts and order ids as decimal strings, addresses with their checksum,
 * hashes as hex, rounds and blocks as numbers. Each schema parses text into the protocol's own
 * type; `toJson` goes the other way. `meta` is what the generated references say of a value.
 */
import { z } from "zod";
import { parseAddress } from "../../base/address.ts";
import { UINT64_MAX, UINT128_MAX } from "../../base/bytes.ts";
import { type Address, type Hex, isHex } from "../../base/hex.ts";

export const address = z
  .string()
  .transform((text, context): Address => {
    const outcome = parseAddress(text);
    if (outcome.ok) return outcome.value;
    context.addIssue({ code: "custom", message: `${outcome.problem} ${outcome.hint}` });
    return z.NEVER;
  })
  .meta({ description: "Address", pattern: "^0x[0-9a-fA-F]{40}$" });

function uint(max: bigint, name: string) {
  return z
    .string()
    .transform((text, context): bigint => {
      const value = /^(0|[1-9][0-9]{0,38})$/.test(text) ? BigInt(text) : undefined;
      if (value !== undefined && value <= max) return value;
      context.addIssue({
        code: "custom",
        message: `Expected a whole number as a decimal string that fits ${name}, such as "1000".`,
      });
      return z.NEVER;
    })
    .meta({ description: `Whole number (${name})`, pattern: "^(0|[1-9][0-9]{0,38})$" });
}

/** Base units of a token. */
export const amount = uint(UINT128_MAX, "uint128");
export const uint64 = uint(UINT64_MAX, "uint64");

function hex(byteLength: number) {
  return z
    .string()
    .transform((text, context): Hex => {
      const lower = text.toLowerCase();
      if (isHex(lower, byteLength)) return lower;
      context.addIssue({
        code: "custom",
        message: `Expected 0x and ${2 * byteLength} hexadecimal digits.`,
      });
      return z.NEVER;
    })
    .meta({
      description: `${byteLength} bytes in hexadecimal`,
      pattern: `^0x[0-9a-fA-F]{${2 * byteLength}}$`,
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

/** Most rows of one answer, as text for a query. */
export const limitText = countText.pipe(z.number().int().min(1).max(500));

/**
 * The record of the journal up to which an answer holds. Answers and events overtake each other, on
 * the way and between operators: of two messages about the same thing, the one with the greater
 * `asOf` is the newer, whichever operator sent it.
 */
export const asOf = count.describe(
  "Record of the journal up to which this is told: the greater is the newer",
);

/** JSON text of a value in the forms above: every bigint becomes a decimal string. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === "bigint" ? part.toString() : part));
}

/** The same at all operators. */
export const timeMs = count
  .nullable()
  .describe("Milliseconds since 1970 by the writer's clock; null: it was not written down");
