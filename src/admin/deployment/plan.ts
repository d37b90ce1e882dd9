/**
 * The plan of a deployment, from a file: parsed once, so that all that follows has typed values.
 * Bonds are in ether as people write them.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { parseAddress } from "../../base/address.ts";
import { parseDecimal } from "../../base/decimal.ts";
import { clause, messageOf, QuarterdeckError } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import { validateSchedule } from "../../protocol/rounds.ts";

const ETHER_DECIMALS = 18;
const MAX_TOKENS = 32;
const MAX_OPERATORS = 88;

const address = z.string().transform((text, context): Address => {
  const outcome = parseAddress(text);
  if (outcome.ok) return outcome.value;
  context.addIssue({ code: "custom", message: `${outcome.problem} ${outcome.hint}` });
  return z.NEVER;
});

const ether = z.string().transform((text, context): bigint => {
  const outcome = parseDecimal(text, ETHER_DECIMALS);
  if (outcome.ok) return outcome.value;
  context.addIssue({ code: "custom", message: `${outcome.problem} ${outcome.hint}` });
  return z.NEVER;
});

const label = z
  .string()
  .refine((text) => utf8Length(text) >= 1 && utf8Length(text) <= 64, "Expected 1 to 64 bytes");
const blocks = z
  .number()
  .int()
  .min(1)
  .max(2 ** 32 - 1);
const operator = z.strictObject({ address, name: label, endpoint: z.string().min(1) });

const manager = z.discriminatedUnion("kind", [
  /** One operator, whom the owner may replace. */
  z.strictObject({ kind: z.literal("single") }),
  /** Operators take turns. */
  z.strictObject({
    kind: z.literal("roundRobin"),
    /** Blocks of the first slot, in which nobody is selected. */
    genesisBlocks: blocks,
    slotBlocks: blocks,
    /** Operators that must stand behind a commit. */
    commitQuorum: z.number().int().min(1).max(MAX_OPERATORS).default(1),
  }),
]);

const plan = z
  .strictObject({
    chainId: z.number().int().min(1),
    rpc: z.array(z.url({ protocol: /^(https?|wss?)$/ })).min(1),
    /** Of manager and Mediator in the end: a key, or a contract such as a Safe. */
    owner: address,
    manager,
    /** Blocks. */
    roundSize: z.number().int(),
    disputeBond: ether,
    withdrawalBond: ether,
    tokens: z.array(address).min(1).max(MAX_TOKENS),
    operators: z.array(operator).min(1).max(MAX_OPERATORS),
  })
  .superRefine((given, context) => {
    const fault = (path: (string | number)[], message: string) =>
      context.addIssue({ code: "custom", path, message });
    const schedule = validateSchedule({ genesisBlock: 0, roundSize: given.roundSize });
    if (!schedule.ok) fault(["roundSize"], `${schedule.problem} ${schedule.hint}`);
    const { operators, tokens } = given;
    if (given.manager.kind === "single" && operators.length !== 1) {
      fault(["operators"], "A single manager has one operator: name one, or use roundRobin");
    }
    if (given.manager.kind === "roundRobin" && given.manager.commitQuorum > operators.length) {
      fault(["manager", "commitQuorum"], "There are fewer operators: lower it, or name more");
    }
    for (const [name, all] of [
      ["tokens", tokens],
      ["operators", operators.map((one) => one.address)],
    ] as const) {
      const twice = all.findIndex((one, index) => all.indexOf(one) !== index);
      if (twice >= 0) fault([name, twice], `${all[twice]} is named twice: leave one out`);
    }
  });

export type DeploymentPlan = z.output<typeof plan>;

/** Throws `BadPlan`, which names the field. */
export function parsePlan(value: unknown, file: string): DeploymentPlan {
  const outcome = plan.safeParse(value);
  if (outcome.success) return outcome.data;
  const [issue] = outcome.error.issues;
  const at = issue?.path.join(".") || "plan";
  throw badPlan(`${file}: ${at}: ${issue?.message}`, "Correct the plan file.");
}

/** Throws `BadPlan`. */
export function readPlan(file: string): DeploymentPlan {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw badPlan(
      `${file}: ${messageOf(error)}`,
      "Name a JSON file: docs/deployment.md shows one.",
    );
  }
  return parsePlan(value, file);
}

function badPlan(message: string, hint: string): QuarterdeckError {
  return new QuarterdeckError({ code: "BadPlan", message: `${clause(message)}.`, hint });
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
