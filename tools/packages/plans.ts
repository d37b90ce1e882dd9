/** What each npm package is made of. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../sources.ts";

export interface PackagePlan {
  readonly name: string;
  readonly description: string;
  /** Below the folder of all packages. */
  readonly folder: string;
  /** What may be imported, and the module of src/ behind it, without its ending. */
  readonly entries: Readonly<Record<string, string>>;
  /** Modules that nothing imports, and that run by themselves. */
  readonly roots?: readonly string[];
  /** Packages that are loaded by another way than an import. */
  readonly loaded?: readonly string[];
  /** Packages that the user brings, where an entry that wants one is used. */
  readonly peers?: readonly string[];
  /** Files of the repository, and where they go. */
  readonly files: Readonly<Record<string, string>>;
  /** Where the exit kit goes. */
  readonly exitKit?: string;
  readonly bin?: Readonly<Record<string, string>>;
  /** Nothing happens where it is only imported: bundlers leave out what is not used. */
  readonly sideEffects: boolean;
  readonly node: string;
}

export const PACKAGES: readonly PackagePlan[] = [
  {
    name: "@quarterdeck/client",
    description: "Trades on a Quarterdeck exchange, audits it, and gets out: Node and browsers",
    folder: "client",
    entries: {
      ".": "packages/client",
      "./ccxt": "packages/ccxt",
      "./evidence": "packages/evidence",
      "./exit": "packages/exit",
      "./node": "packages/node",
      "./protocol": "packages/protocol",
      "./watchtower": "packages/watchtower",
    },
    peers: ["ccxt"],
    files: { "tools/packages/client.md": "README.md" },
    sideEffects: false,
    node: ">=22",
  },
  {
    name: "quarterdeck",
    description: "Commands and operator of trustless Layer-2 exchanges",
    folder: "quarterdeck",
    entries: { "./operator": "packages/operator", "./protocol": "packages/protocol" },
    roots: ["cli/main"],
    loaded: ["secp256k1"],
    files: {
      "bin/quarterdeck.mjs": "bin/quarterdeck.mjs",
      "dist/page": "dist/page",
      "tools/child.mjs": "tools/child.mjs",
      "tools/packages/quarterdeck.md": "README.md",
      "contracts/standard-json": "contracts/standard-json",
    },
    exitKit: "exit/exit-kit.html",
    bin: { quarterdeck: "bin/quarterdeck.mjs" },
    sideEffects: true,
    node: ">=24",
  },
];

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** package.json of a package that imports `packages`. Throws where one has no version of ours. */
export function manifestOf(plan: PackagePlan, packages: ReadonlySet<string>) {
  const own = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;
  const peers = plan.peers ?? [];
  const imported = [...packages].filter((name) => !peers.includes(name));
  const needed = new Set([...imported, ...(plan.loaded ?? [])]);
  const dependencies = [...needed].sort().map((name) => {
    const version = own.dependencies[name];
    if (version === undefined) throw new Error(`${plan.name} imports ${name}: no dependency`);
    return [name, version] as const;
  });
  const entries = Object.entries(plan.entries).map(([name, module]) => [
    name,
    { types: `./lib/${module}.d.ts`, default: `./lib/${module}.js` },
  ]);
  return {
    name: plan.name,
    version: own.version,
    description: plan.description,
    license: own.license,
    type: "module",
    sideEffects: plan.sideEffects,
    engines: { node: plan.node },
    exports: { ...Object.fromEntries(entries), "./package.json": "./package.json" },
    ...(plan.bin !== undefined && { bin: plan.bin }),
    files: ["bin", "contracts", "dist", "exit", "lib", "tools"].filter((folder) => {
      const given = [...Object.values(plan.files), plan.exitKit ?? ""];
      return folder === "lib" || given.some((to) => to.startsWith(`${folder}/`));
    }),
    dependencies: Object.fromEntries(dependencies),
    ...(peers.length > 0 && {
      peerDependencies: Object.fromEntries(
        peers.map((name) => [name, `^${own.devDependencies[name]}`] as const),
      ),
      peerDependenciesMeta: Object.fromEntries(
        peers.map((name) => [name, { optional: true }] as const),
      ),
    }),
  };
}
