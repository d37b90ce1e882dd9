/**
 * The time of the exchange, and the answers of `/health` and its parts, for supervisors and pages:
 * status 200 when well and 503 when not, with the same body.
 */
import * as z from "zod";
import { address, count } from "./values.ts";

export const clock = z.object({
  chainHead: count.describe("Newest block of the chain that this operator has seen"),
  block: count.describe("The exchange's own block: `confirmations` behind"),
  round: count,
  quarter: count,
  nextQuarterBlock: count.describe("First block of the next quarter"),
  blocksLeft: count.describe("Blocks until then"),
  committedRound: count.describe("Last round whose every token is committed on chain"),
  haltRound: count.nullable().describe("Where the Mediator is HALTED"),
});
export type ClockResponse = z.output<typeof clock>;

/** `/health/live`: process and event loop are alive. */
export const live = z.object({ live: z.literal(true) });
export type Live = z.output<typeof live>;

/** `/health/ready`: it has caught up and takes orders; else what it waits for. */
export const ready = z.object({ waitingFor: z.string().nullable() });
export type Ready = z.output<typeof ready>;

/** One concern of `/health`: fine, or a fault to examine. */
export const healthCheck = z.object({
  name: z.string(),
  state: z.enum(["ok", "warn", "failed"]),
  detail: z.string(),
});
export type HealthCheck = z.output<typeof healthCheck>;

/** `/health`: every check by name; 503 when one has failed. */
export const health = z.object({ checks: z.array(healthCheck) });
export type Health = z.output<typeof health>;

/** Something that the operator owes the chain. */
export const dutyHealth = z.object({
  kind: z.enum(["cancelWithdrawal", "closeDispute", "commit"]),
  client: address.nullable().describe("Whom it is about; null for a commit"),
  token: address.nullable(),
  round: count.describe("Of the commit; in which the request was made, or the dispute opened"),
  deadlineBlock: count,
  blocksLeft: z.number().int().describe("Negative when it is past"),
  blocksNeeded: count.describe("Blocks until it is done at best, with what comes first"),
  state: z.enum(["open", "danger", "late"]).describe("`late`: no longer possible in time"),
  tries: count.describe("Failed ones"),
  sinceBlock: count.nullable().describe("Of the first failed try"),
  problem: z.string().nullable().describe("How the last try failed"),
});
export type DutyHealth = z.output<typeof dutyHealth>;

/**
 * `/health/duties`: all that the operator owes the chain; 503 when one is in danger or late, or when
 * they are not known.
 */
export const duties = z.object({
  unknown: z.string().nullable().describe("Why duties are not known now; null when they are"),
  duties: z.array(dutyHealth),
});
export type Duties = z.output<typeof duties>;
