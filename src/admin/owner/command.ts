/** `quarterdeck owner`: the calls of both owners, sent or written for a Safe. */
import { Argument, Command } from "commander";
import type { Address } from "../../base/hex.ts";
import { readOwners } from "../../chain/contracts/ownership.ts";
import { addressOf } from "../arguments.ts";
import { openAccess } from "../openAccess.ts";
import {
  acceptCall,
  addressOfOwned,
  CONTRACTS,
  claimBondsCall,
  connectOwned,
  listTokenCall,
  type OwnedContract,
  type OwnedExchange,
  type OwnerCall,
  setOperatorCall,
  transferCall,
} from "./calls.ts";
import { type CallFlags, carryOutCall } from "./carryOut.ts";

export function ownerCommand(): Command {
  return new Command("owner")
    .description(
      "Calls of the owners of Mediator and manager: a table first, then sent, or written for a " +
        "Safe. quarterdeck operators changes a list of operators; docs/deployment.md",
    )
    .addCommand(showCommand())
    .addCommand(
      calling("list-token", "List a token, for ever", ["list-token 0x… --dry-run"])
        .argument("<token>", "its address")
        .action((token: string, flags: CallFlags) =>
          carryOut(flags, (exchange) => listTokenCall(exchange, addressOf(token))),
        ),
    )
    .addCommand(
      calling("set-operator", "Put an operator in the place of the only one", [
        "set-operator 0x… --name one --endpoint https://one.example",
      ])
        .argument("<address>", "its key's address")
        .requiredOption("--name <name>", "1 to 64 bytes")
        .requiredOption("--endpoint <url>", "where clients reach it")
        .action((address: string, flags: CallFlags & { name: string; endpoint: string }) => {
          const { name, endpoint } = flags;
          const next = { address: addressOf(address), name, endpoint };
          return carryOut(flags, (exchange) => setOperatorCall(exchange, next));
        }),
    )
    .addCommand(
      calling("transfer", "Offer a contract to a new owner, who must accept it", [
        "transfer mediator 0x…",
      ])
        .addArgument(new Argument("<contract>").choices(CONTRACTS))
        .argument("<owner>", "the new owner: a key, or a contract such as a Safe")
        .action((of: OwnedContract, owner: string, flags: CallFlags) =>
          carryOut(flags, (exchange) => transferCall(exchange, of, addressOf(owner))),
        ),
    )
    .addCommand(
      calling("accept", "Accept a contract that was offered", ["accept manager --safe accept.json"])
        .addArgument(new Argument("<contract>").choices(CONTRACTS))
        .action((of: OwnedContract, flags: CallFlags) =>
          carryOut(flags, (exchange) => acceptCall(exchange, of)),
        ),
    )
    .addCommand(bondsCommand());
}

function showCommand(): Command {
  return configured("show", "Show who owns what, and what is due", ["show --json"])
    .option("--json", "as JSON")
    .action(show);
}

function bondsCommand(): Command {
  return calling("claim-bonds", "Take the bonds that an operator earned", [
    "claim-bonds 0x…operator --to 0x…",
  ])
    .argument("<account>", "the operator that closed the disputes")
    .option("--to <address>", "who is paid; the account unless told")
    .action((account: string, flags: CallFlags & { to?: string }) => {
      const by: Address = addressOf(account);
      const to = flags.to === undefined ? by : addressOf(flags.to);
      return carryOut(flags, (exchange) => claimBondsCall(exchange, by, to));
    });
}

function configured(name: string, description: string, examples: readonly string[]): Command {
  return new Command(name)
    .description(description)
    .requiredOption(
      "--config <file>",
      "rpc, deployment (or mediator) and the owner's key, as in an operator's configuration (JSON)",
    )
    .addHelpText("after", `\nExamples:\n${examples.map(exampleOf).join("")}`);
}

function exampleOf(one: string): string {
  return `  quarterdeck owner ${one} --config owner.json\n`;
}

function calling(name: string, description: string, examples: readonly string[]): Command {
  return configured(name, description, examples)
    .option("--dry-run", "show the table, and send nothing")
    .option("--safe <file>", "send nothing: write it for a Safe's Transaction Builder")
    .option("--yes", "do not ask");
}

async function carryOut(
  flags: CallFlags,
  callOf: (exchange: OwnedExchange) => Promise<OwnerCall>,
): Promise<void> {
  const access = openAccess(flags.config);
  const exchange = await connectOwned(access.chain);
  await carryOutCall(access, exchange, await callOf(exchange), flags);
}

async function show({ config, json }: { config: string; json?: boolean }): Promise<void> {
  const exchange = await connectOwned(openAccess(config).chain);
  const owned = await Promise.all(
    CONTRACTS.map(async (contract) => {
      const address = addressOfOwned(exchange, contract);
      const { owner, pending } = await readOwners(exchange.client, address);
      return { contract, address, owner, pending: pending ?? null };
    }),
  );
  const { block, round, halted } = exchange.clock;
  if (json === true) {
    const shown = { block, round, halted, owned, deadlines: exchange.deadlines };
    process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
    return;
  }
  const lines = [
    `block ${block}: round ${round}${halted ? ", HALTED" : ""}`,
    ...owned.map(({ contract, address, owner, pending }) => {
      const offered = pending === null ? "" : `, offered to ${pending}`;
      return `${contract} ${address}: owner ${owner}${offered}`;
    }),
    ...exchange.deadlines.map(({ what, lastBlock }) => `${what}: last block ${lastBlock}`),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
