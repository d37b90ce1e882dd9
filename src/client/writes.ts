/**
 * Writes that count once, whatever becomes of their answers. The same signed body is sent again
 * until somebody answers it; a refusal that an earlier try may have caused is held against the
 * order's state at whoever refused.
 */
import type { Body } from "../wire/routes.ts";
import { type Api, OperatorUnreachable, RefusedByOperator } from "./api.ts";
import type { OrderStatus } from "./client.ts";
import { isAnsweredElsewhere, type Operators } from "./operators.ts";

export interface Write<Name extends "placeOrder" | "cancelOrder"> {
  readonly name: Name;
  readonly body: Body<Name>;
  /** The order as that operator shows it; undefined if it shows none. */
  readonly read: (api: Api) => Promise<OrderStatus | undefined>;
  /** Whether the write is what made the order as it is. */
  readonly isDone: (status: OrderStatus) => boolean;
}

/**
 * Resolves once it is durable. Throws `RefusedByOperator` when it was not taken, and
 * `OperatorUnreachable` when that is not known: then the same write may be sent again.
 */
export async function writeOnce<Name extends "placeOrder" | "cancelOrder">(
  operators: Operators,
  { name, body, read, isDone }: Write<Name>,
): Promise<OrderStatus> {
  // Whether a try was left without an answer, so that it may have been taken.
  let isOpen = false;
  const attempt = async (api: Api): Promise<OrderStatus> => {
    try {
      return (await api.call(name, { body })) as OrderStatus;
    } catch (error) {
      if (isAnsweredElsewhere(error) || !(error instanceof RefusedByOperator)) {
        isOpen ||= leavesOpen(error);
        throw error;
      }
      // What is refused as a duplicate may be this very order, sent by an earlier call.
      if (!isOpen && error.code !== "DuplicateOrderId") throw error;
      if (isUnsigned(error)) throw error;
      const status = await readAfter(error, () => read(api));
      if (status !== undefined && isDone(status)) return status;
      throw error;
    }
  };
  const isUnsettled = (error: unknown) =>
    isOpen && error instanceof RefusedByOperator && error.act === "retry" && !isUnsigned(error);
  const isElsewhere = (error: unknown) => isAnsweredElsewhere(error) || isUnsettled(error);
  try {
    return await operators.ask(attempt, { isElsewhere });
  } catch (error) {
    if (!isUnsettled(error)) throw error;
    const { code } = error as RefusedByOperator;
    throw new OperatorUnreachable(operators.url, `${code}, and an earlier try is open`, error);
  }
}

/** It was taken, and its state cannot be told now. */
function isUnsigned(error: RefusedByOperator): boolean {
  return error.code === "FillUnsigned";
}

/** One that lost the lead meanwhile answers `NotLeader` too, and may have kept the write. */
function leavesOpen(error: unknown): boolean {
  if (error instanceof OperatorUnreachable) return error.mayHaveArrived;
  return error instanceof RefusedByOperator && error.code === "NotLeader";
}

/** A state that cannot be read settles nothing: that is no refusal of the write. */
async function readAfter<T>(refusal: RefusedByOperator, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof RefusedByOperator) || isUnsigned(error)) throw error;
    throw new OperatorUnreachable("The operator", `${refusal.code}, then ${error.code}`, error);
  }
}
