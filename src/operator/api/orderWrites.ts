/** Writes of clients: signatures checked, handed to the router, and answered once durable. */
import type { Curve } from "../../base/curve.ts";
import { type Address, bytesToHex } from "../../base/hex.ts";
import { SignerUnavailable } from "../../chain/signer.ts";
import type { Entry } from "../../exchange/model/entries.ts";
import type { OrderRef } from "../../exchange/model/outcome.ts";
import type { State } from "../../exchange/model/state.ts";
import { limits, order, tradingKeyOf } from "../../exchange/queries/views.ts";
import { ORDER_PATH_LENGTH } from "../../protocol/limits.ts";
import {
  hashCancelAfter,
  hashCancelAll,
  hashCancelOrder,
  hashOrder,
  hashOrderTerms,
  orderHash,
} from "../../protocol/messages.ts";
import { ACT_OF_REFUSAL, type Refusal, type RefusalOf, refuse } from "../../protocol/refusals.ts";
import { recoverSigner } from "../../protocol/signatures.ts";
import {
  FIRST_TERMS_ID,
  idHasTerms,
  isSameTerms,
  LAST_TERMS_ID,
  termsOf,
} from "../../protocol/trading/terms.ts";
import type {
  CancelAfter,
  CancelAll,
  CancelOrder,
  Order,
  Round,
  Signature,
} from "../../protocol/units.ts";
import type {
  CancelAfterResponse,
  Replacement,
  ReplaceResponse,
} from "../../wire/schemas/batch.ts";
import type { OrderResponse } from "../../wire/schemas/order.ts";
import type { Placement } from "../../wire/schemas/terms.ts";
import type { WriteRouter } from "../sequencing/writeRouter.ts";
import { NotApproved } from "./fillSigner.ts";
import type { Answered, OperatorApi, SignedCancel } from "./operatorApi.ts";
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

type OrderWrites = Pick<
  OperatorApi,
  | "placeOrder"
  | "placeOrders"
  | "cancelOrder"
  | "cancelOrders"
  | "replaceOrder"
  | "cancelAll"
  | "cancelAfter"
  | "limits"
>;

export function orderWrites(options: OrderWritesOptions): OrderWrites {
  const placeOrders = (placed: readonly Placement[]) =>
    writeEach(options, placed, (sources) => placing(sources, options.slips));
  const cancelOrders = (cancels: readonly SignedCancel[]) =>
    writeEach(options, cancels, (sources) => cancelling(sources, options.slips));
  return {
    limits: (client) => limits(options.sources.state, client),
    placeOrders,
    cancelOrders,
    placeOrder: async (placed) => alone(await placeOrders([placed])),
    cancelOrder: async (cancel, signature) => alone(await cancelOrders([{ cancel, signature }])),
    replaceOrder: (replacement) => replaceOrder(options, replacement),
    cancelAll: (wish, signature) => cancelAll(options, wish, signature),
    cancelAfter: (wish, signature) => cancelAfter(options, wish, signature),
  };
}

/** How one of several writes is checked, written and told of. */
interface Write<T> {
  /** Why its signatures are not the owner's, if so. */
  readonly check: (write: T) => Refusal | undefined;
  readonly entryOf: (write: T) => Entry;
  readonly orderOf: (write: T) => OrderRef;
  /** True if the order was refused only because it was taken before. */
  readonly isSettled: (write: T, refusal: Refusal) => boolean;
}

function placing(sources: QuerySources, slips: SlipFinder): Write<Placement> {
  return {
    check: (placed) => checkPlacement(sources, slips, placed),
    entryOf: (placed) => ({ kind: "placeOrder", ...entryParts(placed) }),
    orderOf: (placed) => placed.order,
    isSettled: (placed, refusal) => isSettledBefore(sources.state, placed, refusal),
  };
}

function cancelling(sources: QuerySources, slips: SlipFinder): Write<SignedCancel> {
  return {
    check: ({ cancel, signature }) => checkCancelSigner(sources, slips, cancel, signature),
    entryOf: ({ cancel, signature }) => ({ kind: "cancelOrder", ...cancel, signature }),
    orderOf: ({ cancel }) => cancel,
    isSettled: () => false,
  };
}

/** All that pass their checks are written with one flush, and each is answered by itself. */
async function writeEach<T>(
  options: OrderWritesOptions,
  writes: readonly T[],
  how: (sources: QuerySources) => Write<T>,
): Promise<Answered<Answered<OrderResponse>[]>> {
  const unready = closed(options);
  if (unready !== undefined) return refusing(unready);
  const sources = rememberingSources(options.sources, writes.length);
  const { check, entryOf, orderOf, isSettled } = how(sources);
  const denials = writes.map(check);
  const entries = writes.filter((_, at) => denials[at] === undefined).map(entryOf);
  const outcomes = entries.length === 0 ? [] : await options.router.submitAll(entries);
  const elsewhere = outcomes.find(({ refusal }) => refusal?.code === "NotLeader");
  if (elsewhere?.refusal !== undefined) return refusing(elsewhere.refusal);
  let next = 0;
  const answers = writes.map((write, at) => {
    const denied = denials[at];
    if (denied !== undefined) return Promise.resolve(refusing(denied));
    const refusal = outcomes[next++]?.refusal;
    const isKnown = refusal !== undefined && isSettled(write, refusal);
    return answerOf(sources, orderOf(write), isKnown ? undefined : refusal);
  });
  return { ok: true, value: await Promise.all(answers) };
}

/** One signature over several messages is recovered once. */
function rememberingSources(sources: QuerySources, count: number): QuerySources {
  if (count < 2) return sources;
  const { curve } = sources;
  const known = new Map<string, Uint8Array | undefined>();
  const recover: Curve["recover"] = (digest, r, s, yParity) => {
    const key = [digest, r, s].map(bytesToHex).join() + yParity;
    if (!known.has(key)) known.set(key, curve.recover(digest, r, s, yParity));
    return known.get(key);
  };
  const sign: Curve["sign"] = (digest, key) => curve.sign(digest, key);
  const publicKey: Curve["publicKey"] = (key) => curve.publicKey(key);
  return { ...sources, curve: { sign, recover, publicKey } };
}

function alone(answer: Answered<Answered<OrderResponse>[]>): Answered<OrderResponse> {
  return answer.ok ? (answer.value[0] as Answered<OrderResponse>) : answer;
}

async function replaceOrder(
  options: OrderWritesOptions,
  replacement: Replacement,
): Promise<Answered<ReplaceResponse>> {
  const { sources, slips, router } = options;
  const { cancel, cancelSignature, order: placed } = replacement;
  const denied =
    closed(options) ??
    checkSameOwner(cancel, placed) ??
    checkCancelSigner(sources, slips, cancel, cancelSignature) ??
    checkPlacement(sources, slips, replacement);
  if (denied !== undefined) return refusing(denied);
  const parts = entryParts(replacement);
  const { refusal } = await router.submit({
    kind: "replaceOrder",
    cancel,
    cancelSignature,
    ...parts,
  });
  const isKnown = refusal !== undefined && isSettledBefore(sources.state, replacement, refusal);
  if (refusal !== undefined && !isKnown) return refusing(refusal);
  const [cancelled, answered] = await Promise.all([
    answerOf(sources, cancel, undefined),
    answerOf(sources, placed, undefined),
  ]);
  if (!cancelled.ok) return cancelled;
  if (!answered.ok) return answered;
  return { ok: true, value: { cancelled: cancelled.value, placed: answered.value } };
}

async function cancelAll(
  options: OrderWritesOptions,
  wish: CancelAll,
  signature: Signature,
): Promise<Answered<OrderResponse[]>> {
  const { sources, router } = options;
  const denied = closed(options) ?? checkCommand(options, wish, hashCancelAll(wish), signature);
  if (denied !== undefined) return refusing(denied);
  const { refusal } = await router.submit({ kind: "cancelAll", ...wish, signature });
  const done = sources.state.clients.get(wish.owner)?.cancelledAll;
  const isKnown = refusal?.code === "OldNonce" && done?.nonce === wish.nonce;
  if (refusal !== undefined && !isKnown) return refusing(refusal);
  const { owner } = wish;
  const taken = done?.nonce === wish.nonce ? done.orders : [];
  const views = taken.flatMap((one) => order(sources.state, { owner, ...one }) ?? []);
  return signed(Promise.all(views.map((view) => orderResponse(sources, view))));
}

async function cancelAfter(
  options: OrderWritesOptions,
  wish: CancelAfter,
  signature: Signature,
): Promise<Answered<CancelAfterResponse>> {
  const { sources, router } = options;
  const denied = closed(options) ?? checkCommand(options, wish, hashCancelAfter(wish), signature);
  if (denied !== undefined) return refusing(denied);
  const { refusal } = await router.submit({ kind: "cancelAfter", ...wish, signature });
  const client = sources.state.clients.get(wish.owner);
  const isLast = client?.lastNonce === wish.nonce && client.cancelledAll?.nonce !== wish.nonce;
  if (refusal !== undefined && !(refusal.code === "OldNonce" && isLast)) return refusing(refusal);
  const { block = null, graceBlocks = 0 } = client?.deadMan ?? {};
  return { ok: true, value: { block, graceBlocks } };
}

/** Before anything else: what this operator knows may trail, such as a new trading key. */
export function closed({ router, notReady }: OrderWritesOptions): Refusal | undefined {
  if (!router.isOpen) return refuse("NotLeader", { leader: router.leader });
  const waitingFor = notReady();
  return waitingFor === undefined ? undefined : refuse("NotReady", { waitingFor });
}

function entryParts({ order: placed, signature, terms }: Placement) {
  return { order: placed, signature, ...(terms !== undefined && { terms }) };
}

function checkSameOwner({ owner }: CancelOrder, placed: Order): Refusal | undefined {
  if (owner === placed.owner) return undefined;
  return refuse("BadInput", {
    field: "body.cancel.owner",
    problem: `The new order is of ${placed.owner}.`,
    hint: "Replace an order by one of the same owner.",
  });
}

function checkCommand(
  { sources, slips }: OrderWritesOptions,
  { owner, round }: CancelAll,
  hash: Uint8Array,
  signature: Signature,
): Refusal | undefined {
  const denied = checkSigner(sources, hash, signature, owner, round);
  return denied && slips.explain(denied, hash, { signature });
}

function checkCancelSigner(
  sources: QuerySources,
  slips: SlipFinder,
  cancel: CancelOrder,
  signature: Signature,
): Refusal | undefined {
  const hash = hashCancelOrder(cancel);
  const denied = checkSigner(sources, hash, signature, cancel.owner, cancel.round);
  return denied && slips.explain(denied, hash, { signature });
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
