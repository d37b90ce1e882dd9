/** The generated references are committed as the code gives them, and leave nothing out. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { errorsIn } from "./references/errors.ts";
import { outdated, references } from "./references.ts";
import { ROOT } from "./sources.ts";

const pages = references();

it("the references are up to date: run node tools/references.ts if not", () => {
  expect(pages.size).toBe(4);
  expect(outdated()).toEqual([]);
});

it("the references would be found out of date", () => {
  const altered = (path: string) =>
    readFileSync(join(ROOT, path), "utf8")
      .replace(/integer|seconds/, "x")
      .replace("404", "405");
  expect(outdated(altered)).toEqual([...pages.keys()]);
});

it("the references leave no cell of a key, a metric or a refusal without words", () => {
  for (const path of ["docs/config.md", "docs/metrics.md"]) {
    const rows = (pages.get(path) as string).split("\n").filter((line) => line.startsWith("| `"));
    expect(rows.length).toBeGreaterThan(4);
    expect(rows.filter((row) => /\| {2}\|$/.test(row))).toEqual([]);
  }
});

it("the references name every field of every shape and message", () => {
  const api = pages.get("docs/api.md") as string;
  expect(api).not.toMatch(/undefined|\[object/);
  expect(api.match(/^### /gm)?.length).toBeGreaterThan(40);
});

it("the references read errors as the code writes them", () => {
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: it is source text.
  const text = [
    "throw new QuarterdeckError({",
    '  code: "PortInUse",',
    '  message: `Port ${port} is in use by ${nameOf({ port })}, ` + "and more.",',
    '  hint: "Stop it.",',
    "});",
    'const other = { code: "custom", message: "none" };',
    'fail({ code: "Odd", message, hint: "Look." });',
  ].join("\n");
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: it is source text.
  expect(errorsIn({ path: "x.ts", text })).toEqual([
    {
      code: "PortInUse",
      message: "Port … is in use by …, and more.",
      hint: "Stop it.",
      path: "x.ts",
    },
    { code: "Odd", message: "…", hint: "Look.", path: "x.ts" },
  ]);
});
