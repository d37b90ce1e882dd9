/** The page on security names every attack's test, and no test that is not there. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT, sources } from "./sources.ts";

const FUNCTION = /function (?:test|testFuzz|invariant)_(attack_)?(\w+)\s*\(/g;

/** Names of contract tests without their prefixes; `attacks`: those that say so. */
function contractTests(): { all: Set<string>; attacks: Set<string> } {
  const all = new Set<string>();
  const attacks = new Set<string>();
  for (const { path, text } of sources([".sol"])) {
    if (!path.startsWith("contracts/test/")) continue;
    for (const [, attack, name] of text.matchAll(FUNCTION)) {
      all.add(name as string);
      if (attack !== undefined) attacks.add(name as string);
    }
  }
  return { all, attacks };
}

describe("docs/security.md", () => {
  const page = readFileSync(join(ROOT, "docs/security.md"), "utf8");
  const rows = page.split("\n").filter((line) => line.startsWith("|"));
  const named = rows.flatMap((row) => {
    const last = row.split("|").at(-2) ?? "";
    return [...last.matchAll(/`(\w+)`/g)].map(([, name]) => name as string);
  });
  const { all, attacks } = contractTests();

  it("the page names tests that are there", () => {
    expect(named.length).toBeGreaterThan(100);
    expect(named.filter((name) => !all.has(name))).toEqual([]);
  });

  it("the page names every attack that is tested, once", () => {
    expect(attacks.size).toBeGreaterThan(80);
    expect([...attacks].filter((name) => !named.includes(name))).toEqual([]);
    const table = named.filter((name) => attacks.has(name));
    expect(table.length).toBe(new Set(table).size);
  });

  it("each way to cheat that a watchtower can see is played against one", () => {
    const [, section = ""] = page.split("## How an operator may cheat");
    const table = section.split("\n## ")[0] ?? "";
    const rows = [...table.matchAll(/^\| (\*\*)?(\d+)(?:\*\*)? \|/gm)];
    expect(rows.map(([, , number]) => Number(number))).toEqual(rows.map((_, index) => index + 1));
    const played = rows.filter(([, bold]) => bold !== undefined).map(([, , number]) => number);
    const tests = readFileSync(join(ROOT, "test/watchtower-cheats.test.ts"), "utf8");
    const tested = new Set([...tests.matchAll(/"row (\d+)[:,]/g)].map(([, number]) => number));
    expect(played.length).toBeGreaterThan(20);
    expect([...tested]).toEqual(played);
  });
});
