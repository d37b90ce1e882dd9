/**
 * The exit kit in a real browser, opened from disk: it finds the wallet, reads the chain by it,
 * takes evidence from a file, and gets everything out after a halt.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Hex } from "../src/base/hex.ts";
import { ExchangeClient } from "../src/client/client.ts";
import { MemoryEvidence } from "../src/client/evidence/evidence.ts";
import { exportEvidence } from "../src/client/evidence/transfer.ts";
import { firstBlockOf } from "../src/protocol/rounds.ts";
import { exitKit } from "../tools/packages/exitKit.ts";
import { openBrowser, visit } from "./support/browser/chromium.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";

const WETH = 10n ** 18n;
/** Bytes of the whole file. */
const MOST_BYTES = 480_000;
const MOST_GZIPPED = 149_000;

describe("the exit kit", () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-exit-page-"));
  const page = join(folder, "exit-kit.html");
  const evidence = join(folder, "evidence.jsonl");
  let exchange: TestExchange;
  let ada: ExchangeClient;
  let browser: Browser;

  beforeAll(async () => {
    writeFileSync(page, exitKit());
    browser = await openBrowser();
    exchange = await startExchange();
    const kept = new MemoryEvidence();
    await exchange.client(0);
    ada = await ExchangeClient.join({
      operator: exchange.url,
      rpc: exchange.anvil.url,
      mediator: exchange.mediator,
      signer: exchange.anvil.keys[2] as Hex,
      evidence: kept,
      pollMs: 15,
    });
    await ada.deposit("WETH", "10");
    for (const round of [1, 2, 3]) {
      await exchange.toQuarter(round, 1);
      await ada.audit(round);
    }
    await exchange.stopOperator();
    await exchange.anvil.mineTo(firstBlockOf(exchange.schedule, 4, 1));
    const lines: string[] = [];
    for await (const line of exportEvidence(kept)) lines.push(line);
    writeFileSync(evidence, `${lines.join("\n")}\n`);
  });
  afterAll(async () => {
    await browser?.close();
    await exchange?.stop();
    rmSync(folder, { recursive: true });
  });

  /** Opens it from disk, with a wallet that announces itself and asks the chain. */
  async function open() {
    const visited = await visit(browser);
    const asked: string[] = [];
    await visited.page.exposeFunction("askWallet", async (method: string, params: unknown) => {
      asked.push(method);
      if (method === "eth_requestAccounts") return [ada.address];
      return exchange.anvil.client.request({ method, params } as never);
    });
    await visited.page.addInitScript(`
      const provider = { request: ({ method, params }) => window.askWallet(method, params ?? []) };
      const info = { uuid: "1", name: "A wallet <b>", icon: "", rdns: "example.wallet" };
      const announce = () => window.dispatchEvent(new CustomEvent("eip6963:announceProvider",
        { detail: Object.freeze({ info, provider }) }));
      window.addEventListener("eip6963:requestProvider", announce);`);
    await visited.page.goto(pathToFileURL(page).href);
    return { ...visited, asked };
  }

  it("the exit kit is one file of a bounded size", () => {
    const text = exitKit();
    const gzipped = gzipSync(text).length;
    console.log(`exit kit: ${text.length} bytes, ${gzipped} gzipped`);
    expect(text.length).toBeLessThan(MOST_BYTES);
    expect(gzipped).toBeLessThan(MOST_GZIPPED);
    expect(exitKit()).toBe(text);
  });

  it("the exit kit says what is missing, then gets everything out through the wallet alone", async () => {
    const { page: shown, complaints, asked } = await open();
    await shown.fill("#mediator", exchange.mediator);
    await shown.click("#show");
    await shown.getByText("Choose a wallet first.").waitFor();
    await shown.getByRole("button", { name: "A wallet <b>" }).click();
    await shown.click("#show");
    await shown.getByText("MISSING: proof of round 2").first().waitFor();
    await shown.setInputFiles("#files", evidence);
    await shown.getByText(/evidence\.jsonl: \d+ taken, 0 known/).waitFor();
    await shown.click("#show");
    const row = shown.locator("#plan tr");
    await shown.getByText("proof of round 2", { exact: true }).waitFor();
    expect(await row.locator("td").allTextContents()).toEqual([
      "balance",
      "10 WETH",
      "now",
      "proof of round 2",
    ]);
    expect(await shown.textContent("#state")).toContain("HALTED in round 4");

    const before = await exchange.balanceOf(exchange.weth, ada.address);
    await shown.click("#run");
    await shown.getByText("Everything that can be proven is out.").waitFor();
    expect(await shown.textContent("#log")).toContain("recovered balance: 10 WETH");
    expect((await exchange.balanceOf(exchange.weth, ada.address)) - before).toBe(10n * WETH);
    expect(asked).toContain("eth_sendTransaction");
    expect(complaints).toEqual([]);
    await shown.context().close();
  });

  it("the exit kit reads the chain through the visitor's endpoint, and knows what is out", async () => {
    const { page: shown, complaints, asked } = await open();
    const manifest = JSON.stringify({ chainId: 1, mediator: exchange.mediator });
    await shown.getByRole("button", { name: "A wallet <b>" }).click();
    await shown.fill("#mediator", manifest);
    await shown.fill("#rpc", exchange.anvil.url);
    await shown.click("#show");
    await shown.getByText("serves chain 31337 instead of 1").waitFor();
    await shown.fill("#mediator", exchange.mediator);
    await shown.setInputFiles("#files", evidence);
    await shown.getByText(/evidence\.jsonl: \d+ taken/).waitFor();
    await shown.click("#show");
    await shown.getByText("Nothing is left.").waitFor();
    expect(asked).toEqual(["eth_requestAccounts"]);
    expect(complaints).toEqual([]);
    await shown.context().close();
  });
});
