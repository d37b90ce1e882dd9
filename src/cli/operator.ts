/** `quarterdeck operator`: runs one operator until it is told to stop or cannot go on. */
import { Command } from "commander";
import { KEY_VARIABLE, PASSWORD_VARIABLE, readConfig } from "../operator/config.ts";
import { openLog } from "../operator/log.ts";
import { startOperator } from "../operator/node.ts";
import { startServer } from "../server/server.ts";
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
  process.on(DEBUGGER_SIGNAL, () => {
    process.stderr.write(`quarterdeck: ${DEBUGGER_SIGNAL} is ignored: it would open a debugger\n`);
  });
  const environment = { ...process.env };
  // Neither children nor crash reports of this process shall find them there.
  delete process.env[KEY_VARIABLE];
  delete process.env[PASSWORD_VARIABLE];
  const config = readConfig(file, environment);
  const terminal = quiet === true ? undefined : process.stdout;
  const log = await openLog({ folder: config.logs, terminal });
  try {
    const operator = await startOperator(config, log);
    const server = await startServer(operator.face, config).catch(async (error) => {
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
    log.info("stopped");
    await log.flush();
    process.exit(0);
  } catch (error) {
    log.error("giving up", { problem: error instanceof Error ? error.message : String(error) });
    await log.flush();
    fail(error);
  }
}
