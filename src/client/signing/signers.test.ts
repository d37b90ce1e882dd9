import fc from "fast-check";
import { hashTypedData } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { describe, expect, it } from "vitest";
import { nobleCurve } from "../../base/curve.ts";
import { type Address, bytesToHex, type Hex } from "../../base/hex.ts";
import { digest } from "../../protocol/messages.ts";
import { recoverSigner } from "../../protocol/signatures.ts";
import { SELF_TRADES, type TermsMessage, TIMES_IN_FORCE } from "../../protocol/trading/terms.ts";
import type { Order } from "../../protocol/units.ts";
import { parseSigner } from "./parseSigner.ts";
import { type ClientMessages, hashClientMessage, typedData } from "./signer.ts";
import { addressOfKey } from "./signers.ts";

const KEY: Hex = `0x${"11".repeat(32)}`;
const OTHER: Hex = `0x${"22".repeat(32)}`;
const MEDIATOR = "0x5FbDB2315678afecb367f032d93F642f64180aa3" as Address;
const domain = { chainId: 31337, mediator: MEDIATOR };
const uint64 = fc.bigInt(0n, 2n ** 64n - 1n);
const uint128 = fc.bigInt(1n, 2n ** 128n - 1n);
const address = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((bytes) => bytesToHex(bytes) as unknown as Address);
const count = fc.nat();

const messages: { [Name in keyof ClientMessages]: fc.Arbitrary<ClientMessages[Name]> } = {
  Order: fc.record<Order>({
    owner: address,
    round: count,
    id: uint64,
    sellToken: address,
    sellAmount: uint128,
    buyToken: address,
    buyAmount: uint128,
    intent: fc.constantFrom("buyAll", "sellAll"),
  }),
  OrderTerms: fc.record<TermsMessage>({
    orderHash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytesToHex(bytes)),
    timeInForce: fc.constantFrom(...TIMES_IN_FORCE),
    selfTrade: fc.constantFrom(...SELF_TRADES),
    goodTillBlock: fc.option(fc.integer({ min: 1, max: 10 ** 9 })),
    tag: fc.option(fc.constantFrom("a", "grid 7")),
  }),
  CancelOrder: fc.record({ owner: address, round: count, id: uint64 }),
  CancelAll: fc.record({ owner: address, round: count, nonce: uint64 }),
  CancelAfter: fc.record({
    owner: address,
    round: count,
    nonce: uint64,
    block: count,
    graceBlocks: count,
  }),
  Statement: fc.record({
    client: address,
    round: count,
    watermark: uint64,
    except: fc.array(uint64, { maxLength: 3 }),
    tokens: fc.array(address, { maxLength: 3 }),
    sold: fc.array(uint128, { maxLength: 3 }),
    bought: fc.array(uint128, { maxLength: 3 }),
  }),
  Session: fc.record({ client: address, validUntil: count }),
  DisputeDelegation: fc.record({ client: address, delegate: address, untilRound: count }),
  EvidenceDelivery: fc.record({
    client: address,
    tower: address,
    contentHash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytesToHex(bytes)),
  }),
  Batch: fc.record({
    root: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytesToHex(bytes)),
  }),
};
const names = Object.keys(messages) as (keyof ClientMessages)[];

/** A wallet of one or more keys, on a chain; it notes what it was asked. */
function walletOf(keys: readonly Hex[], chainId = 31337) {
  const accounts = keys.map((key) => privateKeyToAccount(key));
  const asked: string[] = [];
  const state = { chainId, declines: false };
  const request = async ({ method, params }: { method: string; params?: unknown[] }) => {
    asked.push(method);
    if (state.declines && method !== "eth_chainId") {
      throw Object.assign(new Error("User rejected"), { code: 4001 });
    }
    switch (method) {
      case "eth_requestAccounts":
        return accounts.map((one) => one.address.toLowerCase());
      case "eth_chainId":
        return `0x${state.chainId.toString(16)}`;
      case "wallet_switchEthereumChain":
        state.chainId = Number((params as [{ chainId: string }])[0].chainId);
        return null;
      case "eth_signTypedData_v4": {
        const data = JSON.parse(String(params?.[1]));
        if (data.domain.chainId !== state.chainId) throw new Error("another chain");
        const signer = accounts.find((one) => one.address === params?.[0]) ?? accounts[0];
        return signer?.signTypedData(data);
      }
      default:
        throw new Error(`what is ${method}?`);
    }
  };
  return { provider: { request }, asked, state };
}

describe("a message of a client", () => {
  it.each(names)("a message of a client is the same for wallets and protocol: %s", (name) => {
    fc.assert(
      fc.property(messages[name] as fc.Arbitrary<never>, (message) => {
        const ours = bytesToHex(digest(domain, hashClientMessage(name, message)));
        expect(hashTypedData(typedData(domain, name, message) as never)).toBe(ours);
      }),
    );
  });

  const session = { client: addressOfKey(KEY), validUntil: 7 };
  const hash = hashClientMessage("Session", session);
  const owner = addressOfKey(KEY);

  it.each([
    ["a key", KEY, owner, owner],
    ["an account", privateKeyToAccount(KEY), owner, owner],
    ["a wallet", walletOf([KEY, OTHER]).provider, owner, owner],
    [
      "a wallet's second account",
      { wallet: walletOf([OTHER, KEY]).provider, address: owner.toLowerCase() },
      owner,
      owner,
    ],
    [
      "a trading key",
      { owner: owner.toLowerCase(), tradingKey: OTHER },
      owner,
      addressOfKey(OTHER),
    ],
    ["a key and its trading key", { owner: KEY, tradingKey: OTHER }, owner, addressOfKey(OTHER)],
  ] as readonly (readonly [string, unknown, Address, Address])[])(
    "a message of a client is signed by %s",
    async (...row) => {
      const [, option, client, by] = row;
      const signer = await parseSigner("signer", option, undefined).open();
      expect(signer.address).toBe(client);
      const signature = await signer.sign(domain, "Session", session);
      expect(recoverSigner(nobleCurve, domain, hash, signature)).toBe(by);
    },
  );

  it("a message of a client is not taken from another account than the client's", async () => {
    const liar = { ...privateKeyToAccount(OTHER), address: owner };
    const signer = await parseSigner("signer", liar, undefined).open();
    await expect(signer.sign(domain, "Session", session)).rejects.toMatchObject({
      code: "SignerUnavailable",
    });
  });
});

describe("a wallet", () => {
  const message = { client: addressOfKey(KEY), validUntil: 7 };

  it("a wallet is asked to change to the exchange's chain", async () => {
    const wallet = walletOf([KEY], 1);
    const signer = await parseSigner("signer", wallet.provider, undefined).open();
    await signer.sign(domain, "Session", message);
    expect(wallet.state.chainId).toBe(31337);
    expect(wallet.asked).toContain("wallet_switchEthereumChain");
  });

  it("a wallet whose user declines is told apart from one that fails", async () => {
    const wallet = walletOf([KEY]);
    const signer = await parseSigner("signer", wallet.provider, undefined).open();
    wallet.state.declines = true;
    const declined = signer.sign(domain, "Session", message);
    await expect(declined).rejects.toThrow(/user declined the signature/);
  });

  it("a wallet that does not grant the account that was chosen is refused", async () => {
    const option = { wallet: walletOf([OTHER]).provider, address: addressOfKey(KEY) };
    const opening = parseSigner("signer", option, undefined).open();
    await expect(opening).rejects.toThrow(/Allow this page 0x/);
  });
});

it("a trading key alone moves nothing, and delegates nothing", async () => {
  const option = { owner: addressOfKey(KEY), tradingKey: OTHER };
  const signer = await parseSigner("signer", option, undefined).open();
  const sender = signer.sender({} as never);
  const call = { what: "deposit", to: MEDIATOR, data: "0x" } as const;
  await expect(sender.send(call)).rejects.toMatchObject({ code: "NeedsOwner" });
  const delegation = { client: addressOfKey(KEY), delegate: MEDIATOR, untilRound: 9 };
  const signing = signer.sign(domain, "DisputeDelegation", delegation);
  await expect(signing).rejects.toMatchObject({ code: "NeedsOwner" });
});

it.each([
  ["nothing", {}],
  ["no wallet", { wallet: {} }],
  ["a wallet with a bad address", { wallet: { request: async () => [] }, address: "0x12" }],
  ["a trading key of nobody", { tradingKey: KEY }],
  ["an account of nobody", { ...privateKeyToAccount(KEY), address: undefined }],
])("%s is refused by its name", (_, option) => {
  expect(() => parseSigner("options.signer", option, undefined)).toThrow(/^options\.signer/);
});
