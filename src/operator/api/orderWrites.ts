/** Writes of clients: signatures checked, handed to the router, and answered once durable. */
import type { Address } from "../../base/hex.ts";
import { SignerUnavailable } from "../../chain/signer.ts";
import type { State } from "../../exchange/model/state.ts";
import { order, tradingKeyOf } from "../../exchange/queries/views.ts";
import { ORDER_PATH_LENGTH } from "../../protocol/limits.ts";
import { hashCancelOrder, hashOrder, hashOrderTerms, orderHash } from "../../protocol/messages.ts";
import { ACT_OF_REFUSAL, type Refusal, type RefusalOf, refuse } from "../../protocol/refusals.ts";
import { recoverSigner } from "../../protocol/signatures.ts";
import {
  FIRST_TERMS_ID,
  idHasTerms,
  isSameTerms,
  LAST_TERMS_ID,
  termsOf,
} from "../../protocol/trading/terms.ts";
import type { Round, Signature } from "../../protocol/units.ts";
import type { OrderResponse } from "../../wire/schemas/order.ts";
import type { Placement } from "../../wire/schemas/terms.ts";
import type { WriteRouter } from "../sequencing/writeRouter.ts";
import { NotApproved } from "./fillSigner.ts";
import type { Answered, OperatorApi } from "./operatorApi.ts";
import { orderResponse, type QuerySources } from "./queries.ts";
import type { SlipFinder } from "./slipFinder.ts";

export interface OrderWritesOptions {
  readonly sources: QuerySources;
  readonly router: WriteRouter;
  readonly slips: SlipFinder;
  /** Why no orders are taken now, if so. */
  readonly notReady: () => string | undefined;
}

const APPROVAL = "its place on the manager's list";

export function orderWrites(
  options: OrderWritesOptions,
): Pick<OperatorApi, "placeOrder" | "cancelOrder"> {
  const { sources, router, slips } = options;
  /** Before anything else: what this operator knows may trail, such as a new trading key. */
  const closed = (): Refusal | undefined => {
    if (!router.isOpen) return refuse("NotLeader", { leader: router.leader });
    const waitingFor = options.notReady();
    return waitingFor === undefined ? undefined : refuse("NotReady", { waitingFor });
  };
  return {
    placeOrder: async (placed) => {
      const denied = closed() ?? checkPlacement(sources, slips, placed);
      if (denied !== undefined) return refusing(denied);
      const { order: placedOrder, signature, terms } = placed;
      const { refusal } = await router.submit({
        kind: "placeOrder",
        order: placedOrder,
        signature,
        ...(terms !== undefined && { terms }),
      });
      const isKnown = refusal !== undefined && isSettledBefore(sources.state, placed, refusal);
      return answerOf(sources, placedOrder, isKnown ? undefined : refusal);
    },
    cancelOrder: async (cancel, signature) => {
      const unready = closed();
      if (unready !== undefined) return refusing(unready);
      const { owner, round } = cancel;
      const hash = hashCancelOrder(cancel);
      const denied = checkSigner(sources, hash, signature, owner, round);
      if (denied !== undefined) return refusing(slips.explain(denied, hash, { signature }));
      const outcome = await router.submit({ kind: "cancelOrder", ...cancel, signature });
      return answerOf(sources, cancel, outcome.refusal);
    },
  };
}

/** Why the order is not its owner's, or its terms are not the order's; undefined if all is well. */
function checkPlacement(
  sources: QuerySources,
  slips: SlipFinder,
  placed: Placement,
): Refusal | undefined {
  const { order: placedOrder, signature, terms } = placed;
  const { owner, round, id } = placedOrder;
  if (signature.path.length > ORDER_PATH_LENGTH) return pathTooLong();
  const hash = hashOrder(placedOrder);
  const denied = checkSigner(sources, hash, signature, owner, round);
  if (denied !== undefined) return slips.explain(denied, hash, placed);
  if (idHasTerms(id) !== (terms !== undefined)) return termsAndId(terms !== undefined);
  if (terms === undefined) return undefined;
  const termsHash = hashOrderTerms({ orderHash: orderHash(placedOrder), ...termsOf(terms) });
  const foreign = checkSigner(sources, termsHash, terms.signature, owner, round);
  return foreign && slips.explain(foreign, termsHash, { signature: terms.signature });
}

/** A refusal unless the message is signed by the owner or its trading key of that round. */
export function checkSigner(
  { curve, domain, state }: QuerySources,
  structHash: Uint8Array,
  signature: Signature,
  owner: Address,
  round: Round,
): RefusalOf<"BadSignature"> | undefined {
  const recovered = recoverSigner(curve, domain, structHash, signature);
  if (recovered !== undefined && recovered === owner) return undefined;
  const key = tradingKeyOf(state, owner, round);
  if (recovered !== undefined && recovered === key) return undefined;
  return refuse("BadSignature", { owner, recovered });
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

/**
 * True if the order was refused only because it was taken before: then its sender is told how
 * it stands, in whichever state it is by now. State holds only what is durable, and a refusal that
 * is settled comes from whoever is still the writer; one to be tried again says nothing of it.
 */
function isSettledBefore(state: State, placed: Placement, refusal: Refusal): boolean {
  if (ACT_OF_REFUSAL[refusal.code] === "retry") return false;
  const known = order(state, placed.order);
  if (known === undefined || orderHash(known.order) !== orderHash(placed.order)) return false;
  return isSameTerms(known.terms, termsOf(placed.terms));
}

function answerOf(
  sources: QuerySources,
  ref: { owner: Address; round: Round; id: bigint },
  refusal: Refusal | undefined,
): Promise<Answered<OrderResponse>> {
  if (refusal !== undefined) return Promise.resolve(refusing(refusal));
  const view = order(sources.state, ref);
  if (view !== undefined) return signed(orderResponse(sources, view));
  const { owner, round, id } = ref;
  return Promise.resolve(refusing(refuse("UnknownOrder", { owner, round, id })));
}

/** An answer with signatures, or the refusal that there are none now. */
export async function signed<T>(answer: Promise<T>): Promise<Answered<T>> {
  try {
    return { ok: true, value: await answer };
  } catch (error) {
    if (error instanceof SignerUnavailable) return refusing(refuse("FillUnsigned", {}));
    // Another operator's signature counts: the client is to ask there.
    if (error instanceof NotApproved) return refusing(refuse("NotReady", { waitingFor: APPROVAL }));
    throw error;
  }
}

function refusing(refusal: Refusal): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal };
}
