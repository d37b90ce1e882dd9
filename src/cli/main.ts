/** The command line: one file per command. */
import { Command } from "commander";
import { doctorCommand } from "./doctor.ts";
import { journalCommand } from "./journal.ts";
import { keystoreCommand } from "./keystore.ts";
import { operatorCommand } from "./operator.ts";
import { operatorsCommand } from "./operators/command.ts";
import { fail } from "./report.ts";

const program = new Command("quarterdeck")
  .description("Operator stack for trustless Layer-2 exchanges")
  .addCommand(operatorCommand())
  .addCommand(operatorsCommand())
  .addCommand(journalCommand())
  .addCommand(keystoreCommand())
  .addCommand(doctorCommand());

program.parseAsync().catch(fail);
