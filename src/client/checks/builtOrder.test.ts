import fc from "fast-check";
import { expect, it } from "vitest";
import { formatDecimal } from "../../base/decimal.ts";
import type { Address } from "../../base/hex.ts";
import { buildOrder } from "../orders.ts";
import { requireAsAsked } from "./builtOrder.ts";

const BASE = "0x5FbDB2315678afecb367f032d93F642f64180aa3" as Address;
const QUOTE = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512" as Address;
const OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" as Address;

function exchangeOf(baseDecimals: number, quoteDecimals: number, lot: bigint, tick: bigint) {
  return {
    chainId: 1,
    mediator: OWNER,
    manager: OWNER,
    operator: OWNER,
    confirmations: 1,
    schedule: { genesisBlock: 0, roundSize: 8 },
    markets: [{ name: "B/Q", base: BASE, quote: QUOTE, lot, tick }],
    tokens: [
      { token: BASE, symbol: "B", decimals: baseDecimals, listedRound: 0 },
      { token: QUOTE, symbol: "Q", decimals: quoteDecimals, listedRound: 0 },
    ],
    limits: { ordersPerClientAndRound: 100 },
  };
}

const decimals = fc.integer({ min: 0, max: 24 });
const cases = fc
  .tuple(decimals, decimals, fc.nat(24), fc.constantFrom("buy" as const, "sell" as const))
  .chain(([base, quote, lotDigits, side]) =>
    fc.record({
      base: fc.constant(base),
      quote: fc.constant(quote),
      side: fc.constant(side),
      lot: fc.constant(10n ** BigInt(Math.min(lotDigits, base))),
      lots: fc.bigInt({ min: 1n, max: 10n ** 9n }),
      ticks: fc.bigInt({ min: 1n, max: 10n ** 6n }),
    }),
  );

it("every order that is built is what was asked, by the right decimals and by no others", () => {
  let others = 0;
  fc.assert(
    fc.property(
      cases,
      fc.integer({ min: 1, max: 6 }),
      ({ base, quote, side, lot, lots, ticks }, off) => {
        const exchange = exchangeOf(base, quote, lot, 1n);
        const scale = 10n ** BigInt(base) / lot;
        const price = formatDecimal(ticks * scale, quote);
        const amount = formatDecimal(lots * lot, base);
        const asked = { side, price, amount, base: BASE, quote: QUOTE };
        const order = buildOrder(exchange, OWNER, 1, 2n, { market: "B/Q", side, price, amount });
        const known = (b: number, q: number) => new Map([[BASE, b] as const, [QUOTE, q] as const]);
        requireAsAsked(order, asked, known(base, quote));
        for (const wrong of [known(base + off, quote), known(base, quote + off)]) {
          others += 1;
          expect(() => requireAsAsked(order, asked, wrong)).toThrow(/was not signed/);
        }
      },
    ),
  );
  expect(others).toBeGreaterThan(50);
});

const asked = { side: "buy", price: "3000", amount: "1", base: BASE, quote: QUOTE } as const;
const right = {
  owner: OWNER,
  round: 1,
  id: 2n,
  intent: "buyAll" as const,
  sellToken: QUOTE,
  sellAmount: 3_000_000_000n,
  buyToken: BASE,
  buyAmount: 10n ** 18n,
};
const KNOWN = new Map([
  [BASE, 18],
  [QUOTE, 6],
]);

it.each([
  ["amount", { buyAmount: 10n ** 15n }],
  ["price", { sellAmount: 3_000_000_001n }],
  ["side", { sellToken: BASE, buyToken: QUOTE }],
  ["token", { buyToken: OWNER }],
  ["intent", { intent: "sellAll" as const }],
])("an order with another %s is not signed", (_what, changes) => {
  requireAsAsked(right, asked, KNOWN);
  expect(() => requireAsAsked({ ...right, ...changes }, asked, KNOWN)).toThrow(
    expect.objectContaining({ code: "NotAsAsked" }),
  );
});

it("nothing is signed for a token whose decimals the chain did not tell", () => {
  expect(() => requireAsAsked(right, asked, new Map([[BASE, 18]]))).toThrow(/not known/);
});
