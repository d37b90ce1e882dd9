/** Takes everything out of a HALTED Mediator: the chain, the key and the kept evidence suffice. */
import { ExitClient } from "../../../src/client/rounds/exitClient.ts";
import { type Recovered, recover } from "../../../src/client/rounds/recover.ts";
import { openEvidence, required, signerOf } from "./accounts.ts";
import { account } from "./state.ts";

/** Safe to call again: what was taken is passed over. */
export async function takeEverythingOut(): Promise<Recovered[]> {
  const held = account.value;
  if (held?.owner === undefined) throw new Error("Connect the wallet that deposited first.");
  const { facts, rpc } = required();
  const exit = await ExitClient.open({
    rpc,
    mediator: facts.mediator,
    signer: await signerOf(held.owner),
    evidence: await openEvidence(held.address),
    pollMs: 500,
  });
  return recover(exit);
}
