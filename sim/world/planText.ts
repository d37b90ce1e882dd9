/** A plan for people, and for the chain. */
import type { HeaderForm } from "../chain/header.ts";
import type { Random } from "../host/random.ts";
import type { Plan } from "./plan.ts";

const BLOOM_BYTES = 256;

/** The faults of a world, a line each. */
export function describePlan(plan: Plan): string[] {
  const { endpoints, endpointFaults, truthful, faults, kind, fair, orderLimit, provenHeaders } =
    plan;
  const stating = orderLimit === undefined ? "" : `, statements beyond ${orderLimit} orders`;
  const what = [...faults].join(" ") || "no faults";
  const proving = provenHeaders ? "" : ", headers that prove nothing";
  const first = `${kind}${stating}${proving}${fair ? "" : ", not fair"}: ${what}`;
  if (kind === "alone") return [first];
  const each = endpoints.map(({ dialect, scheme }, index) => {
    const own = endpointFaults
      .filter(({ endpoint }) => endpoint === index)
      .map(({ fault, from, to }) => `${fault} from ${from} to ${to}`);
    const what = index === truthful ? "true" : own.join(", ") || "no faults of its own";
    return `node-${index} speaks ${dialect} over ${scheme}: ${what}`;
  });
  return [first, ...each];
}

/** How headers look, with the logs of other contracts in each bloom. */
export function headersOf(plan: Plan, random: Random): Omit<HeaderForm, "mediator"> {
  return { isProven: plan.provenHeaders, otherBlooms: otherBlooms(plan.bloomFill, random) };
}

function otherBlooms(fill: Plan["bloomFill"], random: Random): Uint8Array | undefined {
  if (fill === "none") return undefined;
  if (fill === "full") return new Uint8Array(BLOOM_BYTES).fill(0xff);
  return Uint8Array.from({ length: BLOOM_BYTES }, () => random.int(0, 255));
}
