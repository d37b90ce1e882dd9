/** `quarterdeck doctor`: what stands in the way of a start, and how to correct it. */
import { Command } from "commander";
import { KEY_VARIABLE, PASSWORD_VARIABLE } from "../operator/config/config.ts";
import { examine } from "../operator/doctor/doctor.ts";
import type { Finding, FindingState } from "../operator/doctor/finding.ts";

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

/** A line for each, with its hint below it, and how many there are. */
export function shownFindings(findings: readonly Finding[]): string {
  const count = (state: FindingState) => findings.filter((one) => one.state === state).length;
  const sum = `${count("ok")} ok, ${count("warn")} warnings, ${count("fail")} failures\n`;
  return findings.map(lineOf).join("") + sum;
}

const SHOWN: Readonly<Record<FindingState, string>> = { ok: "ok  ", warn: "WARN", fail: "FAIL" };

function lineOf({ check, state, detail, hint }: Finding): string {
  const line = `${SHOWN[state]}  ${check.padEnd(16)}${detail}\n`;
  return hint === undefined ? line : `${line}      ${"".padEnd(16)}${hint}\n`;
}
