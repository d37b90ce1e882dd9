/** What visitors of the page do, in its own words: tests read as their stories. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import axe from "axe-core";
import type { Locator } from "playwright-core";
import { ensurePage } from "../../../tools/page/build.ts";
import type { Page } from "./chromium.ts";

/** Pictures of each run; git ignores them. */
const PICTURES = join(import.meta.dirname, "../../../dist/page-pictures");

const PICTURE_MS = 20_000;

export const ready = ensurePage;

/** Something to look at, and no test of anything: one that takes too long here is left out. */
export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(PICTURES, { recursive: true });
  const path = join(PICTURES, `${name}.png`);
  await page.screenshot({ path, timeout: PICTURE_MS }).catch(() => {
    console.log(`no picture ${name}: this machine is too busy to draw it`);
  });
}

export async function goTo(page: Page, view: "Trust" | "Trade" | "Explorer" | "Operators") {
  await page.getByRole("navigation").getByRole("link", { name: view }).click();
  await page.locator(`nav a[aria-current=page]:text-is("${view}")`).waitFor();
}

export async function connectTestWallet(page: Page): Promise<string> {
  await page.locator("header.top").getByRole("button", { name: "Connect" }).click();
  await page.getByRole("button", { name: /^Test wallet/ }).click();
  const account = page.locator("header.top button[title^='0x']");
  await account.waitFor();
  return (await account.getAttribute("title")) as string;
}

/** Opens the form of the account's menu; gives it. */
async function moneyForm(page: Page, kind: "Deposit" | "Withdraw"): Promise<Locator> {
  await page.locator("header.top button[title^='0x']").click();
  const menu = page.locator("dialog");
  await menu.getByRole("button", { name: new RegExp(`^${kind}`) }).click();
  const form = page.locator("dialog form");
  await form.locator("input[name=amount]").waitFor();
  return form;
}

export async function deposit(page: Page, symbol: string, amount: string): Promise<void> {
  const form = await moneyForm(page, "Deposit");
  await form.getByLabel("Token").selectOption(symbol);
  await form.locator("input[name=amount]").fill(amount);
  await form.getByRole("button", { name: "Deposit" }).click();
  await page.locator("dialog").waitFor({ state: "detached" });
}

export async function askForWithdrawal(page: Page, symbol: string, amount: string): Promise<void> {
  const form = await moneyForm(page, "Withdraw");
  await form.getByLabel("Token").selectOption(symbol);
  await form.locator("input[name=amount]").fill(amount);
  await form.getByRole("button", { name: "Ask for it" }).click();
  await page.locator("dialog").waitFor({ state: "detached" });
}

export async function fillTicket(
  page: Page,
  side: "Buy" | "Sell",
  price: string,
  amount: string,
): Promise<void> {
  const ticket = page.locator("form.ticket");
  await ticket.getByRole("button", { name: side, exact: true }).click();
  await ticket.locator("input[name=price]").fill(price);
  await ticket.locator("input[name=amount]").fill(amount);
}

export async function sendTicket(page: Page): Promise<void> {
  await page.locator("form.ticket button[type=submit]:enabled").click();
}

/** What axe finds of serious or critical weight, as sentences; it runs in the page itself. */
export async function seriousFaults(page: Page): Promise<string[]> {
  // Evaluated by the debugger, which no policy of the page holds up.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => {
    const { axe: checker } = globalThis as unknown as { readonly axe: typeof axe };
    return checker.run(document, { resultTypes: ["violations"] });
  });
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, help, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} (${help}): ${target} ${failureSummary}`),
    );
}
