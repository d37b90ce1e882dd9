/** `quarterdeck operators`: the list of a RoundRobinOperatorManager, shown and changed. */
import { Command } from "commander";
import type { ApprovedOperator } from "../chain/contracts/roundRobinManager.ts";
import { apply, readApplication } from "./application.ts";
import { addressOf, badOption, wholeOf } from "./arguments.ts";
import { type Changing, change, leaveNow } from "./changing.ts";
import { list } from "./list.ts";
import { requireReport, vet } from "./vet.ts";

export function operatorsCommand(): Command {
  return new Command("operators")
    .description("The operators that hold slots: show, approve, remove; docs/operations.md")
    .addCommand(listCommand())
    .addCommand(applyCommand())
    .addCommand(vetCommand())
    .addCommand(addCommand())
    .addCommand(removeCommand())
    .addCommand(slotSizeCommand())
    .addCommand(quorumCommand())
    .addCommand(maintenanceCommand());
}

function listCommand(): Command {
  return configured("list")
    .description("Show operators, slots, deadlines, and who answers at its endpoint")
    .option("--json", "as JSON")
    .action(list);
}

function applyCommand(): Command {
  return new Command("apply")
    .description("Sign an application with this operator's key, for the manager's owner")
    .requiredOption("--config <file>", "the operator's configuration file (JSON)")
    .requiredOption("--name <name>", "1 to 64 bytes")
    .requiredOption("--out <file>", "the application to write")
    .action(apply);
}

function vetCommand(): Command {
  return configured("vet")
    .description("Check an application and its endpoint. Exit code 1 when a check fails.")
    .argument("<application>", "what the operator signed (JSON)")
    .option("--requests <count>", "requests by which latency is measured", "60")
    .option("--every <ms>", "milliseconds between two of them", "1000")
    .option("--json", "the report as JSON, for quarterdeck operators add")
    .action(vet);
}

function addCommand(): Command {
  return changing("add")
    .description("Approve an operator that was vetted")
    .argument("[application]", "what it signed with quarterdeck operators apply (JSON)")
    .option("--report <file>", "what quarterdeck operators vet --json said of it")
    .option("--unvetted", "without application and report, at your own risk")
    .option("--address <address>", "its key's address, if unvetted")
    .option("--name <name>", "1 to 64 bytes, if unvetted")
    .option("--endpoint <url>", "where clients reach it, if unvetted")
    .action(async (file: string | undefined, options: Changing & Candidate) =>
      change({ kind: "add", operator: await candidateOf(file, options) }, options),
    );
}

function removeCommand(): Command {
  return changing("remove")
    .description("Remove an operator")
    .argument("<address>", "its key's address")
    .action((address: string, options: Changing) =>
      change({ kind: "remove", address: addressOf(address) }, options),
    );
}

function slotSizeCommand(): Command {
  return changing("slot-size")
    .description("Set the size of the slots")
    .argument("<blocks>", "blocks of a slot")
    .action((blocks: string, options: Changing) =>
      change({ kind: "slotSize", blocks: wholeOf("<blocks>", blocks) }, options),
    );
}

function quorumCommand(): Command {
  return changing("quorum")
    .description("Set how many operators must stand behind a commit")
    .argument("<count>", "1 to the number of operators")
    .action((count: string, options: Changing) =>
      change({ kind: "quorum", quorum: wholeOf("<count>", count) }, options),
    );
}

function maintenanceCommand(): Command {
  return new Command("maintenance")
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
    );
}

interface Candidate {
  readonly report?: string;
  readonly unvetted?: boolean;
  readonly address?: string;
  readonly name?: string;
  readonly endpoint?: string;
}

async function candidateOf(
  file: string | undefined,
  options: Changing & Candidate,
): Promise<ApprovedOperator> {
  const { report, unvetted, address, name, endpoint } = options;
  if (file !== undefined && report !== undefined) {
    const application = readApplication(file);
    await requireReport(report, application, options.config);
    const { operator, ...labels } = application.application;
    return { address: operator, name: labels.name, endpoint: labels.endpoint };
  }
  const isNamed = address !== undefined && name !== undefined && endpoint !== undefined;
  if (unvetted === true && isNamed) return { address: addressOf(address), name, endpoint };
  throw badOption(
    "There is no application with a report.",
    "Give both, or --unvetted with --address, --name and --endpoint.",
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
    .option("--print-calls", "send nothing: print the calls for a multisig, as JSON")
    .option("--safe <file>", "send nothing: write them for a Safe's Transaction Builder");
}
