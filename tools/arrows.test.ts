/**
 * Imports go one way: between rooms, between the sub-rooms of a room, and never in a circle. The
 * tables are the architecture; see ARCHITECTURE.md for their reasons.
 */
import { dirname, join } from "node:path/posix";
import { describe, expect, it } from "vitest";
import { type Source, sources } from "./sources.ts";

interface Room {
  /** Rooms that it may import besides itself. */
  readonly rooms: readonly string[];
  /** Single files of other rooms. */
  readonly files?: readonly string[];
  /** Rooms of which it may import types, and nothing that runs. */
  readonly types?: readonly string[];
  /** Packages; `node:` stands for Node's own modules. */
  readonly packages: readonly string[];
  /** No clock, chance, or waiting: what it computes follows from what it is given. */
  readonly pure?: boolean;
  /**
   * Its sub-rooms, lowest first, each with the others that it may import. `.` is the room's own
   * folder. A room without this list has no sub-rooms, or none that are kept apart.
   */
  readonly parts?: Readonly<Record<string, readonly string[]>>;
}

const ROOMS: Readonly<Record<string, Room>> = {
  base: { rooms: [], packages: ["@noble/curves", "@noble/hashes", "hash-wasm"] },
  protocol: { rooms: ["base"], packages: [], pure: true },
  journal: {
    rooms: ["base"],
    packages: ["node:", "pg"],
    parts: { ".": [], sqlite: ["."], postgres: ["."] },
  },
  exchange: {
    rooms: ["base", "protocol"],
    packages: [],
    pure: true,
    parts: {
      form: [],
      model: ["form"],
      matching: ["model"],
      rounds: ["model", "matching"],
      queries: ["model", "rounds"],
      snapshots: ["form", "model", "matching"],
      ".": ["model", "matching", "rounds", "snapshots"],
    },
  },
  wire: { rooms: ["base", "protocol"], packages: ["zod"] },
  chain: {
    rooms: ["base", "protocol"],
    packages: ["node:", "viem"],
    parts: {
      ".": [],
      abi: [],
      bytecode: [],
      proofs: [],
      rpc: [".", "abi"],
      contracts: [".", "abi", "bytecode", "rpc"],
      follow: [".", "abi", "proofs", "rpc", "contracts"],
      submit: [".", "rpc"],
    },
  },
  keys: { rooms: ["base", "protocol", "chain"], types: ["wire"], packages: ["node:", "zod"] },
  operator: {
    rooms: ["base", "protocol", "exchange", "journal", "chain", "keys"],
    // What it answers has the shapes of the wire's schemas; parsing them is the server's.
    types: ["wire"],
    packages: ["node:", "zod", "pino", "pino-roll", "prom-client"],
    parts: {
      telemetry: [],
      workers: [],
      replay: ["telemetry"],
      duties: ["telemetry"],
      health: ["telemetry"],
      checks: ["telemetry", "duties", "health"],
      alerts: ["telemetry", "duties", "health"],
      config: ["health", "alerts"],
      sequencing: ["telemetry", "replay", "config"],
      api: ["telemetry", "workers", "replay", "sequencing"],
      publishing: ["api"],
      node: [
        "telemetry",
        "workers",
        "replay",
        "duties",
        "health",
        "checks",
        "alerts",
        "config",
        "sequencing",
        "api",
        "publishing",
      ],
      doctor: ["telemetry", "replay", "checks", "config"],
    },
  },
  server: {
    rooms: ["base", "protocol", "wire"],
    files: ["src/operator/api/operatorApi.ts"],
    packages: [
      "node:",
      "fastify",
      "@fastify/compress",
      "@fastify/cors",
      "@fastify/etag",
      "@fastify/static",
      "ws",
    ],
  },
  client: {
    rooms: ["base", "protocol", "wire", "chain"],
    packages: ["node:", "zod"],
    parts: {
      checks: [],
      signing: ["checks"],
      evidence: [],
      ".": ["checks", "signing", "evidence"],
      streaming: [".", "checks"],
      node: [".", "checks", "evidence"],
      rounds: [".", "checks", "evidence", "signing"],
    },
  },
  // The API that bots know from ccxt, over the client library: for the adapter and the gateway.
  unified: { rooms: ["base", "protocol", "wire", "chain", "client"], packages: [] },
  ccxt: { rooms: ["base", "client", "unified"], packages: ["ccxt"] },
  gateway: { rooms: ["base", "wire", "client", "unified"], packages: ["node:", "fastify", "ws"] },
  admin: {
    rooms: ["base", "protocol", "wire", "chain", "keys", "client"],
    files: [
      "src/operator/config/config.ts",
      "src/operator/config/manifest.ts",
      "src/operator/doctor/finding.ts",
      "src/operator/telemetry/log.ts",
    ],
    packages: ["node:", "commander", "zod"],
  },
  cli: {
    rooms: [
      "base",
      "protocol",
      "wire",
      "chain",
      "keys",
      "client",
      "operator",
      "server",
      "journal",
      "admin",
      "gateway",
      "watchtower",
    ],
    packages: ["node:", "commander", "zod"],
  },
  watchtower: {
    rooms: ["base", "protocol", "wire", "chain", "client"],
    packages: ["node:", "zod"],
  },
  // The exit kit: one page that opens from disk, and the library inside it.
  exit: { rooms: ["base", "protocol", "chain", "client"], packages: [] },
  // What the npm packages offer: entries alone, each a list of names.
  packages: {
    rooms: ["base", "protocol", "chain", "client", "operator", "server", "ccxt"],
    packages: [],
  },
  localnet: {
    rooms: ["base", "protocol", "wire", "chain", "client"],
    files: ["src/operator/config/config.ts", "src/cli/report.ts", "src/server/page/pageFiles.ts"],
    packages: ["node:", "commander", "zod"],
  },
};

/** Words by which a pure room would look at the world. */
const IMPURE =
  /\b(Date\b|Math\.random|performance\.|setTimeout|setInterval|async\b|await\b|process\.)/;
const IMPORT = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)["']([^"']+)["']/g;
const TYPE_IMPORT = /\b(?:import|export)\s+type\b[^"';]*\bfrom\s+["'][^"']+["']/g;

interface Place {
  readonly room: string;
  /** `.` where the file lies in the room's own folder. */
  readonly part: string;
}

function placeOf(path: string): Place {
  const [, room = "", ...rest] = path.split("/");
  return { room, part: rest.length > 1 ? (rest[0] as string) : "." };
}

function importsOf({ text }: Source): string[] {
  return [...text.matchAll(IMPORT)].map(([, target]) => target as string);
}

/** Files of the repository that a file imports. */
function filesOf(source: Source): string[] {
  return importsOf(source)
    .filter((target) => target.startsWith("."))
    .map((target) => join(dirname(source.path), target));
}

function faults(source: Source): string[] {
  const { room, part } = placeOf(source.path);
  const rule = ROOMS[room];
  if (rule === undefined) return [`${source.path}: ${room} is no room of the table`];
  if (rule.parts !== undefined && rule.parts[part] === undefined) {
    return [`${source.path}: ${part} is no part of ${room} in the table`];
  }

  const found: string[] = [];
  const running = new Set(importsOf({ ...source, text: source.text.replace(TYPE_IMPORT, "") }));
  for (const target of importsOf(source)) {
    const resolved = target.startsWith(".") ? join(dirname(source.path), target) : target;
    const isType = target.startsWith(".") && !running.has(target);
    if (isType && rule.types?.includes(placeOf(resolved).room)) continue;
    const wrong = faultOf({ room, part }, rule, resolved, target.startsWith("."));
    if (wrong !== undefined) {
      found.push(`${source.path} imports ${target}: ${wrong}`);
    }
  }
  const impure = rule.pure ? IMPURE.exec(withoutComments(source.text)) : null;
  if (impure !== null) found.push(`${source.path}: ${impure[0]} in a pure room`);
  return found;
}

function faultOf(
  { room, part }: Place,
  rule: Room,
  target: string,
  isFile: boolean,
): string | undefined {
  if (!isFile) {
    const allowed = rule.packages.some((name) =>
      name === "node:" ? target.startsWith(name) : target === name || target.startsWith(`${name}/`),
    );
    return allowed ? undefined : `${room} may not use this package`;
  }
  if (target.split("/")[0] !== "src") return "src imports nothing outside src";
  const other = placeOf(target);
  if (other.room !== room) {
    const allowed = rule.rooms.includes(other.room) || rule.files?.includes(target);
    return allowed ? undefined : `${room} may not import ${other.room}`;
  }
  if (other.part === part || rule.parts === undefined) return undefined;
  const allowed = rule.parts[part]?.includes(other.part);
  return allowed ? undefined : `${room}/${part} may not import ${room}/${other.part}`;
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
}

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** The sets of nodes that reach each other, sorted; what Tarjan calls strongly connected. */
function circles(graph: Graph): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const found: string[][] = [];

  const visit = (node: string): number => {
    let low = order.size;
    order.set(node, low);
    lowest.set(node, low);
    open.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) low = Math.min(low, visit(next));
      else if (open.includes(next)) low = Math.min(low, order.get(next) as number);
    }
    lowest.set(node, low);
    if (low === order.get(node)) {
      const circle = open.splice(open.indexOf(node));
      if (circle.length > 1 || graph.get(node)?.has(node)) found.push(circle.sort());
    }
    return low;
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return found.sort();
}

function graphOf(arrows: Iterable<readonly [string, string]>): Graph {
  const graph = new Map<string, Set<string>>();
  for (const [from, to] of arrows) {
    const targets = graph.get(from) ?? new Set();
    graph.set(from, targets.add(to));
  }
  return graph;
}

/** Which sub-room imports which, as the files do it, or as the table would allow it. */
function partGraph(arrows: Iterable<readonly [string, string]>): Graph {
  const nameOf = (path: string) => {
    const { room, part } = placeOf(path);
    return ROOMS[room]?.parts === undefined ? room : `${room}/${part}`;
  };
  return graphOf(
    [...arrows]
      .map(([from, to]) => [nameOf(from), nameOf(to)] as const)
      .filter(([from, to]) => from !== to),
  );
}

function source(path: string, text: string): Source {
  return { path, text, generated: false };
}

describe("imports", () => {
  const all = sources([".ts"]).filter(
    ({ path }) =>
      path.startsWith("src/") && !/\.(test|testkit|d)\.ts$/.test(path.replace(/^.*\//, "")),
  );
  const arrows = all.flatMap((one) => filesOf(one).map((target) => [one.path, target] as const));

  it("imports go only along the arrows", () => {
    expect(all.length).toBeGreaterThan(50);
    expect(all.flatMap(faults)).toEqual([]);
  });

  it("imports lead no room and no sub-room back to itself", () => {
    expect(arrows.length).toBeGreaterThan(500);
    expect(circles(partGraph(arrows))).toEqual([]);
  });

  it("imports lead no file back to itself, types included", () => {
    expect(circles(graphOf(arrows))).toEqual([]);
  });

  it("imports are allowed in no circle by the tables", () => {
    const allowedOf = (room: string) => [
      ...(ROOMS[room]?.rooms ?? []),
      ...(ROOMS[room]?.types ?? []),
    ];
    expect(circles(graphOf(pairs(allowedOf)))).toEqual([]);
    for (const [room, { parts }] of Object.entries(ROOMS)) {
      const allowed = Object.entries(parts ?? {}).flatMap(([from, targets]) =>
        targets.map((to) => [from, to] as const),
      );
      expect(circles(graphOf(allowed)), room).toEqual([]);
    }
  });

  it.each([
    ["src/base/x.ts", 'import { a } from "../protocol/units.ts";'],
    ["src/exchange/x.ts", 'import { readFileSync } from "node:fs";'],
    ["src/exchange/x.ts", 'export * from "../chain/rpc/rpc.ts";'],
    ["src/exchange/x.ts", "const now = Date.now();"],
    ["src/protocol/x.ts", "export async function wait() {}"],
    ["src/client/x.ts", 'import type { State } from "../exchange/model/state.ts";'],
    ["src/client/x.ts", 'import { http } from "viem";'],
    ["src/client/x.ts", 'import { openEvidence } from "./node/fileEvidence.ts";'],
    ["src/server/x.ts", 'import { startOperator } from "../operator/node/node.ts";'],
    ["src/operator/api/x.ts", 'const lazy = await import("../../wire/routes/routes.ts");'],
    ["src/operator/api/x.ts", 'import { type Answer, ROUTES } from "../../wire/routes/routes.ts";'],
    ["src/keys/x.ts", 'export { health } from "../wire/schemas/health.ts";'],
    ["src/exchange/x.ts", 'import type { Answer } from "../wire/routes/routes.ts";'],
    ["src/operator/telemetry/x.ts", 'import type { Duty } from "../duties/duties.ts";'],
    ["src/operator/duties/x.ts", 'export { judge } from "../health/level.ts";'],
    ["src/operator/x.ts", ""],
    ["src/exchange/model/x.ts", 'import { checkOrder } from "../matching/checkOrder.ts";'],
    ["src/chain/rpc/x.ts", 'import { follow } from "../follow/follow.ts";'],
    ["src/keys/x.ts", 'import { openLog } from "../operator/telemetry/log.ts";'],
    ["src/admin/x.ts", 'import { report } from "../cli/report.ts";'],
    ["src/cli/x.ts", 'import { until } from "../../test/support/exchange.ts";'],
    ["src/cellar/x.ts", ""],
  ])("imports are refused elsewhere: %s %s", (path, text) => {
    expect(faults(source(path, text))).toHaveLength(1);
  });

  it("imports may be of types alone where the table says so", () => {
    const text = `import type { HealthCheck } from "../wire/schemas/health.ts";
      export type { Live } from "../wire/schemas/health.ts";`;
    expect(faults(source("src/keys/x.ts", text))).toEqual([]);
  });

  it("comments may mention imports that code may not have", () => {
    expect(faults(source("src/exchange/x.ts", "// no Date here\n/** async is banned */"))).toEqual(
      [],
    );
  });
});

describe("circles", () => {
  it.each([
    [["a > b", "b > c"], []],
    [["a > b", "b > a", "b > c"], [["a", "b"]]],
    [
      ["a > b", "b > c", "c > a", "d > a", "d > e", "e > d"],
      [
        ["a", "b", "c"],
        ["d", "e"],
      ],
    ],
    [["a > a"], [["a"]]],
  ])("the circles of %j are %j", (arrows, found) => {
    const pairs = arrows.map((arrow) => arrow.split(" > ") as [string, string]);
    expect(circles(graphOf(pairs))).toEqual(found);
  });

  it("circles of sub-rooms are found across rooms", () => {
    const arrows = [
      ["src/operator/api/a.ts", "src/server/b.ts"],
      ["src/server/c.ts", "src/operator/api/d.ts"],
      ["src/operator/node/e.ts", "src/server/c.ts"],
    ] as const;
    expect(circles(partGraph(arrows))).toEqual([["operator/api", "server"]]);
  });
});

function pairs(of: (room: string) => readonly string[] | undefined): [string, string][] {
  return Object.keys(ROOMS).flatMap((room) =>
    (of(room) ?? []).map((other): [string, string] => [room, other]),
  );
}
