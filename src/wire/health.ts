/**
 * What `/health` and its parts answer, for supervisors and pages. Status 200 when well and 503 when
 * not, with the same body.
 */
import * as z from "zod";
import { address, count } from "./shapes.ts";

/** `/health/live`: process and event loop are alive. */
export const live = z.object({ live: z.literal(true) });

/** `/health/ready`: it has caught up and takes orders; else what it waits for. */
export const ready = z.object({ waitingFor: z.string().nullable() });

/** `/health`: every check by name; 503 when one has failed. */
export const health = z.object({
  checks: z.array(
    z.object({ name: z.string(), state: z.enum(["ok", "warn", "failed"]), detail: z.string() }),
  ),
});

/** `/health/duties`: all that the operator owes the chain; 503 when one is in danger or late. */
export const duties = z.object({
  duties: z.array(
    z.object({
      kind: z.enum(["cancelWithdrawal", "closeDispute", "commit"]),
      /** Whom it is about; null for a commit. */
      client: address.nullable(),
      token: address.nullable(),
      /** Of the commit; in which the request was made, or the dispute opened. */
      round: count,
      deadlineBlock: count,
      /** Negative when it is past. */
      blocksLeft: z.number().int(),
      /** Blocks until it is done at best, with what comes first. */
      blocksNeeded: count,
      /** Late: it can no longer be done in time. */
      state: z.enum(["open", "danger", "late"]),
      /** Failed tries, the block of the first, and how the last one failed. */
      tries: count,
      sinceBlock: count.nullable(),
      problem: z.string().nullable(),
    }),
  ),
});

export type Live = z.output<typeof live>;
export type Ready = z.output<typeof ready>;
export type Health = z.output<typeof health>;
export type Duties = z.output<typeof duties>;
