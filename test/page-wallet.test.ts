/**
 * Wallets and keys at the page: one that announces itself by EIP-6963, a trading key that the
 * browser keeps encrypted, and evidence that goes from one browser to another as a file.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Hex } from "../src/base/hex.ts";
import type { ExchangeClient } from "../src/client/client.ts";
import { openBrowser, type Visit, visit } from "./support/browser/chromium.ts";
import {
  deposit,
  fillTicket,
  goTo,
  picture,
  ready,
  sendTicket,
} from "./support/browser/visitor.ts";
import { type AnnouncedWallet, installWallet } from "./support/browser/wallet.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";

const WALLET = "Test extension";
const PASSPHRASE = "correct horse battery";
/** A client that is in no tree yet is told so with this status: no fault of the page. */
const NO_LEAF = /status of 404/;
const STORED = "quarterdeck.tradingKey";

describe("wallets and keys at the page", () => {
  let exchange: TestExchange;
  let browser: Browser;
  let own: Visit;
  let wallet: AnnouncedWallet;
  let client: ExchangeClient;
  let folder: string;
  beforeAll(async () => {
    await ready();
    folder = mkdtempSync(join(tmpdir(), "quarterdeck-evidence-"));
    [exchange, browser] = await Promise.all([startExchange(), openBrowser()]);
    client = await exchange.client(0);
    own = await visit(browser);
    wallet = await install(own.page);
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await exchange?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  const install = (page: Page) =>
    installWallet(page, {
      name: WALLET,
      key: exchange.anvil.keys[2] as Hex,
      rpc: exchange.anvil.url,
    });
  const complaints = () => own.complaints.filter((one) => !NO_LEAF.test(one));
  const said = (text: RegExp) => own.page.getByText(text).first().waitFor();
  const openConnect = (page: Page) =>
    page.locator("header.top").getByRole("button", { name: "Connect" }).click();
  const connect = async (page: Page) => {
    await openConnect(page);
    await page.getByRole("button", { name: new RegExp(`^${WALLET}`) }).click();
    await page.locator("header.top button[title^='0x']").waitFor();
  };
  const openAccount = (page: Page) => page.locator("header.top button[title^='0x']").click();
  const signatures = () => wallet.asked.filter((one) => one === "eth_signTypedData_v4").length;

  it("the page finds a wallet that announces itself, and joins by its account", async () => {
    const { page } = own;
    await page.goto(exchange.url);
    await connect(page);
    expect(await page.locator("header.top button[title^='0x']").getAttribute("title")).toBe(
      client.address,
    );
    expect(wallet.asked[0]).toBe("eth_requestAccounts");
    expect(complaints()).toEqual([]);
  });

  it("a deposit and an order go through the wallet, which is asked for each", async () => {
    const { page } = own;
    await deposit(page, "USDC", "30000");
    // An allowance and the deposit.
    expect(wallet.asked.filter((one) => one === "eth_sendTransaction")).toHaveLength(2);
    await exchange.settle();
    expect(await exchange.balanceOf(exchange.usdc, exchange.mediator)).toBe(30_000_000_000n);
    await goTo(page, "Trade");
    const before = signatures();
    await fillTicket(page, "Buy", "3000", "1");
    await sendTicket(page);
    await page.getByRole("tab", { name: "Open orders (1)" }).waitFor();
    expect(signatures()).toBe(before + 1);
    const orders = await client.fetchOrders();
    expect(orders.map(({ state, sellAmount }) => [state, sellAmount])).toEqual([
      ["open", 3_000_000_000n],
    ]);
    expect(complaints()).toEqual([]);
  });

  it("a request that the wallet's user declines is told, and nothing is sent", async () => {
    const { page } = own;
    wallet.isDeclining = true;
    await fillTicket(page, "Buy", "2990", "1");
    await sendTicket(page);
    await said(/The wallet's user declined the signature of an Order\. Ask again/);
    wallet.isDeclining = false;
    expect(await client.fetchOrders()).toHaveLength(1);
    expect(await page.locator("form.ticket input[name=amount]").inputValue()).toBe("1");
  });

  it("a trading key is registered on chain, and kept in the browser encrypted alone", async () => {
    const { page } = own;
    await openAccount(page);
    await page.getByRole("button", { name: /^Make a trading key/ }).click();
    const [first, again] = await page.locator("dialog input[type=password]").all();
    await first?.fill("short");
    await said(/At least 8 characters/);
    await first?.fill(PASSPHRASE);
    await again?.fill(PASSPHRASE);
    await page.getByRole("button", { name: "Make and register it" }).click();
    await page.locator("dialog").waitFor({ state: "detached" });
    await exchange.toQuarter(1, 1);
    const kept = await stored(page);
    expect(Object.keys(kept).sort()).toEqual(
      ["iterations", "iv", "key", "mediator", "owner", "salt", "sealed", "version"].sort(),
    );
    expect(await exchange.reader.tradingKey(client.address, 1)).toBe(kept["key"]);
    expect(JSON.stringify(await everythingKept(page))).not.toContain(PASSPHRASE);
  });

  it("the trading key opens by its passphrase after a reload, and moves no money", async () => {
    const { page } = own;
    await page.reload();
    await openConnect(page);
    const field = page.getByLabel(/^Passphrase of the trading key/);
    await field.fill("another passphrase");
    await page.getByRole("button", { name: "Open the trading key" }).click();
    await said(/The passphrase does not open this key/);
    await field.fill(PASSPHRASE);
    await page.getByRole("button", { name: "Open the trading key" }).click();
    await page.locator("header.top button[title^='0x']").waitFor();
    const before = wallet.asked.length;
    await goTo(page, "Trade");
    await page.getByRole("tab", { name: "Balances" }).click();
    await said(/^30,000$/);
    for (const name of ["Deposit", "Withdraw"]) {
      await expect
        .poll(() => page.locator("#activity").getByRole("button", { name }).isDisabled())
        .toBe(true);
    }
    await fillTicket(page, "Buy", "2900", "2");
    await sendTicket(page);
    await page.getByRole("tab", { name: "Open orders (1)" }).waitFor();
    expect(wallet.asked.length).toBe(before);
    await openAccount(page);
    await said(/Orders are signed by the trading key/);
    for (const name of [/^Deposit/, /^Withdraw/]) {
      expect(await page.locator("dialog").getByRole("button", { name }).isDisabled()).toBe(true);
    }
    await picture(page, "trading-key");
    await page.getByRole("button", { name: "Close" }).click();
    expect(complaints()).toEqual([]);
  });

  it("evidence goes as a file to another browser, which takes no false record", async () => {
    const { page } = own;
    await page.reload();
    await goTo(page, "Trust");
    await connect(page);
    await said(/records of evidence kept/);
    const lines = readFileSync(await exported(page), "utf8")
      .trimEnd()
      .split("\n");
    const kinds = new Set(lines.map((line) => JSON.parse(line).kind));
    expect([...kinds].sort()).toEqual(["order", "proof"]);

    const { page: fresh } = await visit(browser);
    await install(fresh);
    await fresh.goto(exchange.url);
    await connect(fresh);
    // One unit more than the chain knows of, a line that is nothing, and the rest as it was.
    const bad = lines.map((line) => {
      const record = JSON.parse(line);
      if (record.kind !== "proof") return line;
      record.proof.balance = String(BigInt(record.proof.balance) + 1n);
      return JSON.stringify(record);
    });
    const proofs = lines.filter((line) => JSON.parse(line).kind === "proof").length;
    await importInto(fresh, [...bad, "nothing"].join("\n"));
    await fresh.getByText(new RegExp(`known already, ${proofs + 1} refused`)).waitFor();
    await fresh.getByText(/it is no evidence\.$/).waitFor();
    await picture(fresh, "evidence");
    await importInto(fresh, lines.join("\n"));
    await fresh.getByText(/known already, 0 refused/).waitFor();
    await fresh.getByRole("button", { name: "Close" }).click();
    const copied = readFileSync(await exported(fresh), "utf8")
      .trimEnd()
      .split("\n");
    expect(copied.sort()).toEqual(lines.sort());
    await fresh.context().close();
  });

  it("a kept key that cannot be read is told, with the way out, and may be forgotten", async () => {
    const { page } = own;
    await page.evaluate((prefix) => {
      const name = Object.keys(localStorage).find((one) => one.startsWith(prefix)) as string;
      localStorage.setItem(name, `${localStorage.getItem(name)}`.slice(0, -20));
    }, STORED);
    await page.reload();
    await openConnect(page);
    await said(/The trading key of this browser cannot be read/);
    await said(/Connect the wallet and make another key/);
    await picture(page, "unreadable-key");
    await page.getByRole("button", { name: "Forget it" }).click();
    await expect.poll(() => page.getByText(/cannot be read/).count()).toBe(0);
    await page.getByRole("button", { name: new RegExp(`^${WALLET}`) }).click();
    await openAccount(page);
    await page.getByRole("button", { name: /^Make a trading key/ }).waitFor();
    expect(complaints()).toEqual([]);
  });

  async function exported(page: Page): Promise<string> {
    await openAccount(page);
    await page.getByRole("button", { name: /^Your evidence/ }).click();
    const downloading = page.waitForEvent("download");
    await page.getByRole("button", { name: /^Export to a file/ }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toMatch(/^quarterdeck-evidence-\w{8}-\w{8}\.jsonl$/);
    const path = join(folder, `${Math.random()}.jsonl`);
    await download.saveAs(path);
    await page.getByRole("button", { name: "Close" }).click();
    return path;
  }

  async function importInto(page: Page, text: string): Promise<void> {
    const path = join(folder, "import.jsonl");
    writeFileSync(path, text);
    if ((await page.locator("dialog").count()) === 0) {
      await openAccount(page);
      await page.getByRole("button", { name: /^Your evidence/ }).click();
    }
    await page.locator("dialog input[type=file]").setInputFiles(path);
  }
});

/** The record of the trading key that the browser keeps. */
function stored(page: Page): Promise<Record<string, unknown>> {
  return page.evaluate((prefix) => {
    const name = Object.keys(localStorage).find((one) => one.startsWith(prefix)) as string;
    return JSON.parse(localStorage.getItem(name) as string);
  }, STORED);
}

function everythingKept(page: Page): Promise<object> {
  return page.evaluate(() => ({ ...localStorage, ...sessionStorage }));
}
