/**
 * The record of a deployment under way: which nonce each step has. It is on the disk before
 * anything is sent, so that whoever goes on after a crash sends the same step under the same nonce,
 * and the chain takes one of the two.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { QuarterdeckError } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import type { DeploymentPlan } from "./plan.ts";

const step = z.strictObject({ id: z.string(), nonce: z.number().int(), done: z.boolean() });
const record = z.strictObject({
  version: z.literal(1),
  plan: z.string(),
  deployer: z.string(),
  steps: z.array(step),
});

export interface StepRecord {
  readonly id: string;
  nonce: number;
  /** The chain showed its effect. */
  done: boolean;
}

export class DeploymentRecord {
  readonly #file: string;
  readonly #plan: string;
  readonly #deployer: Address;
  readonly steps: StepRecord[];

  private constructor(file: string, plan: string, deployer: Address, steps: StepRecord[]) {
    this.#file = file;
    this.#plan = plan;
    this.#deployer = deployer;
    this.steps = steps;
  }

  /** Takes up the record, or begins one. Throws `AnotherDeployment`, and `BadRecord`. */
  static open(file: string, plan: DeploymentPlan, deployer: Address): DeploymentRecord {
    const hash = hashOf(plan);
    if (!existsSync(file)) return new DeploymentRecord(file, hash, deployer, []);
    const known = parse(file);
    if (known.plan !== hash || known.deployer !== deployer) {
      throw new QuarterdeckError({
        code: "AnotherDeployment",
        message: `${file} is of ${known.plan === hash ? `key ${known.deployer}` : "another plan"}.`,
        hint: "Go on with that plan and key, or name another record with --record for a new one.",
      });
    }
    return new DeploymentRecord(file, hash, deployer, known.steps);
  }

  /** Resolves once it is on the disk. */
  async save(): Promise<void> {
    const value = {
      version: 1,
      plan: this.#plan,
      deployer: this.#deployer,
      steps: this.steps,
    };
    await writeDurably(this.#file, `${JSON.stringify(value, null, 2)}\n`);
  }
}

function parse(file: string): z.output<typeof record> {
  try {
    return record.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    throw new QuarterdeckError({
      code: "BadRecord",
      message: `${file} is no record of a deployment.`,
      hint: "Restore it: without it a second contract could be deployed.",
      cause: error,
    });
  }
}

function hashOf(plan: DeploymentPlan): string {
  // Endpoints may change between two tries.
  const { rpc: _rpc, ...rest } = plan;
  const text = JSON.stringify(rest, (_, value) => (typeof value === "bigint" ? `${value}` : value));
  return createHash("sha256").update(text).digest("hex");
}

/** In the place of what was there: whole, or not at all. */
export async function writeDurably(file: string, text: string): Promise<void> {
  const next = `${file}.next`;
  const handle = await open(next, "w");
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(next, file);
  const folder = await open(dirname(file) || ".", "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
