/**
 * Evidence as lines of JSON: what files hold, and what goes from one device to another. Each line
 * is checked by itself before it counts: a hash that is not its order's is no
 * evidence. A fill that its order does not allow is: of what an operator signed.
 */
import * as z from "zod";
import { QuarterdeckError } from "../../base/errors.ts";
import { bytesToHex } from "../../base/hex.ts";
import { hashOrder } from "../../protocol/messages.ts";
import { checkOrder } from "../../protocol/orderRule.ts";
import { checkStatement } from "../../protocol/statementRule.ts";
import { balanceProof } from "../../wire/schemas/account.ts";
import { placement, signedFill } from "../../wire/schemas/order.ts";
import { signature } from "../../wire/schemas/signature.ts";
import { statement } from "../../wire/schemas/statement.ts";
import { address, count, hash, toJson } from "../../wire/schemas/values.ts";
import type { EvidenceRecord } from "./evidence.ts";

const record = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("proof"), round: count, token: address, proof: balanceProof }),
  z.object({ kind: z.literal("order"), orderHash: hash, signed: placement }),
  z.object({ kind: z.literal("fill"), fill: signedFill }),
  z.object({
    kind: z.literal("statement"),
    statement,
    signature,
    countersignature: signature.nullable(),
  }),
]);

/** A record as a line, without its end. */
export function formatRecord(one: EvidenceRecord): string {
  return toJson(one);
}

export type ReadRecord =
  | { readonly ok: true; readonly record: EvidenceRecord }
  | { readonly ok: false; readonly problem: string };

/** Reads a line, and checks what can be checked of it alone. */
export function readRecord(text: string): ReadRecord {
  const parsed = record.safeParse(parseJson(text));
  if (!parsed.success) return { ok: false, problem: "it is no evidence" };
  const one = parsed.data;
  if (one.kind === "statement" && checkStatement(one.statement) !== undefined) {
    return { ok: false, problem: "its statement is malformed" };
  }
  if (one.kind !== "order") return { ok: true, record: one };
  const { order } = one.signed;
  if (checkOrder(order) !== undefined) return { ok: false, problem: "its order is malformed" };
  if (bytesToHex(hashOrder(order)) === one.orderHash) return { ok: true, record: one };
  return { ok: false, problem: "its hash is not that of its order" };
}

/** `where`: the line or the key that is damaged. */
export function evidenceDamaged(where: string, problem: string): QuarterdeckError {
  return new QuarterdeckError({
    code: "EvidenceDamaged",
    message: `${where} is no evidence: ${problem}.`,
    hint: "Restore it from a backup, or take it out if you know why it is wrong.",
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
