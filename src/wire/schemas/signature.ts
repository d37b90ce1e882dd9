/**
 * Signatures: the one form in which they travel, and every form in which signers give them, folded
 * into it.
 */

import * as z from "zod";
import { sentence } from "../../base/errors.ts";
import { type Hex, hexToBytes, isHex } from "../../base/hex.ts";
import { type CompactSignature, encodeSignature, isLowS, lowS } from "../../protocol/signatures.ts";
import type { Signature } from "../../protocol/units.ts";
import { count, countText, hash } from "./values.ts";

/** Longest path that the protocol accepts; see MAX_PATH_LENGTH. */
export const MAX_PATH = 16;

const path = z.array(hash).max(MAX_PATH).default([]);

export const signature: z.ZodType<Signature> = z
  .strictObject({ r: hash, vs: hash, path })
  .meta({ description: "Signature as of EIP-2098; `path`: siblings of a batch, bottom first" });

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
  r: hash,
  s: hash,
  v: vNumber.optional(),
  yParity: vNumber.optional(),
  path,
});

const folded: z.ZodType<Signature> = z.unknown().transform((value, context) => {
  const fail = (message: string, at: PropertyKey[] = []): never => {
    context.addIssue({ code: "custom", message, path: at });
    return z.NEVER;
  };
  if (typeof value === "string") {
    const whole = foldBytes(value);
    return whole === undefined ? fail(FORMS) : { ...whole, path: [] };
  }
  const isCompact = typeof value !== "object" || value === null || !("s" in value);
  if (isCompact) {
    const compact = signature.safeParse(value);
    if (compact.success) return compact.data;
    const issue = compact.error.issues[0];
    return fail(`${sentence(`${issue?.message}`)} ${FORMS}`, issue?.path);
  }
  const words = wordsWithV.safeParse(value);
  if (!words.success) {
    const issue = words.error.issues[0];
    return fail(`${sentence(`${issue?.message}`)} ${FORMS}`, issue?.path);
  }
  const { r, s, v, yParity, path: steps } = words.data;
  const given = v ?? yParity;
  const whole = given === undefined ? undefined : fold(r, s, given);
  return whole === undefined ? fail(FORMS, ["v"]) : { ...whole, path: steps };
});

/**
 * A signature as signers give it, folded into the form that travels and counts: {r, vs}, {r, s, v}
 * or {r, s, yParity}, or one text of 64 or 65 bytes. A high s is mirrored, so that a signature and
 * its mirror are the same one here.
 */
export const signatureInput = folded.meta({
  description: FORMS,
  anyOf: [{ type: "object" }, { type: "string" }],
});
