import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { LOCAL_KEYS } from "./localChain.ts";
import { SupervisedOperator } from "./supervise.ts";

test("an operator killed between its end and its next start is not started", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quarterdeck-supervise-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, "operator.json");
  const token = `0x${"11".repeat(20)}`;
  const other = `0x${"22".repeat(20)}`;
  const storage = join(folder, "storage");
  // Nobody listens there, so that it ends by itself.
  const rpc = ["http://127.0.0.1:9"];
  const markets = [{ base: token, quote: other, lot: "1", tick: "1" }];
  writeFileSync(config, JSON.stringify({ rpc, mediator: token, markets, maxTries: 1, storage }));
  const stop = new AbortController();
  const lines: string[] = [];
  const one: SupervisedOperator = new SupervisedOperator({
    name: "it",
    url: "",
    key: LOCAL_KEYS[1] as `0x${string}`,
    config,
    logs: folder,
    tell: (line) => {
      lines.push(line);
      if (line.includes("is started again")) one.toggle();
      if (line.includes("was killed")) stop.abort();
    },
  });
  await one.run(stop.signal);
  expect(lines.filter((line) => line.includes("pid"))).toHaveLength(1);
});
