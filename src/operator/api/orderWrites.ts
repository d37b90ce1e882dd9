/** Writes of clients, as requests of the pipeline: what is checked, written and answered. */
import { type Address, bytesToHex, type Hex } from "../../base/hex.ts";
import { SignerUnavailable } from "../../chain/signer.ts";
import type { Entry } from "../../exchange/model/entries.ts";
import type { OrderRef, Outcome } from "../../exchange/model/outcome.ts";
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
import type { CancelAfter, CancelAll, Signature } from "../../protocol/units.ts";
import type {
  CancelAfterResponse,
  Replacement,
  ReplaceResponse,
} from "../../wire/schemas/batch.ts";
import type { OrderResponse } from "../../wire/schemas/order.ts";
import type { Placement } from "../../wire/schemas/terms.ts";
import type { SignedMessage, Signers } from "../workers/signatureVerifier.ts";
import { NotApproved } from "./fillSigner.ts";
import type { Answered, OperatorApi, SignedCancel } from "./operatorApi.ts";
import type { OrderPipeline, WriteRequest } from "./orderPipeline.ts";
import { orderResponse, type QuerySources } from "./queries.ts";
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
  readonly pipeline: OrderPipeline;
  readonly slips: SlipFinder;
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
  const { pipeline } = options;
  const place = placing(options);
  const cancel = cancelling(options);
  return {
    limits: (client) => limits(options.sources.state, client),
    placeOrders: (placed) => pipeline.run(several(placed.map(place))),
    cancelOrders: (cancels) => pipeline.run(several(cancels.map(cancel))),
    placeOrder: (placed) => pipeline.run(alone(place(placed))),
    cancelOrder: (wish, signature) => pipeline.run(alone(cancel({ cancel: wish, signature }))),
    replaceOrder: (replacement) => replaceOrder(options, replacement),
    cancelAll: (wish, signature) => pipeline.run(cancelAll(options, wish, signature)),
    cancelAfter: (wish, signature) => pipeline.run(cancelAfter(options, wish, signature)),
  };
}

/** One of several writes: how it is checked, written and told of. */
interface Write<T> {
  /** The messages whose signers `check` is given. */
  readonly messages: readonly SignedMessage[];
  /** Why its signatures are not the owner's, if so. */
  readonly check: (signers: Signers) => Refusal | undefined;
  readonly entry: Entry;
  readonly answer: (refusal: Refusal | undefined) => Answered<T> | Promise<Answered<T>>;
}

function placing(options: OrderWritesOptions): (placed: Placement) => Write<OrderResponse> {
  const { sources } = options;
  return (placed) => {
    const messages = placementMessages(placed);
    const hash = bytesToHex((messages[0] as SignedMessage).structHash);
    return {
      messages,
      check: (signers) => checkPlacement(options, placed, messages, signers),
      entry: { kind: "placeOrder", ...entryParts(placed) },
      answer: (refusal) => {
        const isKnown = refusal !== undefined && isSettledBefore(sources.state, placed, refusal);
        return answerOf(sources, placed.order, isKnown ? undefined : refusal, hash);
      },
    };
  };
}

function cancelling(options: OrderWritesOptions): (wish: SignedCancel) => Write<OrderResponse> {
  return ({ cancel, signature }) => {
    const structHash = hashCancelOrder(cancel);
    return {
      messages: [{ structHash, signature }],
      check: ([signer]) => checkCancelSigner(options, cancel, { structHash, signature }, signer),
      entry: { kind: "cancelOrder", ...cancel, signature },
      answer: (refusal) => answerOf(options.sources, cancel, refusal),
    };
  };
}

function alone<T>({ messages, check, entry, answer }: Write<T>): WriteRequest<T> {
  return {
    messages,
    admit: (signers) => {
      const denied = check(signers);
      return denied === undefined ? [entry] : refusing(denied);
    },
    answer: ([outcome]) => answer(outcome?.refusal),
  };
}

/** All that pass their checks are written with one flush, and each is answered by itself. */
function several<T>(writes: readonly Write<T>[]): WriteRequest<Answered<T>[]> {
  let denials: readonly (Refusal | undefined)[] = [];
  const told = (value: Answered<T>[]): Answered<Answered<T>[]> => ({ ok: true, value });
  const answers = (outcomes: readonly Outcome[]) => {
    let next = 0;
    const each = writes.map(({ answer }, at) => {
      const denied = denials[at];
      return denied === undefined ? answer(outcomes[next++]?.refusal) : refusing(denied);
    });
    return each.every(isSettled) ? told(each) : Promise.all(each).then(told);
  };
  return {
    messages: writes.flatMap(({ messages }) => messages),
    admit: (signers) => {
      let from = 0;
      denials = writes.map(({ messages, check }) => {
        from += messages.length;
        return check(signers.slice(from - messages.length, from));
      });
      return writes.filter((_, at) => denials[at] === undefined).map(({ entry }) => entry);
    },
    answer: answers,
  };
}

async function replaceOrder(
  options: OrderWritesOptions,
  replacement: Replacement,
): Promise<Answered<ReplaceResponse>> {
  const { cancel, order: placed } = replacement;
  const mixed = checkSameOwner(cancel, placed);
  return mixed === undefined
    ? options.pipeline.run(replacing(options, replacement))
    : refusing(mixed);
}

function replacing(
  options: OrderWritesOptions,
  replacement: Replacement,
): WriteRequest<ReplaceResponse> {
  const { sources } = options;
  const { cancel, cancelSignature, order: placed } = replacement;
  const cancelMessage = { structHash: hashCancelOrder(cancel), signature: cancelSignature };
  const messages = placementMessages(replacement);
  return {
    messages: [cancelMessage, ...messages],
    admit: ([cancelSigner, ...signers]) => {
      const denied =
        checkCancelSigner(options, cancel, cancelMessage, cancelSigner) ??
        checkPlacement(options, replacement, messages, signers);
      if (denied !== undefined) return refusing(denied);
      return [{ kind: "replaceOrder", cancel, cancelSignature, ...entryParts(replacement) }];
    },
    answer: async ([outcome]) => {
      const refusal = outcome?.refusal;
      const isKnown = refusal !== undefined && isSettledBefore(sources.state, replacement, refusal);
      if (refusal !== undefined && !isKnown) return refusing(refusal);
      const [cancelled, answered] = await Promise.all([
        answerOf(sources, cancel, undefined),
        answerOf(sources, placed, undefined),
      ]);
      if (!cancelled.ok) return cancelled;
      if (!answered.ok) return answered;
      return { ok: true, value: { cancelled: cancelled.value, placed: answered.value } };
    },
  };
}

function cancelAll(
  options: OrderWritesOptions,
  wish: CancelAll,
  signature: Signature,
): WriteRequest<OrderResponse[]> {
  const { sources } = options;
  const message = { structHash: hashCancelAll(wish), signature };
  return {
    messages: [message],
    admit: ([signer]) => {
      const denied = checkCommand(options, wish, message, signer);
      return denied === undefined ? [{ kind: "cancelAll", ...wish, signature }] : refusing(denied);
    },
    answer: ([outcome]) => {
      const refusal = outcome?.refusal;
      const done = sources.state.clients.get(wish.owner)?.cancelledAll;
      const isKnown = refusal?.code === "OldNonce" && done?.nonce === wish.nonce;
      if (refusal !== undefined && !isKnown) return refusing(refusal);
      const { owner } = wish;
      const taken = done?.nonce === wish.nonce ? done.orders : [];
      const views = taken.flatMap((one) => order(sources.state, { owner, ...one }) ?? []);
      return signed(Promise.all(views.map((view) => orderResponse(sources, view))));
    },
  };
}

function cancelAfter(
  options: OrderWritesOptions,
  wish: CancelAfter,
  signature: Signature,
): WriteRequest<CancelAfterResponse> {
  const message = { structHash: hashCancelAfter(wish), signature };
  return {
    messages: [message],
    admit: ([signer]) => {
      const denied = checkCommand(options, wish, message, signer);
      return denied === undefined
        ? [{ kind: "cancelAfter", ...wish, signature }]
        : refusing(denied);
    },
    answer: ([outcome]) => {
      const refusal = outcome?.refusal;
      const client = options.sources.state.clients.get(wish.owner);
      const isLast = client?.lastNonce === wish.nonce && client.cancelledAll?.nonce !== wish.nonce;
      const isKnown = refusal?.code === "OldNonce" && isLast;
      if (refusal !== undefined && !isKnown) return refusing(refusal);
      const { block = null, graceBlocks = 0 } = client?.deadMan ?? {};
      return { ok: true, value: { block, graceBlocks } };
    },
  };
}

function checkCommand(
  options: OrderWritesOptions,
  { owner, round }: CancelAll,
  { structHash, signature }: SignedMessage,
  signer: Address | undefined,
): Refusal | undefined {
  const denied = refuseUnless(options.sources.state, signer, owner, round);
  return denied && options.slips.explain(denied, structHash, { signature });
}

function entryParts({ order: placed, signature, terms }: Placement) {
  return terms === undefined ? { order: placed, signature } : { order: placed, signature, terms };
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

/** `hash`: of the order, where it is known. */
function answerOf(
  sources: QuerySources,
  ref: OrderRef,
  refusal: Refusal | undefined,
  hash?: Hex,
): Answered<OrderResponse> | Promise<Answered<OrderResponse>> {
  if (refusal !== undefined) return refusing(refusal);
  const view = order(sources.state, ref);
  if (view !== undefined) {
    const response = orderResponse(sources, view, hash);
    return response instanceof Promise ? signed(response) : { ok: true, value: response };
  }
  const { owner, round, id } = ref;
  return refusing(refuse("UnknownOrder", { owner, round, id }));
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

function isSettled<T>(answer: T | Promise<T>): answer is T {
  return !(answer instanceof Promise);
}

function refusing(refusal: Refusal): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal };
}
