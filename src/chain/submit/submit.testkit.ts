/** A chain, an exchange on it and submitters of one key, for the tests of what is sent. */
import { afterEach, beforeEach } from "vitest";
import type { Anvil } from "../../../test/support/chain/anvil.ts";
import { startDeployedExchange } from "../../../test/support/exchange/deployedExchange.ts";
import { until } from "../../../test/support/exchange/exchange.ts";
import type { Address, Hex } from "../../base/hex.ts";
import type { DeployedExchange } from "../contracts/deploy.ts";
import { encodeMint, readTokenBalance } from "../contracts/tokens.ts";
import { localSigner, type Signer } from "../signer.ts";
import { type Call, Submitter, type SubmitterOptions } from "./submitter.ts";

const KEY = 3;
/** Of the test that runs. */
export let anvil: Anvil;
export let exchange: DeployedExchange;
/** What the submitters told. */
export const events: string[] = [];

/** To be called once by each file: every test has a chain of its own. */
export function useChain(): void {
  beforeEach(async () => {
    events.length = 0;
    ({ anvil, exchange } = await startDeployedExchange());
  });
  afterEach(() => anvil.stop());
}

export function submitter(changes: Partial<SubmitterOptions> = {}): Submitter {
  return new Submitter({
    client: anvil.client,
    signer: localSigner(anvil.keys[KEY] as Hex),
    chainId: 31337,
    maxFeePerGas: 10n ** 12n,
    pollMs: 5,
    onEvent: ({ kind }) => events.push(kind),
    ...changes,
  });
}

/** The key's own signer, which fails whenever `isDown` says so. */
export function faultySigner(isDown: () => boolean): Signer {
  const real = localSigner(anvil.keys[KEY] as Hex);
  return {
    ...real,
    signTransaction: async (transaction) => {
      if (isDown()) throw new Error("the signer is down");
      return real.signTransaction(transaction);
    },
  };
}

export function mint(amount: bigint): Call {
  const [token] = exchange.tokens as [Address];
  const data = encodeMint(owner(), amount);
  return { what: `mint of ${amount}`, to: token, data };
}

export const minted = () => readTokenBalance(anvil.client, exchange.tokens[0] as Address, owner());

export const owner = () => anvil.addresses[KEY] as Address;
export const nonceOf = () => anvil.client.getTransactionCount({ address: owner() });

/** A transaction of our key that this process did not send. */
export async function foreignTransaction(
  nonce: number,
  amount: bigint,
  feeGwei: bigint,
): Promise<Hex> {
  const { to, data } = mint(amount);
  const fee = feeGwei * 10n ** 9n;
  const raw = await localSigner(anvil.keys[KEY] as Hex).signTransaction({
    chainId: 31337,
    nonce,
    gas: 100_000n,
    to,
    data,
    value: 0n,
    maxFeePerGas: fee,
    maxPriorityFeePerGas: fee,
  });
  await anvil.rpc("eth_sendRawTransaction", [raw]);
  return raw;
}

export const sentAtLeast = (count: number) =>
  until(`${count} are sent`, () => {
    return events.filter((event) => event === "sent" || event === "replaced").length >= count;
  });

/** Mines a block now and then until `done` is. */
export async function mineWhile<T>(done: Promise<T>): Promise<T> {
  let ended = false;
  const noted = done.finally(() => {
    ended = true;
  });
  noted.catch(() => {});
  while (!ended) {
    await anvil.mine();
    await pause();
  }
  return noted;
}

/** A block that has no room for what waits. */
export async function mineNothing(): Promise<void> {
  await anvil.rpc("evm_setBlockGasLimit", ["0x5300"]);
  await anvil.mine();
  await anvil.rpc("evm_setBlockGasLimit", ["0x1c9c380"]);
}

export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
