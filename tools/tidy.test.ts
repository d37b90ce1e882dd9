/** Style as a test: limits that bite what grows, and words that have no place here. */
import { describe, expect, it } from "vitest";
import { type Source, sources } from "./sources.ts";

interface Limit {
  readonly name: string;
  readonly applies: (path: string) => boolean;
  readonly most: number;
  readonly reason: string;
}

const isTest = (path: string) => /(\.test|\.testkit|\.t)\.(ts|sol)$|^test\//.test(path);

const LENGTHS: readonly Limit[] = [
  {
    name: "lines of a source file",
    applies: (path) => path.endsWith(".ts") && !isTest(path),
    most: 400,
    reason: "a file is read in one sitting",
  },
  {
    name: "lines of a test file",
    applies: (path) => isTest(path),
    most: 800,
    reason: "a test file is a manual of one thing",
  },
  {
    name: "lines of a contract",
    applies: (path) => path.endsWith(".sol") && !isTest(path) && !path.includes("/test/"),
    most: 500,
    reason: "an auditor reads it in one sitting",
  },
];
const MOST_COLUMNS = 100;
const MOST_FILES_IN_ROOM = 16;
const MOST_DEPTH = 4;

/** Each with what to do instead. Written so that this file does not trip over itself. */
const BANS: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  { pattern: new RegExp(["TO", "DO|FIX", "ME|XX", "X"].join("")), instead: "do it, or file it" },
  {
    pattern: new RegExp("/(ho" + "me|ro" + "ot|wo" + "rk|Us" + "ers)/"),
    instead: "a relative path",
  },
  { pattern: new RegExp("\\b(descri" + "be|i" + "t)\\.on" + "ly\\b"), instead: "run all tests" },
];

/**
 * A comment's first word is its subject: a noun that is understood without the lines around it. With
 * one of these a reader has to guess the noun.
 */
const NOUNLESS = new RegExp(
  "^(?:Its?|Who(?:ever|m|se)?|They|Them|Their|Those|What(?:ever)?|(?:One|Of|In) (?:that|who(?:m|se)?|" +
    "which|its)|Whether (?:its?|they|those|one|what|who(?:ever)?|nobody|somebody))(?![\\w'])",
);

const code = sources([".ts", ".mjs", ".cjs", ".sol", ".json", ".toml", ".md", ".yml"]).filter(
  ({ path }) => path !== "package-lock.json",
);
const written = code.filter(
  ({ path, generated }) => !generated && /\.(ts|mjs|cjs|sol)$/.test(path),
);

describe("files", () => {
  it.each(LENGTHS)("keep to $most $name: $reason", ({ applies, most }) => {
    const long = written
      .filter(({ path }) => applies(path))
      .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
      .filter(({ lines }) => lines > most);
    expect(long).toEqual([]);
  });

  it(`keep to ${MOST_COLUMNS} columns`, () => {
    expect(written.flatMap(wideLines)).toEqual([]);
  });

  it("use no banned words", () => {
    // What is generated from the contracts holds the words of those who wrote their libraries.
    const own = code.filter(({ generated }) => !generated);
    const found = own.flatMap(({ path, text }) =>
      BANS.filter(({ pattern }) => pattern.test(text)).map(
        ({ pattern, instead }) => `${path}: ${pattern.exec(text)?.[0]} (${instead})`,
      ),
    );
    expect(found).toEqual([]);
  });

  it("begin no comment with a pronoun, but with a noun", () => {
    const found = written
      .filter(({ path }) => path.startsWith("src/") && !isTest(path))
      .flatMap(({ path, text }) =>
        openings(text)
          .filter(({ words }) => NOUNLESS.test(words))
          .map(({ line, words }) => `${path}:${line}: ${words}`),
      );
    expect(found).toEqual([]);
  });

  it("lie in rooms of a size that a person can hold", () => {
    const rooms = new Map<string, number>();
    for (const { path } of written) {
      if (!path.startsWith("src/") || isTest(path) || path.endsWith(".d.ts")) continue;
      const folder = path.slice(0, path.lastIndexOf("/"));
      rooms.set(folder, (rooms.get(folder) ?? 0) + 1);
      expect(path.split("/").length, path).toBeLessThanOrEqual(MOST_DEPTH);
    }
    const crowded = [...rooms].filter(([, count]) => count > MOST_FILES_IN_ROOM);
    expect(crowded).toEqual([]);
  });

  it("assert something where they test", () => {
    const idle = written
      .filter(({ path }) => path.endsWith(".test.ts"))
      .filter(({ text }) => !/\bexpect\(|\bassert/.test(text))
      .map(({ path }) => path);
    expect(idle).toEqual([]);
  });
});

function wideLines({ path, text }: Source): string[] {
  // forge fmt keeps the contracts' width.
  if (path.endsWith(".sol")) return [];
  return text.split("\n").flatMap((line, i) => {
    // Strings cannot be broken by a formatter: EIP-712 types, long messages, keys.
    const wide = line.length > MOST_COLUMNS && !/["'`].{60,}/.test(line);
    return wide ? [`${path}:${i + 1}`] : [];
  });
}

/** The first line of each comment, a run of `//` lines being one. */
function openings(text: string): { readonly line: number; readonly words: string }[] {
  const lines = text.split("\n");
  return lines.flatMap((written, at) => {
    const above = lines[at - 1]?.trim() ?? "";
    const [, block, inBlock, line, behind] =
      /^\s*(?:\/\*\*? +(.*)|\* (.*)|\/\/ (.*))|[^:\s]\s+\/\/ (.*)$/.exec(written) ?? [];
    const words =
      block ??
      (/^\/\*\*?$/.test(above) ? inBlock : undefined) ??
      (above.startsWith("//") ? undefined : line) ??
      behind;
    return words === undefined ? [] : [{ line: at + 1, words }];
  });
}
