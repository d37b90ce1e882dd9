/**
 * A market maker: one bid and one ask around a price, renewed whenever one is filled or its round
 * ends, and the work of each round beside it, so that the operator never has to be trusted.
 */
import { ExchangeClient, roundWork } from "@quarterdeck/client";
import { FileEvidence } from "@quarterdeck/client/node";
import { pause, say, setting, times } from "./settings.ts";

const client = await ExchangeClient.join({
  operator: setting("OPERATOR").split(","),
  rpc: setting("RPC").split(","),
  mediator: setting("MEDIATOR"),
  signer: setting("KEY"),
  evidence: await FileEvidence.open(setting("EVIDENCE", "evidence.jsonl")),
});
const market = setting("MARKET", "WETH/USDC");
const amount = setting("AMOUNT", "0.1");
const prices = { buy: setting("BID"), sell: setting("ASK") } as const;
const most = times("TURNS");
const base = client.exchange.markets.find(({ name }) => name === market)?.base;
if (base === undefined) throw new Error(`There is no market ${market}.`);

/** Block at which the round wants to be looked at again. */
let nextBlock = 0;
for (let turn = 0; turn < most; turn++) {
  const { block } = await client.reader.clock();
  if (block >= nextBlock) {
    const work = await roundWork(client);
    nextBlock = work.nextBlock ?? Number.POSITIVE_INFINITY;
    if (work.recovered !== undefined) {
      say(`HALTED: took out ${work.recovered.length} sums`);
      break;
    }
    for (const { kind } of work.audit?.faults ?? []) say(`! audit: ${kind}`);
  }
  const open = (await client.fetchOrders()).filter(({ state }) => state === "open");
  for (const side of ["buy", "sell"] as const) {
    const price = prices[side];
    if (open.some(({ buyToken }) => (buyToken === base) === (side === "buy"))) continue;
    try {
      const { id, state } = await client.createOrder({ market, side, price, amount });
      say(`${side} ${amount} at ${price}: ${state} (${id})`);
    } catch (error) {
      // Too little money for this side: the other goes on.
      say(`! ${side}: ${(error as Error).message}`);
    }
  }
  if (turn + 1 < most) await pause(1000);
}
process.exit(0);
