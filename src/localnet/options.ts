/** Options of `npm start`, parsed once. */
import { z } from "zod";
import { clause, QuarterdeckError } from "../base/errors.ts";

function whole(name: string, least: number, most: number) {
  return z
    .string()
    .regex(/^[0-9]{1,9}$/, `${name} must be a whole number from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, {
      message: `${name} must be a whole number from ${least} to ${most}`,
    });
}

const MAX_PORT = 65_535;
/** Well-known keys are left for so many beside the owner's and the operators'. */
export const TRADERS = ["Ada", "Bob", "Cleo", "Dan", "Eve", "Finn"] as const;
const MAX_TRADERS = TRADERS.length;
export const MAX_OPERATORS = 3;
/** Seconds. Operators need about so long to start: in a shorter quarter the first one halts. */
const SHORTEST_QUARTER = 5;

const schema = z.object({
  port: whole("--port", 1, MAX_PORT),
  chainPort: whole("--chain-port", 1, MAX_PORT),
  databasePort: whole("--database-port", 1, MAX_PORT),
  operators: whole("--operators", 1, MAX_OPERATORS),
  blockTime: z
    .string()
    .regex(/^[0-9]{1,3}(\.[0-9]{1,3})?$/, "--block-time must be seconds, such as 1 or 0.5")
    .transform(Number)
    .refine((value) => value >= 0.1 && value <= 60, {
      message: "--block-time must be from 0.1 to 60 seconds",
    }),
  quarter: whole("--quarter", 4, 100_000),
  traders: whole("--traders", 0, MAX_TRADERS),
  storage: z.string().min(1, "--storage must name a folder"),
  logs: z.string().min(1, "--logs must name a folder"),
  fresh: z.boolean().default(false),
});

export type StartOptions = z.output<typeof schema>;

/** Throws a `QuarterdeckError` with code `BadOption`, naming the option. */
export function parseStartOptions(raw: unknown): StartOptions {
  const outcome = schema.safeParse(raw);
  if (!outcome.success) throw badOption(outcome.error.issues[0]?.message ?? "an option is wrong");
  const { port, chainPort, databasePort, operators } = outcome.data;
  const ports = [chainPort, ...Array.from({ length: operators }, (_, i) => port + i)];
  if (operators > 1) ports.push(databasePort);
  if (new Set(ports).size < ports.length) {
    throw badOption(`the ports ${ports.join(", ")} must differ (operators count up from --port)`);
  }
  if (Math.max(...ports) > MAX_PORT) throw badOption(`--port must leave room for ${operators}`);
  requireLongQuarter(outcome.data);
  return outcome.data;
}

function requireLongQuarter({ blockTime, quarter }: StartOptions): void {
  // In thousandths: 0.1 * 3 is not 0.3.
  const lasts = (Math.round(blockTime * 1000) * quarter) / 1000;
  if (lasts >= SHORTEST_QUARTER) return;
  throw badOption(
    `--block-time ${blockTime} with --quarter ${quarter} makes quarters of ${lasts} seconds: no ` +
      `operator is up before the first deadline, and the Mediator halts. Quarters must last ` +
      `${SHORTEST_QUARTER} seconds: take --quarter ${Math.ceil((SHORTEST_QUARTER * 1000) / Math.round(blockTime * 1000))} or more`,
  );
}

function badOption(problem: string): QuarterdeckError {
  const hint = "See npm start -- --help.";
  return new QuarterdeckError({ code: "BadOption", message: `${clause(problem)}.`, hint });
}
