/** Applications of operators, as files: signed, read, and checked. */
import { readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { nobleCurve } from "../base/curve.ts";
import { QuarterdeckError, reasonOf } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import { loadCurve } from "../keys/nativeCurve.ts";
import { openSigner } from "../keys/openSigner.ts";
import { KEY_VARIABLE, PASSWORD_VARIABLE, readConfig } from "../operator/config/config.ts";
import { hashOperatorApplication, managerDomain } from "../protocol/messages.ts";
import { recoverSigner } from "../protocol/signatures.ts";
import { parseInput } from "../wire/input.ts";
import { signature } from "../wire/schemas/signature.ts";
import { address, count } from "../wire/schemas/values.ts";
import { badOption } from "./arguments.ts";
import { connectSlots } from "./readFacts.ts";
import { LOG, tell } from "./terminal.ts";

const applicationFile = z.strictObject({
  application: z.strictObject({
    operator: address,
    name: z.string(),
    endpoint: z.url({ protocol: /^https?$/ }),
    date: count,
  }),
  /** The chain of the manager that is asked, whose domain the signature is in. */
  chainId: count,
  manager: address,
  signature,
});

export type ApplicationFile = z.output<typeof applicationFile>;

/** Parses a file against a schema. Throws a `QuarterdeckError` with code `BadFile`. */
export function readFileAs<T>(file: string, schema: z.ZodType<T>): T {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw badFile(`${file} cannot be read as JSON (${reasonOf(error)}).`);
  }
  const parsed = parseInput(schema, json, file);
  if (parsed.ok) return parsed.value;
  throw badFile(`${parsed.refusal.field}: ${parsed.refusal.problem}`);
}

function badFile(message: string): QuarterdeckError {
  return new QuarterdeckError({ code: "BadFile", message, hint: "Ask for the file again." });
}

export function readApplication(file: string): ApplicationFile {
  return readFileAs(file, applicationFile);
}

/** The account that signed it; undefined when there is none. */
export function applicantOf(file: ApplicationFile): Address | undefined {
  const domain = managerDomain(file.chainId, file.manager);
  const hash = hashOperatorApplication(file.application);
  return recoverSigner(nobleCurve, domain, hash, file.signature);
}

/** `quarterdeck operators apply`: signs with the key of the operator's own configuration. */
export async function apply(options: {
  readonly config: string;
  readonly name: string;
  readonly out: string;
}): Promise<void> {
  const environment = { ...process.env };
  // Crash reports of this process shall not find them there.
  delete process.env[KEY_VARIABLE];
  delete process.env[PASSWORD_VARIABLE];
  const config = readConfig(options.config, environment);
  const endpoint = config.publicUrl;
  if (endpoint === undefined) {
    const hint = "Set it to where clients reach this operator, such as https://a.example.";
    throw badOption(`${options.config}: publicUrl: is missing.`, hint);
  }
  const { chainId, manager } = await connectSlots(config);
  const signing = new AbortController();
  try {
    const { curve } = loadCurve();
    const { signer } = await openSigner(config.key, { curve, log: LOG, signal: signing.signal });
    const date = Math.floor(Date.now() / 1000);
    const application = { operator: signer.address, name: options.name, endpoint, date };
    const file: ApplicationFile = {
      application,
      chainId,
      manager: manager.manager,
      signature: await signer.signMessage(
        managerDomain(chainId, manager.manager),
        hashOperatorApplication(application),
      ),
    };
    writeFileSync(options.out, `${JSON.stringify(file, null, 2)}\n`, { flag: "wx" });
    tell(`${options.out}: send it to the owner of the manager ${manager.manager}`);
  } finally {
    signing.abort();
  }
}
