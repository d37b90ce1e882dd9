/** The page in a real browser, on a real chain: from the first visit until everything is out. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Address } from "../src/base/hex.ts";
import type { ExchangeClient } from "../src/client/client.ts";
import { openBrowser, type Visit, visit } from "./support/browser/chromium.ts";
import {
  askForWithdrawal,
  connectTestWallet,
  deposit,
  fillTicket,
  goTo,
  picture,
  ready,
  sendTicket,
  seriousFaults,
} from "./support/browser/visitor.ts";
import { startExchange, type TestExchange } from "./support/exchange/exchange.ts";

const WETH = 10n ** 18n;
const USDC = 10n ** 6n;
/** A client that is in no tree yet is told so with this status: no fault of the page. */
const NO_LEAF = /status of 404/;

describe("the page", () => {
  let exchange: TestExchange;
  let browser: Browser;
  let own: Visit;
  let account: Address;
  let other: ExchangeClient;
  beforeAll(async () => {
    await ready();
    [exchange, browser] = await Promise.all([startExchange(), openBrowser()]);
    own = await visit(browser);
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await exchange?.stop();
  });

  const complaints = () => own.complaints.filter((one) => !NO_LEAF.test(one));
  const said = (text: RegExp) => own.page.getByText(text).first().waitFor();

  it("the page shows round, solvency and book at the first visit, by a strict policy", async () => {
    const { page } = own;
    const response = await page.goto(exchange.url);
    const policy = response?.headers()["content-security-policy"] ?? "";
    expect(policy).toContain("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'");
    expect(policy).toContain(`connect-src 'self' ${exchange.anvil.url};`);
    expect(policy).not.toMatch(/unsafe-inline|'unsafe-eval'|\*/);
    await page.getByRole("heading", { name: "Round 0" }).waitFor();
    await page.getByTestId("solvency").waitFor();
    await page.locator(".live-dot[data-state=live]").waitFor();
    const paint = await page.evaluate(
      () => performance.getEntriesByType("paint").at(-1)?.startTime,
    );
    console.log(`first paint with data after ${Math.round(paint ?? Number.NaN)} ms`);
    for (const view of ["Trade", "Explorer", "Operators", "Trust"] as const) await goTo(page, view);
    expect(complaints()).toEqual([]);
  });

  it("the page deposits from a test wallet, and shows what is credited", async () => {
    const { page } = own;
    account = (await connectTestWallet(page)) as Address;
    await deposit(page, "USDC", "30000");
    await deposit(page, "WETH", "5");
    await exchange.settle();
    await goTo(page, "Trade");
    await page.getByRole("tab", { name: "Balances" }).click();
    await said(/^30,000$/);
    expect(await exchange.balanceOf(exchange.usdc, exchange.mediator)).toBe(30_000n * USDC);
    expect(complaints()).toEqual([]);
  });

  it("the page trades: it names the nearest price that fits, and shows book and fill", async () => {
    const { page } = own;
    other = await exchange.client(0);
    await other.deposit("WETH", "10");
    await exchange.settle();
    await fillTicket(page, "Buy", "3000.123", "1.5");
    await said(/Prices go by steps of 0\.01/);
    await page.getByRole("button", { name: "3000.12", exact: true }).click();
    await said(/4,500\.18 USDC/);
    await sendTicket(page);
    await page.getByRole("tab", { name: "Open orders (1)" }).click();
    await page.locator(".levels.bids tr[data-own]").waitFor();
    await fillTicket(page, "Sell", "3100", "0.5");
    await page.getByText("Terms: until the round ends").click();
    await page.getByLabel("Time in force").selectOption("postOnly");
    await page.getByLabel("Tag (optional)").fill("from the page");
    await sendTicket(page);
    await page.getByRole("tab", { name: "Open orders (2)" }).click();
    await said(/postOnly, “from the page”/);
    const sell = { market: "WETH/USDC", side: "sell", price: "3000.12", amount: "1" } as const;
    expect((await other.createOrder(sell)).state).toBe("filled");
    await page.getByRole("tab", { name: "Fills" }).click();
    await said(/3,000\.12 USDC/);
    await page.locator(".trades-panel tbody tr").first().waitFor();
    await picture(page, "trade");
    expect(complaints()).toEqual([]);
  });

  it("the page proves the balances of a round against the chain, leaf to root", async () => {
    const { page } = own;
    await goTo(page, "Trust");
    await exchange.toQuarter(1, 1);
    await said(/Round 1 committed, your balances proven against .*records of evidence kept/);
    await said(/The same: proven/);
    const steps = page.getByTestId("proof").getByRole("listitem");
    // Leaf, one level for two clients, root, and what is stored.
    await expect.poll(() => steps.count()).toBe(4);
    await picture(page, "trust");
    expect(complaints()).toEqual([]);
  });

  it.each(["light", "dark"] as const)(
    "the page has no serious fault for a screen reader, %s",
    async (scheme) => {
      const { page } = own;
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      for (const view of ["Trade", "Explorer", "Operators", "Trust"] as const) {
        await goTo(page, view);
        await page.locator("main .panel").first().waitFor();
        expect(await seriousFaults(page), `${view}, ${scheme}`).toEqual([]);
      }
      await picture(page, `trust-${scheme}`);
      await page.emulateMedia({ colorScheme: "light" });
    },
  );

  it("the page is used by the keyboard alone, and fits a phone", async () => {
    const { page } = own;
    await page.locator("body").press("Tab");
    await page.getByRole("button", { name: "Skip to the content" }).press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("main");
    await goTo(page, "Trade");
    await page.getByRole("tab", { name: /Open orders/ }).focus();
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe("Fills");
    await page.setViewportSize({ width: 390, height: 844 });
    for (const view of ["Trust", "Trade", "Explorer", "Operators"] as const) {
      await goTo(page, view);
      const overflow = () => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return scrollWidth - clientWidth;
      };
      await expect.poll(() => page.evaluate(overflow), { message: view }).toBe(0);
      await picture(page, `phone-${view.toLowerCase()}`);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  });

  it("the page asks for a withdrawal, follows it to its block, and pays it out", async () => {
    const { page } = own;
    await goTo(page, "Trust");
    await exchange.toQuarter(2, 1);
    await said(/Round 2 committed, your balances proven/);
    await askForWithdrawal(page, "USDC", "1000");
    await exchange.settle();
    await page.getByTestId("withdrawal").getByText("Asked for in round 2").waitFor();
    await picture(page, "withdrawal");
    await exchange.toQuarter(4, 1);
    await page.getByRole("button", { name: "Pay it out" }).click();
    const before = 100_000n * USDC - 30_000n * USDC;
    await expect.poll(() => exchange.balanceOf(exchange.usdc, account)).toBe(before + 1000n * USDC);
    expect(complaints()).toEqual([]);
  });

  it("the page says that it is stale, since when, and goes on where it was", async () => {
    const { page } = own;
    await goTo(page, "Trade");
    await exchange.stopOperator();
    await said(/Not live since \d\d:\d\d:\d\d/);
    await page.locator(".book-panel[data-stale]").waitFor();
    await exchange.startOperator();
    await page.locator(".live-dot[data-state=live]").waitFor();
    await page.locator(".book-panel:not([data-stale])").waitFor();
  });

  it("the page shows HALTED alone once that is so, and one button takes all out", async () => {
    const { page } = own;
    await goTo(page, "Trust");
    await exchange.toQuarter(5, 1);
    await said(/Round 5 committed, your balances proven/);
    await exchange.stopOperator();
    // Rounds 6 and 7 have no commit, and nobody tells the page but its own endpoint.
    await exchange.toQuarter(7, 1);
    await page.getByRole("heading", { name: /The exchange has HALTED/ }).waitFor();
    await picture(page, "halted");
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Take everything out" }).click();
    await said(/Done\. On its way to your account/);
    await picture(page, "recovered");
    // Of the 1.5 WETH that were ordered 1 was bought, for 3,000.12; everything else came back.
    expect(await exchange.balanceOf(exchange.weth, account)).toBe(100_001n * WETH);
    expect(await exchange.balanceOf(exchange.usdc, account)).toBe(100_000n * USDC - 3_000_120_000n);
  });
});
