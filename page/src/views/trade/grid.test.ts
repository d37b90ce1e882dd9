/** Prices and amounts of the ticket are exact; each that does not fit has neighbours that do. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toAddress } from "../../../../src/base/address.ts";
import { buildOrder } from "../../../../src/client/orders.ts";
import type { ExchangeResponse } from "../../../../src/wire/schemas/exchange.ts";
import { costOf, type Grid, gridOf, mostFor, priceText, readAmount, readPrice } from "./grid.ts";

const address = (digit: string) => toAddress(`0x${digit.repeat(40)}`);
const [WETH, USDC] = [address("1"), address("2")];

function exchangeOf(lot: bigint, tick: bigint): ExchangeResponse {
  return {
    chainId: 1,
    mediator: address("3"),
    manager: address("4"),
    operator: address("5"),
    schedule: { genesisBlock: 0, roundSize: 48 },
    confirmations: 1,
    markets: [{ name: "WETH/USDC", base: WETH, quote: USDC, lot, tick }],
    tokens: [
      { token: WETH, symbol: "WETH", decimals: 18, listedRound: 0 },
      { token: USDC, symbol: "USDC", decimals: 6, listedRound: 0 },
    ],
    limits: { ordersPerClientAndRound: 256 },
  };
}

const exchange = exchangeOf(10n ** 15n, 10n);
const grid = gridOf(exchange, exchange.markets[0] as ExchangeResponse["markets"][number]);
const fits = (reading: ReturnType<typeof readPrice>) =>
  reading.kind === "fits" ? reading.value : undefined;

describe("the grid of a market", () => {
  it("the grid reads prices and amounts that fit, with or without commas", () => {
    expect(readPrice(grid, "3,000.50")).toEqual({
      kind: "fits",
      value: 3_000_500n,
      text: "3000.50",
    });
    expect(readAmount(grid, " 0.250 ")).toMatchObject({ kind: "fits", value: 25n * 10n ** 16n });
    expect(readPrice(grid, "")).toEqual({ kind: "empty" });
  });

  it("the grid names the nearest values where a number does not fit", () => {
    expect(readPrice(grid, "3000.123")).toEqual({
      kind: "misfit",
      problem: "Prices go by steps of 0.01.",
      nearest: ["3000.12", "3000.13"],
    });
    expect(readAmount(grid, "0.0004")).toMatchObject({ nearest: ["0.001"] });
    expect(readAmount(grid, "0")).toMatchObject({ kind: "misfit", nearest: ["0.001"] });
    expect(readAmount(grid, "1e3")).toMatchObject({ kind: "misfit", nearest: [] });
    expect(readAmount(grid, "-1")).toMatchObject({ kind: "misfit", nearest: [] });
  });

  it("the grid shows every price with the same digits", () => {
    expect(priceText(grid, 3_000_000n)).toBe("3,000.00");
    expect(priceText(grid, 3_000_010n)).toBe("3,000.01");
  });

  it("the grid reads what the library makes orders of, and every neighbour fits", () => {
    const written = fc.tuple(fc.bigInt(0n, 10n ** 9n), fc.nat(999_999)).map(([whole, part]) => {
      return `${whole}.${String(part).padStart(6, "0")}`;
    });
    fc.assert(
      fc.property(written, written, (price, amount) => {
        const [p, a] = [readPrice(grid, price), readAmount(grid, amount)];
        for (const [reading, again] of [
          [p, readPrice],
          [a, readAmount],
        ] as const) {
          if (reading.kind !== "misfit") continue;
          for (const text of reading.nearest) expect(again(grid, text).kind).toBe("fits");
        }
        const request = { market: "WETH/USDC", side: "buy" as const, price, amount };
        const build = () => buildOrder(exchange, WETH, 1, 1n, request);
        const [value, size] = [fits(p), fits(a)];
        if (value === undefined || size === undefined) {
          expect(build).toThrow();
          return;
        }
        const order = build();
        expect(order.sellAmount).toBe(costOf(grid, value, size));
        expect(order.buyAmount).toBe(size);
      }),
    );
  });

  it("the grid never lets anybody spend more than is there", () => {
    fc.assert(
      fc.property(fc.bigInt(1n, 10n ** 12n), fc.bigInt(0n, 10n ** 18n), (price, quote) => {
        const most = mostFor(grid, price, quote);
        expect(costOf(grid, price, most)).toBeLessThanOrEqual(quote);
        expect(costOf(grid, price, most + grid.market.lot)).toBeGreaterThan(quote);
      }),
    );
    const other: Grid = { ...grid };
    expect(mostFor(other, 0n, 5n)).toBe(0n);
  });
});
