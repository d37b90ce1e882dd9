/** `quarterdeck operators`: the list of a RoundRobinOperatorManager, shown and changed. */
import { Command } from "commander";
import { addressOf, wholeOf } from "./arguments.ts";
import { type Changing, change, leaveNow } from "./changing.ts";
import { list } from "./list.ts";

export function operatorsCommand(): Command {
  return new Command("operators")
    .description("The operators that take turns: show, approve, remove; docs/operations.md")
    .addCommand(
      configured("list")
        .description("Show operators, turns, deadlines, and who answers at its endpoint")
        .option("--json", "as JSON")
        .action(list),
    )
    .addCommand(
      changing("add")
        .description("Approve an operator")
        .requiredOption("--address <address>", "its key's address")
        .requiredOption("--name <name>", "1 to 64 bytes")
        .requiredOption("--endpoint <url>", "where clients reach it")
        .action((options: Changing & { address: string; name: string; endpoint: string }) => {
          const { name, endpoint } = options;
          const operator = { address: addressOf(options.address), name, endpoint };
          return change({ kind: "add", operator }, options);
        }),
    )
    .addCommand(
      changing("remove")
        .description("Remove an operator")
        .argument("<address>", "its key's address")
        .action((address: string, options: Changing) =>
          change({ kind: "remove", address: addressOf(address) }, options),
        ),
    )
    .addCommand(
      changing("slot-size")
        .description("Set the size of the slots")
        .argument("<blocks>", "blocks of a slot")
        .action((blocks: string, options: Changing) =>
          change({ kind: "slotSize", blocks: wholeOf("<blocks>", blocks) }, options),
        ),
    )
    .addCommand(
      changing("quorum")
        .description("Set how many operators must stand behind a commit")
        .argument("<count>", "1 to the number of operators")
        .action((count: string, options: Changing) =>
          change({ kind: "quorum", quorum: wholeOf("<count>", count) }, options),
        ),
    )
    .addCommand(
      new Command("maintenance")
        .description("Enter and leave maintenance by itself")
        .addCommand(
          changing("hold")
            .description("Enter it, and leave after so many blocks, or when interrupted")
            .argument("<blocks>", "blocks of maintenance")
            .action((blocks: string, options: Changing) =>
              change({ kind: "hold", blocks: wholeOf("<blocks>", blocks) }, options),
            ),
        )
        .addCommand(
          configured("leave").description("Leave it now, whatever the time").action(leaveNow),
        ),
    );
}

function configured(name: string): Command {
  return new Command(name).requiredOption(
    "--config <file>",
    "rpc, mediator and the owner's key, as in an operator's configuration (JSON)",
  );
}

function changing(name: string): Command {
  return configured(name)
    .option("--yes", "do not ask")
    .option("--pace <blocks>", "blocks that one transaction may take", "3")
    .option("--print-calls", "send nothing: print the calls for a multisig, as JSON");
}
