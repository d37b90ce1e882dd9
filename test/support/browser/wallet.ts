/**
 * A wallet in the page, as an extension would put it there: it announces itself by EIP-6963, and a
 * key of the test signs and sends what it is asked for. The key itself never enters the page.
 */
import { createWalletClient, type Hex, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import type { Page } from "./chromium.ts";

export interface AnnouncedWallet {
  /** Methods that the page asked for so far, in their order. */
  readonly asked: string[];
  /** Whether its user declines whatever wants a signature from now on. */
  isDeclining: boolean;
}

interface WalletOptions {
  readonly name: string;
  readonly key: Hex;
  /** The chain that the wallet itself sends by. */
  readonly rpc: string;
}

interface Request {
  readonly method: string;
  readonly params?: readonly unknown[];
}

/** EIP-1193's code for a user that says no. */
const DECLINED = 4001;
const SIGNING = ["eth_signTypedData_v4", "eth_sendTransaction"];

/** Installs it into every document that `page` opens from now on. */
export async function installWallet(page: Page, options: WalletOptions): Promise<AnnouncedWallet> {
  const account = privateKeyToAccount(options.key);
  const client = createWalletClient({ account, transport: http(options.rpc) });
  const wallet: AnnouncedWallet = { asked: [], isDeclining: false };
  const answer = async ({ method, params = [] }: Request): Promise<unknown> => {
    switch (method) {
      case "eth_requestAccounts":
      case "eth_accounts":
        return [account.address];
      case "eth_chainId":
        return client.request({ method });
      case "eth_signTypedData_v4":
        return account.signTypedData(JSON.parse(String(params[1])));
      case "eth_sendTransaction": {
        const { to, data, value, gas } = params[0] as Record<"to" | "data" | "value" | "gas", Hex>;
        const sent = { to, data, value: BigInt(value), gas: BigInt(gas), chain: null };
        return client.sendTransaction(sent);
      }
      default:
        throw new Error(`the wallet does not know ${method}`);
    }
  };
  await page.exposeFunction("askTestWallet", async (request: Request) => {
    wallet.asked.push(request.method);
    if (wallet.isDeclining && SIGNING.includes(request.method)) {
      return { error: { code: DECLINED, message: "User rejected the request." } };
    }
    return answer(request).then(
      (result) => ({ result }),
      (error: Error) => ({ error: { code: -32603, message: error.message } }),
    );
  });
  await page.addInitScript(announce, options.name);
  return wallet;
}

/** Runs in the page. */
function announce(name: string): void {
  type Answer = { readonly result?: unknown; readonly error?: { readonly message: string } };
  const { askTestWallet: ask } = globalThis as unknown as {
    askTestWallet: (request: object) => Promise<Answer>;
  };
  const request = async (asked: object) => {
    const { result, error } = await ask(asked);
    if (error !== undefined) throw Object.assign(new Error(error.message), error);
    return result;
  };
  const icon =
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'>" +
    "<circle cx='4' cy='4' r='4' fill='teal'/></svg>";
  const info = { uuid: "b5d1e1a0-0000-4000-8000-000000000001", name, icon, rdns: "test.wallet" };
  const detail = Object.freeze({ info, provider: { request } });
  const say = (said: unknown) => {
    dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: said }));
  };
  addEventListener("eip6963:requestProvider", () => {
    // What other scripts announce may be anything.
    say(null);
    say({ info: { uuid: 7 }, provider: {} });
    say(detail);
  });
}
