/**
 * A deployment as a file that other commands read in place of addresses. The file holds no key and
 * no endpoint.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { parseAddress } from "../../base/address.ts";
import { clause, messageOf, QuarterdeckError } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import { bad, isObject } from "./readJson.ts";

const address = z.string().transform((text, context): Address => {
  const outcome = parseAddress(text);
  if (outcome.ok) return outcome.value;
  context.addIssue({ code: "custom", message: outcome.problem });
  return z.NEVER;
});
const wei = z
  .string()
  .regex(/^[0-9]{1,39}$/)
  .transform(BigInt);
const block = z.number().int().min(0);

const manifest = z.object({
  version: z.literal(1),
  chainId: z.number().int(),
  mediator: address,
  /** The Mediator's code for disputes; manifests of older releases do not name it. */
  disputes: address.optional(),
  manager: address,
  managerKind: z.enum(["single", "roundRobin"]),
  genesisBlock: block,
  roundSize: block,
  disputeBond: wei,
  withdrawalBond: wei,
  owner: address,
  commitQuorum: z.number().int(),
  tokens: z.array(z.object({ token: address, symbol: z.string(), decimals: z.number().int() })),
  operators: z.array(z.object({ address, name: z.string(), endpoint: z.string() })),
});

export type Manifest = z.output<typeof manifest>;

/** Throws `BadManifest`. */
export function readManifest(file: string): Manifest {
  try {
    return manifest.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    const why =
      issue === undefined ? messageOf(error) : `${issue.path.join(".")}: ${issue.message}`;
    throw new QuarterdeckError({
      code: "BadManifest",
      message: `${file} is no manifest of a deployment (${clause(why)}).`,
      hint: "Name the file that quarterdeck deploy wrote.",
      cause: error,
    });
  }
}

/**
 * The token that `text` names in the manifest: by its symbol, if one alone has it. Undefined where
 * none has. Throws `BadManifest` where several have.
 */
export function tokenNamed({ tokens }: Manifest, text: string): Address | undefined {
  const found = tokens.filter(({ symbol }) => symbol === text);
  if (found.length < 2) return found[0]?.token;
  throw new QuarterdeckError({
    code: "BadManifest",
    message: `${found.length} tokens of the manifest are called ${text}.`,
    hint: "Name this one by its address.",
  });
}

/**
 * The fields of a configuration with the addresses that the manifest in `deployment` has for them.
 * Throws `BadManifest`, and `BadConfiguration` where the file names the Mediator as well.
 */
export function withDeployment(
  shape: Readonly<Record<string, unknown>>,
  json: unknown,
  source: string,
): { readonly named: unknown; readonly manifest?: Manifest } {
  if (!isObject(json) || !("deployment" in shape)) return { named: json };
  const { deployment, mediator, markets } = json;
  if (typeof deployment !== "string" || deployment === "") return { named: json };
  if (mediator !== undefined) {
    const hint = "Take one of the two out.";
    throw bad(`${source}: mediator: the manifest ${deployment} names it too.`, hint);
  }
  const manifest = readManifest(deployment);
  const token = (given: unknown) =>
    (typeof given === "string" && tokenNamed(manifest, given)) || given;
  const named: Record<string, unknown> = { ...json, mediator: manifest.mediator };
  if (Array.isArray(markets)) {
    named["markets"] = markets.map((one: unknown) =>
      isObject(one) ? { ...one, base: token(one["base"]), quote: token(one["quote"]) } : one,
    );
  }
  return { named, manifest };
}
