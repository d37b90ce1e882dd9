/** Where alerts go, as the configuration says it. */
import { z } from "zod";

/** Bodies that we can write. */
export const SHAPES = ["slack", "discord", "json"] as const;
export type Shape = (typeof SHAPES)[number];

const MAX_WEBHOOKS = 10;

export const alertsSchema = z
  .array(
    z.strictObject({
      /** A secret: anybody who knows it can write there. Never logged. */
      url: z.url({ protocol: /^https?$/ }),
      shape: z.enum(SHAPES),
      /** The least level that is sent there. */
      leastSeverity: z.enum(["warn", "failed"]).default("warn"),
    }),
  )
  .max(MAX_WEBHOOKS)
  .default([]);

export type WebhookConfig = Readonly<z.output<typeof alertsSchema>[number]>;
