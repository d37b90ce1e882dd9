/** The faults, kind by kind, while the operator is not left in peace. */
import type { Block } from "../chain/block.ts";
import { GWEI, type NetworkConditions } from "../chain/chain.ts";
import type { FlushFate } from "../host/disk.ts";
import type { Endpoint, FaultMode } from "../host/network.ts";
import type { Random } from "../host/random.ts";
import type { FaultKind } from "./faultKinds.ts";
import type { Plan, PlannedFault } from "./plan.ts";

/** Below what the node is allowed to pay, with room for a tip. */
const MOST_FEE = 400n * GWEI;

export const MILD: NetworkConditions = { baseFee: 5n * GWEI, minTip: 0n, fate: () => "kept" };

export class FaultInjector {
  readonly #kinds: ReadonlySet<FaultKind>;
  readonly #planned: readonly PlannedFault[];
  readonly #random: Random;
  /** Blocks are expensive, and more so each time. */
  #spike = false;

  constructor(plan: Pick<Plan, "faults" | "endpointFaults">, random: Random) {
    this.#kinds = plan.faults;
    this.#planned = plan.endpointFaults;
    this.#random = random;
  }

  /** Whether the process dies in this block. */
  crashes(): boolean {
    return this.#kinds.has("crashes") && this.#random.chance(0.04);
  }

  reorganises(): boolean {
    return this.#kinds.has("reorganisations") && this.#random.chance(0.06);
  }

  /** Gives each endpoint the faults that are planned for the next block; says what changes. */
  injectPlanned(endpoints: readonly Endpoint[], { number }: Block): string[] {
    const said: string[] = [];
    for (const [index, endpoint] of endpoints.entries()) {
      const due = this.#planned
        .filter(({ endpoint: at, from, to }) => at === index && from <= number + 1 && number < to)
        .map(({ fault }) => fault);
      if (due.join() === [...endpoint.faults].join()) continue;
      endpoint.faults = new Set(due);
      said.push(`${endpoint.url}: ${due.join(" ") || "no faults"}`);
    }
    return said;
  }

  /** Changes the modes of some endpoints; says which. */
  injectFaults(endpoints: readonly Endpoint[], head: Block): string[] {
    const random = this.#random;
    const [some, pooled, empty] = (["endpoints", "pools", "liars"] as const).map((kind) =>
      this.#kinds.has(kind) ? 1 : 0,
    ) as [number, number, number];
    if (some + pooled + empty === 0) return [];
    return endpoints
      .filter(() => random.chance(0.12))
      .map((endpoint) => {
        const others = endpoints.filter((other) => other !== endpoint);
        const isAlone = others.every(({ mode }) => mode !== "well");
        const mayLie = empty === 1 && !isAlone && others.every(({ mode }) => mode !== "empty");
        endpoint.mode = random.weighted<FaultMode>({
          well: 10,
          down: 2 * some,
          silent: some,
          failing: 2 * some,
          limited: 2 * some,
          lagging: 3 * some,
          stuck: 2 * some,
          forgetful: 2 * some,
          pooled: 5 * pooled,
          empty: mayLie ? 5 : 0,
        });
        endpoint.lag = random.int(1, 5);
        endpoint.stuckAt = endpoint.mode === "stuck" ? head : undefined;
        return `${endpoint.url} is ${endpoint.mode}`;
      });
  }

  /** The base fee moves by an eighth at most, as on Ethereum; in a spike it only rises. */
  nextNetworkConditions(
    { baseFee: before }: NetworkConditions,
    isPeaceful: boolean,
  ): NetworkConditions {
    const random = this.#random;
    if (isPeaceful || !this.#kinds.has("fees")) this.#spike = false;
    else if (random.chance(0.1)) this.#spike = !this.#spike;
    const lossy = !isPeaceful && this.#kinds.has("transactions");
    const highest = before > 30n * GWEI ? 0 : 125;
    const part = this.#spike ? random.int(60, 125) : random.int(-125, highest);
    const baseFee = before + (before * BigInt(part)) / 1000n;
    return {
      baseFee: baseFee < GWEI ? GWEI : baseFee > MOST_FEE ? MOST_FEE : baseFee,
      minTip: this.#spike ? BigInt(random.int(0, 10)) * GWEI : 0n,
      fate: () => (lossy ? random.weighted({ kept: 6, dropped: 2, delayed: 2 }) : "kept"),
    };
  }

  flush(isPeaceful: boolean): FlushFate {
    const random = this.#random;
    const survives = random.chance(0.5);
    if (isPeaceful || !this.#kinds.has("disk")) return { ms: random.int(0, 4), survives };
    if (random.chance(0.01)) {
      const failure = random.pick(["StorageFull", "StorageFailed"] as const);
      return { ms: random.int(0, 50), failure, survives };
    }
    return { ms: random.chance(0.1) ? random.int(100, 9000) : random.int(0, 20), survives };
  }
}
