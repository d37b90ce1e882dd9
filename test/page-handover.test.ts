/** Three operators: the one that a trader's page listens to is killed, and the trading goes on. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { roundRobinOperatorManagerAbi as abi } from "../src/chain/abi/roundRobinOperatorManager.ts";
import { SlotReader } from "../src/chain/contracts/roundRobinManager.ts";
import { openBrowser, visit } from "./support/browser/chromium.ts";
import {
  connectTestWallet,
  deposit,
  fillTicket,
  goTo,
  picture,
  ready,
  sendTicket,
} from "./support/browser/visitor.ts";
import { until } from "./support/exchange/exchange.ts";
import {
  type OperatorsExchange,
  startOperatorsExchange,
} from "./support/exchange/severalOperators.ts";

let exchange: OperatorsExchange;
let browser: Browser;
beforeAll(async () => {
  await ready();
  browser = await openBrowser();
  // Long slots: the lead moves where it is killed, and seldom besides.
  exchange = await startOperatorsExchange({ blockSeconds: 1, slotBlocks: 40 });
}, 240_000);
afterAll(async () => {
  await browser?.close();
  await exchange?.stop();
});

/** A past slot's number, and its operator's name, as the contract itself had it. */
async function holderAt(block: number) {
  const at = { address: exchange.manager, abi, blockNumber: BigInt(block) } as const;
  const { client } = exchange.anvil;
  const [number] = await client.readContract({ ...at, functionName: "slotInfo" });
  const name = await client.readContract({ ...at, functionName: "operatorName" });
  return [number, name === "" ? "nobody" : name] as const;
}

it("a page whose operator is killed goes on with another one, and trades there", async () => {
  const slots = new SlotReader(exchange.anvil.client, exchange.manager);
  const leader = await exchange.leader();
  const { page } = await visit(browser);
  await page.goto(leader.url);
  await connectTestWallet(page);
  await deposit(page, "USDC", "30000");
  await goTo(page, "Trade");
  await page.getByRole("tab", { name: "Balances" }).click();
  await page
    .getByText(/^30,000$/)
    .first()
    .waitFor();

  await fillTicket(page, "Buy", "2900", "1");
  await sendTicket(page);
  await page.getByRole("tab", { name: "Open orders (1)" }).click();
  await leader.kill();
  await until("another operator leads", async () => (await exchange.leader()) !== leader);
  await page.locator(".live-dot[data-state=live]").waitFor();
  // The order from before is in the book that the other operator tells.
  await page.locator(".levels.bids tr[data-own]").waitFor();

  await fillTicket(page, "Buy", "2950", "2");
  await sendTicket(page);
  await page.getByRole("tab", { name: "Open orders (2)" }).waitFor();
  await picture(page, "handover");
  await goTo(page, "Operators");
  await page.getByText("no answer").first().waitFor();
  await page
    .getByText(/^Silent since|^It never answered/)
    .first()
    .waitFor();
  await picture(page, "operators");
  expect(await page.locator(".live-dot").textContent()).toBe("Live");

  // Operators with their slots: who acts, who claimed, who leads, and those that are over.
  await goTo(page, "Explorer");
  const now = page.getByRole("region", { name: "Operators and their slots" });
  await now.getByText("leads").waitFor();
  await now.getByText("acts").waitFor();
  const past = page.getByRole("region", { name: "Past slots, newest first" });
  await past.getByText("0, Genesis").waitFor();
  const { slot } = await slots.slots();
  await past.getByRole("row", { name: new RegExp(`^${slot - 1}\\b`) }).waitFor();
  for (const row of await past.locator("tbody tr").all()) {
    const [name, blocks, holder] = await row.locator("td").allTextContents();
    const last = Number(blocks?.split("–")[1]?.trim().replaceAll(",", ""));
    const [number, operator] = await holderAt(last);
    expect(name).toBe(number === 0n ? "0, Genesis" : String(number));
    expect(holder).toBe(operator);
  }
  await picture(page, "explorer");
});
