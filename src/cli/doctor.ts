/** `quarterdeck doctor`: what stands in the way of a start, and how to correct it. */
import { Command } from "commander";
import { KEY_VARIABLE, PASSWORD_VARIABLE } from "../operator/config/config.ts";
import { examine } from "../operator/doctor/doctor.ts";
import { shownFindings } from "../operator/doctor/finding.ts";

export function doctorCommand(): Command {
  return new Command("doctor")
    .description(
      "Check configuration, key, endpoints, contracts, disk, port and journal. Changes nothing. " +
        "Exit code 1 when something would keep the operator from working.",
    )
    .requiredOption("--config <file>", "configuration file (JSON)")
    .option("--json", "findings as JSON")
    .action(run);
}

async function run({ config, json }: { config: string; json?: boolean }): Promise<void> {
  const environment = { ...process.env };
  // Crash reports of this process shall not find them there.
  delete process.env[KEY_VARIABLE];
  delete process.env[PASSWORD_VARIABLE];
  const findings = await examine(config, environment);
  const ok = findings.every(({ state }) => state !== "fail");
  if (json === true) {
    process.stdout.write(`${JSON.stringify({ ok, findings }, null, 2)}\n`);
  } else {
    process.stdout.write(shownFindings(findings));
  }
  if (!ok) process.exitCode = 1;
}
