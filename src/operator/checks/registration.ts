/** Whether the manager knows this operator: without that every duty is refused. */
import type { Address } from "../../base/hex.ts";
import type { Word } from "../../chain/rpc/rpc.ts";
import {
  type Check,
  DISAGREE_HINT,
  FAILS_AT_ONCE,
  problemOf,
  type Reading,
} from "../health/check.ts";
import type { Metrics } from "../telemetry/metrics.ts";

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
    levels: FAILS_AT_ONCE,
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
        metrics.set("operator_registered", denying.length === 0 ? 1 : 0);
        if (denying.length === 0) return [reading(0, `${address} is registered`)];
        const unknown = `${address} is not registered at ${manager}`;
        if (denying.length === words.length) return [reading(1, unknown)];
        const detail = `${unknown} by ${denying.join(", ")}; other endpoints say that it is`;
        return [reading(1, detail, DISAGREE_HINT)];
      } catch (error) {
        return [reading(undefined, `cannot be read: ${problemOf(error)}`)];
      }
    },
  };
}
