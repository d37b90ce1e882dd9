/** Statements of clients: checked, countersigned, and answered once both signatures are durable. */

import { checkCountersign } from "../../exchange/matching/countersign.ts";
import { statement as lastStatement } from "../../exchange/queries/views.ts";
import { ORDER_PATH_LENGTH } from "../../protocol/limits.ts";
import { hashStatement } from "../../protocol/messages.ts";
import { type Refusal, refuse } from "../../protocol/refusals.ts";
import { isSameStatement } from "../../protocol/statementRule.ts";
import type { Signature, SignedStatement } from "../../protocol/units.ts";
import type { StatementResponse } from "../../wire/schemas/statement.ts";
import type { WriteRouter } from "../sequencing/writeRouter.ts";
import type { Answered, OperatorApi } from "./operatorApi.ts";
import { type OrderWritesOptions, signed } from "./orderWrites.ts";
import { refuseUnless } from "./writeChecks.ts";

interface StatementWritesOptions extends OrderWritesOptions {
  readonly router: WriteRouter;
}

export function statementWrites(
  options: StatementWritesOptions,
): Pick<OperatorApi, "countersign" | "statements"> {
  return {
    countersign: (given) => countersign(options, given),
    statements: (client) => statementsResponse(options, client),
  };
}

/**
 * Countersigns what this journal says (docs/protocol.md section 10). The countersignature leaves
 * once the record that holds it is durable; a record that is refused drops it. The same statement
 * again is answered with the same countersignature.
 */
async function countersign(
  options: StatementWritesOptions,
  given: SignedStatement,
): Promise<Answered<StatementResponse>> {
  const { statement, signature } = given;
  const tooLong = checkPath(signature);
  if (tooLong !== undefined) return { ok: false, refusal: tooLong };
  const message = { structHash: hashStatement(statement), signature };
  return options.pipeline.verified([message], ([signer]) => {
    const denied = refuseUnless(options.sources.state, signer, statement.client, statement.round);
    if (denied === undefined) return write(options, given);
    return { ok: false, refusal: options.slips.explain(denied, message.structHash, { signature }) };
  });
}

async function write(
  options: StatementWritesOptions,
  given: SignedStatement,
): Promise<Answered<StatementResponse>> {
  const { sources, router } = options;
  const { statement } = given;
  const known = answerOf(options, given);
  if (known !== undefined) return known;
  const refusal = checkCountersign(sources.state, statement);
  if (refusal !== undefined) return { ok: false, refusal };
  const countersignature = await signed(sources.fills.countersign(statement));
  if (!countersignature.ok) return countersignature;
  const outcome = await router.submit({
    kind: "countersign",
    ...given,
    countersignature: countersignature.value,
  });
  // Another one of the same statement may have come first.
  const answer = answerOf(options, given);
  if (outcome.refusal === undefined && answer !== undefined) return answer;
  const isSettled = outcome.refusal?.code === "WrongStatement" && answer !== undefined;
  if (isSettled) return answer;
  const later = refuse("NotReady", { waitingFor: "its newest record" });
  return { ok: false, refusal: outcome.refusal ?? later };
}

/** The last statements of the round before the current one and of the current one. */
function statementsResponse(
  { sources }: Pick<OrderWritesOptions, "sources">,
  client: SignedStatement["statement"]["client"],
): StatementResponse[] {
  const { round } = sources.state.moment;
  return [round - 1, round].flatMap((one) => lastStatement(sources.state, client, one) ?? []);
}

function answerOf(
  { sources }: OrderWritesOptions,
  { statement }: SignedStatement,
): Answered<StatementResponse> | undefined {
  const last = lastStatement(sources.state, statement.client, statement.round);
  if (last === undefined || !isSameStatement(last.statement, statement)) return undefined;
  return { ok: true, value: last };
}

function checkPath({ path }: Signature): Refusal | undefined {
  if (path.length <= ORDER_PATH_LENGTH) return undefined;
  return refuse("BadInput", {
    field: "body.signature.path",
    problem: `It has more than ${ORDER_PATH_LENGTH} steps.`,
    hint: "Sign the statement by itself.",
  });
}
