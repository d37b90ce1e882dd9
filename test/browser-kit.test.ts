/** The browser that the tests bring along runs here, and the kit hears what a page complains of. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openBrowser, visit } from "./support/browser/chromium.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());

it("a page runs its script, and lays out its text", async () => {
  const { page, complaints } = await visit(browser);
  await page.setContent("<h1>quarter</h1><script>document.title = String(2n ** 64n)</script>");
  expect(await page.title()).toBe("18446744073709551616");
  const box = await page.locator("h1").boundingBox();
  expect(box?.height).toBeGreaterThan(0);
  expect(complaints).toEqual([]);
  await page.context().close();
});

it("errors of a page are heard: uncaught ones, its console's, and those of its policy", async () => {
  const { page, complaints } = await visit(browser);
  await page.setContent(`<meta http-equiv="Content-Security-Policy" content="img-src 'none'">
    <script>console.error("said"); setTimeout(() => { throw new Error("thrown"); });</script>
    <img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">`);
  await expect.poll(() => complaints.join("\n")).toMatch(/said[\s\S]*thrown/);
  await expect.poll(() => complaints.join("\n")).toMatch(/Content Security Policy/);
  await page.context().close();
});
