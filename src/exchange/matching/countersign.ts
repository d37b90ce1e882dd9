import type { Address } from "../../base/hex.ts";
import { type Refusal, refuse, type StatementRefusal } from "../../protocol/refusals.ts";
import { checkStatement, covers, coversAll, sumUp } from "../../protocol/statementRule.ts";
import type { Amount, Statement } from "../../protocol/units.ts";
import type { CountersignEntry } from "../model/entries.ts";
import type { OrderRecord } from "../model/orderRecord.ts";
import type { Outcome } from "../model/outcome.ts";
import {
  type ClientRound,
  clientOf,
  clientRound,
  disputeKey,
  orderState,
  type State,
} from "../model/state.ts";

/**
 * Takes a client's statement that says what this journal says: the orders that it covers are closed
 * for good, count no more, and no order below its watermark is taken any more (docs/protocol.md
 * section 10). A refused one changes nothing. Work grows with the client's orders that count.
 */
export function countersign(state: State, entry: CountersignEntry): Outcome {
  const { statement, signature, countersignature } = entry;
  const refusal = checkCountersign(state, statement);
  if (refusal !== undefined) return { refusal, events: [] };

  const { client, round, watermark } = statement;
  const affairs = clientRound(clientOf(state, client), round);
  affairs.statement = { statement, signature, countersignature };
  for (const record of affairs.counted.values()) {
    if (covers(statement, record.id)) affairs.counted.delete(record);
  }
  return { events: [{ what: "statementCountersigned", client, round, watermark }] };
}

/** Why the statement is not countersigned now, its signatures aside; undefined if it is. */
export function checkCountersign(state: State, statement: Statement): Refusal | undefined {
  const { client, round } = statement;
  const { halted, moment } = state;
  if (halted !== undefined) return refuse("ExchangeHalted", { haltRound: halted.round });
  const known = state.clients.get(client);
  if (known === undefined) return refuse("UnknownClient", { client });
  const fault =
    checkForm(statement) ??
    checkRound(state, statement, moment.round) ??
    checkOrders(state, known.rounds.get(round), statement);
  return fault && refuse("WrongStatement", { round, fault });
}

function checkForm(statement: Statement): StatementRefusal | undefined {
  const field = checkStatement(statement);
  return field && { fault: "form", field };
}

function checkRound(
  state: State,
  { client, round }: Statement,
  currentRound: number,
): StatementRefusal | undefined {
  if (round !== currentRound && round !== currentRound - 1) return { fault: "round", currentRound };
  return state.disputes.has(disputeKey(client, round + 1)) ? { fault: "disputed" } : undefined;
}

function checkOrders(
  state: State,
  affairs: ClientRound | undefined,
  statement: Statement,
): StatementRefusal | undefined {
  const before = affairs?.statement?.statement;
  if (before !== undefined && !coversAll(statement, before)) {
    return { fault: "coversLess", watermark: before.watermark };
  }
  const closed: OrderRecord[] = [];
  for (const record of affairs?.counted.values() ?? []) {
    const { id } = record;
    if (!covers(statement, id)) continue;
    const now = orderState(state, record);
    if (now === "open" || now === "queued") return { fault: "openOrder", id };
    closed.push(record);
  }
  if (!closed.some(({ sold }) => sold > 0n)) return { fault: "nothing" };
  return checkSums(statement, sumUp(statement.client, statement, closed, before));
}

/** The one form: a token for each that was sold or bought, and no other. */
function checkSums(statement: Statement, ours: Statement): StatementRefusal | undefined {
  const tokens: readonly Address[] = [...ours.tokens, ...statement.tokens];
  for (const token of tokens) {
    const said = sumsOf(statement, token);
    const known = sumsOf(ours, token);
    const isSame = said?.sold === known?.sold && said?.bought === known?.bought;
    if (!isSame) return { fault: "sums", token, ...(known ?? { sold: 0n, bought: 0n }) };
  }
  return undefined;
}

function sumsOf(statement: Statement, token: Address) {
  const at = statement.tokens.indexOf(token);
  if (at < 0) return undefined;
  return { sold: statement.sold[at] as Amount, bought: statement.bought[at] as Amount };
}
