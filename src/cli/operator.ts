/** `quarterdeck operator`: runs one operator until a signal stops it or it cannot go on. */
import { Command } from "commander";
import { QuarterdeckError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { Alerts } from "../operator/alerts/alerts.ts";
import { shutdownAlertOf, situationLines } from "../operator/alerts/shutdownAlert.ts";
import {
  KEY_VARIABLE,
  type OperatorConfig,
  PASSWORD_VARIABLE,
  readConfig,
} from "../operator/config/config.ts";
import { type RunningOperator, startOperator } from "../operator/node/node.ts";
import { openLog } from "../operator/telemetry/log.ts";
import { startServer } from "../server/server.ts";
import { goOnWithoutReader, patientStdout } from "./output.ts";
import { fail } from "./report.ts";

/**
 * Milliseconds that stopping may take; whatever is not done by then is resumed at the next start.
 */
const STOP_MS = 10_000;

export function operatorCommand(): Command {
  return new Command("operator")
    .description("Run an operator. Its key is where the configuration says.")
    .requiredOption("--config <file>", "configuration file (JSON)")
    .option("--quiet", "log to files only")
    .action(run);
}

/** With this signal Node opens a debugger to every user of the machine, who could read the key. */
const DEBUGGER_SIGNAL = "SIGUSR1";

async function run({ config: file, quiet }: { config: string; quiet?: boolean }): Promise<void> {
  goOnWithoutReader();
  process.on(DEBUGGER_SIGNAL, () => {
    process.stderr.write(`quarterdeck: ${DEBUGGER_SIGNAL} is ignored: it would open a debugger\n`);
  });
  const environment = { ...process.env };
  // Neither children nor crash reports of this process shall find them there.
  delete process.env[KEY_VARIABLE];
  delete process.env[PASSWORD_VARIABLE];
  const config = readConfig(file, environment);
  const terminal = quiet === true ? undefined : patientStdout();
  const log = await openLog({ folder: config.logs, terminal });
  const alerts = new Alerts({ webhooks: config.alerts, mediator: config.mediator, log });
  let operator: RunningOperator | undefined;
  const giveUp = (error: unknown) => endLoudly(error, operator, log, alerts);
  // A fault of our own that nobody awaits ends as loudly as the others.
  process.once("uncaughtException", giveUp);
  try {
    operator = await startOperator(config, log, alerts);
    await serve(operator, config, log);
    await alerts.close();
    log.info("stopped");
    await log.flush();
    process.exit(0);
  } catch (error) {
    await giveUp(error);
  }
}

/** Resolves once a signal to stop came, and the operator stopped. */
async function serve(operator: RunningOperator, config: OperatorConfig, log: Log): Promise<void> {
  const server = await startServer(operator.api, config).catch(async (error) => {
    await operator.stop();
    throw error;
  });
  log.info("serving", {
    url: `http://${config.host}:${server.port}`,
    operator: operator.address,
  });
  const stop = (signal: string) => {
    log.info("stopping", { signal });
    setTimeout(() => process.exit(0), STOP_MS).unref();
    void server.close().then(() => operator.stop());
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, stop);
  await operator.ended.finally(() => server.close());
}

/** Log, webhooks and standard error hear why it ends; each within bounds. */
async function endLoudly(
  error: unknown,
  operator: RunningOperator | undefined,
  log: Log,
  alerts: Alerts,
): Promise<never> {
  const situation = operator?.situation();
  const words = shutdownAlertOf(error, situation);
  const { fields, hint, detail } = words;
  const code = error instanceof QuarterdeckError ? error.code : "Unexpected";
  log.error("givingUp", { code, problem: detail, hint, ...fields });
  await alerts.shutdownAlert(words);
  await log.flush();
  return fail(error, situationLines(situation));
}
