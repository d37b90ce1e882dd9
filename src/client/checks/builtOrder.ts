/**
 * The last check before an order is signed: its amounts are computed back from the words of the
 * request and the decimals of the chain, by other means than those by which it was built, and
 * compared. The signed order is the requested one, whatever an operator said of the market.
 */
import { Alarm } from "../../base/errors.ts";
import type { Address } from "../../base/hex.ts";
import type { Order } from "../../protocol/units.ts";

export interface AskedOrder {
  readonly side: "buy" | "sell";
  /** Quote for one whole base, as it was written. */
  readonly price: string;
  /** Whole base, as it was written. */
  readonly amount: string;
  readonly base: Address;
  readonly quote: Address;
}

/** Throws an `Alarm` with code `NotAsAsked` where `order` is not what was asked. */
export function requireAsAsked(
  order: Order,
  asked: AskedOrder,
  decimalsOf: ReadonlyMap<Address, number>,
): void {
  const fault = faultOf(order, asked, decimalsOf);
  if (fault === undefined) return;
  throw new Alarm({
    code: "NotAsAsked",
    message: `An order was built that is not what was asked (${fault}), and was not signed.`,
    hint: "Do not trade with this operator, and report it.",
  });
}

function faultOf(
  order: Order,
  { side, price, amount, base, quote }: AskedOrder,
  decimalsOf: ReadonlyMap<Address, number>,
): string | undefined {
  const isBuy = side === "buy";
  if (order.buyToken !== (isBuy ? base : quote)) return `it buys ${order.buyToken}`;
  if (order.sellToken !== (isBuy ? quote : base)) return `it sells ${order.sellToken}`;
  if (order.intent !== (isBuy ? "buyAll" : "sellAll")) return `its intent is ${order.intent}`;
  const baseDecimals = decimalsOf.get(base);
  const quoteDecimals = decimalsOf.get(quote);
  if (baseDecimals === undefined || quoteDecimals === undefined) return "decimals are not known";
  const baseUnits = isBuy ? order.buyAmount : order.sellAmount;
  const quoteUnits = isBuy ? order.sellAmount : order.buyAmount;
  // amount = baseUnits / 10^baseDecimals, and price * amount = quoteUnits / 10^quoteDecimals.
  const amountRatio = ratioOf(amount);
  const priceRatio = ratioOf(price);
  const isAmount =
    baseUnits * amountRatio.below === amountRatio.above * 10n ** BigInt(baseDecimals);
  if (!isAmount) return `${baseUnits} base units are not ${amount}`;
  const paid = quoteUnits * amountRatio.below * priceRatio.below;
  const due = amountRatio.above * priceRatio.above * 10n ** BigInt(quoteDecimals);
  return paid === due
    ? undefined
    : `${quoteUnits} base units of quote are not ${amount} at ${price}`;
}

/** A plain decimal number as a fraction. */
function ratioOf(text: string): { readonly above: bigint; readonly below: bigint } {
  const point = text.indexOf(".");
  if (point < 0) return { above: BigInt(text), below: 1n };
  const digits = text.length - point - 1;
  return {
    above: BigInt(text.slice(0, point) + text.slice(point + 1)),
    below: 10n ** BigInt(digits),
  };
}
