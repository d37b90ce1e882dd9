/** What every anvil of this project must not do: fill the disk of whoever runs it. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startAnvil } from "../../test/support/anvil.ts";

const MANY_BLOCKS = 1200;

test("a long chain leaves no old states in the home folder", async () => {
  const home = mkdtempSync(join(tmpdir(), "quarterdeck-home-"));
  const before = process.env["HOME"];
  process.env["HOME"] = home;
  onTestFinished(() => {
    process.env["HOME"] = before;
    rmSync(home, { recursive: true, force: true });
  });
  const anvil = await startAnvil();
  onTestFinished(() => anvil.stop());
  await anvil.mine(MANY_BLOCKS);
  const kept = readdirSync(home, { recursive: true, encoding: "utf8" });
  expect(kept.filter((path) => path.endsWith(".json"))).toEqual([]);
});
