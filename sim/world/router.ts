/** How clients reach the operators: over a network, and from one operator to the one that leads. */
import type { Address } from "../../src/base/hex.ts";
import type { Answered, OperatorApi } from "../../src/operator/api/operatorApi.ts";
import type { CountersignedStatement } from "../../src/protocol/units.ts";
import type { Clock } from "../host/clock.ts";
import type { Random } from "../host/random.ts";
import type { OperatorHost } from "./operatorHost.ts";

/** The requests of clients. */
export interface ClientFace
  extends Pick<OperatorApi, "placeOrder" | "cancelOrder" | "proofs" | "countersign" | "orders"> {
  statements(client: Address): Promise<CountersignedStatement[]>;
}

/** Operators that one request is tried at: the leader may change meanwhile. */
const MOST_HOPS = 4;

/** The only operator's, as its own code. */
export function directFace(clock: Clock, host: OperatorHost): ClientFace | undefined {
  const api = host.operator?.api;
  if (api === undefined) return undefined;
  const within = <T>(work: () => T): T => clock.within(host.process, work);
  return {
    placeOrder: (signed) => within(() => api.placeOrder(signed)),
    cancelOrder: (cancel, signature) => within(() => api.cancelOrder(cancel, signature)),
    proofs: (client: Address, round) => api.proofs(client, round),
    countersign: (given) => within(() => api.countersign(given)),
    orders: (...asked) => within(() => api.orders(...asked)),
    statements: async (client) => within(() => api.statements(client)),
  };
}

export interface RouterOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly hosts: readonly OperatorHost[];
  readonly isCut: (host: OperatorHost) => boolean;
  /** Where the operator serves, as it says itself. */
  readonly urlOf: (host: OperatorHost) => string;
}

/** Asks any operator, and goes where that one sends it; undefined where none can be reached. */
export function routedFace(options: RouterOptions): ClientFace | undefined {
  const { hosts, isCut, random } = options;
  const reached = hosts.filter((host) => host.operator !== undefined && !isCut(host));
  if (reached.length === 0) return undefined;
  const first = random.pick(reached);
  const follow = async <T>(
    ask: (api: OperatorApi) => Promise<Answered<T>>,
  ): Promise<Answered<T>> => {
    let host = first;
    for (let hop = 1; ; hop++) {
      const answered = await call(options, host, ask);
      if (answered.ok || answered.refusal.code !== "NotLeader" || hop >= MOST_HOPS) return answered;
      const { leader } = answered.refusal as { readonly leader?: string };
      const next = hosts.find((one) => options.urlOf(one) === leader);
      host = next ?? random.pick(hosts);
    }
  };
  return {
    placeOrder: (signed) => follow((api) => api.placeOrder(signed)),
    cancelOrder: (cancel, signature) => follow((api) => api.cancelOrder(cancel, signature)),
    proofs: (client, round) => first.operator?.api.proofs(client, round) as never,
    countersign: (given) => follow((api) => api.countersign(given)),
    orders: (...asked) => call(options, first, (api) => api.orders(...asked)),
    statements: (client) => call(options, first, async (api) => api.statements(client)),
  };
}

/** Never settles where the way there or back is cut, or the process ends meanwhile. */
function call<T>(
  { clock, random, isCut }: RouterOptions,
  host: OperatorHost,
  ask: (api: OperatorApi) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    clock.after(random.int(2, 25), () => {
      const { process } = host;
      if (process === undefined || isCut(host)) return;
      const arrive = () => {
        const api = host.operator?.api;
        if (api === undefined) return;
        const back = (settle: () => void) => {
          clock.after(random.int(2, 25), () => !isCut(host) && settle());
        };
        ask(api).then(
          (answer) => back(() => resolve(answer)),
          (error) => back(() => reject(error)),
        );
      };
      clock.ofProcess(0, arrive, process);
    });
  });
}
