/** The signatures that a write of a client has, and the faults in them. Pure. */
import { type Address, bytesToHex } from "../../base/hex.ts";
import type { State } from "../../exchange/model/state.ts";
import { tradingKeyOf } from "../../exchange/queries/views.ts";
import { ORDER_PATH_LENGTH } from "../../protocol/limits.ts";
import { hashOrder, hashOrderTerms } from "../../protocol/messages.ts";
import { type Refusal, type RefusalOf, refuse } from "../../protocol/refusals.ts";
import {
  FIRST_TERMS_ID,
  idHasTerms,
  LAST_TERMS_ID,
  termsOf,
} from "../../protocol/trading/terms.ts";
import type { CancelOrder, Order, Round } from "../../protocol/units.ts";
import type { Placement } from "../../wire/schemas/terms.ts";
import type { SignedMessage, Signers } from "../workers/signatureVerifier.ts";
import type { QuerySources } from "./queries.ts";
import type { SlipFinder } from "./slipFinder.ts";

interface CheckSources {
  readonly sources: QuerySources;
  readonly slips: SlipFinder;
}

export function checkSameOwner({ owner }: CancelOrder, placed: Order): Refusal | undefined {
  if (owner === placed.owner) return undefined;
  return refuse("BadInput", {
    field: "body.cancel.owner",
    problem: `The new order is of ${placed.owner}.`,
    hint: "Replace an order by one of the same owner.",
  });
}

export function checkCancelSigner(
  { sources, slips }: CheckSources,
  cancel: CancelOrder,
  { structHash, signature }: SignedMessage,
  signer: Address | undefined,
): Refusal | undefined {
  const denied = refuseUnless(sources.state, signer, cancel.owner, cancel.round);
  return denied && slips.explain(denied, structHash, { signature });
}

/** The order, and its terms where it has any. */
export function placementMessages({ order: placed, signature, terms }: Placement): SignedMessage[] {
  const structHash = hashOrder(placed);
  const message = { structHash, signature };
  if (terms === undefined) return [message];
  const ofTerms = hashOrderTerms({ orderHash: bytesToHex(structHash), ...termsOf(terms) });
  return [message, { structHash: ofTerms, signature: terms.signature }];
}

/**
 * Why the order is not its owner's, or its terms are not the order's; undefined if all is well.
 * `signers`: of `messages`, which are `placementMessages` of it.
 */
export function checkPlacement(
  { sources, slips }: CheckSources,
  placed: Placement,
  [message, ofTerms]: readonly SignedMessage[],
  [signer, termsSigner]: Signers,
): Refusal | undefined {
  const { order: placedOrder, signature, terms } = placed;
  const { owner, round, id } = placedOrder;
  if (signature.path.length > ORDER_PATH_LENGTH) return pathTooLong();
  const denied = refuseUnless(sources.state, signer, owner, round);
  if (denied !== undefined) return explained(slips, denied, message, placedOrder);
  if (idHasTerms(id) !== (terms !== undefined)) return termsAndId(terms !== undefined);
  if (terms === undefined) return undefined;
  const foreign = refuseUnless(sources.state, termsSigner, owner, round);
  return foreign && explained(slips, foreign, ofTerms);
}

function explained(
  slips: SlipFinder,
  denied: RefusalOf<"BadSignature">,
  message: SignedMessage | undefined,
  order?: Order,
): Refusal {
  if (message === undefined) return denied;
  const { structHash, signature } = message;
  return slips.explain(denied, structHash, {
    signature,
    ...(order !== undefined && { order }),
  });
}

/** A refusal unless `signer` is the owner or its trading key of that round. */
export function refuseUnless(
  state: State,
  signer: Address | undefined,
  owner: Address,
  round: Round,
): RefusalOf<"BadSignature"> | undefined {
  if (signer !== undefined && signer === owner) return undefined;
  if (signer !== undefined && signer === tradingKeyOf(state, owner, round)) return undefined;
  return refuse("BadSignature", { owner, recovered: signer });
}

/** A longer path would make the evidence against an overdraft too large to send. */
function pathTooLong(): Refusal {
  return refuse("BadInput", {
    field: "body.signature.path",
    problem: `It has more than ${ORDER_PATH_LENGTH} steps.`,
    hint: `Sign at most ${2 ** ORDER_PATH_LENGTH} orders in one batch.`,
  });
}

/** Terms were taken off or put on by whoever passed the order on, or its id was chosen badly. */
function termsAndId(hasTerms: boolean): Refusal {
  const span = `${FIRST_TERMS_ID} to ${LAST_TERMS_ID}`;
  return refuse("BadInput", {
    field: "body.terms",
    problem: hasTerms
      ? "The order's id is one of orders without terms."
      : "The order's id is one of orders with terms, and there are none.",
    hint: hasTerms
      ? `Give orders with terms an id of ${span}, and sign the order anew.`
      : `Send the order with its terms, or sign it with an id that is not of ${span}.`,
  });
}
