/** The part of the configuration that is about the page (docs/page.md). */
import { z } from "zod";

const webAddress = z.url({ protocol: /^https?$/, error: "Expected an http or https URL" });

/** Addresses that the policy of the page under `/` lets it talk to. */
export const pageSchema = z
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
