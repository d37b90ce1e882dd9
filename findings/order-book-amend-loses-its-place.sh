#!/usr/bin/env bash
# nodejs-order-book 10.1.1 and hft-limit-order-book 7.0.2: an order that is made smaller goes to the
# end of its price's queue.
#
# Expected: price-time priority as exchanges keep it: an order that only gets smaller takes nothing
#   from those behind it and keeps its place; one that gets larger, or moves to another price, goes
#   to the end. Both packages name "standard price-time priority" as their first feature.
# Seen: modify() puts the order last whenever a size is given, smaller, equal or larger. A maker
#   that trims its quote after each fill never trades first again, and a comparison of one's own
#   matching with either package as the model fails at the first amendment.
# What to do: do not use them as the model for amendments; keep to their order of new orders.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private":true,"type":"module"}' > package.json
timeout 100 npm install --silent --prefer-offline --no-audit --no-fund \
  nodejs-order-book@10.1.1 hft-limit-order-book@7.0.2

cat > try.js <<'JS'
for (const name of ["nodejs-order-book", "hft-limit-order-book"]) {
  const { OrderBook } = await import(name);
  for (const size of [undefined, 3, 5, 8]) {
    const book = new OrderBook();
    book.limit({ id: "first", side: "sell", size: 5, price: 20 });
    book.limit({ id: "second", side: "sell", size: 5, price: 20 });
    if (size !== undefined) book.modify("first", { size });
    const { partial } = book.limit({ id: "taker", side: "buy", size: 1, price: 20 });
    const what = size === undefined ? "unchanged" : `from 5 to ${size}`;
    console.log(`${name}, first order ${what}: ${partial.id} trades first`);
  }
}
JS
node try.js | tee seen
diff - seen <<'SEEN'
nodejs-order-book, first order unchanged: first trades first
nodejs-order-book, first order from 5 to 3: second trades first
nodejs-order-book, first order from 5 to 5: second trades first
nodejs-order-book, first order from 5 to 8: second trades first
hft-limit-order-book, first order unchanged: first trades first
hft-limit-order-book, first order from 5 to 3: second trades first
hft-limit-order-book, first order from 5 to 5: second trades first
hft-limit-order-book, first order from 5 to 8: second trades first
SEEN
