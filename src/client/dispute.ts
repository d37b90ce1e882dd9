/** Disputes: making the operator account for a round on chain, and keeping what it answers. */
import { QuarterdeckError } from "../base/errors.ts";
import { encodeOpenDispute, type Standing } from "../chain/contracts/mediatorCalls.ts";
import { readClosings, readDeposits } from "../chain/follow/pastEvents.ts";
import type { Mined } from "../chain/submit/submitter.ts";
import { checkPresented } from "../protocol/disputeRule.ts";
import { firstBlockOf } from "../protocol/rounds.ts";
import { covers } from "../protocol/statementRule.ts";
import type { Round, SignedFill } from "../protocol/units.ts";
import { parseClient, parseRound } from "./arguments.ts";
import { lastCountersigned } from "./evidence/evidence.ts";
import type { ChainClientSide } from "./types.ts";

export interface OpenedDispute {
  readonly round: Round;
  readonly standing: Standing["kind"];
  /** Fills presented. */
  readonly fills: number;
  readonly mined: Mined;
}

/**
 * Opens a dispute in the current round about the one before, with the best that the evidence holds:
 * proofs of that round, else a deposit on chain; the last countersigned statement, and every signed
 * fill of orders that it does not cover. Throws `NoStanding`
 * when this client never deposited.
 */
export async function dispute(client: ChainClientSide): Promise<OpenedDispute> {
  parseClient(client);
  const { round } = await client.reader.clock();
  const standing = await findStanding(client, round);
  const orders = round > 0 ? await client.evidence.orders(round - 1) : [];
  const stated =
    round > 0 ? lastCountersigned(await client.evidence.statements(round - 1)) : undefined;
  const kept = orders
    .filter(({ signed }) => !stated || !covers(stated.statement, signed.order.id))
    .map(({ fill }) => fill)
    .filter((fill) => fill !== undefined);
  const fills = presentable(kept);
  const statement = stated && { statement: stated.statement, signature: stated.countersignature };
  const delegation = client.delegation?.(round);
  const data = encodeOpenDispute(client.address, standing, fills, delegation, statement);
  const bond = client.constants.disputeBond;
  const mined = await client.send(`dispute in round ${round}`, data, bond);
  return { round, standing: standing.kind, fills: fills.length, mined };
}

/**
 * The fills in the order in which the Mediator takes them (section 6), checked by the contract's
 * own rule before anything is sent. Throws `EvidenceRefused` where the rule refuses one: such a
 * dispute would cost gas and change nothing.
 */
export function presentable(fills: readonly SignedFill[]): readonly SignedFill[] {
  const ascending = [...fills].sort((a, b) => (a.fill.orderHash < b.fill.orderHash ? -1 : 1));
  const fault = checkPresented(ascending.map(({ fill }) => fill));
  if (fault === undefined) return ascending;
  throw new QuarterdeckError({
    code: "EvidenceRefused",
    message: `The Mediator refuses the fill of order ${fault.orderHash}: ${fault.fault}.`,
    hint: "Check the evidence with an audit; keep its files as they are.",
  });
}

async function findStanding(client: ChainClientSide, round: Round): Promise<Standing> {
  const tokens = round > 0 ? await client.reader.tokenSet(round - 1) : [];
  const kept = await client.evidence.proofs(round - 1);
  const proofs = tokens.map((token) => kept.find((one) => one.token === token)?.proof);
  if (tokens.length > 0 && proofs.every((proof) => proof !== undefined)) {
    return { kind: "proofs", proofs };
  }
  const { schedule } = client.constants;
  const deposits = await readDeposits(client.reader, client.address, schedule.genesisBlock);
  // The oldest obliges the operator to prove the openings where the client must have a leaf.
  const oldest = deposits.find((deposit) => deposit.round < round);
  if (oldest !== undefined) return { kind: "deposit", token: oldest.token, round: oldest.round };
  throw new QuarterdeckError({
    code: "NoStanding",
    message: `${client.address} has neither proofs of round ${round - 1} nor an earlier deposit.`,
    hint: "A deposit can be disputed from the round after it.",
  });
}

/**
 * Whether the dispute opened in `round` was closed. Then the proofs that the operator had to show
 * are kept: they are this client's proofs for that round's commit.
 */
export async function collectAnswer(client: ChainClientSide, round: Round): Promise<boolean> {
  const { reader, evidence, constants } = parseClient(client);
  parseRound("round", round);
  const from = firstBlockOf(constants.schedule, round);
  const closings = await readClosings(reader, client.address, round, from);
  if (closings === undefined) return false;
  const tokens = await reader.tokenSet(round);
  await evidence.saveProofs(
    tokens.flatMap((token, i) => {
      const proof = closings[i];
      return proof === undefined ? [] : [{ round, token, proof }];
    }),
  );
  return true;
}
