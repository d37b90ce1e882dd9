/**
 * What the contracts' calls cost beside what the references' do: reads the figures that the gas
 * tests keep in contracts/gas, where "ROW (reference)" stands beside "ROW".
 *
 *     node tools/gas.ts            prints the table
 *     node tools/gas.ts --write    writes it to docs/gas.md
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { GasFigures } from "./reports.ts";
import { ROOT } from "./sources.ts";

const FIGURES = join(ROOT, "contracts/gas");
export const PAGE = join(ROOT, "docs/gas.md");
const REFERENCE = " (reference)";

export interface GasRow {
  readonly contract: string;
  readonly call: string;
  readonly gas: number;
  /** Undefined where the reference has no such figure. */
  readonly reference: number | undefined;
}

/** The files of contracts/gas, by the contract that they are named after. */
export function committedGas(): GasFigures {
  const files = readdirSync(FIGURES).filter((file) => file.endsWith(".json"));
  return Object.fromEntries(
    files.sort().map((file) => {
      const figures: unknown = JSON.parse(readFileSync(join(FIGURES, file), "utf8"));
      return [file.replace(/\.json$/, ""), figures as Readonly<Record<string, string>>];
    }),
  );
}

/** Every figure that is kept, by contract and call. */
export function gasRows(): GasRow[] {
  return Object.entries(committedGas()).flatMap(([contract, figures]) =>
    Object.keys(figures)
      .filter((call) => !call.endsWith(REFERENCE))
      .map((call) => {
        const reference = figures[call + REFERENCE];
        return {
          contract,
          call,
          gas: Number(figures[call]),
          reference: reference === undefined ? undefined : Number(reference),
        };
      }),
  );
}

/** The page: one table a contract. */
export function gasPage(): string {
  const rows = gasRows();
  const contracts = [...new Set(rows.map(({ contract }) => contract))];
  const tables = contracts.map((contract) => {
    const lines = rows.filter((row) => row.contract === contract).map(lineOf);
    return [
      `## ${contract}`,
      "",
      "| call | gas | reference | ratio |",
      "|---|--:|--:|--:|",
      ...lines,
    ];
  });
  return `${[INTRODUCTION, ...tables.map((lines) => lines.join("\n"))].join("\n\n")}\n`;
}

function lineOf({ call, gas, reference }: GasRow): string {
  const compared =
    reference === undefined ? ["", ""] : [grouped(reference), (gas / reference).toFixed(2)];
  return `| ${[call, grouped(gas), ...compared].join(" | ")} |`;
}

function grouped(gas: number): string {
  return gas.toLocaleString("en-US");
}

const INTRODUCTION = `# Gas

Written by \`node tools/gas.ts --write\` from \`contracts/gas\`, which the tests \`MediatorGas.t.sol\`,
\`RoundRobinGas.t.sol\` and \`FloodGas.t.sol\` keep: they fail when a row costs more than its reference,
and \`npm test\` fails when a value moves without being committed. Whole transactions, calldata included, except
\`operator()\`, which is the call alone. Trees have 1024 leaves and the Mediator two tokens where
nothing is said. The references are OAX's Mediator of 2019 and zkBob's RoundRobin without its
console.log calls, both under current gas rules, the lower value where they vary; a commit is
theirs once for each token. Their recovery pays balance and deposits in one call: a client that has
both takes two of ours.`;

if (process.argv[1] === import.meta.filename) {
  if (process.argv.includes("--write")) writeFileSync(PAGE, gasPage());
  else process.stdout.write(gasPage());
}
