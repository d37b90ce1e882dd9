/**
 * Builds the exit kit: one HTML file with the client library inside, which loads nothing. Its
 * policy allows its own script and style alone, by their hashes, and connections to an endpoint.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { ROOT } from "../sources.ts";

const STYLE = /<style>([\s\S]*?)<\/style>/;

/** The file's text: the same for the same sources. */
export function exitKit(): string {
  const { outputFiles } = buildSync({
    entryPoints: [join(ROOT, "src/exit/main.ts")],
    bundle: true,
    platform: "browser",
    format: "esm",
    target: "es2024",
    minify: true,
    legalComments: "none",
    charset: "ascii",
    write: false,
    logLevel: "silent",
  });
  // A closing tag in a text of the script would end it.
  const script = (outputFiles[0]?.text ?? "").trim().replaceAll("</script", "<\\/script");
  const page = readFileSync(join(ROOT, "src/exit/page.html"), "utf8");
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const style = STYLE.exec(page)?.[1] ?? "";
  const policy = [
    "default-src 'none'",
    // The library makes its keccak in WebAssembly.
    `script-src '${hashOf(script)}' 'wasm-unsafe-eval'`,
    `style-src '${hashOf(style)}'`,
    "connect-src http: https: ws: wss:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return page
    .replace("__POLICY__", policy)
    .replace("__VERSION__", String(version))
    .replace("__SCRIPT__", () => script);
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
