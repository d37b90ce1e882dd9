/**
 * The commands by name. A command's modules are loaded when it is asked for: an operator loads no
 * deployment, a trader's command loads no journal.
 */
import type { Command } from "commander";

interface CommandGroup {
  readonly names: readonly string[];
  readonly load: () => Promise<readonly Command[]>;
}

export const COMMAND_GROUPS: readonly CommandGroup[] = [
  {
    names: ["operator"],
    load: async () => [(await import("./operator.ts")).operatorCommand()],
  },
  {
    names: ["operators"],
    load: async () => [(await import("../admin/command.ts")).operatorsCommand()],
  },
  {
    names: ["owner"],
    load: async () => [(await import("../admin/owner/command.ts")).ownerCommand()],
  },
  {
    names: ["journal"],
    load: async () => [(await import("./journal.ts")).journalCommand()],
  },
  {
    names: ["keystore"],
    load: async () => [(await import("./keystore.ts")).keystoreCommand()],
  },
  {
    names: ["doctor"],
    load: async () => [(await import("./doctor.ts")).doctorCommand()],
  },
  {
    names: ["deploy"],
    load: async () => [(await import("../admin/deployment/command.ts")).deployCommand()],
  },
  {
    names: ["verify-deployment"],
    load: async () => [(await import("../admin/deployment/command.ts")).verifyDeploymentCommand()],
  },
  {
    names: "wallet deposit order orders cancel book trades balance withdraw".split(" "),
    load: async () => (await import("./trader/trading.ts")).tradingCommands(),
  },
  {
    names: ["watchtower"],
    load: async () => [(await import("./watchtower.ts")).watchtowerCommand()],
  },
  {
    names: ["exit"],
    load: async () => [(await import("./trader/exit.ts")).exitCommand()],
  },
  {
    names: ["mirror"],
    load: async () => [(await import("./trader/mirror.ts")).mirrorCommand()],
  },
  {
    names: "confirm audit dispute recover round evidence proof".split(" "),
    load: async () => (await import("./trader/safety.ts")).safetyCommands(),
  },
  {
    names: ["gateway"],
    load: async () => [(await import("./trader/gateway.ts")).gatewayCommand()],
  },
];

/** The commands of `name`'s group alone, or all where `name` is none of them (help, completion). */
export async function loadCommands(name: string | undefined): Promise<readonly Command[]> {
  const group = COMMAND_GROUPS.find(({ names }) => name !== undefined && names.includes(name));
  const groups = group === undefined ? COMMAND_GROUPS : [group];
  return (await Promise.all(groups.map(({ load }) => load()))).flat();
}
