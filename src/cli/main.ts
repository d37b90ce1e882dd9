/** The command line: one file per command. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { loadCommands } from "./commands.ts";
import { completionCommand } from "./completion.ts";
import { endWithReader } from "./output.ts";
import { fail } from "./report.ts";

endWithReader();
const { version } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { version: string };

const program = new Command("quarterdeck")
  .description("Operator stack for trustless Layer-2 exchanges")
  .version(version);
for (const command of await loadCommands(process.argv[2])) program.addCommand(command);
program.addCommand(completionCommand(() => program));

program.parseAsync().catch(fail);
