/** `quarterdeck completion`: scripts for shells, made from the commands that there are. */
import { Argument, Command } from "commander";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** `program`: with all its commands. */
export function completionCommand(program: () => Command): Command {
  const examples =
    "\nExamples:\n  source <(quarterdeck completion bash)\n" +
    "  quarterdeck completion zsh > ~/.zfunc/_quarterdeck\n" +
    "  quarterdeck completion fish > ~/.config/fish/completions/quarterdeck.fish\n";
  return new Command("completion")
    .description("Print a script that completes commands and options")
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .addHelpText("after", examples)
    .action((shell: Shell) => {
      process.stdout.write(completionOf(program(), shell));
    });
}

/** The words that may follow a command, by its words so far. */
export function wordsAfter(program: Command): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  const visit = (command: Command, path: readonly string[]): void => {
    const names = command.commands.map((one) => one.name());
    const options = command.options.map(({ long }) => long).filter((one) => one != null);
    found.set(path.join(" "), [...names, ...options, "--help"]);
    for (const one of command.commands) visit(one, [...path, one.name()]);
  };
  visit(program, []);
  return found;
}

export function completionOf(program: Command, shell: Shell): string {
  const name = program.name();
  const words = [...wordsAfter(program)];
  switch (shell) {
    case "bash":
      return bashScript(name, words);
    case "zsh":
      return `#compdef ${name}\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(name, words)}`;
    case "fish":
      return words.flatMap(([path, next]) => next.map((one) => fishLine(name, path, one))).join("");
  }
}

type Words = readonly (readonly [string, readonly string[]])[];

/** The longest known path of words before the cursor decides; files complete what is no word. */
function bashScript(name: string, words: Words): string {
  const cases = words.map(([path, next]) => `    "${path}") words="${next.join(" ")}" ;;`);
  return `_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      -*) break ;;
      *) path="\${path:+$path }\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
    *) return ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${name} ${name}
`;
}

function fishLine(name: string, path: string, word: string): string {
  const parts = path === "" ? [] : path.split(" ");
  const condition =
    parts.length === 0
      ? "__fish_use_subcommand"
      : parts.map((part) => `__fish_seen_subcommand_from ${part}`).join("; and ");
  const what = word.startsWith("--") ? `-l ${word.slice(2)}` : `-f -a ${word}`;
  return `complete -c ${name} -n '${condition}' ${what}\n`;
}
