/** Joins the exchange with a signer, and takes care of the account from then on. */
import { effect } from "@preact/signals";
import { type Address, bytesToHex, type Hex } from "../../../src/base/hex.ts";
import { encodeMint } from "../../../src/chain/contracts/tokens.ts";
import { connect } from "../../../src/chain/rpc/rpc.ts";
import { localSigner } from "../../../src/chain/signer.ts";
import { Submitter } from "../../../src/chain/submit/submitter.ts";
import { OperatorUnreachable } from "../../../src/client/api.ts";
import { ExchangeClient } from "../../../src/client/client.ts";
import { IndexedDbEvidence } from "../../../src/client/evidence/indexedDbEvidence.ts";
import type { ClientSigner } from "../../../src/client/signing/signer.ts";
import { addressOfKey, keySigner, tradingKeySigner } from "../../../src/client/signing/signers.ts";
import { openWallet } from "../../../src/client/signing/wallet.ts";
import type { ExchangeResponse } from "../../../src/wire/schemas/exchange.ts";
import { rpcUrl } from "../chain/endpoint.ts";
import { logsOf } from "../chain/state.ts";
import { followAccount } from "../live/account.ts";
import { clock, exchange, operatorUrl, operatorUrls } from "../live/exchange.ts";
import { messageOf } from "../ui/format.ts";
import type { FoundWallet } from "./eip6963.ts";
import {
  type Account,
  type AccountKind,
  account,
  audited,
  auditProblem,
  joining,
} from "./state.ts";
import { openKey, type SealedKey, sealKey, storedKey, storeKey } from "./vault.ts";

const POLL_MS = 500;
const TEST_KEY = "quarterdeck.testWallet";
const MAX_FEE = 10n ** 12n;
/** Whole tokens for a new test wallet; 18 and 6 decimals are what the local chain has. */
const TEST_TOKENS = 100_000n;
const TEST_ETHER = 10n ** 20n;

let stopFollowing: (() => void) | undefined;

/** Throws what the wallet, the chain and the operators say. */
export async function joinWallet(wallet: FoundWallet): Promise<void> {
  await working(`Waiting for ${wallet.name}`, async () => {
    const signer = await openWallet(wallet.provider);
    const { provider } = wallet;
    const { address } = signer;
    await join(signer, { kind: "wallet", name: wallet.name, owner: { wallet: provider, address } });
  });
}

/** A key of this browser alone, on the local chain, where nothing is worth anything. */
export async function joinTestWallet(): Promise<void> {
  await working("Making a test wallet", async () => {
    const stored = localStorage.getItem(TEST_KEY);
    const key = (stored ?? bytesToHex(crypto.getRandomValues(new Uint8Array(32)))) as Hex;
    localStorage.setItem(TEST_KEY, key);
    await fillTestWallet(key);
    await join(keySigner(key), { kind: "test", name: "Test wallet", owner: key });
  });
}

/** Trades by the key that this browser keeps. Throws where the passphrase is another. */
export async function joinTradingKey(passphrase: string): Promise<void> {
  await working("Opening the trading key", async () => {
    const stored = storedKey(required().facts.mediator);
    if (stored.kind !== "sealed") throw new Error("This browser keeps no trading key to open.");
    const { sealed } = stored;
    const key = await openKey(sealed, passphrase);
    if (key === undefined) {
      throw new Error(
        "The passphrase does not open this key. Try again; it is kept nowhere. Where it is lost, " +
          "connect the wallet and make another key: it takes this one's place.",
      );
    }
    const held = account.value;
    const owner = held?.address === sealed.owner ? held.owner : undefined;
    const self = owner === undefined ? sealed.owner : await signerOf(owner);
    const kind: AccountKind = owner === undefined ? "tradingKey" : (held?.kind ?? "wallet");
    const name = owner === undefined ? "Trading key" : (held?.name ?? "Wallet");
    await join(tradingKeySigner(self, keySigner(key)), { kind, name, owner }, true);
  });
}

/** Makes a key, seals it into this browser, and registers it on chain for the next round. */
export async function makeTradingKey(passphrase: string): Promise<SealedKey> {
  const { address, client } = account.value ?? {};
  if (address === undefined || client === undefined) throw new Error("Connect a wallet first.");
  const { mediator } = required().facts;
  const privateKey = bytesToHex(crypto.getRandomValues(new Uint8Array(32)));
  const key = addressOfKey(privateKey);
  const sealed = await sealKey(privateKey, { mediator, owner: address, key }, passphrase);
  await client.setTradingKey(key);
  storeKey(sealed);
  return sealed;
}

export function leave(): void {
  stopFollowing?.();
  stopFollowing = undefined;
  account.value = undefined;
  audited.value = undefined;
  auditProblem.value = undefined;
}

/** The store of evidence of an account on this exchange. */
export function openEvidence(address: Address): Promise<IndexedDbEvidence> {
  void navigator.storage?.persist?.();
  return IndexedDbEvidence.open(`quarterdeck ${required().facts.mediator} ${address}`);
}

/** The signer behind an owner, as the library's options name it. */
export async function signerOf(owner: NonNullable<Account["owner"]>): Promise<ClientSigner> {
  if (typeof owner === "string") return keySigner(owner as Hex);
  if (typeof owner === "object" && "wallet" in owner) {
    return openWallet(owner.wallet, owner.address as Address | undefined);
  }
  return owner as ClientSigner;
}

export function required(): { readonly facts: ExchangeResponse; readonly rpc: string } {
  const facts = exchange.value;
  const rpc = rpcUrl.value;
  if (facts === undefined) throw new Error("The exchange is not known yet. Try again.");
  if (rpc === undefined) {
    throw new Error(
      "Name an endpoint of the chain first: nothing is signed by an operator's word.",
    );
  }
  return { facts, rpc };
}

async function working(what: string, work: () => Promise<void>): Promise<void> {
  joining.value = what;
  try {
    await work();
  } finally {
    joining.value = undefined;
  }
}

type AccountFacts = Pick<Account, "kind" | "name" | "owner">;

async function join(
  signer: ClientSigner,
  facts: AccountFacts,
  hasTradingKey = false,
): Promise<void> {
  const { rpc, facts: said } = required();
  const evidence = await openEvidence(signer.address);
  const client = await ExchangeClient.join({
    operator: [operatorUrl.value, ...operatorUrls.value],
    rpc,
    mediator: said.mediator,
    signer,
    evidence,
    pollMs: POLL_MS,
  }).catch((error: unknown) => {
    // Without any operator the way out is open all the same.
    if (error instanceof OperatorUnreachable) return undefined;
    throw error;
  });
  leave();
  const { address } = signer;
  account.value = { address, ...facts, client, hasTradingKey };
  if (client === undefined) return;
  const stopListening = followAccount(address, () => client.session());
  const stopAuditing = auditEachRound(client, evidence);
  stopFollowing = () => {
    stopListening();
    stopAuditing();
  };
}

/** Audits now, and after each commit: a round that is not audited in time cannot be disputed. */
function auditEachRound(client: ExchangeClient, evidence: IndexedDbEvidence): () => void {
  let last = -1;
  let isBusy = false;
  return effect(() => {
    const committed = clock.value?.committedRound ?? 0;
    if (isBusy || committed === last) return;
    isBusy = true;
    void (async () => {
      try {
        const report = committed === 0 ? undefined : await client.audit(committed);
        let records = 0;
        for await (const _ of evidence.records()) records += 1;
        last = committed;
        if (report === undefined) return;
        const log = logsOf("committed").find(({ round }) => round === committed);
        audited.value = { ...report, block: log?.block, records };
        auditProblem.value = undefined;
      } catch (error) {
        auditProblem.value = messageOf(error);
      } finally {
        isBusy = false;
      }
    })();
  });
}

/** Ether and tokens for a key of the local chain, once. */
async function fillTestWallet(key: Hex): Promise<void> {
  const { facts, rpc } = required();
  const signer = localSigner(key);
  const client = connect([rpc], { chainId: facts.chainId });
  const balance = await client.getBalance({ address: signer.address });
  if (balance > TEST_ETHER / 2n) return;
  const params = [signer.address, `0x${TEST_ETHER.toString(16)}`];
  await client.request({ method: "anvil_setBalance", params } as never);
  const { chainId } = facts;
  const submitter = new Submitter({
    client,
    signer,
    chainId,
    maxFeePerGas: MAX_FEE,
    pollMs: POLL_MS / 2,
  });
  for (const { token, symbol, decimals } of facts.tokens) {
    const data = encodeMint(signer.address, TEST_TOKENS * 10n ** BigInt(decimals));
    await submitter.send({ what: `test ${symbol}`, to: token, data });
  }
}
