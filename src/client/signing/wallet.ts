/**
 * A wallet that speaks EIP-1193: it signs and sends for its user, who sees each request. What it
 * sent is followed through the client's own endpoints, never the wallet's.
 */
import { toAddress } from "../../base/address.ts";
import { reasonOf } from "../../base/errors.ts";
import { type Address, type Hex, isHex } from "../../base/hex.ts";
import { sleep } from "../../base/sleep.ts";
import { TransactionLost } from "../../chain/rpc/errors.ts";
import { SignerUnavailable } from "../../chain/signer.ts";
import { minedAs, readReceipt } from "../../chain/submit/receipts.ts";
import { simulate } from "../../chain/submit/simulate.ts";
import type { Call, Mined } from "../../chain/submit/submitter.ts";
import type { ClientSigner, SenderOptions, TransactionSender } from "./signer.ts";
import { typedData } from "./signer.ts";
import { requireSignature } from "./signers.ts";

/** EIP-1193, as injected wallets and libraries offer it. */
export interface WalletProvider {
  request(request: never): Promise<unknown>;
}

/** Codes of EIP-1193 and EIP-1474 that wallets answer with. */
const DECLINED = 4001;
/** Polls for a transaction that the client's own endpoints do not know, nor any wallet replaced. */
const POLLS_UNKNOWN = 120;

/**
 * The wallet's account `address`, or the first that its user grants. Throws `SignerUnavailable`
 * where there is none.
 */
export async function openWallet(wallet: WalletProvider, address?: Address): Promise<ClientSigner> {
  const granted = await ask(wallet, "its accounts", { method: "eth_requestAccounts" });
  const accounts = (Array.isArray(granted) ? granted : [])
    .filter((one): one is Hex => typeof one === "string" && isHex(one.toLowerCase(), 20))
    .map((one) => toAddress(one));
  const account = address ?? accounts[0];
  if (account === undefined || !accounts.includes(account)) {
    const problem = `The wallet grants ${accounts.join(", ") || "no account"}.`;
    const hint = `Allow this page ${address ?? "an account"} in the wallet.`;
    throw new SignerUnavailable(problem, hint);
  }
  return {
    address: account,
    sign: async (domain, name, message) => {
      await useChain(wallet, domain.chainId);
      const data = JSON.stringify(typedData(domain, name, message));
      const request = { method: "eth_signTypedData_v4", params: [account, data] };
      const given = await ask(wallet, `the signature of an ${name}`, request);
      return requireSignature(given, { domain, name, message, by: account });
    },
    sender: (options) => new WalletSender(wallet, account, options),
  };
}

class WalletSender implements TransactionSender {
  readonly #wallet: WalletProvider;
  readonly #from: Address;
  readonly #options: SenderOptions;

  constructor(wallet: WalletProvider, from: Address, options: SenderOptions) {
    this.#wallet = wallet;
    this.#from = from;
    this.#options = options;
  }

  /** Tried on the client's own endpoints first: what the contract refuses, no user is asked for. */
  async send(call: Call): Promise<Mined> {
    const { client, chainId } = this.#options;
    const { to, data, value = 0n, what } = call;
    const gas = await simulate(client, this.#from, call, 0);
    await useChain(this.#wallet, chainId);
    const transaction = { from: this.#from, to, data, value: quantity(value), gas: quantity(gas) };
    const request = { method: "eth_sendTransaction", params: [transaction] };
    const hash = await ask(this.#wallet, what, request);
    if (typeof hash !== "string" || !isHex(hash.toLowerCase(), 32)) {
      throw new TransactionLost(what, "the wallet names no transaction");
    }
    return this.#mined(what, hash as Hex);
  }

  async #mined(what: string, hash: Hex): Promise<Mined> {
    const { client, pollMs } = this.#options;
    let unknown = 0;
    while (unknown < POLLS_UNKNOWN) {
      const known = await client.getTransaction({ hash }).catch(() => undefined);
      const receipt = await readReceipt(client, hash, known);
      if (receipt?.isSuccess) return minedAs(hash, receipt);
      if (receipt !== undefined) throw new TransactionLost(what, `${hash} was mined and reverted`);
      unknown = known === undefined ? unknown + 1 : 0;
      await sleep(pollMs);
    }
    const why = `no endpoint knows ${hash}: the wallet may have replaced or dropped it`;
    throw new TransactionLost(what, why);
  }
}

function quantity(value: bigint): Hex {
  return `0x${value.toString(16)}`;
}

/** Wallets sign for the chain that they are on only. */
async function useChain(wallet: WalletProvider, chainId: number): Promise<void> {
  const wanted = quantity(BigInt(chainId));
  const current = await ask(wallet, "its chain", { method: "eth_chainId" });
  if (Number(current) === chainId) return;
  const params = [{ chainId: wanted }];
  await ask(wallet, `a change to chain ${chainId}`, {
    method: "wallet_switchEthereumChain",
    params,
  });
}

async function ask(
  wallet: WalletProvider,
  what: string,
  request: { readonly method: string; readonly params?: readonly unknown[] },
): Promise<unknown> {
  try {
    return await wallet.request(request as never);
  } catch (error) {
    const declined = (error as { code?: unknown } | null)?.code === DECLINED;
    throw new SignerUnavailable(
      declined ? `The wallet's user declined ${what}.` : `The wallet failed at ${what}.`,
      declined ? "Ask again, and confirm it in the wallet." : `It says: ${reasonOf(error)}.`,
      error,
    );
  }
}
