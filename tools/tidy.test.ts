/** Style as a test: limits that bite what grows, and words that have no place here. */
import { describe, expect, it } from "vitest";
import { type Source, sources } from "./sources.ts";

interface Limit {
  readonly name: string;
  readonly applies: (path: string) => boolean;
  readonly most: number;
  readonly reason: string;
}

const isTest = (path: string) => /(\.test|\.testkit|\.t)\.(tsx?|sol)$|^test\//.test(path);

/** What users run, not what builds or tests it. */
const isProduct = (path: string) => /^(page\/)?src\//.test(path);

const LENGTHS: readonly Limit[] = [
  {
    name: "lines of a source file",
    applies: (path) => /\.tsx?$/.test(path) && !isTest(path),
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

/**
 * A test's title is a sentence by itself: a search shows its line without the describe around it.
 * With one of these first words a reader has to guess the subject. Words that are nouns as well, or
 * names of commands (blocks, orders, counts, leaves, verify), are not among them.
 */
const SUBJECTLESS = new RegExp(
  `^(?:${[
    "is are was were be has have had do does can cannot may must never will would should shall",
    "that which who whom whose whoever what whatever it they there and or nor also still",
    "about of in on at by to for from with without as after before between under over behind",
    "beside when where while until once if however why whether",
    "accepts agrees allows ask asks attests begin begins carries catches come comes compares",
    "computes countersigns deletes disagrees drop drops ends enters fails find finds fit fits",
    "follow follows foretells forgets gets give gives go goes handles hears hold holds keep keeps",
    "know knows learns let lets lie lies looks lose loses make makes move moves names needs",
    "notices opens outlives passes pays prefer prefers prove proves puts recovers refuse refuses",
    "rejects remember remembers removes renews replaces reports returns rolls say says sends",
    "serves sets show shows signs stand stands starts stay stays stops survives take takes tell",
    "audits tells throws tries try uses wait waits wants warns works yields",
  ]
    .join(" ")
    .replaceAll(" ", "|")})(?![\\w'-])`,
  "i",
);

const code = sources([
  ".ts",
  ".tsx",
  ".mjs",
  ".cjs",
  ".sol",
  ".json",
  ".toml",
  ".md",
  ".yml",
]).filter(({ path }) => path !== "package-lock.json");
const written = code.filter(
  ({ path, generated }) => !generated && /\.(tsx?|mjs|cjs|sol)$/.test(path),
);

/** Tests of this project, and the tests that several of them share. */
const titled = written
  .filter(({ path }) => /^(?:src|page|test|sim|tools)\/.*\.ts$/.test(path) && isTest(path))
  .flatMap(titles);

/** Where an object or a list written in place is spread into another. */
function spreadLiterals({ path, text }: Pick<Source, "path" | "text">): string[] {
  return [...text.matchAll(/\.{3}\(?(?=[[{])/g)].flatMap((match) => {
    const start = match.index + match[0].length;
    const after = text.slice(endOfBrackets(text, start)).replace(/^ as const/, "");
    const isUsed = /^\s*[.[(]/.test(after.replace(/^\)/, ""));
    return isUsed ? [] : [`${path}:${text.slice(0, start).split("\n").length}`];
  });
}

/** The place after the bracket that closes the one at `start`. */
function endOfBrackets(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if ("[{(".includes(text[at] as string)) depth++;
    if ("]})".includes(text[at] as string) && --depth === 0) return at + 1;
  }
  return text.length;
}

describe("files", () => {
  it.each(LENGTHS)("files keep to $most $name: $reason", ({ applies, most }) => {
    const long = written
      .filter(({ path }) => applies(path))
      .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
      .filter(({ lines }) => lines > most);
    expect(long).toEqual([]);
  });

  it(`files keep to ${MOST_COLUMNS} columns`, () => {
    expect(written.flatMap(wideLines)).toEqual([]);
  });

  it("files spread no literal only to keep lines short: the formatter breaks them", () => {
    expect(written.flatMap(spreadLiterals)).toEqual([]);
    // Built from parts, so that this file does not trip over itself.
    const found = (text: string) => spreadLiterals({ path: "p", text }).length;
    const spread = (literal: string) => `f({ ${"..."}${literal} });`;
    expect(found(spread("{ a, b }"))).toBe(1);
    expect(found(spread("(['a', 'b'] as const)"))).toBe(1);
    expect(found(spread("[a, b].map(one)"))).toBe(0);
    expect(found(spread("(a && { b })"))).toBe(0);
  });

  it("files use no banned words", () => {
    // What is generated from the contracts holds the words of those who wrote their libraries.
    const own = code.filter(({ generated }) => !generated);
    const found = own.flatMap(({ path, text }) =>
      BANS.filter(({ pattern }) => pattern.test(text)).map(
        ({ pattern, instead }) => `${path}: ${pattern.exec(text)?.[0]} (${instead})`,
      ),
    );
    expect(found).toEqual([]);
  });

  it("files begin no comment with a pronoun, but with a noun", () => {
    const found = written
      .filter(({ path }) => isProduct(path) && !isTest(path))
      .flatMap(({ path, text }) =>
        openings(text)
          .filter(({ words }) => NOUNLESS.test(words))
          .map(({ line, words }) => `${path}:${line}: ${words}`),
      );
    expect(found).toEqual([]);
  });

  it("titles of tests are sentences by themselves, with a subject", () => {
    expect(titled.length).toBeGreaterThan(1000);
    expect(titled.filter(({ title }) => SUBJECTLESS.test(title))).toEqual([]);
    const found = (test: string) =>
      titles({ path: "p", text: test }).filter(({ title }) => SUBJECTLESS.test(title)).length;
    // Built from parts, so that this file does not trip over itself.
    const one = (call: string, title: string) => `${call}${"("}"${title}", () => {});`;
    expect(found(one("it", "is refused when a dispute must be closed soon"))).toBe(1);
    expect(found(one("it", "a plan is refused when a dispute must be closed soon"))).toBe(0);
    expect(found(one("test.each([1])", "with a bad %s is refused"))).toBe(1);
    expect(found(one("it.skipIf(true)", "blocks that do not follow are refused"))).toBe(0);
    expect(found(one("until", "is mined"))).toBe(0);
  });

  it("files lie in rooms of a size that a person can hold", () => {
    const rooms = new Map<string, number>();
    for (const { path: whole } of written) {
      if (!isProduct(whole) || isTest(whole) || whole.endsWith(".d.ts")) continue;
      const path = whole.replace(/^page\//, "");
      const folder = whole.slice(0, whole.lastIndexOf("/"));
      rooms.set(folder, (rooms.get(folder) ?? 0) + 1);
      expect(path.split("/").length, path).toBeLessThanOrEqual(MOST_DEPTH);
    }
    const crowded = [...rooms].filter(([, count]) => count > MOST_FILES_IN_ROOM);
    expect(crowded).toEqual([]);
  });

  it("variables of the environment are read by one rule", () => {
    const read = /\b(?:process\.env|environment)\[\w+_VARIABLE\](?! = )/;
    const own = written
      .filter(({ path }) => isProduct(path) && !isTest(path))
      .filter(({ text }) => read.test(text.replaceAll(/\bdelete process\.env\[\w+\]/g, "")))
      .map(({ path }) => path);
    expect(own).toEqual([]);
  });

  it("files assert something where they test", () => {
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

/** The title of each test, whichever way it is called: plain, skipped, or with a table of cases. */
function titles({ path, text }: Pick<Source, "path" | "text">) {
  const called = /(?:(?<![\w.])(?:it|test)(?:\.\w+)*|[)`])\(\s*(["`])(.+?)\1,\s/g;
  return [...text.matchAll(called)].map(({ index, 2: title = "" }) => ({
    place: `${path}:${text.slice(0, index).split("\n").length}`,
    title,
  }));
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
