/** `quarterdeck operators vet`: examines an applicant, and reports. */
import { z } from "zod";
import { ask } from "../chain/rpc/rpc.ts";
import { readAccess } from "../operator/config/config.ts";
import { type Finding, fine, looking, shownFindings, warning } from "../operator/doctor/finding.ts";
import { address, count } from "../wire/schemas/values.ts";
import { type ApplicationFile, applicantOf, readApplication, readFileAs } from "./application.ts";
import { badOption, wholeOf } from "./arguments.ts";
import {
  checkExchange,
  checkIdentity,
  checkSignature,
  judgeBalance,
  judgeLatency,
  type Latency,
  measure,
} from "./examine.ts";
import { connectSlots, type SlotsOnChain } from "./readFacts.ts";
import { checkTls } from "./tls.ts";

interface Options {
  readonly config: string;
  readonly json?: boolean;
  readonly requests: string;
  readonly every: string;
}

/** The exchange that the applicant belongs to. */
const exchangeNames = z.object({ chainId: count, mediator: address, manager: address });
type ExchangeNames = z.output<typeof exchangeNames>;

/** The report that goes with an approval; read again by `add`. */
const report = z.object({
  ok: z.boolean(),
  /** Seconds since 1970. */
  at: z.number().int(),
  /** The signature of the application that was vetted. */
  application: z.string(),
  /** The exchange for which it was vetted. */
  exchange: exchangeNames,
});

export async function vet(file: string, options: Options): Promise<void> {
  const requests = wholeOf("--requests", options.requests);
  if (requests === 0) throw badOption("--requests is 0.", "Give 1 or more.");
  const application = readApplication(file);
  const exchange = await connectSlots(readAccess(options.config, process.env));
  const findings = await examine(application, exchange);
  const everyMs = wholeOf("--every", options.every);
  const latency = await measure(application.application.endpoint, requests, everyMs);
  findings.push(judgeLatency(latency));
  const ok = findings.every(({ state }) => state !== "fail");
  process.stdout.write(
    options.json === true
      ? reportOf(application, namesOf(exchange), findings, latency, ok)
      : shownFindings(findings),
  );
  if (!ok) process.exitCode = 1;
}

async function examine(file: ApplicationFile, exchange: SlotsOnChain): Promise<Finding[]> {
  const { operator, endpoint } = file.application;
  const now = Date.now();
  const found = await Promise.all([
    looking("application", () => checkSignature(file, exchange, Math.floor(now / 1000))),
    looking("approval", () => checkApproval(file, exchange)),
    looking("tls", () => checkTls(endpoint, now)),
    looking("identity", () => checkIdentity(file)),
    looking("exchange", () => checkExchange(file, exchange)),
    looking("balance", async () => [
      judgeBalance(await ask("a balance", () => exchange.client.getBalance({ address: operator }))),
    ]),
  ]);
  return found.flat();
}

async function checkApproval(
  { application }: ApplicationFile,
  { manager }: SlotsOnChain,
): Promise<Finding[]> {
  const { operators } = await manager.slots();
  const known = operators.find(({ address }) => address === application.operator);
  if (known === undefined) return [fine("approval", "it is not approved yet")];
  const detail = `it is approved as "${known.name}" at ${known.endpoint}`;
  return [warning("approval", detail, "Remove it first, to change its name or endpoint.")];
}

function namesOf({ chainId, constants }: SlotsOnChain): ExchangeNames {
  return { chainId, mediator: constants.domain.mediator, manager: constants.manager };
}

function reportOf(
  file: ApplicationFile,
  exchange: ExchangeNames,
  findings: readonly Finding[],
  latency: Latency,
  ok: boolean,
): string {
  const at = Math.floor(Date.now() / 1000);
  const { application: applicant, signature } = file;
  const shown = { ok, at, application: signature.r, exchange, applicant, findings, latency };
  return `${JSON.stringify(shown, null, 2)}\n`;
}

const OLD_REPORT_SECONDS = 7 * 86_400;

/**
 * Throws unless the application is as it was signed, the report is of it, without a failure, and
 * recent, and both are for the exchange of the configuration file `config`.
 */
export async function requireReport(
  file: string,
  applied: ApplicationFile,
  config: string,
): Promise<void> {
  const { ok, at, application, exchange } = readFileAs(file, report);
  const { signature } = applied;
  if (applicantOf(applied) !== applied.application.operator) {
    throw badOption("The application was altered after it was signed.", "Ask for it again.");
  }
  const hint = "Run quarterdeck operators vet --json again, and give what it says.";
  if (application !== signature.r) throw badOption(`${file} is of another application.`, hint);
  if (!ok) throw badOption(`${file} has failures.`, hint);
  if (Date.now() / 1000 - at > OLD_REPORT_SECONDS) {
    throw badOption(`${file} is older than a week.`, hint);
  }
  const own = namesOf(await connectSlots(readAccess(config, process.env)));
  requireSame("The application is", applied, own, config);
  requireSame(`${file} is`, exchange, own, config);
}

/**
 * An application that does not name the Mediator was signed for every one that its manager serves.
 */
function requireSame(
  what: string,
  { chainId, manager, mediator }: Omit<ExchangeNames, "mediator"> & Partial<ExchangeNames>,
  own: ExchangeNames,
  config: string,
): void {
  const fields = [
    ["chain", chainId, own.chainId],
    ["manager", manager, own.manager],
    ["Mediator", mediator ?? own.mediator, own.mediator],
  ] as const;
  const differing = fields.find(([, theirs, ours]) => theirs !== ours);
  if (differing === undefined) return;
  const [field, theirs, ours] = differing;
  throw badOption(
    `${what} for the ${field} ${theirs}, and ${config} is of the ${field} ${ours}.`,
    "Name the configuration of that exchange, or have the operator apply to this one.",
  );
}
