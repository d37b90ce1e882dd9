/** Where alerts go, as the configuration says it. */
import { z } from "zod";

/** Bodies that we can write. */
export const SHAPES = ["slack", "discord", "json"] as const;
export type Shape = (typeof SHAPES)[number];

const MAX_WEBHOOKS = 10;

export const alertsSchema = z
  .array(
    z.strictObject({
      url: z
        .url({ protocol: /^https?$/ })
        .describe("A secret: whoever knows it can write there. Never logged"),
      shape: z.enum(SHAPES).describe("Of the body"),
      leastSeverity: z
        .enum(["warn", "failed"])
        .default("warn")
        .describe("What is less is not told there"),
    }),
  )
  .max(MAX_WEBHOOKS)
  .default([]);

export type WebhookConfig = Readonly<z.output<typeof alertsSchema>[number]>;
