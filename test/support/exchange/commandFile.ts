/** The file of a command that tests start as a process of its own. */
import { join } from "node:path";

/** Names the folder into which `buildCommands.ts` has built them for this run; `off`: none. */
export const COMMANDS_VARIABLE = "QUARTERDECK_BUILT_COMMANDS";

const SOURCES = join(import.meta.dirname, "../../../src");

/** A module of src/ that runs by itself, without its ending. */
export type CommandModule = "cli/main" | "localnet/start";

/** The path to give to Node: of the built module where there is one, else of the source. */
export function commandFile(module: CommandModule): string {
  const built = process.env[COMMANDS_VARIABLE];
  return built === undefined || built === "off"
    ? join(SOURCES, `${module}.ts`)
    : join(built, "lib", `${module}.js`);
}
