/**
 * An operator's description of the exchange (/v1/exchange), compared with the chain. A number that
 * decides what an order is worth comes from the chain or from the caller, never from the operator:
 * decimals and symbols are the tokens' own; lots and ticks are pinned by the caller, or bounded and
 * then held fixed.
 */

/** How much of a market's grid the caller is sure of; see `ClientOptions.markets`. */
export interface MarketPin {
  /** BASE/QUOTE, by symbols or addresses. */
  readonly market: string;
  /** Whole base, such as "0.001". */
  readonly lot: string;
  /** Quote for one whole base, such as "0.01". */
  readonly tick: string;
}

import { UINT128_MAX } from "../../base/bytes.ts";
import { parseDecimal } from "../../base/decimal.ts";
import { QuarterdeckError } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import type { ExchangeConstants, MediatorReader } from "../../chain/contracts/mediator.ts";
import { readTokenFacts } from "../../chain/contracts/tokens.ts";
import { isContractsWord } from "../../chain/rpc/contractRefusal.ts";
import { ORDERS_PER_CLIENT_AND_ROUND } from "../../protocol/limits.ts";
import type { Answer } from "../../wire/routes/routes.ts";
import { BadArgument } from "./badArgument.ts";

export type ExchangeFacts = Answer<"fetchExchange">;
type MarketFacts = ExchangeFacts["markets"][number];
type TokenFacts = ExchangeFacts["tokens"][number];

/** The chain's word on all that an operator says of the exchange. */
export interface ChainFacts {
  readonly constants: ExchangeConstants;
  /** Every listed token whose symbol and decimals can be used. */
  readonly tokens: readonly TokenFacts[];
  /** Tokens that are listed too, and have no such symbol or decimals. */
  readonly unreadable: readonly Address[];
  /** Whether the manager approved the operator that spoke. */
  readonly isApproved: boolean;
}

/** A round that is beyond every listing: the token set of it is that of all. */
const ANY_ROUND = Number.MAX_SAFE_INTEGER;
/** More digits than the amounts of the protocol have. */
const MAX_DECIMALS = 36;
/** Blocks that an operator's configuration allows at most. */
const MAX_CONFIRMATIONS = 1000;
/** Printable, without "/" (which parts a market's name), and never like an address. */
const PLAIN_SYMBOL = /^(?!0x)[!-.0-~]{1,32}$/i;

/** A market's lot or tick is another than it was, or than the caller pinned. Nothing was signed. */
export class MarketChanged extends QuarterdeckError {
  override readonly name = "MarketChanged";

  constructor(market: string, problem: string) {
    super({
      code: "MarketChanged",
      message: `The operator's market ${market} ${problem}.`,
      hint: "Do not trade there before you know why; then join again, with new pins if need be.",
    });
  }
}

/**
 * Reads them from the chain. `operator`: the key that the operator names as its own. Throws
 * `RpcUnavailable` and `ChainMismatch`.
 */
export async function readChainFacts(
  reader: MediatorReader,
  constants: ExchangeConstants,
  operator: Address,
): Promise<ChainFacts> {
  const [listed, isApproved] = await Promise.all([
    reader.tokenSet(ANY_ROUND),
    reader.isRegistered(constants.manager, operator),
  ]);
  const read = await Promise.all(listed.map((token) => readToken(reader, token)));
  return {
    constants,
    isApproved,
    tokens: read.filter((one) => one !== undefined),
    unreadable: listed.filter((_, index) => read[index] === undefined),
  };
}

/** Undefined where it cannot be traded by amounts as people write them. */
async function readToken(reader: MediatorReader, token: Address): Promise<TokenFacts | undefined> {
  const [facts, listedRound] = await Promise.all([
    readTokenFacts(reader.client, token).catch((error: unknown) => {
      // Some tokens answer in forms of their own: they stop nobody from trading the others.
      if (isContractsWord(error)) return undefined;
      throw error;
    }),
    reader.listedRound(token),
  ]);
  if (facts === undefined || facts.decimals > MAX_DECIMALS) return undefined;
  // Control characters, look-alikes and addresses of others name nothing: its own address does.
  const symbol = PLAIN_SYMBOL.test(facts.symbol) ? facts.symbol : token;
  return { token, symbol, decimals: facts.decimals, listedRound };
}

/**
 * The exchange as this client takes it to be, frozen: of what the operator `said`, only markets'
 * pairs, lots and ticks remain, checked and bounded, and values on which nothing here depends.
 * `before`: the facts taken until now. Throws `NotThisExchange`, `MarketChanged`, or `BadArgument`
 * for a pin that makes no sense.
 */
export function holdAgainstChain(
  said: ExchangeFacts,
  chain: ChainFacts,
  pins: readonly MarketPin[],
  before?: ExchangeFacts,
): ExchangeFacts {
  const { domain, manager, schedule } = chain.constants;
  requireSame("mediator", said.mediator, domain.mediator);
  requireSame("chainId", said.chainId, domain.chainId);
  requireSame("manager", said.manager, manager);
  requireSame("genesisBlock", said.schedule.genesisBlock, schedule.genesisBlock);
  requireSame("roundSize", said.schedule.roundSize, schedule.roundSize);
  if (!chain.isApproved) requireSame("operator", said.operator, "no approved operator");
  requireBelow("confirmations", said.confirmations, 0, MAX_CONFIRMATIONS);
  const { ordersPerClientAndRound } = said.limits;
  const most = ORDERS_PER_CLIENT_AND_ROUND;
  requireBelow("limits.ordersPerClientAndRound", ordersPerClientAndRound, 1, most);
  for (const token of said.tokens) holdToken(token, chain);
  const markets = said.markets.map((market) => holdMarket(market, chain));
  requireOnce(
    "markets",
    markets.map(({ base, quote }) => [base, quote].sort().join("/")),
  );
  for (const pin of pins) holdPin(pin, markets, chain.tokens);
  for (const known of before?.markets ?? []) holdKnown(known, markets);
  return freeze({
    chainId: domain.chainId,
    mediator: domain.mediator,
    manager,
    operator: said.operator,
    schedule: { ...schedule },
    confirmations: said.confirmations,
    markets,
    tokens: chain.tokens.map((token) => ({ ...token })),
    limits: { ordersPerClientAndRound },
  });
}

/** A token that the chain lists later than we read it is no lie, but nothing is said of it here. */
function holdToken(said: TokenFacts, { tokens, unreadable }: ChainFacts): void {
  if (unreadable.includes(said.token)) return;
  const token = tokens.find((one) => one.token === said.token);
  if (token === undefined) throw notThisExchange("token", said.token, "no such listing");
  // The token's symbol may have changed since the operator read it; nothing here depends on that.
  requireSame(`decimals of ${said.token}`, said.decimals, token.decimals);
  requireSame(`listedRound of ${said.token}`, said.listedRound, token.listedRound);
}

function holdMarket(said: MarketFacts, { tokens, unreadable }: ChainFacts): MarketFacts {
  const { base, quote, lot, tick } = said;
  const [baseToken, quoteToken] = [base, quote].map((address) => {
    if (unreadable.includes(address)) throw tokenUnreadable(address);
    const token = tokens.find((one) => one.token === address);
    if (token === undefined) throw notThisExchange("a market of", address, "no such listing");
    return token;
  }) as [TokenFacts, TokenFacts];
  const name = `${baseToken.symbol}/${quoteToken.symbol}`;
  const whole = 10n ** BigInt(baseToken.decimals);
  if (base === quote) throw notThisExchange("a market of", name, "no such pair");
  if (lot <= 0n || whole % lot !== 0n) {
    throw notThisExchange(`the lot of ${name}`, lot, `${whole} base units, which it must divide`);
  }
  // The price of a whole base at one tick must be an amount of quote.
  if (tick <= 0n || (tick * whole) / lot > UINT128_MAX) {
    throw notThisExchange(`the tick of ${name}`, tick, "amounts above 0 and below 2^128 only");
  }
  return { name, base, quote, lot, tick };
}

function holdPin(
  pin: MarketPin,
  markets: readonly MarketFacts[],
  tokens: readonly TokenFacts[],
): void {
  const found = marketsNamed(markets, pin.market);
  const [market] = found;
  if (market === undefined) throw new MarketChanged(pin.market, "is pinned and not served");
  if (found.length > 1) throw new MarketChanged(pin.market, "is pinned, and several have its name");
  const decimalsOf = (token: Address) =>
    tokens.find((one) => one.token === token)?.decimals as number;
  const [baseDecimals, quoteDecimals] = [decimalsOf(market.base), decimalsOf(market.quote)];
  const lot = parsePinned(`markets: lot of ${pin.market}`, pin.lot, baseDecimals);
  const step = parsePinned(`markets: tick of ${pin.market}`, pin.tick, quoteDecimals);
  if (lot !== market.lot) {
    throw new MarketChanged(pin.market, `has lots of ${market.lot} base units, pinned as ${lot}`);
  }
  const whole = 10n ** BigInt(baseDecimals);
  if (step * market.lot !== market.tick * whole) {
    const served = (market.tick * whole) / market.lot;
    const problem = `has steps of ${served} base units of quote for one whole base, pinned as ${step}`;
    throw new MarketChanged(pin.market, problem);
  }
}

function parsePinned(field: string, text: string, decimals: number): bigint {
  const outcome = parseDecimal(text, decimals);
  if (!outcome.ok) throw new BadArgument(field, outcome.problem, outcome.hint);
  return outcome.value;
}

/** Markets are fixed when an exchange begins: one that was there stays as it was. */
function holdKnown(known: MarketFacts, markets: readonly MarketFacts[]): void {
  const now = markets.find(({ base, quote }) => base === known.base && quote === known.quote);
  if (now === undefined) throw new MarketChanged(known.name, "is served no more");
  for (const figure of ["lot", "tick"] as const) {
    if (now[figure] === known[figure]) continue;
    const problem = `has another ${figure}: ${now[figure]}, and it was ${known[figure]}`;
    throw new MarketChanged(known.name, problem);
  }
}

/** By symbols or by addresses. */
export function marketsNamed(markets: readonly MarketFacts[], name: string): MarketFacts[] {
  return markets.filter(
    (one) => one.name === name || `${one.base}/${one.quote}`.toLowerCase() === name.toLowerCase(),
  );
}

function requireSame(field: string, operator: unknown, chain: unknown): void {
  if (operator !== chain) throw notThisExchange(field, operator, chain);
}

function requireBelow(field: string, said: number, min: number, max: number): void {
  if (said < min || said > max) throw notThisExchange(field, said, `${min} to ${max} at most`);
}

function requireOnce(field: string, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw notThisExchange(field, `${twice} twice`, "each pair once");
}

function tokenUnreadable(token: Address): QuarterdeckError {
  return new QuarterdeckError({
    code: "TokenUnreadable",
    message: `The token ${token} of a market gives no symbol and decimals up to ${MAX_DECIMALS}.`,
    hint: "Check the chain endpoints and join again; if it stays so, this token cannot be traded.",
  });
}

function notThisExchange(field: string, operator: unknown, chain: unknown): QuarterdeckError {
  return new QuarterdeckError({
    code: "NotThisExchange",
    message: `The operator says ${field} ${String(operator)}, and the chain ${String(chain)}.`,
    hint: "Do not deposit. Check the operator's address and the Mediator's.",
  });
}

function freeze(facts: ExchangeFacts): ExchangeFacts {
  for (const part of [...facts.markets, ...facts.tokens, facts.schedule, facts.limits]) {
    Object.freeze(part);
  }
  Object.freeze(facts.markets);
  Object.freeze(facts.tokens);
  return Object.freeze(facts);
}
