/**
 * Unpacks the Chromium that the npm package brings, and the libraries and fonts that it needs, into
 * the folder that TMPDIR names. Run as a process of its own: the package knows no other folder.
 */
import { join } from "node:path";
import { inflate } from "@sparticuz/chromium";

const PARTS = ["chromium.br", "fonts.tar.br", "swiftshader.tar.br", "al2023.tar.br"];

const packed = join(import.meta.dirname, "../../../node_modules/@sparticuz/chromium/bin");
await Promise.all(PARTS.map((part) => inflate(join(packed, part))));
