/**
 * Balances that an operator published, held against the chain; and any client's proofs out of them,
 * with no operator left.
 */
import { nobleCurve } from "../../base/curve.ts";
import { QuarterdeckError } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import type { ExchangeConstants, MediatorReader } from "../../chain/contracts/mediator.ts";
import { hashPublishedBalances, rootsHash } from "../../protocol/messages.ts";
import { firstBlockOf, lastBlockOf } from "../../protocol/rounds.ts";
import { recoverSigner } from "../../protocol/signatures.ts";
import { rootCommitment, SumTree } from "../../protocol/sumTree.ts";
import type { TokenRoot } from "../../protocol/units.ts";
import { parseInput } from "../../wire/input.ts";
import { type PublishedBalances, publishedBalances } from "../../wire/schemas/balances.ts";
import type { ProofRecord } from "../evidence/evidence.ts";

export type { PublishedBalances } from "../../wire/schemas/balances.ts";

/** Throws `BalancesRefused` for what is no such file. */
export function readPublishedBalances(value: unknown): PublishedBalances {
  const parsed = parseInput(publishedBalances, value, "balances");
  if (parsed.ok) return parsed.value;
  throw refused(`${parsed.refusal.field}: ${parsed.refusal.problem}`);
}

/**
 * Resolves where the leaves make exactly the trees that the Mediator holds of that round, of every
 * token, and an operator of the round signed them. Throws `BalancesRefused`, which says what
 * differs, and `RpcUnavailable`. Work grows with clients and tokens.
 */
export async function checkPublishedBalances(
  published: PublishedBalances,
  reader: MediatorReader,
  { schedule, manager, domain }: ExchangeConstants,
): Promise<void> {
  const { round, operator, signature } = published;
  const tokens = await reader.tokenSet(round);
  const shown = published.tokens.map(({ token }) => token);
  if (tokens.join() !== shown.join()) throw refused(`it has not the tokens of round ${round}`);
  const roots = published.tokens.map((one): TokenRoot => {
    return { token: one.token, ...treeOf(published, one).root() };
  });
  for (const root of roots) {
    const commitment = await reader.commitment(round, root.token);
    if (commitment === undefined) throw refused(`round ${round} is not committed`);
    if (commitment !== rootCommitment(root)) {
      throw refused(`its leaves of ${root.token} are not those that round ${round} committed`);
    }
  }
  const hash = hashPublishedBalances({ round, rootsHash: rootsHash(roots) });
  const signer = recoverSigner(nobleCurve, domain, hash, signature);
  const [from, to] = [firstBlockOf(schedule, round), lastBlockOf(schedule, round)];
  if (signer !== operator || !(await reader.wasOperator(manager, operator, from, to))) {
    throw refused(`no operator of round ${round} signed it`);
  }
}

/** The client's proofs, as evidence; none where it has no leaf. Check the balances first. */
export function proofsFrom(published: PublishedBalances, client: Address): ProofRecord[] {
  const { round, clients } = published;
  const index = clients.indexOf(client);
  if (index < 0) return [];
  return published.tokens
    .filter(({ balances }) => index < balances.length)
    .map((one) => ({ round, token: one.token, proof: treeOf(published, one).prove(index) }));
}

type TokenBalances = PublishedBalances["tokens"][number];

/** Trees that were built, by clients and token: a watchtower proves many balances by one. */
const TREES = new WeakMap<readonly Address[], WeakMap<TokenBalances, SumTree>>();

function treeOf({ clients }: PublishedBalances, one: TokenBalances): SumTree {
  const built = TREES.get(clients) ?? new WeakMap<TokenBalances, SumTree>();
  TREES.set(clients, built);
  const known = built.get(one);
  if (known !== undefined) return known;
  const { token, balances } = one;
  if (balances.length > clients.length) throw refused(`${token} has more leaves than clients`);
  const tree = SumTree.build(
    balances.map((balance, index) => ({ client: clients[index] as Address, balance })),
  );
  built.set(one, tree);
  return tree;
}

function refused(problem: string): QuarterdeckError {
  return new QuarterdeckError({
    code: "BalancesRefused",
    message: `The published balances do not hold: ${problem}.`,
    hint: "Take them from another operator or mirror.",
  });
}
