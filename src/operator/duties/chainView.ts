/** Reads what a block shows of the machine's unfinished business. */
import type { MediatorReader } from "../../chain/contracts/mediator.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import type { ChainView, Questions } from "./duties.ts";

/** One read for each question, all as of block `head`. Throws `RpcUnavailable`. */
export async function readChainView(
  reader: MediatorReader,
  head: BlockNumber,
  questions: Questions,
): Promise<ChainView> {
  const at = reader.at(head);
  const active = new Set<string>();
  const committed = new Set<string>();
  const open = new Set<string>();
  await Promise.all([
    ...questions.requests.map(async ({ client, token }) => {
      const found = await at.withdrawal(client, token);
      if (found !== undefined) active.add(key(client, token, found.round, found.amount));
    }),
    ...questions.commitments.map(async ({ round, token }) => {
      const found = await at.commitment(round, token);
      if (found !== undefined) committed.add(key(round, token));
    }),
    ...questions.disputes.map(async ({ client, round }) => {
      if (await at.isDisputeOpen(client, round)) open.add(key(client, round));
    }),
  ]);
  return {
    head,
    isRequestActive: ({ client, token, round, amount }) =>
      active.has(key(client, token, round, amount)),
    isCommitted: (round, token) => committed.has(key(round, token)),
    isDisputeOpen: (client, round) => open.has(key(client, round)),
  };
}

function key(...parts: readonly (string | number | bigint)[]): string {
  return parts.join(" ");
}
