import { expect, test } from "vitest";
import { COMMAND_GROUPS, loadCommands } from "./commands.ts";

test.each(COMMAND_GROUPS)("$names are the commands that the group loads", async (group) => {
  expect((await group.load()).map((command) => command.name())).toEqual(group.names);
});

test("a known name loads its group alone, any other word loads all", async () => {
  expect((await loadCommands("doctor")).map((command) => command.name())).toEqual(["doctor"]);
  const all = COMMAND_GROUPS.flatMap(({ names }) => names);
  for (const word of [undefined, "--help", "help", "completion", "docter"]) {
    expect((await loadCommands(word)).map((command) => command.name())).toEqual(all);
  }
});
