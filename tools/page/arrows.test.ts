/** Imports of the page go one way, and reach of the product only what a browser may have. */
import { dirname, join } from "node:path/posix";
import { describe, expect, it } from "vitest";
import { type Source, sources } from "../sources.ts";

/** Rooms of page/src, lowest first, each with the others that it may import. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  live: [],
  ui: ["live"],
  chain: ["live", "ui"],
  wallet: ["live", "ui", "chain"],
  views: ["live", "ui", "chain", "wallet", "."],
  ".": ["live", "ui", "chain", "wallet", "views"],
};
/** Rooms of src: the client library, and what contract, operator and client agree on. */
const PRODUCT = ["base", "protocol", "wire", "chain", "client"];
/** Folders of theirs that are of Node alone. */
const NODE_ONLY = /^src\/client\/node\//;
const PACKAGES = [
  "preact",
  "preact-render-to-string",
  "@preact/signals",
  "lightweight-charts",
  "uplot",
  "viem",
  "zod",
];
const IMPORT = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)["']([^"']+)["']/g;

function roomOf(path: string): string {
  const [, , ...rest] = path.split("/");
  return rest.length > 1 ? (rest[0] as string) : ".";
}

function targetsOf({ path, text }: Source): string[] {
  return [...text.matchAll(IMPORT)].map(([, target = ""]) =>
    target.startsWith(".") ? join(dirname(path), target) : target,
  );
}

function faults(source: Source): string[] {
  const room = roomOf(source.path);
  const allowed = ROOMS[room];
  if (allowed === undefined) return [`${source.path}: ${room} is no room of the page`];
  return targetsOf(source).flatMap((target) => {
    const isAllowed = target.startsWith("page/src/")
      ? roomOf(target) === room || allowed.includes(roomOf(target))
      : target.startsWith("src/")
        ? PRODUCT.includes(target.split("/")[1] ?? "") && !NODE_ONLY.test(target)
        : PACKAGES.some((name) => target === name || target.startsWith(`${name}/`));
    return isAllowed ? [] : [`${source.path} imports ${target}`];
  });
}

/** A chain of files that leads back to its first; undefined: there is none. */
function circleIn(all: readonly Source[]): string[] | undefined {
  const graph = new Map(all.map((one) => [one.path, targetsOf(one)]));
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail, path];
    if (done.has(path)) return undefined;
    for (const next of graph.get(path) ?? []) {
      const found = graph.has(next) ? walk(next, [...trail, path]) : undefined;
      if (found !== undefined) return found;
    }
    done.add(path);
    return undefined;
  };
  for (const path of graph.keys()) {
    const found = walk(path, []);
    if (found !== undefined) return found;
  }
  return undefined;
}

describe("the page's imports", () => {
  const all = sources([".ts", ".tsx"]).filter(
    ({ path }) => path.startsWith("page/src/") && !/\.test(kit)?\.tsx?$/.test(path),
  );
  const source = (path: string, text: string): Source => ({ path, text, generated: false });

  it("the page's imports go only along the arrows", () => {
    expect(all.length).toBeGreaterThan(30);
    expect(all.flatMap(faults)).toEqual([]);
  });

  it("the page's imports lead no file back to itself, types included", () => {
    expect(circleIn(all)).toBeUndefined();
  });

  it.each([
    ["page/src/live/x.ts", 'import { account } from "../wallet/state.ts";'],
    ["page/src/ui/x.tsx", 'import { Trade } from "../views/trade/trade.tsx";'],
    ["page/src/chain/x.ts", 'import { startServer } from "../../../src/server/server.ts";'],
    [
      "page/src/chain/x.ts",
      'import { FileEvidence } from "../../../src/client/node/fileEvidence.ts";',
    ],
    ["page/src/chain/x.ts", 'import { readFileSync } from "node:fs";'],
    ["page/src/views/trade/x.tsx", 'const lazy = await import("react");'],
    ["page/src/cellar/x.ts", ""],
  ])("the page's imports are refused elsewhere: %s %s", (path, text) => {
    expect(faults(source(path, text))).toHaveLength(1);
  });

  it("imports that make a circle are found", () => {
    const circle = [
      source("page/src/live/a.ts", 'import "./b.ts";'),
      source("page/src/live/b.ts", 'export * from "./a.ts";'),
    ];
    expect(circleIn(circle)).toHaveLength(3);
  });
});
