/** Common to the traders' commands: the exchange's place, the signer, the evidence. */
import type { Command } from "commander";
import { z } from "zod";
import { LOG, readHidden } from "../../admin/terminal.ts";
import { parseDecimal } from "../../base/decimal.ts";
import type { Address } from "../../base/hex.ts";
import { readChainId } from "../../chain/rpc/rpc.ts";
import { ExchangeClient } from "../../client/client.ts";
import { FileEvidence } from "../../client/node/fileEvidence.ts";
import { ExitClient } from "../../client/rounds/exitClient.ts";
import type { ClientSigner } from "../../client/signing/signer.ts";
import { heldSigner } from "../../client/signing/signers.ts";
import { KEY_VARIABLE, keySourceOf, PASSWORD_VARIABLE } from "../../keys/keySource.ts";
import { loadCurve } from "../../keys/nativeCurve.ts";
import { openSigner } from "../../keys/openSigner.ts";
import { readVariable } from "../../keys/variables.ts";
import { address, endpoints, keystore, web3signer } from "../../operator/config/accessFields.ts";
import { readManifest } from "../../operator/config/manifest.ts";
import { bad, readFields } from "../../operator/config/readJson.ts";

const GWEI_DECIMALS = 9;

const file = z.string().min(1, "Expected a file");
const gwei = z.string().transform((text, context): bigint => {
  const outcome = parseDecimal(text, GWEI_DECIMALS);
  if (outcome.ok && outcome.value > 0n) return outcome.value;
  context.addIssue({ code: "custom", message: 'Expected gwei as text, such as "40"' });
  return z.NEVER;
});

const config = z
  .strictObject({
    /** JSON-RPC endpoints of your own. */
    rpc: endpoints,
    /** The manifest of `quarterdeck deploy`, in place of `mediator`. */
    deployment: file.optional(),
    mediator: address.optional(),
    /** The manifest's unless given. Not needed by the commands that ask the chain alone. */
    operators: z.array(z.url({ protocol: /^https?$/ })).optional(),
    keystore: keystore.optional(),
    web3signer: web3signer.optional(),
    /** File in which proofs, orders and fills are kept. */
    evidence: file.default("evidence.jsonl"),
    /** Most that a unit of gas may cost. */
    maxFeeGwei: gwei.optional(),
    /** Milliseconds between two polls. */
    pollMs: z.number().int().min(1).optional(),
  })
  .refine((given) => (given.deployment === undefined) !== (given.mediator === undefined), {
    message: "Name the exchange once: by deployment, or by mediator",
    path: ["mediator"],
  });

export interface TraderFlags {
  readonly config: string;
  readonly json?: boolean;
}

/** Adds what every trader's command takes. */
export function traderCommand(command: Command, examples: readonly string[]): Command {
  return command
    .option("--config <file>", "rpc, exchange, operators, key and evidence (JSON)", "trader.json")
    .option("--json", "the outcome as JSON; amounts in base units, as text")
    .addHelpText(
      "after",
      `\nExamples:\n${examples.map((one) => `  quarterdeck ${one}\n`).join("")}`,
    );
}

export interface Access {
  readonly rpc: readonly string[];
  /** The chain of the manifest; undefined: whatever the endpoints serve. */
  readonly chainId: number | undefined;
  readonly mediator: Address;
  readonly evidence: string;
  readonly pollMs: number | undefined;
  /** Where operators are reached; empty: none is named. */
  readonly operators: readonly string[];
  /** Joins at an operator. */
  join(): Promise<ExchangeClient>;
  /** Asks no operator. */
  exit(): Promise<ExitClient>;
}

/** Throws `BadConfiguration`, which names the field. */
export function readTraderAccess(path: string): Access {
  const environment = { ...process.env };
  // Crash reports of this process shall not find them there.
  delete process.env[KEY_VARIABLE];
  delete process.env[PASSWORD_VARIABLE];
  const given = readFields(path, config);
  const { rpc, evidence, maxFeeGwei, pollMs } = given;
  const { mediator, chainId, endpoints } = placeOf(given);
  const open = async (): Promise<{ signer: ClientSigner; evidence: FileEvidence }> => {
    await readChainId(rpc, chainId === undefined ? {} : { chainId });
    await askForPassword(given.keystore, environment);
    const source = keySourceOf(given, environment);
    const { curve } = loadCurve();
    const { signal } = new AbortController();
    const { signer } = await openSigner(source, { curve, log: LOG, signal });
    return { signer: heldSigner(signer), evidence: await FileEvidence.open(evidence) };
  };
  const chain = {
    rpc,
    mediator,
    ...(maxFeeGwei !== undefined && { maxFeePerGas: maxFeeGwei }),
    ...(pollMs !== undefined && { pollMs }),
  };
  return {
    rpc,
    chainId,
    mediator,
    evidence,
    pollMs,
    operators: endpoints,
    join: async () => {
      if (endpoints.length > 0) {
        return ExchangeClient.join({ ...chain, operator: endpoints, ...(await open()) });
      }
      throw bad(`${path}: operators: is missing.`, "Name an operator's address.");
    },
    exit: async () => ExitClient.open({ ...chain, ...(await open()) }),
  };
}

/** On a terminal alone, and only where nothing else names the password. */
async function askForPassword(
  given: z.output<typeof config>["keystore"],
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  if (given === undefined || given.passwordFile !== undefined) return;
  const isSet = readVariable(environment, PASSWORD_VARIABLE) !== undefined;
  if (isSet || !process.stdin.isTTY) return;
  environment[PASSWORD_VARIABLE] = await readHidden(`Password of ${given.path}: `);
}

/** Where the exchange is, and where operators are reached. */
function placeOf({ deployment, mediator, operators = [] }: z.output<typeof config>) {
  if (deployment === undefined) {
    return { mediator: mediator as Address, chainId: undefined, endpoints: operators };
  }
  const manifest = readManifest(deployment);
  const named = manifest.operators.map(({ endpoint }) => endpoint);
  const endpoints = operators.length > 0 ? operators : named;
  return { mediator: manifest.mediator, chainId: manifest.chainId, endpoints };
}
