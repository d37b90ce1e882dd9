/**
 * What the contracts' calls cost beside what the references' do: reads the figures that the gas
 * tests keep in contracts/gas, where "ROW (reference)" stands beside "ROW".
 *
 *     node tools/gas.ts            prints the table
 *     node tools/gas.ts --write    writes it to docs/gas.md, and the floods to docs/security.md
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { GasFigures } from "./reports.ts";
import { ROOT } from "./sources.ts";

const FIGURES = join(ROOT, "contracts/gas");
export const PAGE = join(ROOT, "docs/gas.md");
export const SECURITY_PAGE = join(ROOT, "docs/security.md");
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

interface Flood {
  readonly name: string;
  /** The calls of whoever sends the flood, and of the operator that answers. */
  readonly sender: string;
  readonly answer: string;
}

const FLOODS: readonly Flood[] = [
  {
    name: "disputes that name an old deposit and show nothing",
    sender: "openDispute",
    answer: "closeDispute",
  },
  {
    name: "requests overdrawn by 200 tiny orders of two rounds",
    sender: "initiateWithdrawal",
    answer: "cancelWithdrawal, 200 orders",
  },
];
const FLOOD_HEAD =
  "| flood | tokens | clients | sender | answer | ratio |\n|---|--:|--:|--:|--:|--:|\n";

/**
 * The rows of the table of floods in docs/security.md: each scene's figures in thousands. Throws
 * where a figure is of no flood of the table, or has no counterpart.
 */
function floodRows(figures: Readonly<Record<string, string>>): string[] {
  const left = new Set(Object.keys(figures));
  const rows = FLOODS.flatMap(({ name, sender, answer }) => {
    const scenes = [...left].filter((row) => row.endsWith(`: ${sender}`)).sort(bySize);
    return scenes.map((row, i) => {
      const scene = row.slice(0, -`: ${sender}`.length);
      const answered = `${scene}: ${answer}`;
      const [sent, given] = [Number(figures[row]), Number(figures[answered])];
      if (left.delete(answered)) left.delete(row);
      const { tokens = "any", clients } = SCENE.exec(scene)?.groups ?? {};
      const gas = [sent, given].map((one) => grouped(Math.round(one / 1000) * 1000));
      const cells = [tokens, clients, ...gas, Number((given / sent).toPrecision(2))];
      return `|${i === 0 ? ` ${name} ` : " "}| ${cells.join(" | ")} |`;
    });
  });
  if (left.size > 0) throw new Error(`No flood of docs/security.md has ${[...left].join("; ")}.`);
  return rows;
}

const SCENE = /^(?:(?<tokens>\d+) tokens, )?(?<clients>\S+) clients$/;

function bySize(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

/** The page on security with the table of floods as it was measured. */
export function withFloods(page: string, figures = committedGas()["Floods"] ?? {}): string {
  const [before, after] = page.split(FLOOD_HEAD);
  if (before === undefined || after === undefined) {
    throw new Error(`docs/security.md has no table that begins with ${FLOOD_HEAD}`);
  }
  const rest = after.replace(/^(?:\|.*\n)*/, "");
  return `${before}${FLOOD_HEAD}${floodRows(figures).join("\n")}\n${rest}`;
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
  if (process.argv.includes("--write")) {
    writeFileSync(PAGE, gasPage());
    writeFileSync(SECURITY_PAGE, withFloods(readFileSync(SECURITY_PAGE, "utf8")));
  } else process.stdout.write(gasPage());
}
