/**
 * A dead-man switch that is set again and again as long as a program lives: where it stops, or
 * reaches no operator, all orders of the client go by themselves, whoever leads by then.
 */
import { QuarterdeckError } from "../../base/errors.ts";
import { sleep } from "../../base/sleep.ts";
import { OperatorUnreachable, RefusedByOperator } from "../api.ts";
import { parseClient, parseCount, parseFields, parseSignal } from "../arguments.ts";
import type { ExchangeClient } from "../client.ts";

export interface DeadManOptions {
  /** Blocks of silence after which all orders go; at least 4. */
  readonly blocks: number;
  /** Milliseconds between two looks at the exchange's clock; 1000. */
  readonly pollMs?: number;
  /** Told once the switch is set to a block, and again each time. */
  readonly onSet?: (block: number) => void;
}

const LEAST_BLOCKS = 4;
const DEFAULT_POLL_MS = 1000;

/**
 * Sets the switch of `client` to so many blocks ahead, and again when half of them have passed,
 * until `signal` is aborted: then it is taken off, so that orders stay. Rejects with
 * `DeadManFired` once the switch has fired because no operator was reached in time, and with
 * refusals that another try does not change. Throws `BadArgument`.
 */
export async function holdDeadManSwitch(
  client: ExchangeClient,
  options: DeadManOptions,
  signal: AbortSignal,
): Promise<void> {
  parseClient(client);
  parseFields("options", options, ["blocks", "pollMs", "onSet"]);
  const blocks = parseCount("options.blocks", options.blocks, LEAST_BLOCKS);
  const pollMs = parseCount("options.pollMs", options.pollMs ?? DEFAULT_POLL_MS, 1);
  parseSignal(signal);
  let until: number | undefined;
  while (!signal.aborted) {
    try {
      const { block } = await client.api.call("fetchClock");
      if (until !== undefined && block > until) throw fired(until);
      if (until === undefined || until - block <= blocks / 2) {
        const { block: set } = await client.orders.cancelAfter(block + blocks);
        until = set ?? undefined;
        if (set !== null) options.onSet?.(set);
      }
    } catch (error) {
      if (!mayPass(error)) throw error;
    }
    await sleep(pollMs, signal).catch(() => {});
  }
  await client.orders.cancelAfter(0);
}

/** Whether another try may do: nobody was reached, the round changed on the way, too many asked. */
function mayPass(error: unknown): boolean {
  if (error instanceof OperatorUnreachable) return true;
  if (!(error instanceof RefusedByOperator)) return false;
  return error.act === "retry" || error.code === "OrderRoundClosed";
}

function fired(block: number): QuarterdeckError {
  return new QuarterdeckError({
    code: "DeadManFired",
    message: `No operator was reached before block ${block}: all orders were taken out.`,
    hint: "Place them again once an operator answers.",
  });
}
