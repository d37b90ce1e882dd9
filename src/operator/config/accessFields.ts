/** Fields that the configurations of operators, traders and watchtowers share. */
import { z } from "zod";
import { parseAddress } from "../../base/address.ts";
import type { Address } from "../../base/hex.ts";

export const address = z.string().transform((text, context): Address => {
  const outcome = parseAddress(text);
  if (outcome.ok) return outcome.value;
  context.addIssue({ code: "custom", message: `${outcome.problem} ${outcome.hint}` });
  return z.NEVER;
});

/** An encrypted keystore (V3). Without `passwordFile` the environment has the password. */
export const keystore = z.strictObject({
  path: z.string().min(1, "Expected a file").describe("The keystore's file"),
  passwordFile: z
    .string()
    .min(1, "Expected a file")
    .optional()
    .describe("Without it the environment has the password"),
});

/** A key in Web3Signer, in its eth1 mode. */
export const web3signer = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: "Expected an http or https URL" })
    .refine((url) => !/[@?#]/.test(url), "Expected a URL without user, query and fragment")
    .transform((url) => url.replace(/\/+$/, ""))
    .describe("Where it serves"),
  address: address.describe("Of the key"),
  timeoutMs: z
    .number()
    .int()
    .min(50)
    .max(60_000)
    .default(2000)
    .describe("Milliseconds for one request"),
});

/** JSON-RPC endpoints, each once: two readings of one endpoint are no second opinion. */
export const endpoints = z
  .array(z.url({ protocol: /^(https?|wss?)$/ }))
  .min(1, "Expected at least one endpoint")
  .superRefine((urls, context) => {
    const seen = new Map<string, number>();
    for (const [index, url] of urls.entries()) {
      if (!URL.canParse(url)) continue;
      const { href } = new URL(url);
      const first = seen.get(href);
      if (first === undefined) seen.set(href, index);
      else {
        const message = `is the endpoint of rpc.${first} again: name another, or take it out`;
        context.addIssue({ code: "custom", path: [index], message });
      }
    }
  });
