/** What code and documents cite exists: files, headings, sections of the protocol. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT, sources } from "./sources.ts";

const PROTOCOL = "docs/protocol.md";
/** Written in a text as a path from the repository's root. */
const PATH = new RegExp(
  "(?<![\\w./@-])(?:src|docs|test|sim|tools|bench|deploy|findings|contracts)/[\\w./-]*\\w" +
    "\\.(?:ts|mjs|cjs|md|sol|json|yml|toml|sh|service)\\b(?!\\.)",
  "g",
);
const LINK = /\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)/g;
/** The section is cited beside the page's name, or alone in the contracts, which say where. */
const SECTION = /protocol\.md,? sections? (\d+(?:\.\d+)?)/g;

/** Names that a test makes up on purpose. */
const MADE_UP = [
  "tools/arrows.test.ts",
  "tools/testBase.test.ts",
  "tools/citations.test.ts",
  "tools/tidy.test.ts",
];

const texts = sources([".ts", ".mjs", ".cjs", ".sol", ".md", ".yml", ".toml", ".sh"]).filter(
  ({ path, generated }) =>
    // A finding makes up files of its own, in a folder that goes with it.
    !generated && !MADE_UP.includes(path) && !path.startsWith("findings/"),
);

/** Paths of folders that are made by a build or a run. */
const MADE_LATER = /^contracts\/(out|cache)\/|^src\/chain\/(abi|bytecode)\//;

function missingPaths({ path, text }: { readonly path: string; readonly text: string }): string[] {
  return (
    [...text.matchAll(PATH)]
      .map(([found]) => found)
      .filter((found) => !MADE_LATER.test(found) && !existsSync(join(ROOT, found)))
      // A path in a folder of its own: contracts/ has a src and a test too.
      .filter((found) => !existsSync(join(ROOT, dirname(path), found)))
      .filter((found) => !existsSync(join(ROOT, "contracts", found)))
      .map((found) => `${path}: ${found}`)
  );
}

/** The anchor that a heading has where Markdown is shown. */
function anchorOf(heading: string): string {
  const plain = heading.toLowerCase().replace(/[`*]/g, "");
  return plain.replace(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(/\s/g, "-");
}

function anchorsIn(file: string): Set<string> {
  const lines = readFileSync(join(ROOT, file), "utf8").split("\n");
  return new Set(
    lines.filter((line) => /^#+ /.test(line)).map((line) => anchorOf(line.replace(/^#+ /, ""))),
  );
}

function deadLinks({ path, text }: { readonly path: string; readonly text: string }): string[] {
  return [...text.matchAll(LINK)].flatMap(([link, target = "", anchor]) => {
    const file = target === "" ? path : normalize(join(dirname(path), target));
    if (!existsSync(join(ROOT, file))) return [`${path}: ${link}`];
    const isThere = anchor === undefined || anchorsIn(file).has(anchor.slice(1));
    return isThere ? [] : [`${path}: ${link}`];
  });
}

/** Numbers of the protocol's sections, and of their rules as section.rule. */
function protocolSections(): Set<string> {
  const found = new Set<string>();
  let section = "";
  for (const line of readFileSync(join(ROOT, PROTOCOL), "utf8").split("\n")) {
    section = /^## (\d+\w?)\. /.exec(line)?.[1] ?? section;
    const rule = /^(\d+)\. /.exec(line)?.[1];
    if (section !== "") found.add(section);
    if (section !== "" && rule !== undefined) found.add(`${section}.${rule}`);
  }
  return found;
}

describe("citations", () => {
  it("citations of files name files that are there", () => {
    expect(texts.flatMap(missingPaths)).toEqual([]);
  });

  it("citations of Markdown link to files and headings that are there", () => {
    expect(texts.filter(({ path }) => path.endsWith(".md")).flatMap(deadLinks)).toEqual([]);
  });

  it("citations of the protocol name sections that it has", () => {
    const sections = protocolSections();
    expect(sections.size).toBeGreaterThan(20);
    const missing = texts.flatMap(({ path, text }) =>
      [...text.matchAll(SECTION)]
        .map(([, number = ""]) => number)
        .filter((number) => !sections.has(number))
        .map((number) => `${path}: section ${number}`),
    );
    expect(missing).toEqual([]);
  });

  it("citations of things that are not there are found", () => {
    const path = "docs/x.md";
    const folder = "src/nowhere";
    expect(missingPaths({ path, text: `see ${folder}/gone.ts` })).toHaveLength(1);
    expect(deadLinks({ path, text: "[gone](gone.md)" })).toHaveLength(1);
    expect(deadLinks({ path, text: "[gone](protocol.md#gone)" })).toHaveLength(1);
    expect(deadLinks({ path, text: "[time](protocol.md#1-time)" })).toEqual([]);
  });
});
