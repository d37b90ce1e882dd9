/** The page's size is bounded: by what a first visit loads, and by everything together. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { ensurePage } from "./build.ts";

/** Bytes over the wire, with brotli, before the first picture: HTML, script and style, no font. */
const MOST_FIRST = 80_000;
/** Bytes of the font, which swaps in when it is there. */
const MOST_FONT = 50_000;
/** Bytes of every script with brotli: the client library, the charts, and the curve. */
const MOST_SCRIPT = 330_000;

describe("the built page", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await ensurePage();
  }, 240_000);

  const sizeOf = (name: string) => statSync(join(folder, name)).size;
  const packed = (name: string) =>
    existsSync(join(folder, `${name}.br`)) ? sizeOf(`${name}.br`) : sizeOf(name);
  const assets = (ending: string) =>
    readdirSync(join(folder, "assets"))
      .filter((name) => name.endsWith(ending))
      .map((name) => `assets/${name}`);
  const sum = (names: readonly string[]) => names.reduce((all, name) => all + packed(name), 0);

  it("the page loads little before its first picture", () => {
    const html = readFileSync(join(folder, "index.html"), "utf8");
    const named = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.(?:js|css))"/g)];
    const names = named.map(([, name]) => name as string);
    expect(names.some((name) => name.endsWith(".css"))).toBe(true);
    const first = packed("index.html") + sum(names);
    const script = sum(assets(".js"));
    console.log(`the page: ${first} bytes first, ${script} bytes of script in all, with brotli`);
    expect(first).toBeLessThan(MOST_FIRST);
    expect(script).toBeLessThan(MOST_SCRIPT);
    expect(sum(assets(".woff2"))).toBeLessThan(MOST_FONT);
  });

  it("the page has nothing inline that its policy refuses, and a place for the facts", () => {
    const html = readFileSync(join(folder, "index.html"), "utf8");
    expect(html).toContain("<!-- facts -->");
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style| style=| on\w+=/);
    expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  });

  it("every file of the page lies compressed beside itself", () => {
    for (const name of [...assets(".js"), ...assets(".css"), "index.html"]) {
      for (const ending of ["br", "gz"])
        expect(existsSync(join(folder, `${name}.${ending}`))).toBe(true);
    }
  });
});
