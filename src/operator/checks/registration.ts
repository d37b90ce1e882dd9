/** Whether the manager knows this operator: without that every duty is refused. */
import type { Address } from "../../base/hex.ts";
import { type Check, FAILS_AT_ONCE, problemOf, type Reading } from "../health/check.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export interface RegistrationOptions {
  readonly address: Address;
  readonly manager: Address;
  readonly readRegistered: () => Promise<boolean>;
  readonly metrics: Metrics;
}

export function registrationCheck(options: RegistrationOptions): Check {
  const { address, manager, metrics } = options;
  const reading = (value: number | undefined, detail: string): Reading => ({
    check: "registered",
    levels: FAILS_AT_ONCE,
    value,
    detail,
    hint: `Ask the owner of manager ${manager} to register ${address}, or use the right key.`,
  });
  return {
    name: "registration",
    probe: async () => {
      try {
        const registered = await options.readRegistered();
        metrics.set("operator_registered", registered ? 1 : 0);
        return registered
          ? [reading(0, `${address} is registered`)]
          : [reading(1, `${address} is not registered at ${manager}`)];
      } catch (error) {
        return [reading(undefined, `cannot be read: ${problemOf(error)}`)];
      }
    },
  };
}
