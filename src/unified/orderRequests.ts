/** Orders as bots ask for them, as the client library takes them. */
import type { OrderRequest } from "../client/orders.ts";
import type { SelfTrade, TimeInForce } from "../protocol/trading/terms.ts";
import { type Rounding, toStep } from "./decimals.ts";
import { UnifiedError } from "./errors.ts";
import { idOf, type Market, type Symbols } from "./symbols.ts";

/** Request of a bot. Numbers, or their digits as text. */
export interface UnifiedOrderRequest {
  readonly symbol: unknown;
  /** "limit", or "market": an IOC order at the worst price that is taken. */
  readonly type: unknown;
  readonly side: unknown;
  readonly amount: unknown;
  readonly price?: unknown;
  readonly params?: unknown;
}

/** The parameters that an order may have beside the unified arguments. */
const PARAMS = [
  "clientOrderId",
  "timeInForce",
  "postOnly",
  "selfTrade",
  "goodTillBlock",
  "round",
  "reduceOnly",
  "slippage",
];
/** Orders that this exchange has not: taken for a plain one they would do harm. */
const CONDITIONAL =
  /^(trigger|stop|stopLoss|takeProfit|trailing|activation)|leverage|margin|iceberg|cost|^twap/i;

const TIMES: Readonly<Record<string, TimeInForce>> = {
  GTC: "round",
  IOC: "ioc",
  FOK: "fok",
  PO: "postOnly",
};

type Params = Readonly<Record<string, unknown>>;

/** An amount on the market's lots (cut), or a price on its ticks (the nearest), as text. */
export function onGrid(
  symbols: Symbols,
  market: Market,
  field: "amount" | "price",
  value: unknown,
): string {
  const grid =
    field === "amount"
      ? { step: market.lot, decimals: symbols.token(market.base).decimals }
      : {
          step: market.tick * symbols.priceScale(market),
          decimals: symbols.token(market.quote).decimals,
        };
  const rounding: Rounding = field === "amount" ? "cut" : "nearest";
  return toStep(field, value, grid, rounding);
}

export type UnifiedRequest = OrderRequest & { readonly round?: number };

/** Throws `UnifiedError`: nothing is signed then. */
export function toOrderRequest(symbols: Symbols, asked: UnifiedOrderRequest): UnifiedRequest {
  const market = symbols.market(asked.symbol);
  const params = parseParams(asked.params);
  const timeInForce = timeInForceOf(asked.type, params);
  if (asked.price === undefined || asked.price === null) {
    const message =
      asked.type === "market"
        ? "price: a market order wants the worst price that is taken; it is never executed beyond."
        : "price: a limit order wants one.";
    throw new UnifiedError("ArgumentsRequired", message);
  }
  const { clientOrderId, selfTrade, goodTillBlock, round } = params;
  return {
    market: idOf(market),
    side: sideOf(asked.side),
    amount: onGrid(symbols, market, "amount", asked.amount),
    price: onGrid(symbols, market, "price", asked.price),
    ...(timeInForce !== "round" && { timeInForce }),
    ...(selfTrade !== undefined && { selfTrade: selfTrade as SelfTrade }),
    ...(goodTillBlock !== undefined && { goodTillBlock: goodTillBlock as number }),
    ...(round !== undefined && { round: round as number }),
    ...(clientOrderId != null && { tag: clientOrderId as string }),
  };
}

function parseParams(value: unknown): Params {
  const params = (value ?? {}) as Params;
  for (const [name, given] of Object.entries(params)) {
    if (given === undefined || given === null) continue;
    if (PARAMS.includes(name) && !(name === "reduceOnly" && given !== false)) continue;
    if (CONDITIONAL.test(name) || name === "reduceOnly") {
      throw new UnifiedError("NotSupported", `params.${name}: there are no such orders here.`);
    }
    const known = PARAMS.join(", ");
    throw new UnifiedError("BadRequest", `params.${name}: it means nothing here. Known: ${known}.`);
  }
  return params;
}

function timeInForceOf(type: unknown, { timeInForce, postOnly }: Params): TimeInForce {
  if (type !== "limit" && type !== "market") {
    throw new UnifiedError("InvalidOrder", `type: ${type} is neither "limit" nor "market".`);
  }
  const named = timeInForce == null ? undefined : TIMES[String(timeInForce).toUpperCase()];
  if (timeInForce != null && named === undefined) {
    const known = Object.keys(TIMES).join(", ");
    throw new UnifiedError("InvalidOrder", `timeInForce: ${timeInForce} is none of ${known}.`);
  }
  const isPostOnly = postOnly === true || named === "postOnly";
  const isImmediate = type === "market" || named === "ioc" || named === "fok";
  if (isPostOnly && isImmediate) {
    throw new UnifiedError("InvalidOrder", "postOnly: such an order cannot execute at once.");
  }
  if (isPostOnly) return "postOnly";
  if (type !== "market") return named ?? "round";
  return named === "fok" ? "fok" : "ioc";
}

function sideOf(side: unknown): "buy" | "sell" {
  if (side === "buy" || side === "sell") return side;
  throw new UnifiedError("InvalidOrder", `side: ${side} is neither "buy" nor "sell".`);
}

/** Round and id of an order by its unified id. Throws `OrderNotFound`. */
export function parseOrderId(id: unknown): { readonly round: number; readonly id: bigint } {
  const [, round, own] = /^(\d{1,15})-(\d{1,20})$/.exec(String(id)) ?? [];
  if (round !== undefined && own !== undefined) return { round: Number(round), id: BigInt(own) };
  throw new UnifiedError("OrderNotFound", `id: ${id} is no order of this exchange.`);
}
