/** The fills that a client presented, read from the chain, and the answer that covers them. */
import type { Hex } from "../../base/hex.ts";
import type { MediatorReader } from "../../chain/contracts/mediator.ts";
import type { State } from "../../exchange/model/state.ts";
import {
  coveredExecutions,
  type DisputeAnswerView,
  type ExecutionView,
} from "../../exchange/queries/views.ts";
import type { PresentedFill } from "../../protocol/disputeRule.ts";
import { orderHash } from "../../protocol/messages.ts";

/** Orders asked about at a time. */
const ASKED_AT_ONCE = 100;

interface Accounted {
  /** The answer, with those orders that its statement covers of which a fill was presented. */
  readonly complete: DisputeAnswerView;
  readonly presented: readonly PresentedFill[];
}

/**
 * The answer with all that it must show. Orders that the statement does not cover are asked about
 * first; a client that presents fills of others, which its own statement covers, makes the operator
 * look through these, at most as many as it may place in a round, until all fills are found.
 */
export async function withPresented(
  state: State,
  reader: MediatorReader,
  answer: DisputeAnswerView,
): Promise<Accounted> {
  const { presented: wanted } = answer;
  const presented: PresentedFill[] = [];
  const shown: ExecutionView[] = [];
  const search = async (
    executions: readonly ExecutionView[],
    found: (one: ExecutionView) => void,
  ) => {
    for (let from = 0; from < executions.length && presented.length < wanted; ) {
      const some = executions.slice(from, from + ASKED_AT_ONCE);
      const fills = await readFills(reader, answer, some);
      for (const [i, fill] of fills.entries()) {
        if (fill === undefined) continue;
        presented.push(fill);
        found(some[i] as ExecutionView);
      }
      from += some.length;
    }
  };
  await search(answer.executions, () => {});
  await search(coveredExecutions(state, answer), (one) => shown.push(one));
  if (shown.length === 0) return { complete: answer, presented };
  const executions = [...answer.executions, ...shown].sort((a, b) =>
    a.order.id < b.order.id ? -1 : 1,
  );
  return { complete: { ...answer, executions }, presented };
}

async function readFills(
  reader: MediatorReader,
  { client, round }: DisputeAnswerView,
  executions: readonly ExecutionView[],
): Promise<(PresentedFill | undefined)[]> {
  return Promise.all(
    executions.map(async ({ order }) => {
      const hash: Hex = orderHash(order);
      const fill = await reader.presentedFill(client, round, hash);
      return fill && { orderHash: hash, ...fill };
    }),
  );
}
