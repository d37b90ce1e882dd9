/**
 * An auditor: each round, as soon as it is committed, holds the operator's books against the chain
 * and the client's own evidence, and disputes what does not hold before the round ends.
 */
import { dispute, ExchangeClient } from "@quarterdeck/client";
import { FileEvidence } from "@quarterdeck/client/node";
import { pause, say, setting, times } from "./settings.ts";

const client = await ExchangeClient.join({
  operator: setting("OPERATOR").split(","),
  rpc: setting("RPC").split(","),
  mediator: setting("MEDIATOR"),
  signer: setting("KEY"),
  evidence: await FileEvidence.open(setting("EVIDENCE", "evidence.jsonl")),
});
const most = times("ROUNDS");

let audited = 0;
for (let rounds = 0; rounds < most; ) {
  const { committedRound, round, halted } = await client.reader.clock();
  if (halted) {
    say("HALTED: run examples/exit-after-halt.ts");
    break;
  }
  if (committedRound <= audited) {
    await pause(1000);
    continue;
  }
  const { faults, pending, balances } = await client.audit(committedRound);
  audited = committedRound;
  rounds += 1;
  say(
    `round ${audited}: ${balances.length} proven, ${faults.length} faults, ${pending.length} pending`,
  );
  for (const fault of faults) say(`! ${JSON.stringify(fault)}`);
  const isOpen = (await client.reader.dispute(client.address, round)) !== undefined;
  if (faults.length > 0 && round === audited && !isOpen) {
    const opened = await dispute(client);
    say(`dispute opened in round ${opened.round}, with ${opened.fills} fills`);
  }
}
process.exit(0);
