/** Writes of clients: signatures checked, handed to the router, and answered once durable. */
import type { Address } from "../../base/hex.ts";
import { SignerUnavailable } from "../../chain/signer.ts";
import type { Entry } from "../../exchange/model/entries.ts";
import type { OrderRef } from "../../exchange/model/outcome.ts";
import type { State } from "../../exchange/model/state.ts";
import { limits, order } from "../../exchange/queries/views.ts";
import {
  hashCancelAfter,
  hashCancelAll,
  hashCancelOrder,
  orderHash,
} from "../../protocol/messages.ts";
import { ACT_OF_REFUSAL, type Refusal, refuse } from "../../protocol/refusals.ts";
import { isSameTerms, termsOf } from "../../protocol/trading/terms.ts";
import type { CancelAfter, CancelAll, Round, Signature } from "../../protocol/units.ts";
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
import type { SignatureVerifier, SignedMessage, Signers } from "./signatureVerifier.ts";
import type { SlipFinder } from "./slipFinder.ts";
import {
  checkCancelSigner,
  checkPlacement,
  checkSameOwner,
  placementMessages,
  refuseUnless,
} from "./writeChecks.ts";

export interface OrderWritesOptions {
  readonly sources: QuerySources;
  readonly router: WriteRouter;
  readonly verifier: SignatureVerifier;
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
    writeEach(options, placed, placing(options));
  const cancelOrders = (cancels: readonly SignedCancel[]) =>
    writeEach(options, cancels, cancelling(options));
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
  /** The messages whose signers `check` is given. */
  readonly messagesOf: (write: T) => readonly SignedMessage[];
  /** Why its signatures are not the owner's, if so. */
  readonly check: (write: T, signers: Signers) => Refusal | undefined;
  readonly entryOf: (write: T) => Entry;
  readonly orderOf: (write: T) => OrderRef;
  /** True if the order was refused only because it was taken before. */
  readonly isSettled: (write: T, refusal: Refusal) => boolean;
}

function placing(options: OrderWritesOptions): Write<Placement> {
  return {
    messagesOf: placementMessages,
    check: (placed, signers) => checkPlacement(options, placed, signers),
    entryOf: (placed) => ({ kind: "placeOrder", ...entryParts(placed) }),
    orderOf: (placed) => placed.order,
    isSettled: (placed, refusal) => isSettledBefore(options.sources.state, placed, refusal),
  };
}

function cancelling(options: OrderWritesOptions): Write<SignedCancel> {
  return {
    messagesOf: ({ cancel, signature }) => [{ structHash: hashCancelOrder(cancel), signature }],
    check: ({ cancel, signature }, [signer]) =>
      checkCancelSigner(options, cancel, signature, signer),
    entryOf: ({ cancel, signature }) => ({ kind: "cancelOrder", ...cancel, signature }),
    orderOf: ({ cancel }) => cancel,
    isSettled: () => false,
  };
}

/** All that pass their checks are written with one flush, and each is answered by itself. */
async function writeEach<T>(
  options: OrderWritesOptions,
  writes: readonly T[],
  { messagesOf, check, entryOf, orderOf, isSettled }: Write<T>,
): Promise<Answered<Answered<OrderResponse>[]>> {
  const { sources } = options;
  const messages = writes.map(messagesOf);
  const verified = await signersOf(options, messages.flat());
  if (!verified.ok) return verified;
  const signers = verified.value;
  let from = 0;
  const denials = writes.map((write, at) => {
    const count = messages[at]?.length ?? 0;
    from += count;
    return check(write, signers.slice(from - count, from));
  });
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

function alone(answer: Answered<Answered<OrderResponse>[]>): Answered<OrderResponse> {
  return answer.ok ? (answer.value[0] as Answered<OrderResponse>) : answer;
}

async function replaceOrder(
  options: OrderWritesOptions,
  replacement: Replacement,
): Promise<Answered<ReplaceResponse>> {
  const { sources, router } = options;
  const { cancel, cancelSignature, order: placed } = replacement;
  const mixed = checkSameOwner(cancel, placed);
  if (mixed !== undefined) return refusing(mixed);
  const verified = await signersOf(options, [
    { structHash: hashCancelOrder(cancel), signature: cancelSignature },
    ...placementMessages(replacement),
  ]);
  if (!verified.ok) return verified;
  const [cancelSigner, ...signers] = verified.value;
  const denied =
    checkCancelSigner(options, cancel, cancelSignature, cancelSigner) ??
    checkPlacement(options, replacement, signers);
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
  const denied = await checkCommand(options, wish, hashCancelAll(wish), signature);
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
  const denied = await checkCommand(options, wish, hashCancelAfter(wish), signature);
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

/** The messages' signers, unless this operator takes no writes, before or after they are known. */
async function signersOf(
  options: OrderWritesOptions,
  messages: readonly SignedMessage[],
): Promise<Answered<Signers>> {
  const { verifier } = options;
  const unready = closed(options);
  if (unready !== undefined) return refusing(unready);
  if (verifier.isOverloaded) return refusing(refuse("Overloaded", { retryAfterMs: 1000 }));
  const signers = await verifier.signersOf(messages);
  // Another operator may lead by now, whose state knows newer trading keys.
  const later = closed(options);
  return later === undefined ? { ok: true, value: signers } : refusing(later);
}

function entryParts({ order: placed, signature, terms }: Placement) {
  return { order: placed, signature, ...(terms !== undefined && { terms }) };
}

async function checkCommand(
  options: OrderWritesOptions,
  { owner, round }: CancelAll,
  structHash: Uint8Array,
  signature: Signature,
): Promise<Refusal | undefined> {
  const verified = await signersOf(options, [{ structHash, signature }]);
  if (!verified.ok) return verified.refusal;
  const denied = refuseUnless(options.sources.state, verified.value[0], owner, round);
  return denied && options.slips.explain(denied, structHash, { signature });
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
