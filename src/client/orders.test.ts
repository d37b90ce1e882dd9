import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatDecimal } from "../base/decimal.ts";
import type { Address } from "../base/hex.ts";
import type { ExchangeFacts } from "./client.ts";
import { buildOrder, formatPrice, type OrderRequest, priceOfLot } from "./orders.ts";

const WETH = "0x5FbDB2315678afecb367f032d93F642f64180aa3" as Address;
const USDC = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512" as Address;
const OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" as Address;
const LOT = 10n ** 15n;
const TICK = 10n;
const market = { name: "WETH/USDC", base: WETH, quote: USDC, lot: LOT, tick: TICK };
const exchange: ExchangeFacts = {
  chainId: 1,
  mediator: OWNER,
  manager: OWNER,
  operator: OWNER,
  schedule: { genesisBlock: 0, roundSize: 8 },
  confirmations: 1,
  markets: [market],
  tokens: [
    { token: WETH, symbol: "WETH", decimals: 18, listedRound: 0 },
    { token: USDC, symbol: "USDC", decimals: 6, listedRound: 0 },
  ],
  limits: { ordersPerClientAndRound: 100 },
};

function order(changes: Partial<OrderRequest>) {
  const request = { market: "WETH/USDC", side: "buy" as const, price: "3000", amount: "1" };
  return buildOrder(exchange, OWNER, 4, 9n, { ...request, ...changes });
}

describe("orders as people write them", () => {
  it("written orders become exact amounts in base units", () => {
    expect(order({ side: "buy", price: "2999.5", amount: "0.25" })).toEqual({
      owner: OWNER,
      round: 4,
      id: 9n,
      sellToken: USDC,
      sellAmount: 749_875_000n,
      buyToken: WETH,
      buyAmount: 250_000_000_000_000_000n,
      intent: "buyAll",
    });
    expect(order({ side: "sell", price: "2999.5", amount: "0.25" })).toMatchObject({
      sellToken: WETH,
      sellAmount: 250_000_000_000_000_000n,
      buyAmount: 749_875_000n,
      intent: "sellAll",
    });
  });

  it.each([
    [{ amount: "0.0001" }, /amount: 0\.0001 is no multiple of 0\.001/],
    [{ amount: "0" }, /amount: 0 is no multiple/],
    [{ amount: "1e3" }, /amount: .*is not an amount/],
    [{ amount: "-1" }, /amount: /],
    [{ price: "3000.001" }, /price: 3000\.001 is no multiple of 0\.01/],
    [{ price: "0" }, /price: 0 is no multiple/],
    [{ price: "3,000" }, /price: .*no sign, spaces, commas/],
    [{ market: "BTC/USDC" }, /market: BTC\/USDC is not traded here\. Choose one of: WETH\/USDC/],
  ])("written orders are refused with the field and the hint: %j", (changes, message) => {
    expect(() => order(changes)).toThrow(message);
  });

  it("written orders hold their price exactly, and print it as it was written", () => {
    const ticks = fc.bigInt({ min: 1n, max: 10n ** 12n });
    const lots = fc.bigInt({ min: 1n, max: 10n ** 12n });
    fc.assert(
      fc.property(ticks, lots, (tick, lot) => {
        const price = formatPrice(exchange, market, tick * TICK);
        expect(priceOfLot(exchange, market, price)).toBe(tick * TICK);
        const built = order({ price, amount: formatDecimal(lot * LOT, 18), side: "sell" });
        expect(built.sellAmount).toBe(lot * LOT);
        expect(built.buyAmount).toBe(lot * tick * TICK);
      }),
    );
  });
});
