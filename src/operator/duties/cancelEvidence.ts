/** Whether the Mediator takes the evidence against a request: asked before anything is sent. */
import { QuarterdeckError } from "../../base/errors.ts";
import type { EvidenceView } from "../../exchange/queries/views.ts";
import { checkEvidence, type EvidenceFault } from "../../protocol/withdrawalRule.ts";

/** The journal does not bear out what the client presented: an operator must act. */
export class EvidenceRefused extends QuarterdeckError {
  override readonly name = "EvidenceRefused";
  readonly fault: EvidenceFault;

  constructor({ client, token, round }: EvidenceView, fault: EvidenceFault) {
    const values = Object.entries(fault).map(([name, value]) => `${name} ${value}`);
    super({
      code: "EvidenceRefused",
      message:
        `The request of ${client} for ${token} in round ${round} cannot be cancelled: ` +
        `${values.join(", ")}.`,
      hint:
        "A statement was countersigned that this journal does not have: an operator's key signs " +
        "what it should not. Remove that operator, and tell the clients to recover.",
    });
    this.fault = fault;
  }
}

/** Throws `EvidenceRefused` where the Mediator would not cancel. */
export function requireEvidenceHolds(evidence: EvidenceView): void {
  const orders = evidence.orders.map(({ order }) => order);
  const statements = evidence.statements.map(({ statement }) => statement);
  const fault = checkEvidence(evidence, orders, statements);
  if (fault !== undefined) throw new EvidenceRefused(evidence, fault);
}
