/** Reads what a block shows of the machine's unfinished business. */
import type { MediatorReader } from "../../chain/contracts/mediator.ts";
import type { BlockNumber } from "../../protocol/units.ts";
import type { ChainView, Questions } from "./duties.ts";

/** How often the commits of a round are read, while some of its tokens show one and others none. */
const MOST_READINGS = 4;

/** One read for each question, all as of block `head`. Throws `RpcUnavailable`. */
export async function readChainView(
  reader: MediatorReader,
  head: BlockNumber,
  questions: Questions,
): Promise<ChainView> {
  const at = reader.at(head);
  const active = new Set<string>();
  const open = new Set<string>();
  const committing = readCommitted(at, questions.commitments);
  await Promise.all([
    committing,
    ...questions.requests.map(async ({ client, token }) => {
      const found = await at.withdrawal(client, token);
      if (found !== undefined) active.add(key(client, token, found.round, found.amount));
    }),
    ...questions.disputes.map(async ({ client, round }) => {
      if (await at.isDisputeOpen(client, round)) open.add(key(client, round));
    }),
  ]);
  const committed = await committing;
  return {
    head,
    isRequestActive: ({ client, token, round, amount }) =>
      active.has(key(client, token, round, amount)),
    isCommitted: (round, token) => committed.has(key(round, token)),
    isDisputeOpen: (client, round) => open.has(key(client, round)),
  };
}

/**
 * The keys of what is committed. An operator commits all tokens of a round in one transaction, so a
 * part of them is most likely a reading on both sides of it: a node may show the state of the next
 * block under the number of this one, and two endpoints may differ. To the other operators, roots
 * signed for such a rest would look like roots that diverge. A part is believed once two readings
 * agree; where none do, the whole commit counts as owed: its roots diverge from nobody's, and the
 * Mediator refuses it if it is there.
 */
async function readCommitted(
  at: MediatorReader,
  asked: Questions["commitments"],
): Promise<ReadonlySet<string>> {
  let last = await readOnce(at, asked);
  for (let reading = 1; reading < MOST_READINGS && hasPart(last, asked); reading++) {
    const next = await readOnce(at, asked);
    const isSame = next.size === last.size && [...next].every((one) => last.has(one));
    last = next;
    if (isSame) return last;
  }
  return withoutParts(last, asked);
}

async function readOnce(at: MediatorReader, asked: Questions["commitments"]): Promise<Set<string>> {
  const committed = new Set<string>();
  await Promise.all(
    asked.map(async ({ round, token }) => {
      const found = await at.commitment(round, token);
      if (found !== undefined) committed.add(key(round, token));
    }),
  );
  return committed;
}

/** Whether some tokens of a round are committed and others are not. */
function hasPart(committed: ReadonlySet<string>, asked: Questions["commitments"]): boolean {
  return withoutParts(committed, asked).size < committed.size;
}

/** The commits of rounds of which every token is committed. */
function withoutParts(
  committed: ReadonlySet<string>,
  asked: Questions["commitments"],
): ReadonlySet<string> {
  const isCommitted = ({ round, token }: Questions["commitments"][number]) =>
    committed.has(key(round, token));
  const open = new Set(asked.filter((one) => !isCommitted(one)).map(({ round }) => round));
  const whole = asked.filter((one) => isCommitted(one) && !open.has(one.round));
  return new Set(whole.map(({ round, token }) => key(round, token)));
}

function key(...parts: readonly (string | number | bigint)[]): string {
  return parts.join(" ");
}
