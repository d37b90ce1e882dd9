/** Imports go one way. The table is the architecture; see ARCHITECTURE.md for its reasons. */
import { dirname, join } from "node:path/posix";
import { describe, expect, it } from "vitest";
import { type Source, sources } from "./sources.ts";

interface Room {
  /** Rooms that it may import besides itself. */
  readonly rooms: readonly string[];
  /** Single files of other rooms. */
  readonly files?: readonly string[];
  /** Packages; `node:` stands for Node's own modules. */
  readonly packages: readonly string[];
  /** No clock, chance, or waiting: what it computes follows from what it is given. */
  readonly pure?: boolean;
}

const ROOMS: Readonly<Record<string, Room>> = {
  base: { rooms: [], packages: ["@noble/curves", "@noble/hashes", "hash-wasm"] },
  protocol: { rooms: ["base"], packages: [], pure: true },
  journal: { rooms: ["base"], packages: ["node:", "pg"] },
  exchange: { rooms: ["base", "protocol"], packages: [], pure: true },
  wire: { rooms: ["base", "protocol"], packages: ["zod"] },
  chain: { rooms: ["base", "protocol"], packages: ["node:", "viem"] },
  operator: {
    rooms: ["base", "protocol", "exchange", "journal", "chain"],
    packages: ["node:", "zod", "pino", "pino-roll", "prom-client"],
  },
  server: {
    rooms: ["base", "protocol", "wire"],
    files: ["src/operator/face.ts"],
    packages: ["node:", "fastify", "ws"],
  },
  client: { rooms: ["base", "protocol", "wire", "chain"], packages: ["node:", "zod"] },
  cli: {
    rooms: ["base", "protocol", "wire", "chain", "client", "operator", "server", "journal"],
    packages: ["node:", "commander", "zod"],
  },
};

/** Words by which a pure room would look at the world. */
const IMPURE =
  /\b(Date\b|Math\.random|performance\.|setTimeout|setInterval|async\b|await\b|process\.)/;
const IMPORT = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)["']([^"']+)["']/g;

function faults(source: Source): string[] {
  const room = source.path.split("/")[1] ?? "";
  const rule = ROOMS[room];
  if (rule === undefined) return [`${source.path}: ${room} is no room of the table`];
  const found: string[] = [];
  for (const [, target] of source.text.matchAll(IMPORT)) {
    const fault = faultOf(source.path, room, rule, target as string);
    if (fault !== undefined) found.push(`${source.path} imports ${target}: ${fault}`);
  }
  if (rule.pure && IMPURE.test(withoutComments(source.text))) {
    found.push(`${source.path}: ${IMPURE.exec(withoutComments(source.text))?.[0]} in a pure room`);
  }
  return found;
}

function faultOf(path: string, room: string, rule: Room, target: string): string | undefined {
  if (!target.startsWith(".")) {
    const allowed = rule.packages.some((name) =>
      name === "node:" ? target.startsWith(name) : target === name || target.startsWith(`${name}/`),
    );
    return allowed ? undefined : `${room} may not use this package`;
  }
  const resolved = join(dirname(path), target);
  const [top, other] = resolved.split("/");
  if (top !== "src") return "src imports nothing outside src";
  if (other === room || rule.rooms.includes(other as string)) return undefined;
  return rule.files?.includes(resolved) ? undefined : `${room} may not import ${other}`;
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
}

function source(path: string, text: string): Source {
  return { path, text, generated: false };
}

describe("imports", () => {
  const all = sources([".ts"]).filter(
    ({ path }) =>
      path.startsWith("src/") && !/\.(test|testkit|fixture|d)\.ts$/.test(path.replace(/^.*\//, "")),
  );

  it("go only along the arrows", () => {
    expect(all.length).toBeGreaterThan(50);
    expect(all.flatMap(faults)).toEqual([]);
  });

  it.each([
    ["src/base/x.ts", 'import { a } from "../protocol/units.ts";'],
    ["src/exchange/x.ts", 'import { readFileSync } from "node:fs";'],
    ["src/exchange/x.ts", 'export * from "../chain/rpc.ts";'],
    ["src/exchange/x.ts", "const now = Date.now();"],
    ["src/protocol/x.ts", "export async function wait() {}"],
    ["src/client/x.ts", 'import type { State } from "../exchange/state.ts";'],
    ["src/client/x.ts", 'import { http } from "viem";'],
    ["src/server/x.ts", 'import { startOperator } from "../operator/node/node.ts";'],
    ["src/operator/x.ts", 'const lazy = await import("../wire/routes.ts");'],
    ["src/cli/x.ts", 'import { until } from "../../test/support/exchange.ts";'],
    ["src/cellar/x.ts", ""],
  ])("are refused elsewhere: %s %s", (path, text) => {
    expect(faults(source(path, text))).toHaveLength(1);
  });

  it("may mention in comments what they may not do", () => {
    expect(faults(source("src/exchange/x.ts", "// no Date here\n/** async is banned */"))).toEqual(
      [],
    );
  });
});
