#!/usr/bin/env bash
# ccxt 4.5.84: priceToPrecision gives prices that are no multiple of the tick, where the tick is
# below a hundred-millionth, and moves or refuses some that are on it.
#
# Expected: with TICK_SIZE precision the price that comes back is the nearest multiple of the tick.
# Seen: the remainder of price and tick is itself rounded to eight decimals. On a tick of
#   0.0000000025 every price counts as on the tick, and what comes back is off it: an exchange that
#   checks ticks refuses the order. amountToPrecision, which cuts instead, is exact at any step.
#   What counts as on the tick is passed on unread, so that the text "2.5e-7" throws a plain Error
#   ("illegal character"), none of ccxt's own classes, though it is on its tick. And a price of
#   fourteen digits before the point, on a tick of 0.01, comes back one tick lower.
# What to do: for small ticks count in ticks as whole numbers, and check what comes back by a
#   remainder of zero.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private":true,"type":"module"}' > package.json
timeout 100 npm install --silent --prefer-offline --no-audit --no-fund ccxt@4.5.84

cat > try.js <<'JS'
import ccxt from "ccxt";

function market(step) {
  const exchange = new ccxt.Exchange({ id: "trial" });
  exchange.precisionMode = ccxt.TICK_SIZE;
  const symbol = "AAA/BBB";
  const [base, quote] = symbol.split("/");
  const precision = { amount: step, price: step };
  exchange.setMarkets([
    exchange.safeMarketStructure({ id: symbol, symbol, base, quote, spot: true, precision }),
  ]);
  return (method, value) => {
    try {
      return exchange[method](symbol, value);
    } catch (error) {
      return `${error.constructor.name}: ${error.message}`;
    }
  };
}

function show(step, value) {
  const ask = market(step);
  const shown = typeof value === "string" ? `text ${value}` : `number ${value}`;
  console.log(`step ${step}, ${shown}, as price: ${ask("priceToPrecision", value)}`);
  console.log(`step ${step}, ${shown}, as amount: ${ask("amountToPrecision", value)}`);
}

// Between 0.00000006 and 0.0000000625.
show(2.5e-9, 6.1e-8);
show(2.5e-9, "0.000000061");
show(1e-8, "2.5e-7");
show(1e-8, "0.00000025");
show(0.01, "99999999999999.99");
JS
node try.js | tee seen
diff - seen <<'SEEN'
step 2.5e-9, number 6.1e-8, as price: 0.000000061
step 2.5e-9, number 6.1e-8, as amount: 0.00000006
step 2.5e-9, text 0.000000061, as price: 0.000000061
step 2.5e-9, text 0.000000061, as amount: 0.00000006
step 1e-8, text 2.5e-7, as price: Error: 2.5e-7: invalid number (contains an illegal character '5')
step 1e-8, text 2.5e-7, as amount: 0.00000025
step 1e-8, text 0.00000025, as price: 0.00000025
step 1e-8, text 0.00000025, as amount: 0.00000025
step 0.01, text 99999999999999.99, as price: 99999999999999.98
step 0.01, text 99999999999999.99, as amount: 99999999999999.99
SEEN
