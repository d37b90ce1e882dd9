/**
 * Every field of /v1/exchange with the decision that was made about it, and a lie in each: it is
 * refused, or what the client goes by is the same as without it.
 */
import { expect, it } from "vitest";
import { z } from "zod";
import type { Address } from "../../base/hex.ts";
import type { MediatorReader } from "../../chain/contracts/mediator.ts";
import { RpcRefusal } from "../../chain/rpc/errorKinds.ts";
import { ChainMismatch, EndpointFailed } from "../../chain/rpc/errors.ts";
import { exchange as exchangeSchema } from "../../wire/schemas/exchange.ts";
import {
  type ChainFacts,
  type ExchangeFacts,
  holdAgainstChain,
  MarketChanged,
  readChainFacts,
} from "./exchangeFacts.ts";

const WETH = "0x5FbDB2315678afecb367f032d93F642f64180aa3" as Address;
const USDC = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512" as Address;
const ODD = "0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0" as Address;
const MEDIATOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" as Address;
const MANAGER = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC" as Address;
const OTHER = "0x90F79bf6EB2c4f870365E785982E1f101E93b906" as Address;

const truth: ExchangeFacts = {
  chainId: 7,
  mediator: MEDIATOR,
  manager: MANAGER,
  operator: OTHER,
  schedule: { genesisBlock: 5, roundSize: 40 },
  confirmations: 12,
  markets: [{ name: "WETH/USDC", base: WETH, quote: USDC, lot: 10n ** 15n, tick: 10n }],
  tokens: [
    { token: WETH, symbol: "WETH", decimals: 18, listedRound: 0 },
    { token: USDC, symbol: "USDC", decimals: 6, listedRound: 0 },
  ],
  limits: { ordersPerClientAndRound: 100 },
};
const chain: ChainFacts = {
  constants: {
    domain: { chainId: 7, mediator: MEDIATOR },
    manager: MANAGER,
    schedule: truth.schedule,
    disputeBond: 0n,
    withdrawalBond: 0n,
  },
  tokens: truth.tokens,
  unreadable: [],
  isApproved: true,
};

function hold(
  said: ExchangeFacts,
  facts = chain,
  pins: Parameters<typeof holdAgainstChain>[2] = [],
) {
  return holdAgainstChain(said, facts, pins);
}

/** `same`: the lie changes nothing. `shown`: it is carried on, bounded, and nothing is signed by it. */
type Decision = "refused" | "same" | "shown";

interface Lie {
  readonly path: string;
  readonly decision: Decision;
  readonly tell: (said: ExchangeFacts) => ExchangeFacts;
}

const [market] = truth.markets as [ExchangeFacts["markets"][number]];
const inMarket = (changes: Partial<typeof market>) => (said: ExchangeFacts) => ({
  ...said,
  markets: [{ ...market, ...changes }],
});
const inToken = (changes: Partial<ExchangeFacts["tokens"][number]>) => (said: ExchangeFacts) => ({
  ...said,
  tokens: said.tokens.map((token) => (token.token === WETH ? { ...token, ...changes } : token)),
});
const top = (changes: Partial<ExchangeFacts>) => (said: ExchangeFacts) => ({ ...said, ...changes });

const LIES: readonly Lie[] = [
  { path: "chainId", decision: "refused", tell: top({ chainId: 8 }) },
  { path: "mediator", decision: "refused", tell: top({ mediator: OTHER }) },
  { path: "manager", decision: "refused", tell: top({ manager: OTHER }) },
  // An operator that is not approved: the chain is asked about the key that it names.
  { path: "operator", decision: "shown", tell: top({ operator: MANAGER }) },
  {
    path: "schedule.genesisBlock",
    decision: "refused",
    tell: top({ schedule: { genesisBlock: 6, roundSize: 40 } }),
  },
  {
    path: "schedule.roundSize",
    decision: "refused",
    tell: top({ schedule: { genesisBlock: 5, roundSize: 80 } }),
  },
  { path: "confirmations", decision: "shown", tell: top({ confirmations: 1000 }) },
  { path: "confirmations", decision: "refused", tell: top({ confirmations: 1001 }) },
  { path: "markets.name", decision: "same", tell: inMarket({ name: "USDC/WETH" }) },
  { path: "markets.base", decision: "refused", tell: inMarket({ base: OTHER }) },
  { path: "markets.base", decision: "refused", tell: inMarket({ base: USDC }) },
  { path: "markets.quote", decision: "refused", tell: inMarket({ quote: OTHER }) },
  { path: "markets.lot", decision: "refused", tell: inMarket({ lot: 0n }) },
  { path: "markets.lot", decision: "refused", tell: inMarket({ lot: 3n }) },
  { path: "markets.lot", decision: "refused", tell: inMarket({ lot: 10n ** 19n }) },
  { path: "markets.lot", decision: "shown", tell: inMarket({ lot: 10n ** 14n }) },
  { path: "markets.tick", decision: "refused", tell: inMarket({ tick: 0n }) },
  { path: "markets.tick", decision: "refused", tell: inMarket({ tick: 2n ** 127n }) },
  { path: "markets.tick", decision: "shown", tell: inMarket({ tick: 1n }) },
  { path: "markets", decision: "refused", tell: top({ markets: [market, market] }) },
  { path: "tokens.token", decision: "refused", tell: inToken({ token: OTHER }) },
  { path: "tokens.symbol", decision: "same", tell: inToken({ symbol: "USDC" }) },
  { path: "tokens.decimals", decision: "refused", tell: inToken({ decimals: 15 }) },
  { path: "tokens.listedRound", decision: "refused", tell: inToken({ listedRound: 3 }) },
  { path: "tokens", decision: "same", tell: top({ tokens: [] }) },
  {
    path: "limits.ordersPerClientAndRound",
    decision: "shown",
    tell: top({ limits: { ordersPerClientAndRound: 1 } }),
  },
  {
    path: "limits.ordersPerClientAndRound",
    decision: "refused",
    tell: top({ limits: { ordersPerClientAndRound: 101 } }),
  },
  {
    path: "limits.ordersPerClientAndRound",
    decision: "refused",
    tell: top({ limits: { ordersPerClientAndRound: 0 } }),
  },
];

/** Paths of all fields that hold a value, as the wire has them. */
function leaves(schema: unknown, path = ""): string[] {
  if (schema instanceof z.ZodArray) return leaves(schema.element, path);
  if (!(schema instanceof z.ZodObject)) return [path];
  return Object.entries(schema.shape).flatMap(([name, part]) =>
    leaves(part, path === "" ? name : `${path}.${name}`),
  );
}

it("every field of /v1/exchange has a decision, and nothing else has one", () => {
  const decided = new Set(LIES.map(({ path }) => path).filter((path) => !isWhole(path)));
  expect([...decided].sort()).toEqual(leaves(exchangeSchema).sort());
  expect(leaves(exchangeSchema.extend({ fee: z.string() }))).toContain("fee");
});

function isWhole(path: string): boolean {
  return path === "markets" || path === "tokens";
}

it("the truth is taken as it is, and cannot be changed afterwards", () => {
  const held = hold(truth);
  expect(held).toEqual(truth);
  for (const part of [held, held.markets, held.tokens, ...held.markets, ...held.tokens]) {
    expect(Object.isFrozen(part)).toBe(true);
  }
});

it.each(LIES)("a lie about $path is $decision", ({ decision, tell }) => {
  const said = tell(truth);
  expect(said).not.toEqual(truth);
  if (decision === "refused") {
    expect(() => hold(said)).toThrow(expect.objectContaining({ code: "NotThisExchange" }));
  } else if (decision === "same") {
    expect(hold(said)).toEqual(truth);
  } else {
    expect(hold(said)).toEqual(said);
  }
});

it("an operator that the manager did not approve is refused", () => {
  expect(() => hold(truth, { ...chain, isApproved: false })).toThrow(/no approved operator/);
});

it("tokens that cannot be read stop nobody, unless they are to be traded", () => {
  const unreadable = { ...chain, unreadable: [ODD] };
  const strange = { token: ODD, symbol: "ODD", decimals: 77, listedRound: 0 };
  expect(hold({ ...truth, tokens: [...truth.tokens, strange] }, unreadable)).toEqual(truth);
  const traded = { ...truth, markets: [{ ...market, base: ODD }] };
  expect(() => hold(traded, unreadable)).toThrow(
    expect.objectContaining({ code: "TokenUnreadable" }),
  );
});

const FAILURES: readonly Error[] = [
  new ChainMismatch([{ origin: "http://a", chainId: 8 }], 7),
  new EndpointFailed("http://a", "no answer within 10000 ms", { timedOut: true }),
  new RpcRefusal("eth_call", "http://a", { code: -32005, message: "limit exceeded" }, undefined),
];

it.each(FAILURES)("an endpoint's failure is not the token's: $code $message", async (failure) => {
  const reader = {
    client: { readContract: () => Promise.reject(failure) },
    tokenSet: async () => [ODD],
    listedRound: async () => 0,
    isRegistered: async () => true,
  } as unknown as MediatorReader;
  const reading = readChainFacts(reader, chain.constants, OTHER);
  const code = failure instanceof ChainMismatch ? "ChainMismatch" : "RpcUnavailable";
  await expect(reading).rejects.toMatchObject({ code });
});

const pin = { market: "WETH/USDC", lot: "0.001", tick: "0.01" };

it.each([pin, { ...pin, market: `${WETH}/${USDC}`.toLowerCase() }, { ...pin, tick: "0.010" }])(
  "a market that is as pinned is taken: %j",
  (right) => {
    expect(hold(truth, chain, [right])).toEqual(truth);
  },
);

it.each([
  { ...pin, lot: "0.01" },
  { ...pin, tick: "0.001" },
  { ...pin, market: "BTC/USDC" },
  { ...pin, market: "USDC/WETH" },
])("a market that is not as pinned is refused: %j", (wrong) => {
  expect(() => hold(truth, chain, [wrong])).toThrow(MarketChanged);
});

it.each([
  { ...pin, lot: "1e-3" },
  { ...pin, tick: "a cent" },
])("a pin that is no number is the caller's fault: %j", (wrong) => {
  expect(() => hold(truth, chain, [wrong])).toThrow(expect.objectContaining({ code: "BadInput" }));
});

it.each([
  ["lot", inMarket({ lot: 10n ** 14n })],
  ["tick", inMarket({ tick: 1n })],
  ["no more", top({ markets: [] })],
])("learnt facts are held fixed: %s", (about, tell) => {
  expect(hold(tell(truth))).toBeDefined();
  expect(() => holdAgainstChain(tell(truth), chain, [], truth)).toThrow(MarketChanged);
  expect(() => holdAgainstChain(tell(truth), chain, [], truth)).toThrow(about);
});

it("a market that is new is taken besides those that were there", () => {
  const added = { ...market, name: "USDC/WETH", base: USDC, quote: WETH, lot: 1000n, tick: 7n };
  const less = { ...truth, markets: [added] };
  expect(holdAgainstChain(less, chain, [], { ...truth, markets: [] }).markets).toEqual([added]);
});
