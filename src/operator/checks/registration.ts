/** Whether the manager knows this operator: without that every duty is refused. */
import type { Address } from "../../base/hex.ts";
import type { Word } from "../../chain/rpc/rpc.ts";
import { type Check, DISAGREE_HINT, problemOf, type Reading } from "../health/check.ts";
import type { Levels } from "../health/level.ts";
import type { Metrics } from "../telemetry/metrics.ts";

const REGISTERED = 0;
const DISPUTED = 1;
const UNKNOWN = 2;
/** One endpoint that denies it is a warning: duties are carried out by the word of the others. */
const LEVELS: Levels = {
  bad: "above",
  warn: { raise: DISPUTED, clear: REGISTERED },
  failed: { raise: UNKNOWN, clear: DISPUTED },
  raiseAfter: 1,
  clearAfter: 1,
};

export interface RegistrationOptions {
  readonly address: Address;
  readonly manager: Address;
  /** By each endpoint that answers. */
  readonly readRegistered: () => Promise<readonly Word<boolean>[]>;
  readonly metrics: Metrics;
}

export function registrationCheck(options: RegistrationOptions): Check {
  const { address, manager, metrics } = options;
  const hint = `Ask the owner of manager ${manager} to register ${address}, or use the right key.`;
  const reading = (value: number | undefined, detail: string, advice = hint): Reading => ({
    check: "registered",
    levels: LEVELS,
    value,
    detail,
    hint: advice,
  });
  return {
    name: "registration",
    probe: async () => {
      try {
        const words = await options.readRegistered();
        const denying = words.filter(({ answer }) => !answer).map(({ origin }) => origin);
        const isKnown = denying.length < words.length;
        metrics.set("operator_registered", isKnown ? 1 : 0);
        if (denying.length === 0) return [reading(REGISTERED, `${address} is registered`)];
        const unknown = `${address} is not registered at ${manager}`;
        if (!isKnown) return [reading(UNKNOWN, unknown)];
        const detail = `${unknown} by ${denying.join(", ")}; other endpoints say that it is`;
        return [reading(DISPUTED, detail, DISAGREE_HINT)];
      } catch (error) {
        return [reading(undefined, `cannot be read: ${problemOf(error)}`)];
      }
    },
  };
}
