/** Operators' signatures on what was executed: checked, and kept as evidence. */
import type { Curve } from "../base/curve.ts";
import { QuarterdeckError } from "../base/errors.ts";
import type { Address } from "../base/hex.ts";
import type { ExchangeConstants, MediatorReader } from "../chain/contracts/mediator.ts";
import { hashFill } from "../protocol/messages.ts";
import { firstBlockOf, lastBlockOf } from "../protocol/rounds.ts";
import { recoverSigner } from "../protocol/signatures.ts";
import type { Round, SignedFill } from "../protocol/units.ts";
import { checkFill } from "./audit.ts";
import type { EvidenceStore, OrderEvidence } from "./evidence/evidence.ts";

export interface ReceiptsOptions {
  readonly reader: MediatorReader;
  readonly constants: ExchangeConstants;
  readonly curve: Curve;
  readonly evidence: EvidenceStore;
  readonly owner: Address;
}

export class Receipts {
  readonly #options: ReceiptsOptions;
  /** Operators' keys found to be approved, by round. */
  readonly #approved = new Set<string>();

  constructor(options: ReceiptsOptions) {
    this.#options = options;
  }

  /**
   * Keeps signed fills of `round`, by whichever operator that was approved in it. A wrong one throws
   * `BadReceipt`: it is worth a dispute.
   */
  async keep(
    statuses: readonly { readonly fill: SignedFill | null }[],
    round: Round,
  ): Promise<void> {
    const { curve, constants, evidence, owner } = this.#options;
    const orders = new Map((await evidence.orders(round)).map((one) => [one.orderHash, one]));
    for (const { fill } of statuses) {
      if (fill === null) continue;
      const known = orders.get(fill.fill.orderHash);
      // An order of ours that another device placed: nothing here to hold it against.
      if (known === undefined) continue;
      const signer = recoverSigner(curve, constants.domain, hashFill(fill.fill), fill.signature);
      const approved = signer !== undefined && (await this.isOperator(signer, round));
      const isOurs = fill.fill.owner === owner && fill.fill.round === round;
      const why = !approved
        ? `signed by ${signer ?? "nobody"}, no operator of that round`
        : isOurs
          ? faultOf(known, fill)
          : "of another owner or round";
      if (why !== undefined) throw badReceipt(fill, why);
      await evidence.saveFill(fill);
    }
  }

  /** Whether the signer was approved in any block of the round. */
  async isOperator(signer: Address, round: Round): Promise<boolean> {
    const key = `${round} ${signer}`;
    if (this.#approved.has(key)) return true;
    const { reader, constants } = this.#options;
    const { schedule, manager } = constants;
    const from = firstBlockOf(schedule, round);
    const to = lastBlockOf(schedule, round);
    const approved = await reader.wasOperator(manager, signer, from, to);
    if (approved) this.#approved.add(key);
    return approved;
  }
}

/** A fill older than the kept one, as an operator that trails shows it, must lead up to it. */
function faultOf(known: OrderEvidence, fill: SignedFill): string | undefined {
  const { fill: kept } = known;
  if (kept === undefined || fill.fill.sequence >= kept.fill.sequence) return checkFill(known, fill);
  return checkFill({ ...known, fill: undefined }, fill) ?? checkFill({ ...known, fill }, kept);
}

function badReceipt(fill: SignedFill, why: string): QuarterdeckError {
  return new QuarterdeckError({
    code: "BadReceipt",
    message: `The operator sent a fill of ${fill.fill.orderHash} that is wrong: ${why}.`,
    hint: "Stop trading, audit, and open a dispute with the fills kept before.",
  });
}
