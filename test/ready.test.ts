/** Whether an operator that says that it is ready is. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import type { Log } from "../src/base/log.ts";
import { startOperator } from "../src/operator/node/node.ts";
import { startExchange } from "./support/exchange/exchange.ts";

const SILENT: Log = { info: () => {}, warn: () => {}, error: () => {}, flush: async () => {} };

it("an operator is not ready before it has taken in what is final, tokens included", async () => {
  const exchange = await startExchange();
  try {
    await exchange.stopOperator();
    // Its first blocks, with the listings, are few enough to pass for the lag of a slow moment.
    const storage = `${exchange.config.storage}-new`;
    const operator = await startOperator({ ...exchange.config, storage }, SILENT);
    while (operator.api.notReady() !== undefined) await nextTurn();
    expect(operator.api.exchange().tokens).toHaveLength(2);
    await operator.stop();
  } finally {
    await exchange.stop();
  }
});
