/**
 * An EIP-1193 provider, such as a wallet in a browser, as an endpoint of the chain: it has an
 * address of its own here, so that it stands wherever a URL does.
 */
import { within } from "../../base/within.ts";
import { withLowerHex } from "./answerShape.ts";
import { type Connection, type PublicName, type RpcCall, requestEach } from "./connection.ts";
import { RpcRefusal } from "./errorKinds.ts";
import { EndpointFailed, shortMessage } from "./errors.ts";

/** EIP-1193, as injected wallets and libraries offer it. */
export interface Provider {
  request(request: never): Promise<unknown>;
}

const SCHEME = "eip1193:";
const urls = new WeakMap<Provider, string>();
const providers: Provider[] = [];

/** The same for the same provider, as long as the process lives. */
export function providerUrl(provider: Provider): string {
  const known = urls.get(provider);
  if (known !== undefined) return known;
  const url = `${SCHEME}//wallet-${providers.push(provider)}`;
  urls.set(provider, url);
  return url;
}

export function isProviderUrl(url: string): boolean {
  return url.startsWith(SCHEME);
}

/** Throws where no provider has this address. */
export function overProvider(url: string, name: PublicName, timeoutMs: number): Connection {
  const provider = providers.find((one) => urls.get(one) === url);
  if (provider === undefined) throw new EndpointFailed(name.origin, "there is no such wallet");
  const request = async ({ method, params = [] }: RpcCall) => {
    const asked = provider.request({ method, params } as never);
    const answer = await within(
      timeoutMs,
      asked.then((value) => ({ value })),
    ).catch((error: unknown) => {
      const { code, data } = (error ?? {}) as { code?: unknown; data?: unknown };
      if (typeof code !== "number") throw new EndpointFailed(name.origin, shortMessage(error));
      const refusal = { code, message: shortMessage(error), data };
      throw new RpcRefusal(method, name.origin, refusal, undefined);
    });
    if (answer !== undefined) return withLowerHex(copyOf(answer.value, name));
    const why = `no answer within ${timeoutMs} ms`;
    throw new EndpointFailed(name.origin, why, { timedOut: true });
  };
  return {
    // The user may change the chain at any time: it is asked before each question.
    lost: true,
    request,
    requestAll: (calls) => requestEach({ request }, calls),
  };
}

/** The wallet's own objects stay as they are. Throws `EndpointFailed` for what is no JSON. */
function copyOf(value: unknown, { origin }: PublicName): unknown {
  try {
    return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
  } catch (error) {
    throw new EndpointFailed(origin, shortMessage(error));
  }
}
