/**
 * Everything out, with no operator left: key, chain and the evidence that was kept are enough. It
 * may be ended and started again at any time; what was done is on the chain.
 */
import { ExitClient, exitStep } from "@quarterdeck/client/exit";
import { FileEvidence } from "@quarterdeck/client/node";
import { pause, say, setting } from "./settings.ts";

const client = await ExitClient.open({
  rpc: setting("RPC").split(","),
  mediator: setting("MEDIATOR"),
  signer: setting("KEY"),
  evidence: await FileEvidence.open(setting("EVIDENCE", "evidence.jsonl")),
});

for (;;) {
  const { recovered = [], requested, confirmed, isDone, nextBlock, left } = await exitStep(client);
  for (const { token, amount } of requested) say(`asked for ${amount} of ${token}`);
  for (const { token, amount } of confirmed) say(`paid ${amount} of ${token}`);
  for (const one of recovered) {
    const sum = one.what === "missingProof" ? "no proof is kept" : `${one.amount}`;
    say(`${one.what}: ${sum} of ${"token" in one ? one.token : "ether"}`);
  }
  if (isDone || nextBlock === undefined) {
    say(left.items.length === 0 ? "everything is out" : `${left.items.length} sums want a proof`);
    break;
  }
  while ((await client.reader.clock()).block < nextBlock) await pause(1000);
}
process.exit(0);
