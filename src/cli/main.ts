/** The command line: one file per command. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { operatorsCommand } from "../admin/command.ts";
import { deployCommand, verifyDeploymentCommand } from "../admin/deployment/command.ts";
import { ownerCommand } from "../admin/owner/command.ts";
import { completionCommand } from "./completion.ts";
import { doctorCommand } from "./doctor.ts";
import { journalCommand } from "./journal.ts";
import { keystoreCommand } from "./keystore.ts";
import { operatorCommand } from "./operator.ts";
import { endWithReader } from "./output.ts";
import { fail } from "./report.ts";
import { exitCommand } from "./trader/exit.ts";
import { mirrorCommand } from "./trader/mirror.ts";
import { safetyCommands } from "./trader/safety.ts";
import { tradingCommands } from "./trader/trading.ts";

endWithReader();
const { version } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { version: string };

const program = new Command("quarterdeck")
  .description("Operator stack for trustless Layer-2 exchanges")
  .version(version)
  .addCommand(operatorCommand())
  .addCommand(operatorsCommand())
  .addCommand(ownerCommand())
  .addCommand(journalCommand())
  .addCommand(keystoreCommand())
  .addCommand(doctorCommand())
  .addCommand(deployCommand())
  .addCommand(verifyDeploymentCommand());
for (const command of [...tradingCommands(), ...safetyCommands(), exitCommand(), mirrorCommand()])
  program.addCommand(command);
program.addCommand(completionCommand(() => program));

program.parseAsync().catch(fail);
