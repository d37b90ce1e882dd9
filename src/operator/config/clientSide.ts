/** The parts of the configuration that are about those who are served. */
import { z } from "zod";

const perSecond = z.number().int().min(0).max(1_000_000).default(500);

/** Of one address, and of one client; 0: no limit. */
export const rateLimits = z
  .strictObject({
    readsPerSecond: perSecond.describe("Reads; an address may send twice as many at once"),
    placementsPerSecond: perSecond.describe("Orders placed, each of a batch"),
    cancelsPerSecond: perSecond.describe("Cancellations: placing takes none of them"),
  })
  .prefault({});

const webAddress = z.url({ protocol: /^https?$/, error: "Expected an http or https URL" });

/** The page under `/`: the addresses that its policy lets it talk to. */
export const page = z
  .strictObject({
    serve: z.boolean().default(true).describe("Whether the page is served under `/`"),
    rpc: z
      .array(webAddress)
      .max(8)
      .default([])
      .describe("Public JSON-RPC endpoints of the chain that its visitors are offered"),
    operators: z
      .array(webAddress)
      .max(88)
      .default([])
      .describe("The other operators: with them it goes on where this one fails"),
  })
  .prefault({});
